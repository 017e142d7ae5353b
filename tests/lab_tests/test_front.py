"""The daemon in mond's place on every node, with the real mond behind it: Ganeti's own tools see no difference."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List, Tuple

import pytest

from tests.lab import Cluster, LabError, process, wait_until
from tests.lab.ganeti import DAEMON_UTIL, MOND, listens
from tests.lab.lab import at_once, command
from tests.lab.process import Process
from tests.lab_tests.daemon import make_user

pytestmark = pytest.mark.lab

#: where mond is while we are where it was
BEHIND = 1816
HBAL = ("hbal", "-L", "--mond=yes", "--exit-on-missing-mond-data")
#: for what must come, however busy the machine
LONG = 60.0


def move_mond(cluster: Cluster, number: int, words: str, port: int) -> None:
    """As an administrator does: MOND_ARGS in /etc/default/ganeti, and a restart."""
    cluster.run(number, "sed", "--in-place", f's/^MOND_ARGS=.*/MOND_ARGS="{words}"/', "/etc/default/ganeti")
    cluster.run(number, DAEMON_UTIL, "stop", "ganeti-mond")
    start_mond(cluster, number, port)


def start_mond(cluster: Cluster, number: int, port: int = BEHIND) -> None:
    cluster.run(number, DAEMON_UTIL, "start", "ganeti-mond")
    host = cluster.pool.host(number)
    wait_until(lambda: listens(host, "tcp", port), f"mond of {host.name} on port {port}")


def mond(cluster: Cluster, number: int) -> Process:
    (running,) = cluster.pool.host(number).find("ganeti-mond")
    return running


def get(cluster: Cluster, number: int, path: str, port: int = MOND) -> Tuple[int, str]:
    """Status and body of *path*, requested on the node itself; 0 where there is no answer."""
    argv = ["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}"]
    result = cluster.pool.exec(number, [*argv, f"http://127.0.0.1:{port}{path}"], check=False)
    body, _, status = result.stdout.rpartition("\n")
    return int(status), body


def data(cluster: Cluster, number: int, path: str, port: int = MOND) -> Any:
    status, body = get(cluster, number, path, port)
    assert status == 200, body
    return json.loads(body)


@contextmanager
def in_front(cluster: Cluster, number: int) -> Iterator[None]:
    argv = [str(command()), "serve", "--listen", f":{MOND}", "--front", f"http://127.0.0.1:{BEHIND}"]
    make_user(cluster.pool, number)
    daemon = cluster.pool.popen(number, argv)

    def ready() -> bool:
        if daemon.poll() is not None:
            raise LabError(f"the daemon ended with exit status {daemon.returncode}")
        return get(cluster, number, "/-/ready")[0] == 200

    try:
        wait_until(ready, "the daemon to be ready", LONG)
        yield
    finally:
        daemon.terminate()
        daemon.wait(LONG)


@pytest.fixture(scope="module")
def fronted(ganeti: Cluster) -> Iterator[Cluster]:
    """The cluster with mond moved away and our daemon in its place, on every node."""
    try:
        at_once(lambda number: move_mond(ganeti, number, f"-p {BEHIND} -b 127.0.0.1", BEHIND), ganeti.nodes)
        with ExitStack() as running:
            for number in ganeti.nodes:
                running.enter_context(in_front(ganeti, number))
            yield ganeti
    finally:
        at_once(lambda number: move_mond(ganeti, number, "", MOND), ganeti.nodes)


def collectors(cluster: Cluster, number: int = 1) -> List[List[Any]]:
    """mond's own."""
    return list(data(cluster, number, "/1/list/collectors", BEHIND))


def ours(cluster: Cluster) -> List[str]:
    """The names of what our own command collects."""
    collected = json.loads(cluster.pool.run_command(1, ["collect"]).stdout)
    return sorted(report["name"] for report in collected)


def test_our_collectors_are_listed_after_monds(fronted: Cluster) -> None:
    theirs = collectors(fronted)
    assert [name for name, _, _ in theirs] == ["cpu-avg-load", "xen-cpu-avg-load", "diskstats", "drbd", "lv"]
    for number in fronted.nodes:
        listed = data(fronted, number, "/1/list/collectors")
        assert listed[: len(theirs)] == theirs
        names = {name for name, _, _ in listed[len(theirs) :]}
        assert set(ours(fronted)) <= names
        for name, category, _ in listed[len(theirs) :]:
            report = data(fronted, number, f"/1/report/{category}/{name}")
            assert (report["name"], report["category"]) == (name, category)


def test_what_mond_says_is_passed_on_byte_for_byte(fronted: Cluster) -> None:
    """But for what changes from one asking to the next: the time, and the figures of the load."""

    def steady(answer: Tuple[int, str]) -> Tuple[int, str]:
        status, body = answer
        body = re.sub(r'("timestamp":)\d+', r"\1 …", body)
        if "cpu-avg-load" in body:
            body = re.sub(r"\b\d+(?:\.\d+)?(?:[eE]-?\d+)?", "…", body)
        return status, body

    fronted.wait_load(BEHIND, [2])
    paths = [f"/1/report/{category}/{name}" for name, category, _ in collectors(fronted)]
    for path in [*paths, "/1/report/default/none", "/1/report/storage/none"]:
        received, behind = get(fronted, 2, path), get(fronted, 2, path, BEHIND)
        assert behind[0] in (200, 404, 500)
        assert steady(received) == steady(behind), path


def test_a_broken_collector_of_monds_costs_only_itself(fronted: Cluster) -> None:
    works = {
        name
        for name, category, _ in collectors(fronted)
        if get(fronted, 1, f"/1/report/{category}/{name}", BEHIND)[0] == 200
    }
    assert {"cpu-avg-load", "lv"} <= works
    assert "drbd" not in works, "without DRBD it fails"
    assert get(fronted, 1, "/1/report/all", BEHIND)[0] == 500, "and mond with it"
    names = {report["name"] for report in data(fronted, 1, "/1/report/all")}
    assert works | set(ours(fronted)) <= names
    assert names.isdisjoint({name for name, _, _ in collectors(fronted)} - works)


def assert_only_ours(cluster: Cluster, number: int) -> None:
    names = {report["name"] for report in data(cluster, number, "/1/report/all")}
    listed = {name for name, _, _ in data(cluster, number, "/1/list/collectors")}
    assert names == listed
    assert set(ours(cluster)) <= names
    assert "lv" not in names
    own_status = data(cluster, number, "/1/report/storage/gluster")["data"]["status"]
    # Known, that is; it may still be healing what an earlier test did to it.
    assert own_status["code"] in (0, 1), own_status["message"]
    status, body = get(cluster, number, "/1/report/storage/lv")
    assert (status, body.count("\n")) == (502, 1)
    assert "mond" in body


def test_without_mond_ours_still_answers(fronted: Cluster) -> None:
    gone = mond(fronted, 2)
    os.kill(gone.pid, signal.SIGKILL)
    wait_until(lambda: not fronted.pool.host(2).find("ganeti-mond"), "the end of mond")
    try:
        assert_only_ours(fronted, 2)
    finally:
        start_mond(fronted, 2)
    assert "lv" in {report["name"] for report in data(fronted, 2, "/1/report/all")}


def test_a_mond_that_hangs_costs_us_a_second(fronted: Cluster) -> None:
    hung = mond(fronted, 2).pid
    process.freeze(hung)
    try:
        assert_only_ours(fronted, 2)
    finally:
        process.thaw(hung)
    wait_until(lambda: "lv" in {each["name"] for each in data(fronted, 2, "/1/report/all")}, "mond's again")


def test_hbal_reads_the_load_through_us(fronted: Cluster) -> None:
    fronted.instance_add("balanced", node=2)
    try:
        fronted.wait_load(MOND)
        assert "Loaded 3 nodes, 1 instances" in fronted.run(1, *HBAL)
        # It did come through us from mond: without this one mond there is no load of its node to be had.
        os.kill(mond(fronted, 3).pid, signal.SIGKILL)
        wait_until(lambda: not fronted.pool.host(3).find("ganeti-mond"), "the end of mond")
        assert fronted.pool.exec(1, HBAL, check=False).returncode != 0
        start_mond(fronted, 3)
        fronted.wait_load(MOND, [3])
        assert "Loaded 3 nodes, 1 instances" in fronted.run(1, *HBAL)
    finally:
        if not fronted.pool.host(3).find("ganeti-mond"):
            start_mond(fronted, 3)
        fronted.instance_remove("balanced")
