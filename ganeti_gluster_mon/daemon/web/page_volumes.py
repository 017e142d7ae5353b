"""The volumes of the page: space, figures, and bricks in groups, the worst first.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon.web.page_marks import (
    BAD,
    BRICK_MARKS,
    GOOD,
    HEAL,
    LONGEST_NAME,
    STUCK_MARK,
    SUBVOLUME_TONES,
    UNKNOWN_TONE,
    VOLUME_MARKS,
    WARN,
    WORST_FIRST,
    StatusMark,
    shown_name,
)
from ganeti_gluster_mon.daemon.web.status_band import StatusBand, status_band
from ganeti_gluster_mon.gluster.model import Brick, Subvolume, Volume
from ganeti_gluster_mon.health import CRITICAL, Health, VolumeHealth
from ganeti_gluster_mon.health.bricks import brick_status, subvolume_status
from ganeti_gluster_mon.text import duration_text, one_line, short_size

#: volumes of up to so many bricks are shown with all of them; of larger ones what is well is folded
_FEW_BRICKS = 12
#: codes of problems that colour the bar of a volume's space
_SPACE_CODES = ("VOLUME_FULL", "VOLUME_NEARLY_FULL", "SUBVOLUME_FULL", "SUBVOLUME_NEARLY_FULL")


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
class BrickView:
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
    bricks: Tuple[BrickView, ...]


@dataclass(frozen=True)
class VolumeView:
    name: str
    state: StatusMark
    kind: str
    started: bool
    space: Optional[_Space]
    #: its status in the last 24 hours; None: not recorded
    band: Optional[StatusBand]
    facts: Tuple[_Fact, ...]
    #: the subvolumes that are shown, and those that are well and folded away
    shown: Tuple[_Subvolume, ...]
    folded: Tuple[_Subvolume, ...]
    folded_words: str


def volume_view(volume: Volume, health: Health, letters: Optional[str] = None) -> VolumeView:
    """*volume* as it is shown; *letters*: its status in the last 24 hours, as `VolumeHistory.at` gives it."""
    found = health.volumes[volume.name]
    state = VOLUME_MARKS[found.status]
    if found.is_stuck:
        state = STUCK_MARK
    started = volume.state == "started"
    subvolumes = _subvolumes(volume)
    shown, folded = subvolumes, []
    if len(volume.bricks) > _FEW_BRICKS:
        shown = [each for each in subvolumes if each.trouble]
        folded = [each for each in subvolumes if not each.trouble]
    return VolumeView(
        name=shown_name(volume.name),
        state=state,
        kind=_kind(volume),
        started=started,
        space=_space(volume, found),
        band=None if letters is None else status_band(letters),
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
    tone = BAD if CRITICAL in severities else WARN if severities else GOOD
    return _Space(short_size(space.available), short_size(space.size), percent, tone)


def _facts(volume: Volume) -> List[_Fact]:
    facts = []
    up = volume.up
    if up is None:
        known = sum(1 for brick in volume.bricks if brick.online)
        facts.append(_Fact("bricks", f"{known} online, others not known", UNKNOWN_TONE))
    else:
        tone = BAD if up < len(volume.bricks) else ""
        facts.append(_Fact("bricks", f"{up} of {len(volume.bricks)} online", tone))
    if volume.heals:
        if volume.heal is None:
            facts.append(_Fact("to heal", "not known", UNKNOWN_TONE))
        else:
            left = volume.heal.seconds_left
            words = str(volume.heal.pending) + ("" if left is None else f", about {duration_text(left)} left")
            facts.append(_Fact("to heal", words, HEAL if volume.heal.pending else ""))
            if volume.heal.split_brain:
                facts.append(_Fact("split-brain", str(volume.heal.split_brain), BAD))
    if volume.inodes is not None and volume.inodes.total:
        facts.append(_Fact("files", f"{volume.inodes.used:,} of {volume.inodes.total:,}"))
    if volume.rebalance is not None:
        facts.append(
            _Fact(
                one_line(volume.rebalance.type, LONGEST_NAME), one_line(volume.rebalance.status, LONGEST_NAME)
            )
        )
    if volume.quota:
        over = sum(1 for limit in volume.quota if limit.exceeded)
        words = f"{len(volume.quota)} limits" + (f", {over} exceeded" if over else "")
        facts.append(_Fact("quota", words, BAD if over else ""))
    hung = [mount for mount in volume.mounts if not mount.answered]
    if volume.mounts:
        words = f"{len(volume.mounts)} on this node" + (f", {len(hung)} hung" if hung else "")
        facts.append(_Fact("mounts", words, BAD if hung else ""))
    return facts


def _subvolumes(volume: Volume) -> List[_Subvolume]:
    """The bricks in groups, the worst first."""
    if volume.heals:
        groups = [_subvolume(each, number, volume) for number, each in enumerate(volume.subvolumes, 1)]
        return sorted(groups, key=lambda each: WORST_FIRST.index(each.tone))
    # Lone bricks, or such as make no sets: each stands for itself.
    bricks = _bricks(volume.bricks, volume)
    if len(bricks) <= _FEW_BRICKS:
        return [_Subvolume("bricks", "", GOOD, bricks)] if bricks else []
    ill = tuple(brick for brick in bricks if brick.state.tone in (BAD, UNKNOWN_TONE))
    well = tuple(brick for brick in bricks if brick not in ill)
    groups = [_Subvolume("bricks", f"{len(ill)} with a problem", BAD, ill)] if ill else []
    return [*groups, _Subvolume("bricks", "", GOOD, well)] if well else groups


def _bricks(bricks: Sequence[Brick], volume: Volume) -> Tuple[BrickView, ...]:
    shown = [brick_view(brick, volume) for brick in bricks]
    return tuple(sorted(shown, key=lambda brick: WORST_FIRST.index(brick.state.tone)))


def _subvolume(subvolume: Subvolume, number: int, volume: Volume) -> _Subvolume:
    kind = {"replicate": "replica set", "disperse": "disperse set", "distribute": "brick"}[subvolume.type]
    name = f"{kind} {number}" if len(volume.subvolumes) > 1 else kind
    status = subvolume_status(subvolume, volume)
    trouble = (
        ""
        if status in ("healthy", "stopped")
        else VOLUME_MARKS[status].word
        if status in VOLUME_MARKS
        else status
    )
    up, size = subvolume.up, len(subvolume.bricks)
    if status in ("degraded", "no quorum") and up is not None and up < size:
        trouble = f"{up} of {size} up" + (", no quorum" if status == "no quorum" else "")
    return _Subvolume(name, trouble, SUBVOLUME_TONES[status], _bricks(subvolume.bricks, volume))


def brick_view(brick: Brick, volume: Volume) -> BrickView:
    status = brick_status(brick, volume)
    state = BRICK_MARKS[status]
    notes = [] if status in ("online", "healing", "stopped") else [state.word]
    if brick.arbiter:
        notes.append("arbiter")
    if brick.heal_pending:
        notes.append(f"{brick.heal_pending} to heal")
    if brick.online and brick.free is not None and not brick.arbiter:
        notes.append(f"{short_size(brick.free)} free")
    return BrickView(state, shown_name(brick.host), shown_name(brick.path), ", ".join(notes))
