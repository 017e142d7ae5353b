"""A step of a plan: it looks, says what is left to do, and looks again.

A step is frozen and does nothing itself.  It names read-only commands, and from what they said it tells,
purely, which commands are left to be run, or that it is done.  So a plan can be shown without being done
(``--dry-run``), and done again after whatever became of it the first time.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti.ssh import CommandResult

#: commands that are left to do; without any, something is waited for; None: the step is done
Remaining = Optional[Tuple["Command", ...]]

DONE: Remaining = None
WAIT: Remaining = ()


class PreconditionFailed(CommandError):
    """What a step found is not as it has to be, and it does not change it; one line that says what to do."""


@dataclass(frozen=True)
class Command:
    """A command on a node; no shell ever sees its words."""

    node: str
    argv: Tuple[str, ...]
    #: its standard input
    text: Optional[str] = None
    #: seconds it may take
    timeout: float = 60.0

    def __str__(self) -> str:
        """As one would type it there."""
        line = " ".join(shlex.quote(word) for word in self.argv)
        return line if self.text is None else f"{line} <<'END'\n{self.text.rstrip()}\nEND"


@dataclass(frozen=True)
class NodeQuery:
    """A command that only looks."""

    node: str
    argv: Tuple[str, ...]
    #: seconds it may take
    timeout: float = 20.0


@dataclass(frozen=True)
class Step:
    """What all steps have in common."""

    #: where it mostly happens
    node: str

    @property
    def words(self) -> str:
        """What it is for, in an administrator's words: "an xfs filesystem on /dev/vdb"."""
        raise NotImplementedError

    @property
    def effect_timeout(self) -> float:
        """Seconds that its effect may take after its commands."""
        return 10.0

    @property
    def readings(self) -> int:
        """How many times, one after the other, its questions have to show that it is done."""
        return 1

    def queries(self) -> Tuple[NodeQuery, ...]:
        """What has to be asked to know how far it is."""
        raise NotImplementedError

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        """What is left to do by the *answers* to its questions.  Raises PreconditionFailed."""
        raise NotImplementedError

    def kick(self) -> Tuple[Command, ...]:
        """What helps on what is waited for; it is run whenever nothing has changed for some seconds.

        That such a command fails is no matter: then nothing changes, and it is run again.
        """
        return ()

    def cure(self, failure: str) -> Tuple[Command, ...]:
        """What has to be run when one of its commands failed with the message *failure*, before the step begins anew.

        It is run once.  (): nothing helps, and the plan stops.
        """
        del failure
        return ()

    def progress(self, answers: Sequence[CommandResult]) -> str:
        """How far it is, for people, where it takes long; "" where there is nothing to tell."""
        del answers
        return ""
