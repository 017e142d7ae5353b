"""A step of a plan: its queries, and the commands that remain by the answers.

A step is frozen and runs nothing itself.  It returns read-only queries.  From their answers it derives, purely, the
commands that have to be run, or that it is done.  So a plan can be shown (``--dry-run``), and applied again after an
interruption.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti.ssh import CommandResult

#: the commands that have to be run; empty: wait for their effect; None: the step is done
Remaining = Optional[Tuple["Command", ...]]

DONE: Remaining = None
WAIT: Remaining = ()


class PreconditionFailed(CommandError):
    """A node is in a state that the step does not change; one line with what to do."""


@dataclass(frozen=True)
class Command:
    """A command on a node; it is run without a shell."""

    node: str
    argv: Tuple[str, ...]
    #: its standard input
    text: Optional[str] = None
    #: seconds until it is killed
    timeout: float = 60.0
    #: regular expression of messages of a failure that ends by itself: the command is run again for some time
    transient: str = ""

    def __str__(self) -> str:
        """As one would type it on the node."""
        line = " ".join(shlex.quote(word) for word in self.argv)
        return line if self.text is None else f"{line} <<'END'\n{self.text.rstrip()}\nEND"


@dataclass(frozen=True)
class NodeQuery:
    """A read-only command on a node."""

    node: str
    argv: Tuple[str, ...]
    #: seconds until it is killed
    timeout: float = 20.0


@dataclass(frozen=True)
class Step:
    """The base class of all steps."""

    #: the node that it changes
    node: str

    @property
    def description(self) -> str:
        """The result of the step, for an administrator: "an xfs filesystem on /dev/vdb"."""
        raise NotImplementedError

    @property
    def effect_timeout(self) -> float:
        """Seconds that the effect of its commands may take."""
        return 10.0

    @property
    def readings(self) -> int:
        """How many times, one after the other, its queries have to show that it is done."""
        return 1

    def queries(self) -> Tuple[NodeQuery, ...]:
        """The queries whose answers show how far it is."""
        raise NotImplementedError

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        """What is left to do by the *answers* to its queries.  Raises PreconditionFailed."""
        raise NotImplementedError

    def kick(self) -> Tuple[Command, ...]:
        """Commands that make Gluster go on; they are run when nothing has changed for some seconds.

        A command that fails is ignored: it is run again when nothing changes.
        """
        return ()

    def cure(self, failure: str) -> Tuple[Command, ...]:
        """What has to be run when one of its commands failed with the message *failure*, before the step begins anew.

        It is run once.  (): nothing helps, and the plan stops.
        """
        del failure
        return ()

    def progress(self, answers: Sequence[CommandResult]) -> str:
        """The progress of a step that takes long, for people; "" for none."""
        del answers
        return ""

    def blocked(self, answers: Sequence[CommandResult]) -> str:
        """Why the step cannot come to its end by itself, with what to do; "" where it can.

        The wait for it ends where that stays so for some time.
        """
        del answers
        return ""
