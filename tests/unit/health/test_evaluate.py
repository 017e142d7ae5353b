"""One thing wrong at a time, and the problems that `evaluate` finds."""

from dataclasses import replace
from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster.model import (
    SELF_HEAL_DAEMON,
    Brick,
    Capacity,
    Daemon,
    Heal,
    Inodes,
    Peer,
    Pool,
    Subvolume,
    Unknown,
    Volume,
)
from ganeti_gluster_mon.gluster.quorum import quorum
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, UNKNOWN, Health, Limits, Problem, evaluate
from ganeti_gluster_mon.health.evaluate import volume_status, with_stuck

NOW = 1_795_483_447_000_000_000
GIB = 1 << 30


def volume(*up: Optional[bool], kind: str = "replicate", **changes: Any) -> Volume:
    """A started volume of one subvolume with a brick for each of *up*; three good ones by default."""
    bricks = tuple(
        Brick("gv0", f"node{i}", "/export/b1/gv0", online=state)
        for i, state in enumerate(up or (True,) * 3, 1)
    )
    one = Subvolume(kind, bricks, redundancy=1 if kind == "disperse" else 0)
    values = {
        "name": "gv0",
        "uuid": "u",
        "type": kind,
        "state": "started",
        "transport": "tcp",
        "bricks": bricks,
        "subvolumes": (replace(one, quorum=quorum(one, {})),),
        "capacity": Capacity(100 * GIB, 10 * GIB, 90 * GIB, "mount"),
        "inodes": Inodes(1000, 10, 990),
        "heal": Heal(0, 0, 0) if kind != "distribute" else None,
        "daemons": tuple(Daemon(SELF_HEAL_DAEMON, f"node{i}", f"u{i}", True) for i in (1, 2, 3)),
    }
    return Volume(**{**values, **changes})


def pool(*volumes: Volume, **changes: Any) -> Pool:
    peers = (
        Peer("node1", "u1", "local", True, True, True),
        Peer("node2", "u2", "Peer in Cluster", True, True),
        Peer("node3", "u3", "Peer in Cluster", True, True),
    )
    return replace(Pool(taken_at=NOW, peers=peers, volumes=volumes), **changes)


def judged(example: Pool, limits: Limits = Limits(), now: int = NOW) -> Health:
    return evaluate(example, limits, now)


def test_healthy_pool_says_what_was_found() -> None:
    health = judged(pool(volume(), volume(kind="distribute", name="d")))
    assert (health.code, health.problems) == (OK, ())
    assert health.message == "2 volumes healthy, 6 bricks online, 3 peers connected"
    assert health.volumes["gv0"].status == "healthy"


def test_offline_brick_is_named_with_what_is_left() -> None:
    health = judged(pool(volume(True, False, True)))
    assert health.code == CRITICAL
    assert health.message == "gv0: brick node2:/export/b1/gv0 is offline, 2 of 3 replicas left"
    assert health.volumes["gv0"].status == "degraded"


def test_brick_that_hangs_is_distinguished_from_one_that_is_offline() -> None:
    example = volume(True, False, True)
    hanging = replace(example.bricks[1], hangs=True)
    subvolume = replace(example.subvolumes[0], bricks=(example.bricks[0], hanging, example.bricks[2]))
    assert "node2:/export/b1/gv0 hangs" in judged(pool(replace(example, subvolumes=(subvolume,)))).message


@pytest.mark.parametrize(
    ("up", "kind", "status", "words"),
    [
        ((True, False, False), "replicate", "down", "lost quorum"),
        ((True, False, None), "replicate", "degraded", "not known whether replica set still has quorum"),
        ((True, True, False), "disperse", "degraded", "2 of 3 bricks left (2 needed)"),
        ((True, False, False), "disperse", "down", "lost quorum"),
        ((False,), "distribute", "down", "no other brick has its files"),
    ],
)
def test_bricks_down(up: Any, kind: str, status: str, words: str) -> None:
    health = judged(pool(volume(*up, kind=kind)))
    assert health.volumes["gv0"].status == status
    assert health.code == CRITICAL
    assert words in health.message


def test_partial_when_one_set_of_two_is_lost() -> None:
    good, lost = volume().subvolumes[0], volume(True, False, False).subvolumes[0]
    both = volume(bricks=good.bricks + lost.bricks, subvolumes=(good, lost))
    health = judged(pool(both))
    assert health.volumes["gv0"].status == "partial"
    assert "replica set 2 has lost quorum" in health.message


def test_brick_not_known_is_neither_online_nor_offline() -> None:
    example = pool(
        volume(True, None, True),
        unknowns=(Unknown("state of node2:/export/b1/gv0", "its host is away", "gv0"),),
    )
    health = judged(example)
    assert (health.code, health.volumes["gv0"].status) == (UNKNOWN, "unknown")
    assert health.message == "gv0: not known: state of node2:/export/b1/gv0 (its host is away)"


@pytest.mark.parametrize(
    ("heal", "alive", "code", "status", "words"),
    [
        (Heal(6, 0, 0), True, HEALING, "healing", "6 entries to be healed"),
        (Heal(1, 0, 0), True, HEALING, "healing", "1 entry to be healed"),
        (Heal(6, 0, 0), False, CRITICAL, "healing", "6 entries to be healed, and no self-heal daemon runs"),
        (Heal(0, 0, 0), False, CRITICAL, "faulty", "no self-heal daemon on node1, node2, node3"),
        (Heal(0, 2, 0), True, CRITICAL, "healing", "2 entries in split-brain"),
        # a running guest's image is always "possibly healing" while it is written
        (Heal(0, 0, 3), True, OK, "healthy", "1 volume healthy"),
        (None, True, UNKNOWN, "unknown", "heal backlog not known"),
    ],
)
def test_healing(heal: Optional[Heal], alive: bool, code: int, status: str, words: str) -> None:
    daemons = tuple(Daemon(SELF_HEAL_DAEMON, f"node{i}", None, alive) for i in (1, 2, 3))
    health = judged(pool(volume(heal=heal, daemons=daemons)))
    assert (health.code, health.volumes["gv0"].status) == (code, status)
    assert words in health.message


@pytest.mark.parametrize(
    ("available", "inodes_free", "code", "warning"),
    [
        (21, 1000, OK, False),
        (20, 1000, OK, True),
        (10, 1000, CRITICAL, False),
        (0, 1000, CRITICAL, False),
        (90, 200, OK, True),
        (90, 99, CRITICAL, False),
    ],
)
def test_space_getting_short(available: int, inodes_free: int, code: int, warning: bool) -> None:
    example = volume(
        capacity=Capacity(100 * GIB, (100 - available) * GIB, available * GIB, "bricks"),
        inodes=Inodes(1000, 1000 - inodes_free, inodes_free),
    )
    health = judged(pool(example))
    assert (health.code, health.warning) == (code, warning)
    assert health.volumes["gv0"].status == ("faulty" if code == CRITICAL else "healthy")


def test_limits_are_heeded() -> None:
    assert judged(pool(volume()), Limits(warning_free=95.0)).warning
    assert judged(pool(volume()), Limits(critical_free=95.0)).code == CRITICAL


def test_filesystem_that_counts_no_inodes_is_not_out_of_them() -> None:
    assert judged(pool(volume(inodes=Inodes(0, 0, 0)))).code == OK


def test_space_not_known_is_not_ok() -> None:
    health = judged(pool(volume(capacity=None)))
    assert (health.code, health.message) == (UNKNOWN, "gv0: its space is not known")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"connected": False}, CRITICAL, "peer node2 is disconnected"),
        ({"reachable": False}, CRITICAL, "peer node2 does not answer on port 24007"),
        ({"connected": None}, UNKNOWN, "peer node2: not known"),
        ({"state": "Peer Rejected"}, CRITICAL, "peer node2 is not a full member of the pool: Peer Rejected"),
    ],
)
def test_peers(changes: Any, code: int, words: str) -> None:
    example = pool(volume())
    assert example.peers is not None
    peers = (example.peers[0], replace(example.peers[1], **changes), example.peers[2])
    health = judged(replace(example, peers=peers))
    assert health.code == code
    assert words in health.message


def test_volume_stopped_on_purpose_is_no_fault() -> None:
    health = judged(pool(volume(), volume(None, None, None, name="old", state="stopped")))
    assert (health.code, health.volumes["old"].status) == (OK, "stopped")
    assert "1 not started" in health.message


@pytest.mark.parametrize(
    ("status", "code"), [("in progress", HEALING), ("failed", CRITICAL), ("completed", OK), ("stopped", OK)]
)
def test_rebalance(status: str, code: int) -> None:
    assert judged(pool(volume(rebalance=Rebalance("rebalance", status)))).code == code


def test_old_answers_are_not_believed() -> None:
    fresh = judged(pool(volume()), now=NOW + 89 * 10**9)
    stale = judged(pool(volume()), now=NOW + 91 * 10**9)
    assert (fresh.code, stale.code) == (OK, UNKNOWN)
    assert "91 s old" in stale.message


def test_nothing_known_is_unknown_with_its_reason_once() -> None:
    unknowns = (Unknown("the volumes", "no answer"), Unknown("the peers", "no answer"))
    example = replace(pool(), volumes=None, peers=None, unknowns=unknowns)
    health = judged(example)
    assert (health.code, health.message) == (UNKNOWN, "not known: the volumes, the peers (no answer)")


def test_worst_comes_first() -> None:
    heals = volume(heal=Heal(1, 0, 0), name="a")
    broken = volume(True, False, True, name="b")
    health = judged(pool(heals, broken))
    assert [problem.severity for problem in health.problems] == [CRITICAL, HEALING]
    assert health.message.startswith("b: ")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "healthy"),
        ({"state": "stopped"}, "stopped"),
        ({"subvolumes": ()}, "unknown"),
        ({"heal": Heal(1, 0, 0)}, "healing"),
        ({"heal": Heal(0, 1, 0)}, "healing"),
        ({"heal": Heal(0, 0, 1)}, "healthy"),
        ({"heal": None}, "unknown"),
        ({"kind": "distribute", "heal": None}, "healthy"),
    ],
)
def test_the_status_by_bricks_and_backlog(changes: Any, status: str) -> None:
    assert volume_status(volume(**changes)) == status


def test_the_status_by_quorum() -> None:
    def status(*quorums: Optional[bool], online: Optional[bool] = True, **brick: Any) -> str:
        one = replace(volume().bricks[0], online=online, **brick)
        sets = tuple(Subvolume("replicate", (one,), quorum=quorum) for quorum in quorums)
        return volume_status(volume(bricks=(*volume().bricks, one), subvolumes=sets))

    assert status(True, True) == "healthy"
    assert status(False, False) == "down"
    assert status(True, False) == status(None, False) == "partial"
    assert status(True, None, online=False) == "degraded"
    assert status(True, contradicted="node2") == "degraded"
    assert status(True, online=None) == "unknown"


def test_a_problem_of_the_whole_pool_explains_what_is_not_known_of_a_volume() -> None:
    unknowns = (Unknown("the state of bricks and daemons", "no answer"),)
    health = judged(pool(volume(capacity=None), unknowns=unknowns))
    assert [problem.text for problem in health.problems] == [
        "not known: the state of bricks and daemons (no answer)"
    ]
    assert [problem.text for problem in health.volumes["gv0"].problems] == ["gv0: its space is not known"]
    assert health.volumes["gv0"].status == "unknown"
    # one about another volume explains nothing
    of_another = (replace(unknowns[0], volume="other"),)
    health = judged(pool(volume(capacity=None), unknowns=of_another))
    assert "gv0: its space is not known" in [problem.text for problem in health.problems]
    of_it = (replace(unknowns[0], volume="gv0"),)
    health = judged(pool(volume(capacity=None), unknowns=of_it))
    assert "gv0: its space is not known" not in [problem.text for problem in health.problems]


def test_old_answers_make_each_started_volume_unknown() -> None:
    stopped = volume(name="old", state="stopped")
    health = judged(pool(volume(), stopped), now=NOW + 91 * 10**9)
    assert [problem.code for problem in health.problems] == ["ANSWERS_STALE"]
    assert {name: one.status for name, one in health.volumes.items()} == {"gv0": "unknown", "old": "stopped"}
    (of_volume,) = health.volumes["gv0"].problems
    assert (of_volume.text, of_volume.volume, of_volume.implied) == (
        "gv0: not known: the last answers are 91 s old",
        "gv0",
        True,
    )


def test_a_pool_of_one_is_counted_in_the_singular() -> None:
    alone = pool(volume(True, kind="distribute"), peers=(Peer("node1", "u1", "local", True, True, True),))
    assert judged(alone).message == "1 volume healthy, 1 brick online, 1 peer connected"


def test_a_warning_is_a_problem_of_severity_ok_that_is_not_muted() -> None:
    short = Problem("VOLUME_NEARLY_FULL", OK, "short")
    assert Health(OK, "", (short,), {}).warning
    assert not Health(OK, "", (replace(short, muted=True),), {}).warning
    assert not Health(CRITICAL, "", (replace(short, severity=CRITICAL),), {}).warning


def test_daemons_are_missed_on_hosts_whose_glusterd_takes_part() -> None:
    bricks = tuple(replace(brick, uuid=f"u{n}") for n, brick in enumerate(volume().bricks, 1))
    without = volume(bricks=bricks, daemons=volume().daemons[:2])
    assert "the Self-heal Daemon runs on node3" in judged(pool(without)).message
    example = pool(without)
    assert example.peers is not None
    away = (*example.peers[:2], replace(example.peers[2], connected=False))
    assert "Self-heal Daemon" not in judged(replace(example, peers=away)).message


def test_a_backlog_that_is_stuck_is_a_problem_of_its_volume() -> None:
    stuck = volume(heal=Heal(3, 0, 0, stuck_since=0.0))
    example = pool(stuck, volume(name="other"))
    health = judged(example)
    assert (health.code, health.volumes["gv0"].code) == (HEALING, HEALING)
    assert with_stuck(health, example, 60.0) is health
    later = with_stuck(health, example, 5 * 3600.0)
    assert (later.code, later.problems[0].code) == (CRITICAL, "HEAL_STUCK")
    assert [problem.code for problem in later.volumes["gv0"].problems] == ["HEAL_STUCK", "HEAL_PENDING"]
    assert (later.volumes["gv0"].status, later.volumes["gv0"].code) == ("healing", CRITICAL)
    assert later.volumes["other"] == health.volumes["other"]
    assert "not one less for 5 h" in later.message
    # a volume that the health does not have is left out
    assert with_stuck(replace(health, volumes={}), example, 5 * 3600.0).code == HEALING


def test_a_rebalance_without_a_process_is_not_called_running() -> None:
    task = Rebalance("rebalance", "in progress", "id")
    example = pool(
        volume(kind="distribute", rebalance=task),
        replace(volume(kind="distribute", rebalance=task), name="other"),
    )
    health = evaluate(example, Limits(), NOW)
    assert with_stuck(health, example, 60.0) is health
    assert health.code == HEALING
    first, other = example.volumes or ()
    stalled = replace(first, rebalance=replace(task, stalled_since=7.0))
    later = with_stuck(health, replace(example, volumes=(stalled, other)), 60.0)
    assert (later.code, later.volumes["gv0"].code, later.volumes["other"].code) == (
        CRITICAL,
        CRITICAL,
        HEALING,
    )
    assert [(problem.code, problem.volume) for problem in later.problems] == [
        ("REBALANCE_FAILED", "gv0"),
        ("REBALANCE_RUNNING", "other"),
    ]
    assert [problem.code for problem in later.volumes["gv0"].problems] == ["REBALANCE_FAILED"]
    assert "its process has ended" in later.message
