"""Good or bad?  The only place that decides.

Reports, metrics, the Nagios line, alerts, the page and Ganeti's sync status all read what
is decided here; none of them looks at a pool and makes up its own mind.

What is not known is never fine: it counts as code 2, and its reason is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Disk, Peer, Pool, Subvolume, Unknown, Volume
from ganeti_gluster_mon.gluster.placement import is_here
from ganeti_gluster_mon.words import some

#: status codes of a collector, by Ganeti's design of its monitoring daemon
OK, HEALING, UNKNOWN, CRITICAL = 0, 1, 2, 4


@dataclass(frozen=True)
class Limits:
    """Where space begins to be short; percent of a volume's bytes, and of its inodes, that are free."""

    warning_free: float = 20.0
    critical_free: float = 10.0
    #: seconds after which answers are too old to be believed
    stale_after: float = 90.0


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be, in words an administrator would use."""

    #: OK (a warning that is not yet a fault: space is getting short), HEALING, UNKNOWN or CRITICAL
    code: int
    text: str
    #: the volume it is about; "" for the pool as a whole
    volume: str = ""
    #: not known only because something else is not, which says why
    implied: bool = False


@dataclass(frozen=True)
class VolumeHealth:
    """How one volume is."""

    #: "healthy", "healing", "degraded", "partial", "down", "stopped" or "unknown"
    status: str
    code: int
    problems: Tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Health:
    """How a pool is: the worst of its problems, all of them by name, and each volume."""

    code: int
    #: every problem, worst first; a summary of what was seen when there is none
    message: str
    problems: Tuple[Problem, ...]
    volumes: Mapping[str, VolumeHealth]

    @property
    def warning(self) -> bool:
        """Whether something is worth a warning though nothing is wrong yet (space getting short)."""
        return any(problem.code == OK for problem in self.problems)


def judge(pool: Pool, limits: Limits, now: int) -> Health:
    """Say how *pool* is at *now* (ns since the epoch)."""
    problems = list(_of_the_pool(pool, limits, now))
    volumes: Dict[str, VolumeHealth] = {}
    for volume in pool.volumes or ():
        mine = sorted(_of_a_volume(volume, pool.unknowns, limits), key=_worst_first)
        code = max((problem.code for problem in mine), default=OK)
        volumes[volume.name] = VolumeHealth(_status(volume), code, tuple(mine))
        problems += [problem for problem in mine if not problem.implied]
    problems.sort(key=_worst_first)
    return Health(
        code=max((problem.code for problem in problems), default=OK),
        message="; ".join(problem.text for problem in problems) or _summary(pool),
        problems=tuple(problems),
        volumes=volumes,
    )


@dataclass(frozen=True)
class DiskHealth:
    """How an instance's disk is."""

    #: "healthy", "healing" (a copy may lack what was written last), "degraded" (a copy is missing, or all that is
    #: left), "down" (it cannot be read or written), "stopped" (its volume) or "unknown"
    status: str
    #: whether less than all that should hold it does so now; None: not known
    at_risk: Optional[bool]
    #: why, in words; "" where there is nothing to say
    message: str = ""


def judge_disk(disk: Disk, pool: Pool) -> DiskHealth:
    """Say how *disk* is, by the bricks that hold it."""
    volume = next((each for each in pool.volumes or () if each.name == disk.volume), None)
    if volume is None:
        if pool.volumes is None:
            return DiskHealth("unknown", None, "it is not known which volumes there are")
        if not is_here(disk.server):
            return DiskHealth("unknown", None, f"volume {disk.volume} of {disk.server} is not in this pool")
        return DiskHealth("down", True, f"there is no volume {disk.volume}")
    if volume.state != "started":
        return DiskHealth("stopped", None, f"volume {volume.name} is not started")
    if disk.bricks is None:
        judged = _status(volume)
        if judged in ("healthy", "down"):  # wherever it lies
            return DiskHealth(judged, judged == "down")
        return DiskHealth("unknown", None, "not known which bricks hold it")
    down = [brick for brick in disk.bricks if brick.online is False]
    quorums = [subvolume.quorum for subvolume in disk.subvolumes]
    if any(quorum is False for quorum in quorums):
        return DiskHealth("down", True, _named(down))
    if down:
        return DiskHealth("degraded", True, _named(down))
    silent = [brick.label for brick in disk.bricks if brick.online is None]
    if silent:
        return DiskHealth("unknown", None, f"not known whether {some(silent, 5)} is online")
    if not volume.heals:
        return DiskHealth("healthy", False)
    if any(brick.split_brain for brick in disk.bricks):
        return DiskHealth("healing", None, "files beside it, or it itself, are in split-brain")
    if any(brick.heal_pending for brick in disk.bricks):
        return DiskHealth("healing", None, "files beside it, or it itself, are to be healed")
    for subvolume in disk.subvolumes:
        if all(brick.heal_pending is None or brick.split_brain is None for brick in subvolume.bricks):
            return DiskHealth("unknown", None, "heal backlog not known")
    return DiskHealth("healthy", False)


def judge_node(pool: Pool) -> Health:
    """Say how Gluster's own processes are on the node that asked; bricks elsewhere are `judge`'s matter."""
    if pool.processes is None:
        return _of_node([Problem(UNKNOWN, "the processes of this node were not looked at")])
    problems = []
    # One that is a zombie has ended; one that is stopped will go on when it gets a SIGCONT.
    glusterds = [process for process in pool.processes if process.name == "glusterd"]
    alive = [process for process in glusterds if process.state != "zombie"]
    if not alive:
        problems.append(Problem(CRITICAL, "glusterd is not running"))
    elif all(process.state == "stopped" for process in alive):
        problems.append(Problem(CRITICAL, f"glusterd (pid {alive[0].pid}) is stopped"))
    bricks = [process for process in pool.processes if process.name == "brick"]
    for brick in bricks:
        if brick.state in ("stopped", "zombie"):
            which = f"brick {brick.path} of {brick.volume}" if brick.path else "a brick process"
            state = "stopped" if brick.state == "stopped" else "a zombie"
            problems.append(
                Problem(CRITICAL, f"{which} (pid {brick.pid}) is {state}", volume=brick.volume or "")
            )
    if problems:
        return _of_node(problems)
    count = f"{len(bricks)} brick process{'' if len(bricks) == 1 else 'es'}"
    return Health(code=OK, message=f"glusterd is running, {count}", problems=(), volumes={})


def _of_node(problems: Sequence[Problem]) -> Health:
    return Health(
        code=max(problem.code for problem in problems),
        message="; ".join(problem.text for problem in problems),
        problems=tuple(problems),
        volumes={},
    )


def _worst_first(problem: Problem) -> int:
    return -problem.code


def _of_the_pool(pool: Pool, limits: Limits, now: int) -> Iterator[Problem]:
    age = pool.age(now)
    if age > limits.stale_after:
        yield Problem(UNKNOWN, f"not known: the last answers are {age:.0f} s old")
    for peer in pool.peers or ():
        yield from _of_a_peer(peer)
    named = {volume.name for volume in pool.volumes or ()}
    yield from _not_known([unknown for unknown in pool.unknowns if unknown.volume not in named])


def _of_a_peer(peer: Peer) -> Iterator[Problem]:
    if peer.local:
        if peer.connected is False:  # as another node sees it: this one's glusterd did not answer itself
            yield Problem(CRITICAL, f"this node, {peer.hostname}, is disconnected from its peers")
        return
    if peer.connected is False:
        yield Problem(CRITICAL, f"peer {peer.hostname} is disconnected")
    elif peer.reachable is False:
        yield Problem(
            CRITICAL,
            f"peer {peer.hostname} does not answer on port 24007 (glusterd still counts it as connected)",
        )
    elif peer.connected is None:
        yield Problem(UNKNOWN, f"peer {peer.hostname}: not known whether it is connected")
    if peer.state is not None and peer.state != "Peer in Cluster":  # "Peer Rejected", "Probe Sent", …
        yield Problem(CRITICAL, f"peer {peer.hostname} is not a full member of the pool: {peer.state}")


def _of_a_volume(volume: Volume, unknowns: Iterable[Unknown], limits: Limits) -> Iterator[Problem]:
    """All that is wrong with *volume*; each problem names it."""

    def problem(code: int, text: str) -> Problem:
        return Problem(code, f"{volume.name}: {text}", volume.name)

    about_all = [unknown for unknown in unknowns if unknown.volume is None]
    mine = [unknown for unknown in unknowns if unknown.volume == volume.name]
    for each in _not_known(mine):
        yield problem(each.code, each.text)
    if volume.state != "started":
        return
    for text in _gaps(volume):
        yield replace(problem(UNKNOWN, text), implied=bool(about_all or mine))
    for number, subvolume in enumerate(volume.subvolumes, 1):
        name = _set_name(subvolume, number, len(volume.subvolumes))
        yield from (problem(CRITICAL, text) for text in _bricks_down(subvolume, name))
    yield from (problem(code, text) for code, text in _healing(volume))
    yield from (problem(code, text) for code, text in _moving(volume))
    yield from (problem(code, text) for code, text in _space(volume, limits))


def _gaps(volume: Volume) -> Iterator[str]:
    """What is not known of a started volume."""
    if any(brick.online is None for brick in volume.bricks):
        yield "not known whether all its bricks are online"
    if any(daemon.online is None for daemon in volume.self_heal_daemons):
        yield "not known whether all its self-heal daemons run"
    if volume.heals and volume.heal is None:
        yield "heal backlog not known"
    works = any(subvolume.quorum is not False for subvolume in volume.subvolumes)
    if works and (volume.capacity is None or volume.inodes is None):
        yield "its space is not known"


def _set_name(subvolume: Subvolume, number: int, of: int) -> str:
    """What to call a subvolume: by its number where there are several, as Gluster counts them, from 1."""
    kind = {"replicate": "replica set", "disperse": "disperse set"}.get(subvolume.type, "subvolume")
    return kind if of == 1 else f"{kind} {number}"


def _bricks_down(subvolume: Subvolume, name: str) -> Iterator[str]:
    down = [brick for brick in subvolume.bricks if brick.online is False]
    if not down:
        return
    words = f"{_named(down)}, {_left(subvolume)}"
    if subvolume.quorum is False:
        words += f"; {name} has lost quorum: no access to its files"
    elif subvolume.quorum is None:
        words += f"; not known whether {name} still has quorum"
    yield words


def _named(bricks: Sequence[Brick]) -> str:
    words = []
    for brick in bricks:
        kind = "arbiter brick" if brick.arbiter else "brick"
        state = "hangs (its process is there and does not answer)" if brick.hangs else "is offline"
        words.append(f"{kind} {brick.label} {state}")
    return ", ".join(words)


def _left(subvolume: Subvolume) -> str:
    """How much redundancy is left, in numbers."""
    known_up = sum(1 for brick in subvolume.bricks if brick.online)
    unknown = sum(1 for brick in subvolume.bricks if brick.online is None)
    size = len(subvolume.bricks)
    if subvolume.type == "distribute":
        return "and no other brick has its files"
    what = "replicas" if subvolume.type == "replicate" else "bricks"
    words = f"{known_up} of {size} {what} left"
    if unknown:
        words += f" for certain, {unknown} not known"
    if subvolume.type == "disperse":
        words += f" ({size - subvolume.redundancy} needed)"
    return words


def _healing(volume: Volume) -> Iterator[Tuple[int, str]]:
    if not volume.heals:
        return
    dead = sorted(daemon.host for daemon in volume.self_heal_daemons if daemon.online is False)
    alive = any(daemon.online for daemon in volume.self_heal_daemons)
    if dead:
        yield CRITICAL, f"no self-heal daemon on {some(dead, 5)}"
    if volume.heal is None:
        return
    if volume.heal.split_brain:
        yield CRITICAL, f"{_entries(volume.heal.split_brain)} in split-brain"
    if volume.heal.pending:
        waiting = f"{_entries(volume.heal.pending)} to be healed"
        if dead and not alive:
            yield CRITICAL, f"{waiting}, and no self-heal daemon runs"
        else:
            yield HEALING, waiting


def _moving(volume: Volume) -> Iterator[Tuple[int, str]]:
    if volume.rebalance is None:
        return
    kind, status = volume.rebalance.type, volume.rebalance.status
    if status == "in progress":
        yield HEALING, f"{kind} in progress"
    elif status == "failed":
        yield CRITICAL, f"{kind} failed"


def _space(volume: Volume, limits: Limits) -> Iterator[Tuple[int, str]]:
    """Space getting short.  Free is counted as df does: of what may be used at all."""
    shares: List[Tuple[str, float]] = []
    if volume.capacity is None or volume.inodes is None:
        return
    usable = volume.capacity.used + volume.capacity.available
    if usable:
        shares.append(("space", 100 * volume.capacity.available / usable))
    if volume.inodes.total:  # some filesystems make inodes as they need them and count none
        shares.append(("inodes", 100 * volume.inodes.free / volume.inodes.total))
    for what, free in shares:
        if free <= limits.critical_free:
            yield CRITICAL, f"nearly full, {free:.1f} % of its {what} free"
        elif free <= limits.warning_free:
            yield OK, f"{free:.1f} % of its {what} free"


def _status(volume: Volume) -> str:
    if volume.state != "started":
        return "stopped"
    quorums = [subvolume.quorum for subvolume in volume.subvolumes]
    if not quorums:
        return "unknown"
    if all(quorum is False for quorum in quorums):
        return "down"
    if any(quorum is False for quorum in quorums):
        return "partial"
    if any(brick.online is False for brick in volume.bricks):
        return "degraded"
    if any(brick.online is None for brick in volume.bricks) or (volume.heals and volume.heal is None):
        return "unknown"
    if volume.heal is not None and (volume.heal.pending or volume.heal.split_brain):
        return "healing"
    return "healthy"


def _not_known(unknowns: Sequence[Unknown]) -> Iterator[Problem]:
    """One problem for each reason, since one reason often hides several things."""
    by_reason: Dict[str, List[str]] = {}
    for unknown in unknowns:
        by_reason.setdefault(unknown.why, []).append(unknown.what)
    for why, whats in by_reason.items():
        yield Problem(UNKNOWN, f"not known: {some(list(dict.fromkeys(whats)), 5)} ({why})")


def _summary(pool: Pool) -> str:
    volumes = pool.volumes or ()
    started = [volume for volume in volumes if volume.state == "started"]
    bricks = sum(len(volume.bricks) for volume in started)
    words = [f"{_count(len(started), 'volume')} healthy", f"{_count(bricks, 'brick')} online"]
    if len(started) < len(volumes):
        words.insert(1, f"{len(volumes) - len(started)} not started")
    words.append(f"{_count(len(pool.peers or ()), 'peer')} connected")
    return ", ".join(words)


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
