"""What a cycle does when another command holds a lock, with a `gluster` that says so."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Set

import pytest

from ganeti_gluster_mon.gluster import capture, cycle, parse, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import Mount, Peer, Rebalance
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.probe import Reply
from ganeti_gluster_mon.gluster.session import GlusterSession
from ganeti_gluster_mon.health import UNKNOWN, Limits, evaluate
from tests.unit.fake_gluster import FakeGluster

HEALTHY = capture.read(str(Path(__file__).parents[2] / "captures/healthy/node1"))
STATUS, DETAIL = query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL


def output(asked: query.Query) -> str:
    answer = HEALTHY.answer(asked)
    assert answer is not None
    return answer.output.decode()


VOLUMES = parse.volume_info(output(query.VOLUME_INFO).encode()).facts

LOCKED = """<?xml version="1.0"?>
<cliOutput><opRet>-1</opRet><opErrno>{}</opErrno><opErrstr>{}</opErrstr></cliOutput>
"""
BUSY = LOCKED.format(30802, "Another transaction is in progress for gv0. Please try again after some time.")
FAILED = LOCKED.format(30800, "Locking failed on node3.lab.test. Please check log file for details.")
#: a volume whose lock could not be had is not in the answer, and nobody says so
WITHOUT_GV0 = output(STATUS).replace("<volName>gv0</volName>", "<volName>other</volName>")


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause between two tries is chance, and is tried in the lab."""
    monkeypatch.setattr(cycle.random, "uniform", lambda _low, _high: 0.001)  # type: ignore[attr-defined]


def asked(tmp_path: Path, outputs: Dict[query.Query, List[str]], previous: Capture | None = None):  # type: ignore[no-untyped-def]
    fake = FakeGluster(tmp_path, outputs)
    with GlusterSession(fake.path) as gluster:
        answers = cycle._ask_status(gluster, time.monotonic() + 20, VOLUMES, previous)
    return {status.answer.query: status.answer for status in answers}, fake


@pytest.mark.parametrize("held", [BUSY, FAILED, WITHOUT_GV0, ""])
def test_a_lock_that_is_held_is_waited_for(tmp_path: Path, held: str) -> None:
    answers, fake = asked(tmp_path, {DETAIL: [output(DETAIL)], STATUS: [held, held, output(STATUS)]})
    assert answers[STATUS].output.decode().strip() == output(STATUS).strip()
    assert fake.heard.count("volume status all") == 3
    assert fake.heard.count("volume status all detail") == 1


def test_other_refusals_are_not_asked_again(tmp_path: Path) -> None:
    refusal = LOCKED.format(30800, "Staging failed on node3.lab.test.")
    answers, fake = asked(tmp_path, {DETAIL: [output(DETAIL)], STATUS: [refusal]})
    assert fake.heard.count("volume status all") == 1
    assert b"Staging failed" in answers[STATUS].output


def test_after_that_the_last_good_answer_with_its_age(tmp_path: Path) -> None:
    previous = replace(HEALTHY, recorded_at=HEALTHY.recorded_at - 40 * 10**9)
    answers, fake = asked(tmp_path, {DETAIL: [output(DETAIL)], STATUS: [BUSY]}, previous)
    assert fake.heard.count("volume status all") == cycle.LOCK_TRIES
    assert answers[STATUS].output.decode() == output(STATUS)
    assert answers[STATUS].taken_at == previous.recorded_at
    others = tuple(answer for answer in HEALTHY.answers if answer.query not in answers)
    seen = replace(HEALTHY, answers=(*others, *answers.values()))
    pool = build_pool(seen)
    assert pool.age(seen.recorded_at) == 40
    assert evaluate(pool, Limits(), seen.recorded_at).code == 0
    assert evaluate(pool, Limits(stale_after=30), seen.recorded_at).code == UNKNOWN


def test_without_one_it_is_not_known(tmp_path: Path) -> None:
    answers, _ = asked(tmp_path, {DETAIL: [BUSY], STATUS: [BUSY]})
    others = tuple(answer for answer in HEALTHY.answers if answer.query not in answers)
    seen = replace(HEALTHY, answers=(*others, *answers.values()))
    health = evaluate(build_pool(seen), Limits(), seen.recorded_at)
    assert health.code == UNKNOWN
    assert "Another transaction is in progress" in health.message


def test_a_bad_answer_of_the_last_cycle_is_not_kept(tmp_path: Path) -> None:
    locked = tuple(
        Answer(answer.query, BUSY.encode()) if answer.query == STATUS else answer
        for answer in HEALTHY.answers
    )
    answers, _ = asked(tmp_path, {DETAIL: [output(DETAIL)], STATUS: [BUSY]}, replace(HEALTHY, answers=locked))
    assert answers[STATUS].taken_at is None


@pytest.mark.parametrize(
    ("reply", "gone", "expected"),
    [
        (Reply.ANSWERS, set(), True),
        (Reply.REFUSED, set(), False),
        (Reply.SILENT, set(), False),
        (Reply.SILENT, {"node2"}, False),
        # a name that is not known here, perhaps
        (Reply.UNREACHABLE, set(), None),
        (Reply.UNREACHABLE, {"node2"}, False),
    ],
)
def test_what_the_silence_of_a_brick_means(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, gone: Set[str], expected: bool | None
) -> None:
    def probe_ports(addresses: list[tuple[str, int]], _timeout: float, connect_only: bool) -> object:
        return dict.fromkeys(addresses, reply)

    monkeypatch.setattr(cycle.probe, "probe_ports", probe_ports)  # type: ignore[attr-defined]
    door = cycle._Door("gv0", "node2", "/export/b1/gv0", 49152)
    told = cycle._bricks_answering([door], VOLUMES, gone, cycle.Settings())
    assert told.get(("node2", "/export/b1/gv0")) is expected


def test_a_brick_that_is_not_reported_on_is_called_at_its_last_known_port() -> None:
    key = ("node3.lab.test", "/export/b1/gv0")
    told = parse.volume_status(output(STATUS).encode()).facts
    without = [
        replace(status, nodes=tuple(node for node in status.nodes if node.hostname != key[0]))
        for status in told
    ]
    previous = replace(HEALTHY, brick_ports={key: 49160, ("gone", "/not/in/a/volume"): 1})
    doors = cycle._with_last_known(cycle._doors(without), without, VOLUMES, previous)
    assert [(door.host, door.path, door.port) for door in doors if door.host == key[0]] == [(*key, 49160)]
    # what is reported offline is not called
    dead = [
        replace(status, nodes=tuple(node._replace(online=False) for node in status.nodes)) for status in told
    ]
    assert cycle._with_last_known(cycle._doors(dead), dead, VOLUMES, previous) == []


def test_the_reason_is_queried_of_a_volume_that_is_left_out() -> None:
    answers = [
        replace(answer, output=WITHOUT_GV0.encode()) if answer.query == STATUS else answer
        for answer in HEALTHY.answers
    ]
    assert cycle._left_out(VOLUMES, answers) == [query.volume_status("gv0")]
    assert cycle._left_out(VOLUMES, HEALTHY.answers) == []


def test_a_rebalance_that_has_ended_is_queried_once() -> None:
    task = Rebalance("rebalance", "completed", "6b0a1d6e-7a8a-4f0e-9b6e-0d1b1c2d3e4f")
    told = [parse.VolumeStatus("dist2", (), (task,))]
    asked = query.rebalance_status("dist2")
    assert cycle._about_volumes((), told) == [asked]
    output = (
        "<?xml version='1.0'?><cliOutput><opRet>0</opRet><volRebalance>"
        f"<task-id>{task.id}</task-id><nodeCount>0</nodeCount>"
        "<aggregate><failures>3</failures><status>3</status><statusStr>completed</statusStr></aggregate>"
        "</volRebalance></cliOutput>"
    )
    previous = replace(HEALTHY, answers=(Answer(asked, output.encode()),))
    assert list(cycle._ended_tasks(told, previous)) == [asked]
    # another one has begun, or it runs
    for changed in (replace(task, id="another"), replace(task, status="in progress")):
        assert cycle._ended_tasks([replace(told[0], tasks=(changed,))], previous) == {}
    assert cycle._ended_tasks(told, None) == {}


def test_a_host_is_gone_when_nothing_accepts_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {"a": Reply.SILENT, "b": Reply.REFUSED, "c": Reply.ANSWERS, "d": Reply.UNREACHABLE}

    def probe_ports(addresses: List[tuple[str, int]], _timeout: float, connect_only: bool) -> object:
        assert connect_only
        return {address: replies[address[0]] for address in addresses}

    monkeypatch.setattr(cycle.probe, "probe_ports", probe_ports)  # type: ignore[attr-defined]
    told = cycle._hosts_answering({**dict.fromkeys(replies, False), "e": True}, cycle.Settings())
    assert told == {"a": False, "b": True, "c": True, "d": False}


def pinged(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> List[List[tuple[str, int]]]:
    """What is pinged from now on; all of it replies as *reply*."""
    rounds: List[List[tuple[str, int]]] = []

    def probe_ports(addresses: list[tuple[str, int]], _timeout: float, connect_only: bool) -> object:
        if addresses:
            rounds.append(list(addresses))
        return dict.fromkeys(addresses, reply)

    monkeypatch.setattr(cycle.probe, "probe_ports", probe_ports)  # type: ignore[attr-defined]
    return rounds


def test_a_brick_that_was_suspected_before_gets_no_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = pinged(monkeypatch, Reply.SILENT)
    doors = [cycle._Door("gv0", "node1", "/b", 1), cycle._Door("gv0", "node2", "/b", 2)]
    suspected = frozenset([("node2", "/b")])
    told = cycle._bricks_answering(doors, VOLUMES, frozenset(), cycle.Settings(), suspected)
    assert rounds == [[("node1", 1), ("node2", 2)], [("node1", 1)]]
    assert told == {("node1", "/b"): False, ("node2", "/b"): False}


def test_a_peer_that_is_known_to_be_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = pinged(monkeypatch, Reply.ANSWERS)
    peers = [Peer("node1", "1", local=True), Peer("node2", "2"), Peer("node3", "3")]
    told = cycle._reachable(peers, cycle.Settings(), {"node2": True, "node3": False})
    assert rounds == [[("node2", 24007)]]
    assert told == {"node2": True, "node3": False}


def test_where_it_is_urgent_a_mount_without_an_answer_keeps_what_was_known() -> None:
    silent = "no answer from statvfs within 0.5 s"
    before = [
        Mount("gv0", "/a", device_number="0:1", f_blocks=7),
        Mount("gv0", "/b", device_number="0:2", f_blocks=8),
    ]
    told = [
        Mount("gv0", "/a", device_number="0:1", failure=silent),
        Mount("gv0", "/b", device_number="0:3", failure=silent),
        Mount("gv0", "/c", device_number="0:4", f_blocks=9),
    ]
    assert cycle._kept(told, before) == (before[0], told[1], told[2])
