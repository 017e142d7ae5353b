"""The page for browsers: the pool at a glance, what is wrong first.

This module is pure, and selects what is shown; the template has the layout.  The page needs no script and no other
files.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from typing import List, Optional, Sequence, Tuple

import jinja2
from markupsafe import Markup

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.gluster.model import Brick, Peer, Pool, Process, Subvolume, Volume
from ganeti_gluster_mon.health import (
    CRITICAL,
    HEALING,
    OK,
    UNKNOWN,
    Health,
    VolumeHealth,
    common_fix,
    grouped,
)
from ganeti_gluster_mon.health.bricks import brick_status, subvolume_status
from ganeti_gluster_mon.health.peers import peer_status
from ganeti_gluster_mon.problem_text import problem_text
from ganeti_gluster_mon.text import one_line, short_size

#: the text of the page's one <style> element, which the Content-Security-Policy names
STYLE = (resources.files("ganeti_gluster_mon.daemon.web") / "templates" / "page.css").read_text(
    encoding="utf-8"
)

#: volumes of up to so many bricks are shown with all of them; of larger ones what is well is folded
_FEW_BRICKS = 12
#: letters of a name from outside that are shown
_LONGEST = 300
#: problems that are listed
_MOST_PROBLEMS = 20
#: codes of problems that colour the bar of a volume's space
_SPACE_CODES = ("VOLUME_FULL", "VOLUME_NEARLY_FULL", "SUBVOLUME_FULL", "SUBVOLUME_NEARLY_FULL")


@dataclass(frozen=True)
class StatusMark:
    """A status: a symbol that can be recognized without its colour, a word, and the name of the colour."""

    symbol: str
    word: str
    tone: str


_GOOD, _HEAL, _WARN, _UNKNOWN, _BAD, _OFF = "good", "heal", "warn", "unknown", "bad", "off"

_POOL = {
    OK: StatusMark("✔", "Works as it should", _GOOD),
    HEALING: StatusMark("↻", "Repairs itself", _HEAL),
    UNKNOWN: StatusMark("?", "Not known", _UNKNOWN),
    CRITICAL: StatusMark("✖", "Needs attention", _BAD),
}
_SHORT = StatusMark("▲", "Warning", _WARN)
#: of a volume whose copies differ, and that does not repair itself
_PROBLEMATIC = StatusMark("✖", "needs attention", _BAD)
_VOLUME = {
    "healthy": StatusMark("✔", "healthy", _GOOD),
    "healing": StatusMark("↻", "healing", _HEAL),
    "faulty": StatusMark("✖", "faulty", _BAD),
    "degraded": StatusMark("▲", "degraded", _BAD),
    "partial": StatusMark("✖", "partial", _BAD),
    "down": StatusMark("✖", "down", _BAD),
    "stopped": StatusMark("■", "stopped", _OFF),
    "unknown": StatusMark("?", "not known", _UNKNOWN),
}
_BRICK = {
    "online": StatusMark("✔", "online", _GOOD),
    "healing": StatusMark("↻", "healing", _HEAL),
    "faulty": StatusMark("✖", "faulty", _BAD),
    "hangs": StatusMark("✖", "hangs", _BAD),
    "offline": StatusMark("✖", "offline", _BAD),
    "stopped": StatusMark("■", "stopped", _OFF),
    "unknown": StatusMark("?", "not known", _UNKNOWN),
}
_PEER = {
    "connected": StatusMark("✔", "connected", _GOOD),
    "disconnected": StatusMark("✖", "disconnected", _BAD),
    "silent": StatusMark("✖", "does not answer", _BAD),
    "rejected": StatusMark("✖", "not a full member", _BAD),
    "unknown": StatusMark("?", "not known", _UNKNOWN),
}
#: the colours of subvolumes
_SUBVOLUME = {
    "healthy": _GOOD,
    "healing": _HEAL,
    "degraded": _BAD,
    "no quorum": _BAD,
    "stopped": _OFF,
    "unknown": _UNKNOWN,
}
_PROBLEM = {**_POOL, OK: _SHORT}
_WORST_FIRST = (_BAD, _UNKNOWN, _HEAL, _WARN, _GOOD, _OFF)


@dataclass(frozen=True)
class _Problem:
    state: StatusMark
    text: str
    code: str
    #: the command that fixes it
    fix: str


@dataclass(frozen=True)
class _Space:
    available: str
    size: str
    percent: float
    tone: str


@dataclass(frozen=True)
class _Fact:
    name: str
    text: str
    #: of what is not as it should be
    tone: str = ""


@dataclass(frozen=True)
class _Brick:
    state: StatusMark
    host: str
    path: str
    note: str


@dataclass(frozen=True)
class _Subvolume:
    name: str
    #: "" while all is well
    trouble: str
    tone: str
    bricks: Tuple[_Brick, ...]


@dataclass(frozen=True)
class _Volume:
    name: str
    state: StatusMark
    kind: str
    started: bool
    space: Optional[_Space]
    facts: Tuple[_Fact, ...]
    #: the subvolumes that are shown, and those that are well and folded away
    shown: Tuple[_Subvolume, ...]
    folded: Tuple[_Subvolume, ...]
    folded_words: str


@dataclass(frozen=True)
class _Peer:
    state: StatusMark
    name: str
    note: str


@dataclass(frozen=True)
class _Process:
    name: str
    pid: int
    memory: str
    cpu: str
    uptime: str


def page(pool: Pool, health: Health, now: int, refresh: float = 30.0, stale: float = 90.0) -> bytes:
    """The page that shows *pool* as it was judged at *now* (ns since the epoch), in UTF-8.

    The browser reads it again every *refresh* seconds; above *stale* seconds its age is shown large.
    """
    age = pool.age(now)
    status = _POOL[health.code]
    if health.code == OK and health.warning:
        status = _SHORT
    problems = [
        _Problem(
            _PROBLEM[part.severity],
            problem_text(part.problems[0], now) if len(part.problems) == 1 else one_line(part.text),
            part.code,
            common_fix(part.problems),
        )
        for part in grouped(health.problems)
    ]
    volumes = None
    if pool.volumes is not None:
        volumes = [_volume(volume, health) for volume in pool.volumes]
        volumes.sort(key=lambda volume: (_WORST_FIRST.index(volume.state.tone), volume.name))
    peers = None
    if pool.peers is not None:
        peers = [_peer(peer) for peer in pool.peers]
        peers.sort(key=lambda peer: (_WORST_FIRST.index(peer.state.tone), peer.name))
    text = _template().render(
        style=Markup(STYLE),  # noqa: S704 - ours, and without a "<"
        refresh=max(1, round(refresh)),
        status=status,
        message=one_line(health.message),
        problems=problems[:_MOST_PROBLEMS],
        more_problems=max(0, len(problems) - _MOST_PROBLEMS),
        node=_name(pool.node) if pool.node else None,
        age=_duration(age),
        old=age > stale,
        moment=datetime.fromtimestamp(pool.taken_at / 1e9, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
        volumes=volumes,
        peers=peers,
        processes=[_process(process) for process in pool.processes or ()],
        gluster_version=pool.gluster_version,
        version=__version__,
    )
    # What is no character cannot be sent as one: names of files may hold any byte.
    return text.encode("utf-8", "backslashreplace")


@functools.lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganeti_gluster_mon.daemon.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _volume(volume: Volume, health: Health) -> _Volume:
    found = health.volumes[volume.name]
    state = _VOLUME[found.status]
    if found.is_stuck:
        state = _PROBLEMATIC
    started = volume.state == "started"
    subvolumes = _subvolumes(volume)
    shown, folded = subvolumes, []
    if len(volume.bricks) > _FEW_BRICKS:
        shown = [each for each in subvolumes if each.trouble]
        folded = [each for each in subvolumes if not each.trouble]
    return _Volume(
        name=_name(volume.name),
        state=state,
        kind=_kind(volume),
        started=started,
        space=_space(volume, found),
        facts=tuple(_facts(volume)) if started else (),
        shown=tuple(shown),
        folded=tuple(folded),
        folded_words=f"{sum(len(each.bricks) for each in folded)} bricks that are well",
    )


def _kind(volume: Volume) -> str:
    words = [volume.type.replace("-", " "), f"{len(volume.bricks)} bricks"]
    if len(volume.subvolumes) > 1 and volume.heals:
        words.append(f"{len(volume.subvolumes)} subvolumes")
    if volume.transport != "tcp":
        words.append(volume.transport)
    if volume.state == "created":
        words.append("never started")
    return ", ".join(words)


def _space(volume: Volume, health: VolumeHealth) -> Optional[_Space]:
    space = volume.capacity
    if space is None or space.size <= 0:
        return None
    percent = round(min(100.0, max(0.0, 100 * space.used / space.size)), 1)
    severities = [problem.severity for problem in health.problems if problem.code in _SPACE_CODES]
    tone = _BAD if CRITICAL in severities else _WARN if severities else _GOOD
    return _Space(short_size(space.available), short_size(space.size), percent, tone)


def _facts(volume: Volume) -> List[_Fact]:
    facts = []
    up = volume.up
    if up is None:
        known = sum(1 for brick in volume.bricks if brick.online)
        facts.append(_Fact("bricks", f"{known} online, others not known", _UNKNOWN))
    else:
        tone = _BAD if up < len(volume.bricks) else ""
        facts.append(_Fact("bricks", f"{up} of {len(volume.bricks)} online", tone))
    if volume.heals:
        if volume.heal is None:
            facts.append(_Fact("to heal", "not known", _UNKNOWN))
        else:
            facts.append(_Fact("to heal", str(volume.heal.pending), _HEAL if volume.heal.pending else ""))
            if volume.heal.split_brain:
                facts.append(_Fact("split-brain", str(volume.heal.split_brain), _BAD))
    if volume.inodes is not None and volume.inodes.total:
        facts.append(_Fact("files", f"{volume.inodes.used:,} of {volume.inodes.total:,}"))
    if volume.rebalance is not None:
        facts.append(
            _Fact(one_line(volume.rebalance.type, _LONGEST), one_line(volume.rebalance.status, _LONGEST))
        )
    if volume.quota:
        over = sum(1 for limit in volume.quota if limit.exceeded)
        words = f"{len(volume.quota)} limits" + (f", {over} exceeded" if over else "")
        facts.append(_Fact("quota", words, _BAD if over else ""))
    hung = [mount for mount in volume.mounts if not mount.answered]
    if volume.mounts:
        words = f"{len(volume.mounts)} on this node" + (f", {len(hung)} hung" if hung else "")
        facts.append(_Fact("mounts", words, _BAD if hung else ""))
    return facts


def _subvolumes(volume: Volume) -> List[_Subvolume]:
    """The bricks in groups, the worst first."""
    if volume.heals:
        groups = [_subvolume(each, number, volume) for number, each in enumerate(volume.subvolumes, 1)]
        return sorted(groups, key=lambda each: _WORST_FIRST.index(each.tone))
    # Lone bricks, or such as make no sets: each stands for itself.
    bricks = _bricks(volume.bricks, volume)
    if len(bricks) <= _FEW_BRICKS:
        return [_Subvolume("bricks", "", _GOOD, bricks)] if bricks else []
    ill = tuple(brick for brick in bricks if brick.state.tone in (_BAD, _UNKNOWN))
    well = tuple(brick for brick in bricks if brick not in ill)
    groups = [_Subvolume("bricks", f"{len(ill)} with a problem", _BAD, ill)] if ill else []
    return [*groups, _Subvolume("bricks", "", _GOOD, well)] if well else groups


def _bricks(bricks: Sequence[Brick], volume: Volume) -> Tuple[_Brick, ...]:
    shown = [_brick(brick, volume) for brick in bricks]
    return tuple(sorted(shown, key=lambda brick: _WORST_FIRST.index(brick.state.tone)))


def _subvolume(subvolume: Subvolume, number: int, volume: Volume) -> _Subvolume:
    kind = {"replicate": "replica set", "disperse": "disperse set", "distribute": "brick"}[subvolume.type]
    name = f"{kind} {number}" if len(volume.subvolumes) > 1 else kind
    status = subvolume_status(subvolume, volume)
    trouble = (
        "" if status in ("healthy", "stopped") else _VOLUME[status].word if status in _VOLUME else status
    )
    up, size = subvolume.up, len(subvolume.bricks)
    if status in ("degraded", "no quorum") and up is not None and up < size:
        trouble = f"{up} of {size} up" + (", no quorum" if status == "no quorum" else "")
    return _Subvolume(name, trouble, _SUBVOLUME[status], _bricks(subvolume.bricks, volume))


def _brick(brick: Brick, volume: Volume) -> _Brick:
    status = brick_status(brick, volume)
    state = _BRICK[status]
    notes = [] if status in ("online", "healing", "stopped") else [state.word]
    if brick.arbiter:
        notes.append("arbiter")
    if brick.heal_pending:
        notes.append(f"{brick.heal_pending} to heal")
    if brick.online and brick.free is not None and not brick.arbiter:
        notes.append(f"{short_size(brick.free)} free")
    return _Brick(state, _name(brick.host), _name(brick.path), ", ".join(notes))


def _peer(peer: Peer) -> _Peer:
    note = ", this node" if peer.local else ""
    if peer.state is not None and not peer.local and peer.state != "Peer in Cluster":
        note += f", {one_line(peer.state, _LONGEST)}"
    return _Peer(_PEER[peer_status(peer)], _name(peer.hostname), note)


def _process(process: Process) -> _Process:
    words = [process.name, process.volume or "", process.path or ""]
    return _Process(
        name=_name(" ".join(word for word in words if word)),
        pid=process.pid,
        memory=short_size(process.rss),
        cpu=_duration(process.cpu_seconds),
        uptime=_duration(process.uptime),
    )


def _name(text: str) -> str:
    return one_line(text, _LONGEST)


def _duration(seconds: float) -> str:
    """*seconds* in the largest unit of which there are two."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
