"""A brick by all that is known of it: `volume status`, `get-state`, `heal info`, its port and its host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.brick_builder import build_bricks, heal_counts
from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool, LvmReport
from ganeti_gluster_mon.gluster.model import Brick, Peer, Unknown
from ganeti_gluster_mon.gluster.reach import Evidence
from ganeti_gluster_mon.gluster.status_reports import VolumeReports
from tests.unit import built_pool

KEY = ("node1", "/b")
INFO = parse.VolumeInfo(
    "gv0", "u", "started", "replicate", "tcp", (parse.BrickInfo(*KEY, "u1", False),), 1, 0, 0, 0
)
PEER = Peer("node1", "u1", "Peer in Cluster", connected=True, reachable=True)
CAPTURE = Capture(recorded_at=1000, answers=(), node="node2")


def reported(online: Optional[bool], **changes: Any) -> VolumeReports:
    node = parse.NodeStatus(*KEY, "u1", online, 49152 if online else None, 89 if online else None, **changes)
    return VolumeReports(bricks={KEY: [node]})


def own(started: Optional[bool]) -> parse.LocalState:
    brick = parse.LocalBrick(*KEY, started, 49153, 100, 50)
    return parse.LocalState("u1", (), (parse.LocalVolume("gv0", "u", "started", (brick,)),))


def heals(connected: Optional[bool]) -> dict[tuple[str, str], parse.HealCount]:
    return {KEY: parse.HealCount(*KEY, connected)}


def built(
    reports: Optional[VolumeReports] = None,
    state: Optional[parse.LocalState] = None,
    heal: Optional[bool] = None,
    peers: Optional[tuple[Peer, ...]] = (PEER,),
    info: parse.VolumeInfo = INFO,
    capture: Capture = CAPTURE,
    own_is_newer: bool = False,
    all_peers: Optional[set[str]] = None,
) -> tuple[Brick, Evidence]:
    reader = AnswerReader(capture)
    reader.own_is_newer = own_is_newer
    reader.all_peers = all_peers
    (found,) = build_bricks(reader, info, reports, state, peers, heals(heal) if heal is not None else {})
    return found


def test_a_brick_is_as_its_glusterd_reports_it() -> None:
    brick, evidence = built(reported(True, size=100, free=50))
    assert (brick.online, brick.port, brick.pid, brick.size, brick.free) == (True, 49152, 89, 100, 50)
    assert (brick.label, brick.uuid, brick.host_in_pool) == ("node1:/b", "u1", None)
    assert evidence == Evidence()
    assert built(reported(False))[0].online is False
    assert built()[0].online is None


def test_nothing_is_reported_of_a_volume_that_is_not_started() -> None:
    stopped = replace(INFO, state="stopped")
    answering = replace(CAPTURE, bricks_answering={KEY: True})
    brick, _ = built(reported(True), own(True), True, info=stopped, capture=answering, own_is_newer=True)
    assert (brick.online, brick.size, brick.port) == (None, None, None)


def test_whether_the_host_is_in_the_pool() -> None:
    assert built(all_peers={"u1"})[0].host_in_pool is True
    assert built(all_peers={"u2"})[0].host_in_pool is False
    nameless = replace(INFO, bricks=(parse.BrickInfo(*KEY, None, False),))
    assert built(info=nameless, all_peers={"u2"})[0].host_in_pool is None


def test_the_name_of_a_device_is_known_on_its_own_host() -> None:
    capture = replace(CAPTURE, devices={"/dev/vdb": "vdb"})
    reports = reported(True, device="/dev/vdb")
    assert built(reports, capture=capture)[0].name is None
    assert built(reports, capture=capture, peers=(replace(PEER, local=True),))[0].name == "vdb"


def test_the_filesystem_of_a_brick_is_known_on_its_own_host() -> None:
    capture = replace(CAPTURE, filesystems=(BrickFilesystem("/b", "/mnt", "ext4", "/dev/vdb", "vdb", 3),))
    here = (replace(PEER, local=True),)

    def known(reports: Optional[VolumeReports], peers: tuple[Peer, ...]) -> tuple[object, ...]:
        brick, _ = built(reports, capture=capture, peers=peers)
        return brick.mount, brick.filesystem_errors, brick.device, brick.name, brick.filesystem

    assert known(reported(True), (PEER,)) == (None, None, None, None, None)
    assert known(reported(True), here) == ("/mnt", 3, "/dev/vdb", "vdb", "ext4")
    assert known(None, here) == ("/mnt", 3, "/dev/vdb", "vdb", "ext4")
    assert built(reported(True), capture=capture, peers=here)[0].filesystem_mounted is True
    assert built(reported(True), capture=capture)[0].filesystem_mounted is None
    lost = replace(
        CAPTURE, filesystems=(BrickFilesystem("/b", "/", "overlay", "overlay", not_mounted="/export"),)
    )
    brick, _ = built(reported(True), capture=lost, peers=here)
    assert (brick.not_mounted, brick.filesystem_mounted) == ("/export", False)
    reports = reported(True, device="/dev/mapper/x", filesystem="xfs")
    assert known(reports, here) == ("/mnt", 3, "/dev/mapper/x", "vdb", "xfs")


VOLUME_IN_POOL = LogicalVolume("dm-3", "vg", "b1", pool="tp")
THIN_POOL = LvmPool("vg", "tp", "thin", data_percent=50.0)
TIMER = "see `systemctl status ganeti-gluster-lvm.timer ganeti-gluster-lvm`"
FULLNESS_UNKNOWN = "lvs does not report how full it is"


def brick_on_lvm(
    report: Optional[LvmReport], pool: Optional[str] = "dm-2", state: str = "started"
) -> tuple[Optional[BrickLvm], list[Unknown]]:
    """The logical volume of a brick on dm-3, by *report*, and what is not known of it."""
    on_lvm = BrickFilesystem("/b", "/mnt", "ext4", "/dev/mapper/vg-b1", "dm-3", 0, "dm-3", pool)
    capture = replace(CAPTURE, recorded_at=10**12, filesystems=(on_lvm,), lvm=report)
    reader = AnswerReader(capture)
    peers = (replace(PEER, local=True),)
    ((brick, _),) = build_bricks(reader, replace(INFO, state=state), None, None, peers, {})
    return brick.lvm, [each for each in reader.unknowns if "thin pool" in each.what]


def lvm_report(seconds_old: float, *pools: LvmPool) -> LvmReport:
    return LvmReport(10**12 - int(seconds_old * 1e9), (VOLUME_IN_POOL,), pools)


def test_the_logical_volume_and_its_pool_as_lvs_reports_them() -> None:
    fresh = lvm_report(300, THIN_POOL)
    assert brick_on_lvm(fresh) == (BrickLvm(VOLUME_IN_POOL, (THIN_POOL,), fresh.taken_at), [])


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (None, f"there is no report of lvs; {TIMER}"),
        (lvm_report(361, THIN_POOL), f"the last report of lvs is 6 min 1 s old; {TIMER}"),
        (lvm_report(1), FULLNESS_UNKNOWN),
        (lvm_report(1, replace(THIN_POOL, data_percent=None)), FULLNESS_UNKNOWN),
        (replace(lvm_report(1, THIN_POOL), volumes=()), FULLNESS_UNKNOWN),
        (
            replace(lvm_report(1, THIN_POOL), volumes=(replace(VOLUME_IN_POOL, device="dm-4"),)),
            FULLNESS_UNKNOWN,
        ),
    ],
)
def test_how_full_a_thin_pool_is_may_not_be_known(report: Optional[LvmReport], why: str) -> None:
    assert brick_on_lvm(report)[1] == [Unknown("the thin pool under brick node1:/b", why, "gv0")]
    # nothing is missing of a logical volume with blocks of its own, nor of a volume that is not started
    assert brick_on_lvm(report, pool=None)[1] == []
    assert brick_on_lvm(report, state="stopped")[1] == []


def test_an_old_report_is_not_used() -> None:
    assert brick_on_lvm(lvm_report(301, THIN_POOL))[0] is None
    assert brick_on_lvm(lvm_report(-30, THIN_POOL))[0] is not None


@pytest.mark.parametrize(
    ("changes", "away"),
    [
        ({}, False),
        ({"connected": None, "reachable": None}, False),
        ({"connected": False}, True),
        ({"reachable": False}, True),
    ],
)
def test_a_host_is_away_if_it_is_disconnected_or_does_not_answer(changes: Any, away: bool) -> None:
    silent = replace(CAPTURE, bricks_answering={KEY: False})
    brick, evidence = built(reported(True), peers=(replace(PEER, **changes),), capture=silent)
    assert evidence.host_away is away
    assert (brick.online, brick.unreachable, brick.hangs) == (False, away, not away)


@pytest.mark.parametrize(
    ("answers", "present"), [({"node1": True}, True), ({"node1": False}, False), ({}, False)]
)
def test_a_host_whose_kernel_answers_is_present(answers: dict[str, bool], present: bool) -> None:
    assert built(capture=replace(CAPTURE, hosts_answering=answers))[1].host_answers is present


def test_what_this_node_reports_later_of_its_own_brick_counts() -> None:
    brick, _ = built(reported(True), own(False), own_is_newer=True)
    assert (brick.online, brick.pid) == (False, None)
    # an earlier report does not
    assert built(reported(True), own(False))[0].online is True
    # the space comes from `volume status` where there is one
    assert built(reported(True, size=7), own(True), own_is_newer=True)[0].size == 7


def test_what_this_node_reports_counts_where_volume_status_is_missing() -> None:
    brick, _ = built(None, own(True))
    assert (brick.online, brick.port, brick.size, brick.free) == (True, 49153, 100, 50)
    assert built(None, own(False))[0].online is False


def test_a_state_of_another_volume_or_brick_is_not_taken() -> None:
    other = parse.LocalState("u1", (), (replace(own(False).volumes[0], name="other"),))
    assert built(None, other)[0].online is None


@pytest.mark.parametrize(
    ("queried_by", "started", "answers", "online"),
    [
        # the leader reports it online, and this node's own glusterd has ended it
        ("node3", False, None, False),
        ("node3", False, False, False),
        # its port answers: the own glusterd is behind
        ("node3", False, True, True),
        ("node3", True, None, True),
        # one node ran all queries: the later of them counts
        (None, False, None, True),
    ],
)
def test_a_brick_that_its_own_glusterd_calls_offline(
    queried_by: Optional[str], started: bool, answers: Optional[bool], online: bool
) -> None:
    capture = replace(
        CAPTURE, queried_by=queried_by, bricks_answering={} if answers is None else {KEY: answers}
    )
    assert built(reported(True), own(started), capture=capture)[0].online is online


@pytest.mark.parametrize(
    ("reports", "heal", "online"),
    [
        (reported(False), True, True),
        (reported(True), False, None),
        (None, True, True),
        (None, False, False),
        (None, None, None),
    ],
)
def test_heal_info_reaches_a_brick_or_does_not(
    reports: Optional[VolumeReports], heal: Optional[bool], online: Optional[bool]
) -> None:
    assert built(reports, heal=heal)[0].online is online


def at(when: int, answers: dict[query.Query, int]) -> Capture:
    """A capture with `heal info` taken at *when*, and *answers* to other queries."""
    return replace(
        CAPTURE,
        answers=(
            Answer(query.heal_summary("gv0"), b"x", taken_at=when),
            *(Answer(wanted, b"x", taken_at=taken) for wanted, taken in answers.items()),
        ),
    )


@pytest.mark.parametrize(
    ("when", "reports", "heal", "used"),
    [
        (1, reported(True), False, None),
        (1, reported(False), True, None),
        (2, reported(True), False, False),
        (3, reported(False), True, True),
        # nothing newer says anything about it
        (1, None, False, False),
        (1, None, True, None),
    ],
)
def test_a_heal_info_before_volume_status_does_not_count(
    when: int, reports: Optional[VolumeReports], heal: bool, used: Optional[bool]
) -> None:
    assert built(reports, heal=heal, capture=at(when, {query.VOLUME_STATUS: 2}))[1].heal is used


def test_heal_info_does_not_contradict_a_later_report_of_this_node() -> None:
    brick, evidence = built(reported(True), own(False), heal=True, own_is_newer=True)
    assert (brick.online, brick.contradicted, evidence.heal) == (False, None, None)


@pytest.mark.parametrize(
    ("changes", "name"),
    [({}, "node2"), ({"node": None}, "this node"), ({"queried_by": "node3"}, "node3")],
)
def test_the_node_that_contradicts_is_named(changes: Any, name: str) -> None:
    assert built(reported(False), heal=True, capture=replace(CAPTURE, **changes))[0].contradicted == name


# --- the counts of `heal info` ----------------------------------------------------------------------

NODES = built_pool.hosts(3)


def counts(
    capture: Capture, replicas: int = 3, disperse: int = 0, started: bool = True
) -> tuple[AnswerReader, list[tuple[Optional[int], Optional[int]]]]:
    bricks = tuple(parse.BrickInfo(node, "/export/b0/gv0", None, False) for node in NODES)
    info = parse.VolumeInfo("gv0", "u", "started", "", "tcp", bricks, replicas, 0, disperse, 0)
    reader = AnswerReader(capture)
    found = heal_counts(reader, info, started)
    return reader, [(one.pending, one.split_brain) for one in found.values()]


def answered() -> Capture:
    made = built_pool.pool(built_pool.replicated(NODES))
    for number, brick in enumerate(made.volume().bricks, 1):
        brick.heal = (number, 0, 0)
    return made.capture()


def test_each_brick_has_its_count() -> None:
    reader, found = counts(answered())
    assert (found, reader.unknowns) == ([(1, 0), (2, 0), (3, 0)], [])
    assert counts(answered(), replicas=2)[1] == found
    assert counts(answered(), replicas=1, disperse=3)[1] == found


def test_a_volume_without_copies_or_not_started_has_no_counts() -> None:
    assert counts(answered(), replicas=1)[1] == []
    assert counts(answered(), started=False)[1] == []
    # that Gluster does not answer such a query is as it should be
    reader, _ = counts(replace(answered(), answers=()), replicas=1)
    assert reader.unknowns == []


def test_a_count_that_is_missing_is_noted() -> None:
    reader, found = counts(replace(answered(), answers=()))
    assert found == []
    assert [note.why for note in reader.unknowns] == ["`volume heal gv0 info summary` was not run"]
    other = built_pool.pool(built_pool.replicated([*NODES[:2], "elsewhere"])).capture()
    reader, found = counts(other)
    assert [(note.what, note.why, note.volume) for note in reader.unknowns] == [
        ("heal backlog of gv0", f"it does not name {NODES[2]}:/export/b0/gv0", "gv0")
    ]


def test_split_brain_is_counted_by_its_own_query_where_the_summary_has_no_count() -> None:
    summary = query.heal_summary("gv0")
    whole = answered()
    (answer,) = [one for one in whole.answers if one.query == summary]
    other = built_pool.pool(built_pool.replicated(NODES))
    for brick in other.volume().bricks:
        brick.heal = (0, 4, 0)
    (split,) = [one for one in other.capture().answers if one.query == summary]
    split_brain = replace(split, query=query.heal_split_brain("gv0"))
    # a count of the summary stays
    assert counts(replace(whole, answers=(answer, split_brain)))[1] == [(1, 0), (2, 0), (3, 0)]
    without = answer.output.replace(b"<numberOfEntriesInSplitBrain>0</numberOfEntriesInSplitBrain>", b"", 1)
    partly = replace(whole, answers=(replace(answer, output=without), split_brain))
    assert counts(partly)[1] == [(1, 4), (2, 0), (3, 0)]
    # a brick that only the second answer names has a count of split-brain
    assert counts(replace(whole, answers=(split_brain,)))[1] == [(0, 4)] * 3
