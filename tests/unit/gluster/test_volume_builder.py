"""A volume: its subvolumes, space, quota, tasks, daemons and heal backlog."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional, Sequence

import pytest

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import Brick, Daemon, Heal, Mount, Peer, Unknown, Volume
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.gluster.status_reports import VolumeReports
from ganeti_gluster_mon.gluster.volume_builder import build_volume
from tests.unit import built_pool

NODES = ("node1", "node2", "node3")
PEERS = tuple(Peer(node, f"u-{node}", "Peer in Cluster", connected=True) for node in NODES)
BRICKS = tuple(
    Brick(
        "gv0",
        node,
        "/b",
        uuid=f"u-{node}",
        online=True,
        size=4096000,
        free=4096000,
        block_size=4096,
        heal_pending=0,
        split_brain=0,
        possibly_healing=0,
    )
    for node in NODES
)
BOTH = [query.VOLUME_STATUS_DETAIL, query.VOLUME_STATUS]
OPTIONS = {"storage.reserve": "0"}
CAPTURE = Capture(recorded_at=1000, answers=(), node="node1")


def info(replicas: int = 3, disperse: int = 0, redundancy: int = 0, **changes: Any) -> parse.VolumeInfo:
    made = parse.VolumeInfo(
        "gv0", "u", "started", "replicate", "tcp", (), replicas, 0, disperse, redundancy, OPTIONS
    )
    return replace(made, **changes)


def built(
    bricks: Sequence[Brick] = BRICKS,
    about: Optional[parse.VolumeInfo] = None,
    reports: Optional[VolumeReports] = None,
    peers: Optional[tuple[Peer, ...]] = PEERS,
    read: Sequence[query.Query] = BOTH,
    **capture: Any,
) -> tuple[Volume, list[Unknown]]:
    reader = AnswerReader(replace(CAPTURE, **capture))
    reader.statuses_read.update(read)
    reports = VolumeReports(queries=list(BOTH)) if reports is None else reports
    volume = build_volume(reader, about or info(), reports, bricks, peers)
    return volume, reader.unknowns


def changed(number: int, **changes: Any) -> tuple[Brick, ...]:
    return tuple(replace(brick, **changes) if at == number else brick for at, brick in enumerate(BRICKS))


def test_a_whole_volume_leaves_nothing_unknown() -> None:
    volume, unknowns = built()
    assert unknowns == []
    assert volume.heal == Heal(0, 0, 0)
    assert volume.capacity is not None and volume.capacity.size == 4096000


# --- subvolumes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "kind", "sizes", "redundancy"),
    [
        (info(3), "replicate", [3], 0),
        (info(1), "distribute", [1, 1, 1], 0),
        (info(1, disperse=3, redundancy=1), "disperse", [3], 1),
        # a redundancy without a disperse set means nothing
        (info(3, redundancy=1), "replicate", [3], 0),
    ],
)
def test_bricks_in_sets(about: parse.VolumeInfo, kind: str, sizes: list[int], redundancy: int) -> None:
    subvolumes = built(about=about)[0].subvolumes
    assert [len(one.bricks) for one in subvolumes] == sizes
    assert {(one.type, one.redundancy, one.quorum) for one in subvolumes} == {(kind, redundancy, True)}


def test_two_copies_are_a_replica_set() -> None:
    (only,) = built(BRICKS[:2], info(2))[0].subvolumes
    assert (only.type, len(only.bricks)) == ("replicate", 2)


def test_bricks_that_make_no_whole_sets() -> None:
    volume, unknowns = built(about=info(2))
    assert volume.subvolumes == ()
    assert Unknown("layout of gv0", "3 bricks do not make sets of 2", "gv0") in unknowns


def test_a_volume_that_is_not_started_has_neither_quorum_nor_space() -> None:
    volume, unknowns = built(about=info(state="stopped"))
    assert (volume.capacity, volume.heal, volume.subvolumes[0].quorum) == (None, None, None)
    assert volume.subvolumes[0].capacity is None
    assert unknowns == []


# --- space ------------------------------------------------------------------------------------------

MOUNT = Mount("gv0", "/mnt/a", (), "", 4096, 900, 800, 700, 100, 90)
HUNG = Mount("gv0", "/mnt/h", failure="no answer")


@pytest.mark.parametrize(
    ("mounts", "source", "compared"),
    [
        ((), "bricks", False),
        ((MOUNT,), "mount", True),
        ((HUNG, replace(MOUNT, subdirectory="/sub", f_blocks=1), MOUNT), "mount", True),
        ((HUNG,), "bricks", False),
        ((replace(MOUNT, subdirectory="/sub"),), "bricks", False),
        ((replace(MOUNT, volume="other"),), "bricks", False),
    ],
)
def test_the_space_of_a_mount_is_better_known(mounts: tuple[Mount, ...], source: str, compared: bool) -> None:
    volume, _ = built(mounts=mounts)
    assert volume.capacity is not None and volume.capacity.source == source
    assert (volume.bricks_capacity is not None) is compared


def test_a_mount_is_not_compared_with_bricks_that_report_nothing() -> None:
    volume, unknowns = built(changed(1, size=None), mounts=(MOUNT,))
    assert volume.capacity is not None and volume.capacity.source == "mount"
    assert (volume.bricks_capacity, volume.bricks_inodes) == (None, None)
    assert [note.why for note in unknowns] == ["`volume status detail` has no size of node2:/b"]


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"size": None}, True),
        ({"free": None}, True),
        ({"free": 0}, False),
        ({"size": None, "arbiter": True}, False),
        ({"size": None, "online": False}, False),
    ],
)
def test_a_brick_without_a_size_is_noted(changes: Any, noted: bool) -> None:
    whys = [note.why for note in built(changed(2, **changes))[1]]
    assert whys == ["`volume status detail` has no size of node3:/b"] * noted


def test_a_reserve_that_is_none_is_noted() -> None:
    _, unknowns = built(about=info(options={"storage.reserve": "a bit"}))
    assert [note.what for note in unknowns] == ["space of gv0"]
    assert "storage.reserve is" in unknowns[0].why


def test_sizes_are_not_missed_where_the_detail_was_not_answered() -> None:
    reports = VolumeReports(queries=[query.VOLUME_STATUS])
    _, unknowns = built(changed(2, size=None), reports=reports, read=[query.VOLUME_STATUS])
    assert unknowns == []


def quota_of(path: str, hard: int, used: int) -> Answer:
    made = built_pool.pool(built_pool.distributed(NODES))
    made.volume().quota = [(path, hard, hard, used)]
    (answer,) = [one for one in made.capture().answers if one.query == query.quota_list("gv0")]
    return answer


@pytest.mark.parametrize(("path", "size"), [("/", 1000), ("/images", 4096000)])
def test_a_quota_of_the_root_limits_the_space(path: str, size: int) -> None:
    volume, _ = built(
        about=info(options={**OPTIONS, "features.quota": "on"}), answers=(quota_of(path, 1000, 9),)
    )
    assert volume.capacity is not None and volume.capacity.size == size
    assert volume.quota is not None and volume.quota[0].path == path


@pytest.mark.parametrize(
    ("setting", "state", "noted"),
    [("on", "started", True), ("off", "started", False), ("on", "stopped", False)],
)
def test_a_quota_that_gluster_refuses_to_list_is_noted_while_it_is_on(
    setting: str, state: str, noted: bool
) -> None:
    refused = Answer(query.quota_list("gv0"), built_pool.refusal("no").encode())
    about = info(options={**OPTIONS, "features.quota": setting}, state=state)
    assert bool(built(about=about, answers=(refused,))[1]) is noted
    assert built(about=about)[1] == []


# --- what is missing --------------------------------------------------------------------------------


def test_an_answer_that_leaves_the_volume_out_is_noted_with_the_command() -> None:
    _, unknowns = built(reports=VolumeReports(queries=[query.VOLUME_STATUS_DETAIL]))
    assert [(note.what, note.why) for note in unknowns] == [
        (
            "the state of bricks and daemons",
            "`volume status all` leaves it out and gives no reason; `gluster volume status gv0` gives it",
        )
    ]
    # an answer that could not be read is noted once, elsewhere
    assert built(reports=VolumeReports(queries=[query.VOLUME_STATUS_DETAIL]), read=BOTH[:1])[1] == []


def test_the_reason_is_that_of_the_query_about_the_volume_alone() -> None:
    def why(**changes: Any) -> str:
        answer = Answer(query.volume_status("gv0"), built_pool.refusal("it is locked").encode(), **changes)
        _, unknowns = built(reports=VolumeReports(queries=BOTH[:1]), answers=(answer,))
        return unknowns[0].why

    assert why() == "`volume status all` leaves it out: it is locked"
    assert why(failure="no answer within 10 s").endswith("gives it")


def test_a_brick_that_volume_info_does_not_name_is_noted() -> None:
    strange = parse.NodeStatus("node9", "/b", None, True, None, None)
    known = parse.NodeStatus("node1", "/b", None, True, None, None)
    reports = VolumeReports(bricks={("node9", "/b"): [strange], ("node1", "/b"): [known]}, queries=list(BOTH))
    assert built(reports=reports)[1] == [
        Unknown("bricks of gv0", "`volume status` names node9:/b, `volume info` does not", "gv0")
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "its host did not report it"),
        ({"connected": None}, "its host did not report it"),
        (
            {"connected": False},
            "glusterd of its host does not answer, and the port of the brick is not known",
        ),
        (
            {"reachable": False},
            "glusterd of its host does not answer, and the port of the brick is not known",
        ),
    ],
)
def test_a_brick_whose_state_is_not_known_is_noted_with_the_reason(changes: Any, why: str) -> None:
    peers = (PEERS[0], replace(PEERS[1], **changes), PEERS[2])
    _, unknowns = built(changed(1, online=None), peers=peers)
    assert unknowns == [Unknown("state of node2:/b", why, "gv0")]
    assert built(changed(1, online=None, not_reached_from="node1"), peers=peers)[1] == []


# --- tasks and daemons ------------------------------------------------------------------------------


def rebalance(status: str, host: str = "node2") -> Answer:
    made = built_pool.pool(built_pool.distributed(NODES))
    made.volume().rebalance = (status, {host: 2})
    (answer,) = [one for one in made.capture().answers if one.query == query.rebalance_status("gv0")]
    return answer


def task(*tasks: Rebalance, answers: tuple[Answer, ...] = (), **capture: Any) -> Optional[Rebalance]:
    reports = VolumeReports(tasks=tasks, queries=list(BOTH))
    return built(reports=reports, answers=answers, **capture)[0].rebalance


ID = built_pool.uuid_of("Rebalance")
TASK = Rebalance("rebalance", "in progress", ID)


def test_the_task_is_the_last_of_volume_status() -> None:
    removal = Rebalance("remove-brick", "completed", "another")
    assert task() is None
    assert task(removal, TASK) == TASK
    assert task(TASK, removal) == removal


def test_rebalance_status_adds_the_failures_of_the_same_task() -> None:
    def failures(*tasks: Rebalance, status: str = "in progress") -> Optional[int]:
        found = task(*tasks, answers=(rebalance(status),))
        return None if found is None else found.failures

    assert failures() == failures(TASK) == 2
    assert failures(replace(TASK, id="another")) is None
    assert failures(replace(TASK, type="remove-brick")) is None
    found = task(TASK, answers=(rebalance("completed"),))
    assert found is not None and (found.status, found.failures) == ("completed", 2)


def test_remove_brick_status_adds_what_each_host_did() -> None:
    bricks = ("node2:/b/1",)
    removal = Rebalance("remove-brick", "in progress", ID, bricks)
    output = rebalance("in progress").output.replace(b"volRebalance", b"volRemoveBrick")
    found = task(removal, answers=(Answer(query.remove_brick_status("gv0", bricks), output),))
    assert found is not None and (found.type, found.bricks, found.failures) == ("remove-brick", bricks, 2)
    assert [node.host for node in found.nodes] == ["node2"]
    # that of other bricks is another one
    assert (
        task(removal, answers=(Answer(query.remove_brick_status("gv0", ("node3:/b/1",)), output),)) == removal
    )


@pytest.mark.parametrize(
    ("host", "changes", "name"),
    [
        ("node2", {}, "node2"),
        ("localhost", {}, "node1"),
        ("localhost", {"queried_by": "node3"}, "node3"),
        ("localhost", {"node": None}, "localhost"),
    ],
)
def test_localhost_is_the_node_that_ran_the_query(host: str, changes: Any, name: str) -> None:
    found = task(answers=(rebalance("in progress", host),), **changes)
    assert found is not None and [node.host for node in found.nodes] == [name]


def test_a_daemon_is_on_the_peer_with_its_uuid() -> None:
    def daemon(path: str, uuid: Optional[str]) -> Daemon:
        node = parse.NodeStatus("Self-heal Daemon", path, uuid, True, None, 7)
        reports = VolumeReports(daemons={("Self-heal Daemon", path): node}, queries=list(BOTH))
        (found,) = built(reports=reports)[0].daemons
        return found

    assert daemon("localhost", "u-node1") == Daemon("Self-heal Daemon", "node1", "u-node1", True, 7)
    assert daemon("far", "u-far").host == "far"
    assert daemon("far", None).host == "far"


# --- the heal backlog -------------------------------------------------------------------------------


def heal_of(*counts: tuple[Optional[int], Optional[int], Optional[int]], **changes: Any) -> Optional[Heal]:
    """The backlog of one replica set of bricks that count so; the last has *changes*."""
    bricks = [
        replace(BRICKS[0], heal_pending=pending, split_brain=split, possibly_healing=healing)
        for pending, split, healing in counts
    ]
    bricks[-1] = replace(bricks[-1], **changes)
    return built(bricks, info(len(bricks)))[0].heal


NONE = (None, None, None)


def test_a_set_has_what_its_largest_brick_counts() -> None:
    assert heal_of((1, 5, 7), (3, 4, 9), (2, 6, 8)) == Heal(3, 6, 9)
    assert heal_of((0, 0, 0), (0, 0, 0)) == Heal(0, 0, 0)


def test_sets_are_added_up() -> None:
    bricks = [
        replace(BRICKS[0], heal_pending=n, split_brain=10 * n, possibly_healing=100 * n) for n in (1, 2, 3, 4)
    ]
    assert built(bricks, info(2))[0].heal == Heal(2 + 4, 20 + 40, 200 + 400)


def test_a_brick_that_should_serve_and_did_not_count_hides_what_only_it_knows() -> None:
    assert heal_of((0, 0, 0), NONE) is None
    assert heal_of((0, 0, 0), NONE, online=None) is None
    # what it does not serve, it does not heal
    assert heal_of((0, 0, 0), NONE, online=False) == Heal(0, 0, 0)
    # there is a backlog anyway
    assert heal_of((1, 0, 0), NONE) == Heal(1, 0, 0)
    assert heal_of((0, 1, 0), NONE) == Heal(0, 1, 0)
    assert heal_of(NONE, (0, 0, 0), online=False) is None


@pytest.mark.parametrize("count", [(None, 0, 0), (0, None, 0), (0, 0, None)])
def test_a_count_that_no_brick_gives_is_not_known(count: tuple[Optional[int], ...]) -> None:
    assert heal_of(count, count) is None  # type: ignore[arg-type]


def test_bricks_without_copies_have_no_backlog() -> None:
    assert built(about=info(1))[0].heal is None


# --- snapshots --------------------------------------------------------------------------------------


def test_the_snapshots_of_a_volume_are_known_without_a_query_where_there_are_none() -> None:
    def snapshots(counted: Optional[int], known: Optional[tuple[VolumeSnapshot, ...]]) -> object:
        reader = AnswerReader(CAPTURE)
        reader.statuses_read.update(BOTH)
        reader.snapshots = known
        about = info(snapshots=counted)
        return build_volume(reader, about, VolumeReports(queries=list(BOTH)), BRICKS, PEERS).snapshots

    mine, other = VolumeSnapshot("a", "gv0"), VolumeSnapshot("b", "gv1")
    assert snapshots(0, None) == ()
    assert snapshots(1, None) is snapshots(None, None) is None
    assert snapshots(1, (mine, other)) == snapshots(None, (mine, other)) == (mine,)


# --- scrubs -----------------------------------------------------------------------------------------


def test_the_scrubs_of_a_volume_are_its_own_and_not_known_where_there_is_none() -> None:
    own, other = ScrubStatus("gv0", "node1", 17), ScrubStatus("gv1", "node1", 17)
    assert built(scrubs=(own, other))[0].scrubs == (own,)
    assert built(scrubs=(other,))[0].scrubs is None
