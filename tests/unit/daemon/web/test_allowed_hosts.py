"""By which names the server may be called, and by which not."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import pytest

from ganeti_gluster_mon.daemon.web.allowed_hosts import AllowedHosts, own_names, parse
from tests.unit.daemon.web.serving import Client, serving


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, True),
        ("", True),
        ("localhost", True),
        ("localhost:1816", True),
        ("192.0.2.1:1816", True),
        ("[2001:db8::1]:1816", True),
        ("[2001:db8::1]", True),
        ("node1", True),
        ("node1.lab.test", True),
        ("NODE1.lab.test.:1816", True),
        ("gluster.example.org", True),
        ("a.b.monitoring.example.org", True),
        ("attacker.example.net", False),
        ("attacker.example.net:1816", False),
        ("node1.lab.test.attacker.example.net", False),
        ("xmonitoring.example.org", False),
        ("monitoring.example.org", False),
        ("node1.lab.test, attacker.example.net", False),
        ("node1.lab.test:1816:1816", False),
        ("[attacker.example.net]", False),
        ("1.2.3.4.5", False),
        ("..", False),
        ("\udcff.example.org", False),
        ("x" * 5000 + ".y", False),
    ],
)
def test_host_headers(header: Optional[str], accepted: bool) -> None:
    hosts = AllowedHosts(
        ["Gluster.example.org", "*.monitoring.example.org"], lambda: ["node1.lab.test", "cluster.lab.test"]
    )
    assert hosts.accept(header) is accepted


def test_a_new_node_is_known_within_a_minute_and_unknown_names_cost_nothing() -> None:
    now, names, reads = 0.0, ["node1.lab.test"], 0

    def own() -> List[str]:
        nonlocal reads
        reads += 1
        return names

    hosts = AllowedHosts((), own, lambda: now)
    assert not hosts.accept("node2.lab.test")
    names = ["node1.lab.test", "node2.lab.test"]
    for _ in range(100):
        assert not hosts.accept("node2.lab.test")
    assert reads == 1
    now = 60.0
    assert hosts.accept("node2.lab.test")


def test_own_names_are_those_of_ganeti(tmp_path: Path) -> None:
    for key, text in (
        ("node_list", "node1.lab.test\nnode2.lab.test\n"),
        ("master_node", "node1.lab.test\n"),
        ("cluster_name", "cluster.lab.test\n"),
    ):
        (tmp_path / f"ssconf_{key}").write_text(text)
    assert {"node1.lab.test", "node2.lab.test", "cluster.lab.test"} < set(own_names(str(tmp_path)))
    assert own_names(str(tmp_path / "none"))


@pytest.mark.parametrize(
    "text", ["a b", "*.*", "a.*", "*a", "-a.example.org", "http://node1", "a.example.org:1816"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no host name"):
        parse(text)
    assert parse("*, node1.example.org ,*.example.org") == ["*", "node1.example.org", "*.example.org"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/1/report/all", "/-/healthy", "/nothing"])
def test_a_rebound_name_gets_no_data(path: str) -> None:
    with serving(allowed_hosts=AllowedHosts()) as served, Client(served.address) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: attacker.example.net\r\n\r\n".encode())
        answer = client.answer()
        assert answer.status == 421
        assert b"--web.allowed-hosts" in answer.body
        assert served.ask("/metrics").status == 200
