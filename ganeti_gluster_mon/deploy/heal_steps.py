"""Steps that see a new brick to its end: a full heal, nothing pending on any copy, the same entries as its copies.

Only all three together prove that a new brick holds what it should.  A count of 0 alone does not: right after
``replace-brick`` the self-heal daemons are not connected to the new brick yet, and what they have not looked at they do
not count.  A full crawl alone does not: it walks over the brick of one node, perhaps the new one, which is empty.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli, self_heal
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.remote import brick_contents, program, root_version
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import HealCount
from ganeti_gluster_mon.text import one_line, some

#: seconds without any progress, after which the command ends; a guest's disk of 2 TB counts as one entry for as long
#: as it takes
_NO_PROGRESS = 6 * 3600.0
#: seconds that counting the entries of a brick may take, and that bricks may differ when nothing is pending any more
COUNT_TIMEOUT, _DIFFERENT = 600.0, 1800.0

_READINGS = 3

#: what to do about a brick that a heal waits for
_REPAIR = "gnt-gluster repair {} starts it, or names what a dead disk needs"

#: the versions of a file or directory of a disperse volume: of its data or entries, and of its attributes
_VERSION = "trusted.ec.version"

#: `volume heal` fails so while a self-heal daemon is not connected to a brick, for some seconds after its start: that
#: of another node, and that of the node where the command runs
OTHER_DAEMON_FAILED, OWN_DAEMON_FAILED = "Commit failed on", "Mgmt brick op 'Heal' failed"
_NOT_CONNECTED_YET = f"{OTHER_DAEMON_FAILED}|{OWN_DAEMON_FAILED}"


def heal_command(node: str, volume: str, *words: str) -> Command:
    """A round of healing, or with "full" a crawl over whole bricks; it waits until the daemons are connected."""
    return replace(gluster(node, "volume", "heal", volume, *words), transient=_NOT_CONNECTED_YET)


@dataclass(frozen=True)
class FullHeal(Step):
    """A crawl of the self-heal daemons over a replicated volume, begun when they were connected to all *bricks*."""

    volume: str
    bricks: Tuple[BrickAddress, ...]
    #: crawls that are over and are not this one
    before: Tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"a full heal of {self.volume} completed"

    @property
    def effect_timeout(self) -> float:
        return _NO_PROGRESS

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.node, self_heal.heal_count(self.volume)),
            NodeQuery(self.node, self_heal.statistics(self.volume)),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        crawls = self_heal.crawls(answers[1])
        if not_connected(answers[0], self.bricks) or crawls is None or crawls.running:
            return WAIT
        if set(crawls.ended) - set(self.before):
            return DONE
        return (heal_command(self.node, self.volume, "full"),)

    def kick(self) -> Tuple[Command, ...]:
        """Start the self-heal daemons of the volume, should one not run.  It does nothing to those that run."""
        return (gluster(self.node, "volume", "start", self.volume, "force"),)

    def progress(self, answers: Sequence[CommandResult]) -> str:
        if answers[0].status:
            return f"the self-heal daemons do not answer: {answers[0].reason}"
        away = not_connected(answers[0], self.bricks)
        if away:
            return f"the self-heal daemons are not connected to {some(away, 2)}"
        if self.remaining(answers) is not WAIT:
            return ""
        pending = self_heal.pending(answers[0])
        # the number also shows that a crawl of many hours goes on
        return "the crawl is in progress" + (f", {pending} entries to heal" if pending is not None else "")

    def blocked(self, answers: Sequence[CommandResult]) -> str:
        """A brick that the self-heal daemons cannot reach."""
        known = self_heal.connected(answers[0]) is not None
        away = not_connected(answers[0], self.bricks) if known else ()
        return (
            f"the self-heal daemons are not connected to {some(away, 2)}: {_REPAIR.format(self.volume)}"
            if away
            else ""
        )


@dataclass(frozen=True)
class RootVersion(Step):
    """The root of a disperse volume has a version above 0 on each of *bricks*, those that stay.

    By the version the self-heal daemons know that a new brick lacks what others have: it begins with 0.  The root of a
    volume may have 0 on all of them: a client writes the version about a second after a change, or never where it is
    unmounted before (measured with Gluster 10.3, docs/gluster.md).  Then a new brick would stay empty, and heal info
    would count 0 entries.
    """

    volume: str
    bricks: Tuple[BrickAddress, ...]
    #: seconds after a change in which a client writes the version: disperse.other-eager-lock-timeout
    lock_timeout: float = 1.0

    @property
    def description(self) -> str:
        return f"a version of the root of {self.volume}, by which a new brick heals"

    def queries(self) -> Tuple[NodeQuery, ...]:
        argv = ("getfattr", "--absolute-names", f"--name={_VERSION}", "--encoding=hex", "--")
        return tuple(NodeQuery(brick.node, (*argv, brick.path)) for brick in self.bricks)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        if all(_version(answer) > 0 for answer in answers):
            return DONE
        seconds = self.lock_timeout + 2
        return (Command(self.node, program(root_version, self.volume, f"{seconds:g}"), timeout=seconds + 90),)


@dataclass(frozen=True)
class Healed(Step):
    """Nothing is pending on any brick of a set, in several readings one after the other."""

    volume: str
    #: those of one set, which hold the same
    bricks: Tuple[BrickAddress, ...]
    #: whether they are copies; the daemons of other volumes do not list the bricks they are connected to
    replicated: bool = True

    @property
    def description(self) -> str:
        return f"{self.volume} healed"

    @property
    def effect_timeout(self) -> float:
        return _NO_PROGRESS

    @property
    def readings(self) -> int:
        return _READINGS

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = [gluster_cli.heal(self.volume)]
        if self.replicated:
            queried.append(self_heal.heal_count(self.volume))
        return tuple(NodeQuery(self.node, argv) for argv in queried)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        counts = _counts(answers[0], self.bricks)
        split = sum(count.split_brain or 0 for count in counts)
        if split:
            raise PreconditionFailed(
                f"{self.volume}: {split} entries in split-brain, which do not heal by themselves: "
                f"gluster volume heal {self.volume} info split-brain"
            )
        if self.replicated and not_connected(answers[1], self.bricks):
            return WAIT
        return DONE if _nothing_pending(counts, self.bricks) else WAIT

    def kick(self) -> Tuple[Command, ...]:
        """A round of healing now.

        The daemons begin by themselves when a brick appears.  What they could not heal in that round, its directory
        not being there yet or a lock being held, would wait ten minutes for the next.
        """
        return (gluster(self.node, "volume", "heal", self.volume),)

    def progress(self, answers: Sequence[CommandResult]) -> str:
        counts = _counts(answers[0], self.bricks)
        if not counts:
            return "how much there is to heal is not known yet"
        away = _not_counted(counts)
        unconnected = not_connected(answers[1], self.bricks) if self.replicated else ()
        pending = max((count.pending or 0) for count in counts)
        return (
            f"{pending} entries to heal"
            + (f", {some(away, 2)} cannot be queried yet" if away else "")
            + (f", the self-heal daemons are not connected to {some(unconnected, 2)}" if unconnected else "")
        )

    def blocked(self, answers: Sequence[CommandResult]) -> str:
        """A brick that went offline while it is healed, or from which it is healed."""
        return _not_online(self.volume, _counts(answers[0], self.bricks))


@dataclass(frozen=True)
class SameEntries(Step):
    """A new brick that has the same entries as each of its copies, while nothing is pending."""

    volume: str
    new: BrickAddress
    #: the other bricks of its set
    others: Tuple[BrickAddress, ...]

    @property
    def description(self) -> str:
        return f"{self.new.label} verified against the other bricks of its set"

    @property
    def effect_timeout(self) -> float:
        return _DIFFERENT

    def queries(self) -> Tuple[NodeQuery, ...]:
        counted = (
            NodeQuery(brick.node, program(brick_contents, brick.path), COUNT_TIMEOUT)
            for brick in (self.new, *self.others)
        )
        return (NodeQuery(self.node, gluster_cli.heal(self.volume)), *counted)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        counts = _counts(answers[0], (self.new, *self.others))
        new, *others = (entries(answer) for answer in answers[1:])
        same = new is not None and all(other == new for other in others)
        return DONE if same and _nothing_pending(counts, (self.new, *self.others)) else WAIT

    def kick(self) -> Tuple[Command, ...]:
        """Another full heal: it finds what the daemons have no note of."""
        return (gluster(self.node, "volume", "heal", self.volume, "full"),)

    def blocked(self, answers: Sequence[CommandResult]) -> str:
        """A brick that cannot be read, or that went offline."""
        bricks = (self.new, *self.others)
        for brick, answer in zip(bricks, answers[1:]):
            if answer.status:
                return f"{brick.label} cannot be read ({one_line(answer.reason, 200)}): its disk may be dead"
        return _not_online(self.volume, _counts(answers[0], bricks))

    def progress(self, answers: Sequence[CommandResult]) -> str:
        """ "not verified" is what the command ends with where this does not change any more."""
        bricks = (self.new, *self.others)
        parsed: List[str] = []
        for brick, answer in zip(bricks, answers[1:]):
            found = entries(answer)
            parsed.append(
                f"{brick.label} {f'has {found[0]} entries' if found else f'cannot be read ({answer.reason})'}"
            )
        verified = self.remaining(answers) is DONE
        return f"{'verified' if verified else 'not verified'}: {'; '.join(parsed)}"


def _not_counted(counts: Sequence[HealCount]) -> List[str]:
    """The bricks whose entries to heal are not known: `heal info` does not reach them."""
    return [BrickAddress(count.host, count.path).label for count in counts if count.pending is None]


def _not_online(volume: str, counts: Sequence[HealCount]) -> str:
    """What blocks a heal while a brick of *counts* cannot be reached, and what to do; "" where all can."""
    away = _not_counted(counts)
    return f"{some(away, 2)} is not online any more: {_REPAIR.format(volume)}" if away else ""


def entries(answer: CommandResult) -> Optional[Tuple[int, str]]:
    """How many entries a brick has, and the digest of them; None where that is not known."""
    try:
        parsed = json.loads(answer.stdout)
        return int(parsed["entries"]), str(parsed["digest"])
    except (ValueError, KeyError, TypeError):
        return None


def _version(answer: CommandResult) -> int:
    """The version of a directory's entries; 0 where the brick has none, or cannot be read."""
    found = re.search(rf"^{re.escape(_VERSION)}=0x([0-9a-f]{{16}})", answer.stdout, re.MULTILINE)
    return int(found[1], 16) if found else 0


def not_connected(answer: CommandResult, bricks: Sequence[BrickAddress]) -> Tuple[str, ...]:
    """Those of *bricks* that the self-heal daemons do not report to be connected to."""
    found = self_heal.connected(answer) or {}
    return tuple(brick.label for brick in bricks if not found.get(brick.label))


def _counts(answer: CommandResult, bricks: Sequence[BrickAddress]) -> Tuple[HealCount, ...]:
    parsed = gluster_cli.heal_counts(answer) or ()
    return tuple(count for count in parsed if BrickAddress(count.host, count.path) in bricks)


def _nothing_pending(counts: Sequence[HealCount], bricks: Sequence[BrickAddress]) -> bool:
    return len(counts) == len(bricks) and all(count.pending == 0 for count in counts)
