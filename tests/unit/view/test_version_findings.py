"""Versions of Ganeti and GlusterFS that keep a node from working with the others."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, List, Mapping, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.view.node_facts import NodeFacts
from ganeti_gluster_mon.view.version_findings import (
    ganeti_findings,
    major,
    oldest,
    pool_version_findings,
    series,
    server_quorum_findings,
)


def volume(name: str, options: Mapping[str, str] = MappingProxyType({})) -> Volume:
    return Volume(name, "uuid", "replicate", "started", "tcp", bricks=(), subvolumes=(), options=options)


def of_ganeti(release: Optional[str], **facts: Any) -> List[Tuple[str, str, bool]]:
    return [(each.text, each.to_do, each.note) for each in ganeti_findings(NodeFacts(**facts), release)]


@pytest.mark.parametrize(
    ("release", "facts"),
    [
        ("3.0.2", {"ganeti": "3.0", "ganeti_installed": ("3.0",)}),
        ("3.1.0~rc2", {"ganeti": "3.1", "ganeti_installed": ("3.0", "3.1"), "noded_outdated": False}),
        ("3.0.2", {"ganeti": None}),
        (None, {"ganeti": "3.1"}),
        ("nonsense", {"ganeti": "3.1"}),
    ],
)
def test_a_node_like_the_cluster(release: Optional[str], facts: Any) -> None:
    assert of_ganeti(release, **facts) == []


def test_a_newer_ganeti_that_is_not_in_use_yet() -> None:
    assert of_ganeti("3.0.2", ganeti="3.0", ganeti_installed=("3.0", "3.1")) == [
        (
            "Ganeti 3.1 is installed, and 3.0 is in use",
            "when every node has it, on the master: gnt-cluster upgrade --to 3.1",
            True,
        )
    ]


def test_a_node_newer_than_the_cluster() -> None:
    ((text, to_do, note),) = of_ganeti("3.0.2", ganeti="3.1", ganeti_installed=("3.1",))
    assert (text, note) == ("Ganeti 3.1 is in use here, 3.0 in the cluster", False)
    assert to_do == "when every node has Ganeti 3.1, on the master: gnt-cluster upgrade --to 3.1"


def test_a_node_older_than_the_cluster() -> None:
    ((text, to_do, _),) = of_ganeti("3.1.0~rc2", ganeti="3.0", ganeti_installed=("3.0",))
    assert text == "Ganeti 3.0 is in use here, 3.1 in the cluster"
    assert to_do.startswith("apt install ganeti-3.1; ln -sfn /usr/lib/ganeti/3.1 /etc/ganeti/lib && ")
    ((_, to_do, _),) = of_ganeti("3.1.0~rc2", ganeti="3.0", ganeti_installed=("3.0", "3.1"))
    assert to_do.startswith("ln -sfn ")


def test_an_unknown_ganeti() -> None:
    ((text, _, note),) = of_ganeti("3.2.0", ganeti="3.2", ganeti_installed=("3.2",))
    assert (text, note) == ("Ganeti 3.2 was not tested with this program: only 3.0 and 3.1 were", True)


def test_a_node_daemon_that_was_not_started_again() -> None:
    ((text, to_do, note),) = of_ganeti("3.1.0", ganeti="3.1", noded_outdated=True)
    assert text.startswith("the node daemon still runs the former modules of Ganeti")
    assert "daemon-util start ganeti-noded" in to_do
    assert not note


@pytest.mark.parametrize(
    ("versions", "works_as", "able"),
    [
        (("11.1", "11.1"), ("100000", "100000"), 110000),
        (("10.3", "11.1"), ("90000", "90000"), 100000),
        # all that it could
        (("11.1", "11.1"), ("110000", "110000"), None),
        (("10.3", "11.1"), ("100000", "100000"), None),
        (("3.12.15",), ("31202",), None),
        # not known of all
        (("11.1", None), ("100000", "100000"), None),
        (("11.1", "11.1"), ("100000", None), None),
        # a finding of the nodes
        (("11.1", "11.1"), ("100000", "110000"), None),
        (("11.1",), ("nonsense",), None),
        ((), (), None),
    ],
)
def test_an_op_version_that_could_be_raised(versions: Any, works_as: Any, able: Optional[int]) -> None:
    every = [
        NodeFacts(gluster=version, operating_version=number) for version, number in zip(versions, works_as)
    ]
    found = list(pool_version_findings(every))
    assert all(each.note for each in found)
    expected = [] if able is None else [f"gluster volume set all cluster.op-version {able}"]
    assert [each.to_do.partition(": ")[2] for each in found] == expected


@pytest.mark.parametrize(
    ("versions", "quorum", "found"),
    [
        (("10.3", "11.1"), "server", ["gv0"]),
        (("10.3", "11.1", None), "server", ["gv0"]),
        (("10.3", "11.1"), "none", []),
        (("10.3", "11.1"), None, []),
        (("10.3", "10.5"), "server", []),
        (("11.1", None), "server", []),
    ],
)
def test_a_server_quorum_while_peers_of_two_versions_reject_each_other(
    versions: Tuple[Optional[str], ...], quorum: Optional[str], found: List[str]
) -> None:
    options = {} if quorum is None else {"cluster.server-quorum-type": quorum}
    every = [NodeFacts(gluster=version) for version in versions]
    findings = list(server_quorum_findings(every, [volume("gv0", options=options), volume("other")]))
    assert [each.to_do.partition("one version: ")[2] for each in findings] == [
        f"gluster volume set {name} cluster.server-quorum-type none" for name in found
    ]
    assert not any(each.note for each in findings)


def test_numbers_of_versions() -> None:
    assert (major("11.1"), major("x"), major(None), major("1" * 9)) == (11, None, None, None)
    assert (series("3.1.0~rc2"), series("3"), series("a.b"), series(None)) == ("3.1", None, None, None)
    assert oldest(["11.1", None, "9.2", "10.3"]) == "9.2"
    assert oldest([None, "x"]) is None
