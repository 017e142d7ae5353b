"""Each kind of fault that administrators report, on pools of several layouts and with all kinds of names."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, NamedTuple, Set

import pytest

from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, UNKNOWN, Health, Limits, evaluate
from tests import mutate
from tests.unit import built_pool
from tests.unit.built_pool import (
    SIZE,
    Peer,
    Pool,
    Volume,
    dispersed,
    distributed,
    hosts,
    pool,
    refusal,
    replicated,
)

NOT_CONNECTED = "Transport endpoint is not connected"
HALF_WAY = "Failed to process entries completely. ({})totalNumberOfEntries0"


def result(capture: Capture) -> Health:
    return evaluate(build_pool(capture), Limits(), capture.recorded_at)


def replica(names: List[str]) -> Pool:
    return pool(replicated(names[:3]))


def arbiter(names: List[str]) -> Pool:
    return pool(replicated(names[:3], arbiter=True))


def two_sets(names: List[str]) -> Pool:
    return pool(replicated(names[:3], sets=2))


def two_copies(names: List[str]) -> Pool:
    return pool(replicated(names[:2]))


def disperse(names: List[str]) -> Pool:
    return pool(dispersed(names[:6], 2))


def distribute(names: List[str]) -> Pool:
    return pool(distributed(names[:3]))


def offline(*bricks: int) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        for number in bricks:
            pool.volume().bricks[number].online = False
            pool.volume().bricks[number].heal = NOT_CONNECTED

    return change


def away(*peers: int) -> Callable[[Pool], None]:
    """Hosts are off: neither their glusterd nor their bricks answer."""

    def change(pool: Pool) -> None:
        gone = [pool.peers[number].host for number in peers]
        for number in peers:
            pool.peers[number].connected = False
        for volume in pool.volumes:
            volume.daemons = [daemon for daemon in volume.daemons if daemon[1] not in gone]
            for brick in volume.bricks:
                if brick.host in gone:
                    brick.reported, brick.heal = False, NOT_CONNECTED

    return change


def brick(number: int, **values: object) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        for name, value in values.items():
            setattr(pool.volume().bricks[number], name, value)

    return change


def every_brick(**values: object) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        for number in range(len(pool.volume().bricks)):
            brick(number, **values)(pool)

    return change


def option(name: str, value: str) -> Callable[[Pool], None]:
    return lambda pool: pool.volume().options.update({name: value})


def daemon_down(name: str, host: int) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        own = (name, pool.peers[host].host)
        daemons = [each for each in pool.volume().daemons if each[:2] != own]
        pool.volume().daemons = [*daemons, (*own, False)]

    return change


def no_daemons(pool: Pool) -> None:
    pool.volume().daemons.clear()


def one_daemon_less(pool: Pool) -> None:
    pool.volume().daemons.pop()


def all_daemons_down(pool: Pool) -> None:
    pool.volume().daemons = [(name, host, False) for name, host, _ in pool.volume().daemons]


def task(kind: str, status: str) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        bricks = [f"{each.host}:{each.path}" for each in pool.volume().bricks[3:]]
        pool.volume().tasks.append((kind, status, bricks if kind == "Remove brick" else ()))

    return change


def rebalance(status: str, failures: int) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        task("Rebalance", status)(pool)
        pool.volume().rebalance = (status, {"localhost": 0, pool.peers[1].host: failures})

    return change


def peer_state(state: str) -> Callable[[Pool], None]:
    return lambda pool: setattr(pool.peers[1], "state", state)


def another_peer_away(pool: Pool) -> None:
    pool.peers.append(Peer("spare.n.example", connected=False))


def quota(path: str, used: int) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        option("features.quota", "on")(pool)
        volume = pool.volume()
        volume.daemons += [("Quota Daemon", peer.host, True) for peer in pool.peers]
        volume.quota = [(path, 1000, 800, used)]

    return change


def refused(why: str) -> Callable[[Pool], None]:
    return lambda pool: setattr(pool.volume(), "heal_refused", why)


def both(*changes: Callable[[Pool], None]) -> Callable[[Pool], None]:
    def change(pool: Pool) -> None:
        for each in changes:
            each(pool)

    return change


def version(text: str) -> Callable[[Pool], None]:
    return lambda pool: setattr(pool, "version", text)


def nothing(pool: Pool) -> None:
    """All is well."""


class Kind(NamedTuple):
    """A fault, and what has to be found."""

    make: Callable[[List[str]], Pool]
    change: Callable[[Pool], None]
    code: int
    status: str
    problems: Set[str]


WELL: Set[str] = set()
LOST = "SUBVOLUME_QUORUM_LOST"

KINDS: Dict[str, Kind] = {
    **{
        f"nothing, {make.__name__}": Kind(make, nothing, OK, "healthy", WELL)
        for make in (replica, arbiter, two_sets, two_copies, disperse, distribute)
    },
    "only being healed": Kind(replica, brick(0, heal=(0, 0, 2)), OK, "healthy", WELL),
    "no inode counts": Kind(replica, every_brick(inodes=None, inodes_free=None), OK, "healthy", WELL),
    "inode counts of 0": Kind(replica, every_brick(inodes=0, inodes_free=0), OK, "healthy", WELL),
    "quota, not exceeded": Kind(replica, quota("/a", 700), OK, "healthy", WELL),
    "rebalance completed": Kind(two_sets, rebalance("completed", 0), OK, "healthy", WELL),
    "rebalance stopped": Kind(two_sets, rebalance("stopped", 0), OK, "healthy", WELL),
    "one brick of three": Kind(replica, offline(1), CRITICAL, "degraded", {"BRICK_OFFLINE"}),
    "the arbiter": Kind(arbiter, offline(2), CRITICAL, "degraded", {"BRICK_OFFLINE"}),
    "a copy and the arbiter": Kind(arbiter, offline(1, 2), CRITICAL, "down", {"BRICK_OFFLINE", LOST}),
    "both copies": Kind(arbiter, offline(0, 1), CRITICAL, "down", {"BRICK_OFFLINE", LOST}),
    "one brick of two": Kind(two_copies, offline(0), CRITICAL, "degraded", {"BRICK_OFFLINE"}),
    "two of six": Kind(disperse, offline(1, 2), CRITICAL, "degraded", {"BRICK_OFFLINE"}),
    "three of six": Kind(disperse, offline(1, 2, 3), CRITICAL, "down", {"BRICK_OFFLINE", LOST}),
    "a lone brick": Kind(distribute, offline(2), CRITICAL, "partial", {"BRICK_OFFLINE", LOST}),
    "one of two sets": Kind(two_sets, offline(3, 4), CRITICAL, "partial", {"BRICK_OFFLINE", LOST}),
    "a node is off": Kind(replica, away(1), CRITICAL, "degraded", {"PEER_DISCONNECTED", "BRICK_UNREACHABLE"}),
    "two nodes are off": Kind(
        replica, away(1, 2), CRITICAL, "down", {"PEER_DISCONNECTED", "BRICK_UNREACHABLE", LOST}
    ),
    "two nodes of six are off": Kind(
        disperse, away(4, 5), CRITICAL, "degraded", {"PEER_DISCONNECTED", "BRICK_UNREACHABLE"}
    ),
    "a peer without bricks is off": Kind(
        replica, another_peer_away, CRITICAL, "healthy", {"PEER_DISCONNECTED"}
    ),
    "a peer is rejected": Kind(replica, peer_state("Peer Rejected"), CRITICAL, "healthy", {"PEER_REJECTED"}),
    "a probe is not answered": Kind(
        replica, peer_state("Probe Sent to Peer"), CRITICAL, "healthy", {"PEER_REJECTED"}
    ),
    "split-brain": Kind(replica, every_brick(heal=(0, 2, 0)), CRITICAL, "healing", {"SPLIT_BRAIN"}),
    "entries wait": Kind(replica, brick(0, heal=(7, 0, 0)), HEALING, "healing", {"HEAL_PENDING"}),
    "entries wait, a brick is offline": Kind(
        replica,
        both(offline(1), brick(0, heal=(7, 0, 0))),
        CRITICAL,
        "degraded",
        {"BRICK_OFFLINE", "HEAL_PENDING"},
    ),
    "a self-heal daemon": Kind(
        replica, daemon_down("Self-heal Daemon", 1), CRITICAL, "faulty", {"HEAL_DAEMON_DOWN"}
    ),
    "all self-heal daemons, entries wait": Kind(
        disperse,
        both(all_daemons_down, brick(0, heal=(7, 0, 0))),
        CRITICAL,
        "healing",
        {"HEAL_DAEMON_DOWN", "HEAL_PENDING"},
    ),
    "self-heal is off, entries wait": Kind(
        replica,
        both(option("cluster.self-heal-daemon", "disable"), no_daemons, brick(0, heal=(7, 0, 0))),
        CRITICAL,
        "healing",
        {"HEAL_DAEMON_OFF", "HEAL_PENDING"},
    ),
    "self-heal of disperse is off, entries wait": Kind(
        disperse,
        both(option("cluster.disperse-self-heal-daemon", "off"), no_daemons, brick(0, heal=(7, 0, 0))),
        CRITICAL,
        "healing",
        {"HEAL_DAEMON_OFF", "HEAL_PENDING"},
    ),
    "self-heal is off, heal info is refused": Kind(
        replica,
        both(
            option("cluster.self-heal-daemon", "off"),
            no_daemons,
            refused("Not able to fetch volfile from glusterd"),
        ),
        CRITICAL,
        "unknown",
        {"HEAL_DAEMON_OFF", "NOT_KNOWN"},
    ),
    "heal info fails": Kind(replica, refused("Volume heal failed."), UNKNOWN, "unknown", {"NOT_KNOWN"}),
    "heal info reaches no brick": Kind(
        replica, every_brick(heal=NOT_CONNECTED), UNKNOWN, "unknown", {"BRICK_UNREACHABLE", "NOT_KNOWN"}
    ),
    "heal info does not reach a brick": Kind(
        disperse, brick(3, heal=NOT_CONNECTED), UNKNOWN, "unknown", {"BRICK_UNREACHABLE", "NOT_KNOWN"}
    ),
    "heal info ends half-way": Kind(
        replica, brick(2, heal=HALF_WAY.format("Stale file handle")), UNKNOWN, "unknown", {"NOT_KNOWN"}
    ),
    "heal info meets an I/O error": Kind(
        replica,
        brick(2, heal=HALF_WAY.format("Input/output error")),
        CRITICAL,
        "unknown",
        {"BRICK_FILESYSTEM", "NOT_KNOWN"},
    ),
    "heal info does not count": Kind(replica, brick(1, heal="Connected"), UNKNOWN, "unknown", {"NOT_KNOWN"}),
    "a self-heal daemon is not listed": Kind(replica, one_daemon_less, UNKNOWN, "unknown", {"NOT_KNOWN"}),
    "no self-heal daemon is listed": Kind(disperse, no_daemons, UNKNOWN, "unknown", {"NOT_KNOWN"}),
    "no bitrot daemon is listed": Kind(
        distribute, option("features.bitrot", "on"), UNKNOWN, "unknown", {"NOT_KNOWN"}
    ),
    "no quota daemon is listed": Kind(
        distribute, option("features.quota", "on"), UNKNOWN, "unknown", {"NOT_KNOWN"}
    ),
    **{
        f"{name} is dead": Kind(replica, daemon_down(name, 1), CRITICAL, "faulty", {"DAEMON_DOWN"})
        for name in ("Quota Daemon", "Bitrot Daemon", "Scrubber Daemon", "Snapshot Daemon")
    },
    "the NFS server is dead": Kind(
        distribute,
        both(option("nfs.disable", "off"), daemon_down("NFS Server", 1)),
        CRITICAL,
        "faulty",
        {"DAEMON_DOWN"},
    ),
    "the NFS server is not wanted": Kind(distribute, daemon_down("NFS Server", 1), OK, "healthy", WELL),
    "a directory's quota": Kind(replica, quota("/a", 1000), CRITICAL, "faulty", {"QUOTA_EXCEEDED"}),
    "a directory's soft limit": Kind(distribute, quota("/a", 900), OK, "healthy", {"QUOTA_SOFT_EXCEEDED"}),
    "the root's quota": Kind(
        replica, quota("/", 1000), CRITICAL, "faulty", {"QUOTA_EXCEEDED", "VOLUME_FULL"}
    ),
    "all bricks are full": Kind(replica, every_brick(free=0), CRITICAL, "faulty", {"VOLUME_FULL"}),
    "one brick of three is full": Kind(
        replica, brick(1, free=0), CRITICAL, "faulty", {"VOLUME_FULL", "SUBVOLUME_FULL"}
    ),
    "one brick of three is small": Kind(
        replica,
        brick(1, size=SIZE // 10, free=SIZE // 100),
        CRITICAL,
        "faulty",
        {"VOLUME_FULL", "SUBVOLUME_FULL"},
    ),
    "a lone brick is full": Kind(distribute, brick(1, free=0), CRITICAL, "faulty", {"SUBVOLUME_FULL"}),
    "a lone brick has what is reserved": Kind(
        distribute, brick(1, free=SIZE // 200), CRITICAL, "faulty", {"SUBVOLUME_FULL"}
    ),
    "a replica set is full": Kind(
        two_sets, both(*(brick(n, free=0) for n in (3, 4, 5))), CRITICAL, "faulty", {"SUBVOLUME_FULL"}
    ),
    "one brick of six is full": Kind(
        disperse, brick(5, free=0), CRITICAL, "faulty", {"VOLUME_FULL", "SUBVOLUME_FULL"}
    ),
    "the arbiter has no space": Kind(arbiter, brick(2, free=0), CRITICAL, "faulty", {"ARBITER_FULL"}),
    "the arbiter has no inodes": Kind(arbiter, brick(2, inodes_free=0), CRITICAL, "faulty", {"ARBITER_FULL"}),
    "a brick has no inodes": Kind(replica, brick(2, inodes_free=0), CRITICAL, "faulty", {"INODES_SHORT"}),
    "a brick has no inodes, and glusterd leaves the 0 out": Kind(
        two_sets, brick(4, inodes_free=None), CRITICAL, "faulty", {"INODES_SHORT"}
    ),
    "a brick has few inodes": Kind(disperse, brick(4, inodes_free=150_000), OK, "healthy", {"INODES_SHORT"}),
    "a filesystem is read-only": Kind(
        distribute, brick(0, options="ro,relatime"), CRITICAL, "faulty", {"BRICK_FILESYSTEM"}
    ),
    "a filesystem has no size": Kind(
        replica, brick(0, size=None, free=None), UNKNOWN, "unknown", {"NOT_KNOWN"}
    ),
    "rebalance runs": Kind(two_sets, rebalance("in progress", 0), HEALING, "healthy", {"REBALANCE_RUNNING"}),
    "rebalance failed": Kind(two_sets, rebalance("failed", 0), CRITICAL, "faulty", {"REBALANCE_FAILED"}),
    "rebalance left files": Kind(
        two_sets, rebalance("completed", 3), CRITICAL, "faulty", {"REBALANCE_FAILURES"}
    ),
    "fix-layout failed": Kind(
        two_sets, task("Rebalance", "fix-layout failed"), CRITICAL, "faulty", {"REBALANCE_FAILED"}
    ),
    "remove-brick runs": Kind(
        two_sets, task("Remove brick", "in progress"), HEALING, "healthy", {"REBALANCE_RUNNING"}
    ),
    "remove-brick failed": Kind(
        two_sets, task("Remove brick", "failed"), CRITICAL, "faulty", {"REBALANCE_FAILED"}
    ),
    "remove-brick is not committed": Kind(
        two_sets, task("Remove brick", "completed"), CRITICAL, "faulty", {"REMOVE_BRICK_UNCOMMITTED"}
    ),
    "Gluster 3.12": Kind(replica, version("3.12.15"), UNKNOWN, "healthy", {"GLUSTER_TOO_OLD"}),
    "a version of thousands of digits": Kind(replica, version("9" * 5000), OK, "healthy", WELL),
}

LONG = "a-name-of-sixty-three-characters-which-is-all-that-a-label-takes"[:63]
NAMES: Dict[str, List[str]] = {
    "short names": hosts(6, "n{}"),
    "long names": hosts(6, f"node{{}}.{LONG}.{LONG}.{LONG}.example"),
    "IPv4": hosts(6, "192.0.2.{}"),
    "IPv6": hosts(6, "2001:db8::{}"),
    "names that begin alike": ["node", *hosts(5, "node{}")],
    "names like words of Gluster": ["Status", "localhost.localdomain", "arbiter", "Self-heal", "NA", "None"],
}
#: of bricks, each a part of a path
PATHS = ["a b", "a|b", 'a"b', "a'b", "a&b<c>", "a;b", "$(reboot)", "ümlaut", "%s{}", "a,b", "a=b", "-f"]


def check(kind: Kind, pool: Pool) -> Health:
    found = result(pool.capture())
    assert found.code == kind.code
    assert {problem.code for problem in found.problems} == kind.problems
    assert {judged.status for judged in found.volumes.values()} == {kind.status}
    return found


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_kind_of_fault(kind: Kind) -> None:
    pool = kind.make(hosts(6))
    kind.change(pool)
    check(kind, pool)


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
def test_whatever_the_hosts_are_called(names: List[str]) -> None:
    for kind in KINDS.values():
        pool = kind.make(names)
        kind.change(pool)
        check(kind, pool)


@pytest.mark.parametrize("part", PATHS)
def test_whatever_the_bricks_and_volumes_are_called(part: str) -> None:
    for number, kind in enumerate(KINDS.values()):
        pool = kind.make(hosts(6))
        kind.change(pool)
        named = {f"{each.host}:{each.path}": each for each in pool.volume().bricks}
        for each in pool.volume().bricks:
            each.path = f"/{part}{each.path}"
        pool.volume().tasks = [
            (what, status, [f"{named[name].host}:{named[name].path}" for name in bricks])
            for what, status, bricks in pool.volume().tasks
        ]
        pool.volume().name = ("v" * 200, "a-b_c", "0", "healthy", "gv0-replicate-0")[number % 5]
        found = check(kind, pool)
        assert "\n" not in found.message


def made(kind: Kind) -> Pool:
    pool = kind.make(hosts(6))
    kind.change(pool)
    return pool


#: those in which all hosts are there: the others are of the whole pool
OF_ONE_VOLUME = [name for name, kind in KINDS.items() if all(peer.connected for peer in made(kind).peers)]


@pytest.mark.corpus
@pytest.mark.parametrize("name", OF_ONE_VOLUME)
def test_a_fault_among_many_volumes_is_found(name: str) -> None:
    kind, names = KINDS[name], hosts(6)
    pool = made(kind)
    others = [other(names, number) for number in range(40)]
    known = {peer.host for peer in pool.peers}
    pool.peers += [Peer(name) for name in names if name not in known]
    pool.volumes = [*others[:20], pool.volumes[0], *others[20:]]
    found = result(pool.capture())
    assert {problem.code for problem in found.problems} >= kind.problems
    assert found.code == kind.code
    assert found.volumes["gv0"].status == kind.status
    for volume in others:
        assert found.volumes[volume.name].status == "healthy"


def other(names: List[str], number: int) -> Volume:
    name = f"other{number}"
    makers: List[Callable[[], Volume]] = [
        lambda: replicated(names[:3], name),
        lambda: dispersed(names, 2, name),
        lambda: distributed(names[:4], name),
    ]
    return makers[number % 3]()


@pytest.mark.corpus
@pytest.mark.parametrize("name", OF_ONE_VOLUME)
def test_two_faults_at_once(name: str) -> None:
    """A fault in one volume of a pool, another one in a second volume: both are found."""
    first = KINDS[name]
    for other_name in mutate.sample(OF_ONE_VOLUME, 20, seed=OF_ONE_VOLUME.index(name)):
        second = KINDS[other_name]
        found = result(merge(made(first), made(second)).capture())
        assert {problem.code for problem in found.problems} >= first.problems | second.problems
        assert found.code == max(first.code, second.code)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in OF_ONE_VOLUME])
def test_a_host_that_is_off_and_another_fault(name: str) -> None:
    """Every volume on the hosts that are off misses their bricks; what else is wrong is found all the same."""
    names = hosts(6)
    for other_name in ("all bricks are full", "split-brain", "rebalance failed", "a directory's quota"):
        second = KINDS[other_name]
        pool = merge(second.make(names), KINDS[name].make(names))
        second.change(pool)
        KINDS[name].change(pool)
        codes = {problem.code for problem in result(pool.capture()).problems}
        assert codes >= KINDS[name].problems | second.problems, other_name


def merge(one: Pool, two: Pool) -> Pool:
    """A pool with the volumes, peers and faults of both."""
    volume = two.volume()
    for each in volume.bricks:
        each.path = f"{each.path}-2"
    volume.name = "second"
    volume.tasks = [(kind, status, [f"{name}-2" for name in bricks]) for kind, status, bricks in volume.tasks]
    peers = {peer.host: peer for peer in one.peers}
    for peer in two.peers:
        known = peers.setdefault(peer.host, peer)
        if peer.state != "Peer in Cluster":
            known.state = peer.state
    oldest = min(one.version, two.version, key=lambda version: (not version.startswith("3."), version))
    return Pool([*one.volumes, volume], list(peers.values()), oldest)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            refusal("Locking failed on node3.n.example. Please check log file for details."),
            "Locking failed on",
        ),
        (
            refusal("Another transaction is in progress for gv0. Please try again after some time."),
            "in progress for gv0",
        ),
        (refusal("Staging failed on node2.n.example. Error: Volume other is not started"), "Staging failed"),
        (refusal("Commit failed on 10.0.0.2. Error: error"), "Commit failed"),
        ("Connection failed. Please check if gluster daemon is operational.\n", "Connection failed."),
        ("Error : Request timed out\n", "Request timed out"),
    ],
)
def test_status_that_is_refused_is_not_known_for_that_reason(output: str, reason: str) -> None:
    whole = made(KINDS["nothing, replica"]).capture()
    answers = tuple(
        replace(answer, output=output.encode()) if answer.query[:2] == ("volume", "status") else answer
        for answer in whole.answers
    )
    found = result(replace(whole, answers=answers))
    assert (found.code, found.volumes["gv0"].status) == (UNKNOWN, "unknown")
    assert reason in found.message
    assert "leaves it out" not in found.message, "no volume in particular is left out"
    assert all(problem.text.count("lock") == output.count("lock") for problem in found.problems)


@pytest.mark.parametrize("name", ["entry", "data", "metadata"])
def test_an_option_that_keeps_clients_from_healing_is_named(name: str) -> None:
    """The self-heal daemon heals all the same."""
    pool = made(KINDS["entries wait"])
    option(f"cluster.{name}-self-heal", "off")(pool)
    found = result(pool.capture())
    assert found.code == HEALING
    assert f"cluster.{name}-self-heal" in found.message
    no_daemons(pool)
    option("cluster.self-heal-daemon", "off")(pool)
    found = result(pool.capture())
    assert found.code == CRITICAL
    assert f"cluster.self-heal-daemon, cluster.{name}-self-heal" in found.message


@pytest.mark.parametrize("value", ["abc", "", "-5", "9" * 400, "1 0"])
def test_space_that_is_not_known_has_a_reason(value: str) -> None:
    for make in (replica, two_sets, disperse, distribute):
        pool = make(hosts(6))
        option("storage.reserve", value)(pool)
        found = result(pool.capture())
        assert found.code == UNKNOWN
        assert f"space of gv0 (storage.reserve is '{value[:50]}" in found.message
        assert not found.message.endswith("its space is not known")


@pytest.mark.parametrize("name", KINDS)
def test_whenever_space_is_not_known_something_says_why(name: str) -> None:
    pool = made(KINDS[name]).capture()
    volumes = build_pool(pool).volumes or ()
    texts = [problem.text for problem in result(pool).problems]
    assert not any(text.endswith("its space is not known") for text in texts)
    if volumes[0].capacity is None and result(pool).volumes["gv0"].status not in ("down", "stopped"):
        assert any("space" in text for text in texts)


def test_the_pools_are_as_gluster_answers() -> None:
    """The parsers find nothing wrong with what the tests build."""
    for kind in KINDS.values():
        if kind.code == OK and not kind.problems:
            pool = kind.make(hosts(6))
            kind.change(pool)
            assert build_pool(pool.capture()).unknowns == ()
    assert built_pool.uuid_of("a") != built_pool.uuid_of("b")
