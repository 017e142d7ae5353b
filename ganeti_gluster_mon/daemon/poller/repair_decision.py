"""Which volumes the poller starts by force, by the health of the pool and what it tried before.  Pure.

The command is ``gluster volume start VOLUME force``.  It starts all bricks and daemons of the volume that do not run,
on all nodes, and leaves alone what runs.  So whatever forbids it for one brick forbids it for the volume.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import AbstractSet, Dict, FrozenSet, Iterator, List, Mapping, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Peer, Pool, Volume
from ganeti_gluster_mon.health import CRITICAL, Health
from ganeti_gluster_mon.health.peers import takes_part
from ganeti_gluster_mon.mutes import Mutes
from ganeti_gluster_mon.repair_tries import SELF_HEAL, START_BRICK, RepairTries
from ganeti_gluster_mon.text import some

#: seconds; what is known for longer is not acted on
_MOST_AGE = 30.0
#: what is repaired, by the code of the problem
_ACTION_OF = {"BRICK_OFFLINE": START_BRICK, "HEAL_DAEMON_DOWN": SELF_HEAL}
#: problems of a volume that an administrator has to look at first
_FORBIDDING = {
    "BRICK_FILESYSTEM": "a filesystem has errors or is read-only",
    "BRICK_FILESYSTEM_NOT_MOUNTED": "a brick runs, and its filesystem is not mounted",
    "BRICK_CONTRADICTED": "it is not certain that the brick is offline",
    "BRICK_HANGS": "a brick hangs",
    "BRICK_HOST_NOT_IN_POOL": "the host of a brick is not in the pool",
    "ANSWERS_STALE": "the answers are too old",
}


@dataclass(frozen=True)
class StoppedProcess:
    """A process that does not run and should."""

    volume: str
    #: START_BRICK or SELF_HEAL
    action: str
    #: the brick ("host:path"), or the host of the self-heal daemon
    subject: str


@dataclass(frozen=True)
class VolumeRepair:
    """A volume that is to be started by force."""

    volume: str
    #: START_BRICK where a brick is offline, else SELF_HEAL
    action: str
    #: what does not run, in one line
    why: str


@dataclass(frozen=True)
class RepairDecision:
    """What is to be done after a cycle."""

    #: what does not run by this cycle; the next one compares
    stopped: FrozenSet[StoppedProcess] = frozenset()
    repairs: Tuple[VolumeRepair, ...] = ()
    #: volumes that are left alone although something of them does not run, and why, in one line
    refused: Mapping[str, str] = field(default_factory=dict)


def decide(
    pool: Pool,
    health: Health,
    enabled: FrozenSet[str],
    before: FrozenSet[StoppedProcess],
    tries: RepairTries,
    muted: Mutes,
    now: float,
) -> RepairDecision:
    """What is to be repaired at *now* (seconds since the epoch).

    *enabled*: the actions of AUTO_REPAIR.  *before*: what did not run by the cycle before this one; nothing is done
    about a process that stopped since then.
    """
    if not enabled or pool.volumes is None or pool.peers is None:
        return RepairDecision()
    stopped: List[StoppedProcess] = []
    repairs: List[VolumeRepair] = []
    refused: Dict[str, str] = {}
    for volume in pool.volumes:
        found = tuple(_stopped(volume, health, enabled))
        stopped += found
        twice = [one for one in found if one in before]
        if not twice:
            continue
        why_not = _why_not(pool, volume, health, enabled, twice, muted, now) or tries.why_not(
            volume.name, now
        )
        if why_not:
            refused[volume.name] = why_not
            continue
        action = START_BRICK if any(one.action == START_BRICK for one in twice) else SELF_HEAL
        repairs.append(VolumeRepair(volume.name, action, _reason(twice)))
    return RepairDecision(frozenset(stopped), tuple(repairs), refused)


def _stopped(volume: Volume, health: Health, enabled: FrozenSet[str]) -> Iterator[StoppedProcess]:
    """What of *volume* does not run, as far as it is to be repaired."""
    volume_health = health.volumes.get(volume.name)
    if volume.state != "started" or volume_health is None:
        return
    for problem in volume_health.problems:
        action = _ACTION_OF.get(problem.code)
        if action in enabled:
            yield StoppedProcess(volume.name, str(action), problem.subject)


def _why_not(
    pool: Pool,
    volume: Volume,
    health: Health,
    enabled: FrozenSet[str],
    twice: List[StoppedProcess],
    muted: Mutes,
    now: float,
) -> str:
    """Why *volume* is not to be started by force, in one line; "" where it is."""
    volume_health = health.volumes[volume.name]
    if pool.age(round(now * 1e9)) > _MOST_AGE:
        return _FORBIDDING["ANSWERS_STALE"]
    if volume_health.status == "unknown" or any(brick.online is None for brick in volume.bricks):
        return "its state is not known"
    codes = {problem.code for problem in volume_health.problems}
    for code, why in _FORBIDDING.items():
        if code in codes:
            return why
    offline = [brick for brick in volume.bricks if not brick.online]
    if any(brick.read_only or brick.filesystem_errors for brick in offline):
        return _FORBIDDING["BRICK_FILESYSTEM"]
    # Gluster ends a brick whose filesystem fails writes, and would end it again.
    if any(one.code == "THIN_POOL_FULL" and one.severity == CRITICAL for one in volume_health.problems):
        return "a thin pool under a brick is full"
    for problem in volume_health.problems:
        if problem.code in _ACTION_OF and muted.is_muted(problem.code, volume.name, now, problem.subject):
            return f"{problem.code} of {problem.subject} is muted"
    if offline and START_BRICK not in enabled:
        return "bricks are offline, and the command would start them: start-brick is not enabled"
    peers = pool.peers or ()
    if volume.options.get("cluster.server-quorum-type") == "server" and not all(map(takes_part, peers)):
        return "glusterd may refuse it, or stop bricks again: cluster.server-quorum-type is server, and a peer is away"
    away = _hosts_away(peers, offline, {one.subject for one in twice if one.action == SELF_HEAL})
    return f"glusterd of {some(away, 3)} does not answer" if away else ""


def _hosts_away(peers: Tuple[Peer, ...], bricks: List[Brick], hosts: AbstractSet[str]) -> List[str]:
    """The hosts of offline *bricks*, and those of *hosts*, whose glusterd does not answer."""
    answering = [peer for peer in peers if takes_part(peer)]
    ids, names = {peer.uuid for peer in answering}, {peer.hostname for peer in answering}
    away = [brick.host for brick in bricks if brick.uuid not in ids]
    return list(dict.fromkeys([*away, *sorted(hosts - names)]))


def _reason(stopped: List[StoppedProcess]) -> str:
    """What does not run, in words."""
    bricks = [one.subject for one in stopped if one.action == START_BRICK]
    hosts = [one.subject for one in stopped if one.action == SELF_HEAL]
    words = [f"brick {some(bricks, 3)} is offline"] if bricks else []
    words += [f"no self-heal daemon on {some(hosts, 3)}"] if hosts else []
    return "; ".join(words)
