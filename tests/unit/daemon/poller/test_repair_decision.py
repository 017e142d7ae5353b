"""What the poller repairs by itself, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, FrozenSet

import pytest

from ganeti_gluster_mon.daemon.poller.repair_decision import (
    RepairDecision,
    StoppedProcess,
    VolumeRepair,
    decide,
)
from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import (
    SELF_HEAL_DAEMON,
    Brick,
    Daemon,
    Heal,
    Peer,
    Pool,
    Subvolume,
    Volume,
)
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.mutes import NONE, Mute, Mutes
from ganeti_gluster_mon.repair_tries import ACTIONS, SELF_HEAL, START_BRICK, RepairTries, RepairTry

NOW = 1_795_000_000.0
BOTH = frozenset(ACTIONS)
PEERS = tuple(
    Peer(f"node{n}", f"uuid{n}", "local" if n == 1 else "Peer in Cluster", True, True, n == 1)
    for n in (1, 2, 3)
)
DEAD = "node2:/export/b1/gv0"


def pool_of(
    *, brick: Any = None, daemon: bool = True, online: Any = False, volume: Any = None, **more: Any
) -> Pool:
    """A replica 3 volume: the brick of node2 has the state *online*, *daemon* that of its self-heal daemon."""
    bricks = tuple(
        Brick("gv0", f"node{n}", "/export/b1/gv0", f"uuid{n}", online=True if n != 2 else online)
        for n in (1, 2, 3)
    )
    bricks = (bricks[0], replace(bricks[1], **(brick or {})), bricks[2])
    daemons = tuple(Daemon(SELF_HEAL_DAEMON, f"node{n}", f"uuid{n}", n != 2 or daemon) for n in (1, 2, 3))
    found = Volume(
        "gv0",
        "id",
        "replicate",
        "started",
        "tcp",
        bricks,
        (Subvolume("replicate", bricks, quorum=True),),
        heal=Heal(0, 0, 0),
        daemons=daemons,
    )
    fields = {"taken_at": round(NOW * 1e9), "peers": PEERS, "volumes": (replace(found, **(volume or {})),)}
    return Pool(**{**fields, **more})


def decided(
    pool: Pool,
    enabled: FrozenSet[str] = BOTH,
    tries: RepairTries = RepairTries(),
    muted: Mutes = NONE,
    cycles: int = 2,
) -> RepairDecision:
    """The decision after so many cycles with the same *pool*."""
    found = RepairDecision()
    for _ in range(cycles):
        health = evaluate(pool, Limits(stale_after=1e6), round(NOW * 1e9))
        found = decide(pool, health, enabled, found.stopped, tries, muted, NOW)
    return found


def left_alone(pool: Pool, **more: Any) -> str:
    """Why the volume is left alone."""
    found = decided(pool, **more)
    assert found.repairs == ()
    return found.refused["gv0"]


def test_a_brick_whose_process_died_is_started() -> None:
    found = decided(pool_of())
    assert found.repairs == (VolumeRepair("gv0", START_BRICK, f"brick {DEAD} is offline"),)
    assert found.refused == {}


def test_a_self_heal_daemon_is_started() -> None:
    found = decided(pool_of(online=True, daemon=False))
    assert found.repairs == (VolumeRepair("gv0", SELF_HEAL, "no self-heal daemon on node2"),)


def test_one_command_starts_both() -> None:
    (found,) = decided(pool_of(daemon=False)).repairs
    assert found.action == START_BRICK
    assert found.why == f"brick {DEAD} is offline; no self-heal daemon on node2"


def test_nothing_is_done_where_everything_runs() -> None:
    assert decided(pool_of(online=True)) == RepairDecision()


def test_nothing_is_done_where_it_is_off() -> None:
    assert decided(pool_of(daemon=False), frozenset()) == RepairDecision()


def test_one_cycle_is_not_enough() -> None:
    found = decided(pool_of(), cycles=1)
    assert (found.repairs, found.refused) == ((), {})
    assert found.stopped == {StoppedProcess("gv0", START_BRICK, DEAD)}


def test_another_brick_in_the_cycle_before_is_not_enough() -> None:
    pool = pool_of()
    other = frozenset({StoppedProcess("gv0", START_BRICK, "node3:/export/b1/gv0")})
    health = evaluate(pool, Limits(), round(NOW * 1e9))
    assert decide(pool, health, BOTH, other, RepairTries(), NONE, NOW).repairs == ()


def test_a_brick_that_is_not_enabled_is_not_started() -> None:
    assert decided(pool_of(), frozenset({SELF_HEAL})).repairs == ()
    why = left_alone(pool_of(daemon=False), enabled=frozenset({SELF_HEAL}))
    assert "start-brick is not enabled" in why
    assert decided(pool_of(online=True, daemon=False), frozenset({START_BRICK})).repairs == ()


@pytest.mark.parametrize("state", ["stopped", "created"])
def test_a_volume_that_is_not_started_is_left_alone(state: str) -> None:
    pool = pool_of(volume={"state": state})
    assert decided(pool) == RepairDecision()
    # nor by a health that calls the brick offline
    health = evaluate(pool_of(), Limits(), round(NOW * 1e9))
    before = frozenset({StoppedProcess("gv0", START_BRICK, DEAD)})
    assert decide(pool, health, BOTH, before, RepairTries(), NONE, NOW) == RepairDecision()


def test_a_pool_that_is_not_known_is_left_alone() -> None:
    assert decided(pool_of(volumes=None)) == RepairDecision()
    assert decided(pool_of(peers=None)) == RepairDecision()


def test_a_volume_whose_state_is_not_known_is_left_alone() -> None:
    assert decided(pool_of(online=None)).repairs == ()
    pool = pool_of()
    assert pool.volumes is not None
    (volume,) = pool.volumes
    bricks = (replace(volume.bricks[0], online=None), *volume.bricks[1:])
    unknown = replace(volume, bricks=bricks, subvolumes=(replace(volume.subvolumes[0], bricks=bricks),))
    assert left_alone(replace(pool, volumes=(unknown,))) == "its state is not known"


def test_old_answers_are_not_acted_on() -> None:
    assert left_alone(pool_of(taken_at=round((NOW - 31) * 1e9))) == "the answers are too old"


@pytest.mark.parametrize(
    ("brick", "why"),
    [
        ({"read_only": True}, "a filesystem has errors or is read-only"),
        ({"filesystem_errors": 1}, "a filesystem has errors or is read-only"),
        ({"heal_failure": "Input/output error"}, "a filesystem has errors or is read-only"),
        ({"host_in_pool": False}, "the host of a brick is not in the pool"),
        ({"contradicted": "node1"}, "it is not certain that the brick is offline"),
    ],
)
def test_a_brick_in_trouble_is_left_alone(brick: Any, why: str) -> None:
    assert left_alone(pool_of(brick=brick)) == why


@pytest.mark.parametrize(("used", "repairs"), [(99.0, 0), (90.0, 1)])
def test_a_brick_on_a_full_thin_pool_would_die_again(used: float, repairs: int) -> None:
    """Gluster ends a brick whose filesystem fails writes."""
    thin_pool = LvmPool("vg", "tp", "thin", data_percent=used)
    pool = pool_of(brick={"lvm": BrickLvm(LogicalVolume("dm-3", "vg", "b1", pool="tp"), (thin_pool,), 1)})
    decision = decided(pool)
    assert len(decision.repairs) == repairs
    assert decision.refused == ({} if repairs else {"gv0": "a thin pool under a brick is full"})


@pytest.mark.parametrize("brick", [{"hangs": True}, {"unreachable": True}])
def test_a_brick_that_hangs_or_whose_host_is_away_is_no_dead_process(brick: Any) -> None:
    assert decided(pool_of(brick=brick)).repairs == ()


def test_a_brick_that_hangs_keeps_its_volume_from_a_start() -> None:
    assert left_alone(pool_of(brick={"hangs": True}, daemon=False)) == "a brick hangs"


@pytest.mark.parametrize("peer", [{"connected": False}, {"reachable": False}, {"state": "Peer Rejected"}])
def test_a_host_whose_glusterd_does_not_answer_is_left_alone(peer: Any) -> None:
    peers = (PEERS[0], replace(PEERS[1], **peer), PEERS[2])
    assert left_alone(pool_of(peers=peers)) == "glusterd of node2 does not answer"
    assert left_alone(pool_of(online=True, daemon=False, peers=peers)) == "glusterd of node2 does not answer"


def test_a_volume_that_lost_its_server_quorum_is_left_alone() -> None:
    """glusterd stopped its bricks, and stops them again."""
    peers = (*PEERS[:2], replace(PEERS[2], connected=False))
    options = {"options": {"cluster.server-quorum-type": "server"}}
    assert "server-quorum-type" in left_alone(pool_of(volume=options, peers=peers))
    assert len(decided(pool_of(volume=options)).repairs) == 1
    assert len(decided(pool_of(peers=peers)).repairs) == 1


@pytest.mark.parametrize(
    "mute", [("BRICK_OFFLINE", "gv0", ""), ("BRICK_OFFLINE", "", ""), ("ALL", "", "node2")]
)
def test_what_is_muted_is_left_alone(mute: Any) -> None:
    code, volume, host = mute
    entry = Mute(code, volume, NOW + 60, NOW - 60, host)
    assert left_alone(pool_of(), muted=Mutes({entry.key: entry})) == f"BRICK_OFFLINE of {DEAD} is muted"
    over = replace(entry, until=NOW - 1)
    assert len(decided(pool_of(), muted=Mutes({over.key: over})).repairs) == 1


def test_three_tries_are_enough() -> None:
    tries = RepairTries(tuple(RepairTry("gv0", START_BRICK, "", NOW - age) for age in (3000, 2000, 1000)))
    assert left_alone(pool_of(), tries=tries) == "it was tried 3 times within an hour"
