"""Steps that move data to new bricks, and take as long as there is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.step import DONE, WAIT, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.query import rebalance_status
from ganeti_gluster_mon.gluster.validation import Faults, Refused, Unreadable
from ganeti_gluster_mon.gluster.xmlstream import Element, read
from ganeti_gluster_mon.text import short_size

#: seconds without any progress, after which one does not wait any longer; a guest's disk of 2 TB counts as one
#: entry, or one file, for as long as it takes
_STUCK = 6 * 3600.0


@dataclass(frozen=True)
class StartRebalance(Step):
    """A rebalance that was started now, or runs already.

    With *layout_only* no data is moved: new files find the new bricks, and that is all.
    """

    volume: str
    layout_only: bool = False
    #: the id of the one before, which is not this one
    before: Optional[str] = None
    #: whether glusterd calls the one before in progress, though its processes have ended: it takes another start then
    died: bool = False

    @property
    def description(self) -> str:
        if self.died:
            return f"a rebalance of {self.volume} begun; that in progress has no process any more"
        if self.layout_only:
            return f"new files of {self.volume} on the new bricks, too"
        return f"a rebalance of {self.volume} begun"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, gluster_cli.gluster_argv(rebalance_status(self.volume))),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        state = rebalance(answers[0])
        if state is not None and not (self.died and state.id == self.before):
            if state.status == "fix-layout in progress" and not self.layout_only:
                return WAIT  # it is short, and there can be only one at a time
            if state.status.endswith("in progress") or state.id not in (None, self.before):
                return DONE
        words = ("fix-layout", "start") if self.layout_only else ("start",)
        return (gluster(self.node, "volume", "rebalance", self.volume, *words),)


@dataclass(frozen=True)
class Rebalanced(Step):
    """A rebalance that has come to its end."""

    volume: str
    before: Optional[str] = None

    @property
    def description(self) -> str:
        return f"the rebalance of {self.volume} completed"

    @property
    def effect_timeout(self) -> float:
        return _STUCK

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, gluster_cli.gluster_argv(rebalance_status(self.volume))),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        state = rebalance(answers[0])
        if state is None or state.id == self.before or state.status.endswith("in progress"):
            return WAIT
        if state.status.endswith("completed"):
            return DONE
        raise PreconditionFailed(
            f"the rebalance of {self.volume} is {state.status}: see /var/log/glusterfs/{self.volume}-rebalance.log, "
            f"then gnt-gluster rebalance {self.volume}"
        )

    def progress(self, answers: Sequence[CommandResult]) -> str:
        return moved(answers[0])


@dataclass(frozen=True)
class RebalanceState:
    """How a rebalance is."""

    #: "in progress", "completed", …
    status: str
    id: Optional[str]
    #: the hosts on which it is in progress, as glusterd of the node that answered calls them
    busy: Tuple[str, ...] = ()


def rebalance(reply: CommandResult) -> Optional[RebalanceState]:
    """The rebalance that runs, or ran last; None where there was none, or where it is not known."""
    try:
        parsed = parse.rebalance_status(gluster_cli.output(reply)).facts
    except (Refused, Unreadable, PreconditionFailed):
        return None
    busy = tuple(node.host for node in parsed.nodes if node.status.endswith("in progress"))
    return RebalanceState(parsed.status, parsed.id, busy)


def has_moved_all(reply: CommandResult) -> bool:
    """Whether a rebalance failed at no file and skipped none; False also where that is not known."""
    total = Element(texts=frozenset({"skipped", "failures"}))
    try:
        answer = read(
            gluster_cli.output(reply), "volRebalance", Element(children={"aggregate": total}), Faults()
        )
        texts = answer.children["aggregate"][0].texts
        return int(texts["skipped"]) == int(texts["failures"]) == 0
    except (Refused, Unreadable, PreconditionFailed, LookupError, ValueError):
        return False


def moved(reply: CommandResult) -> str:
    """What a rebalance has moved so far, over all nodes."""
    total = Element(texts=frozenset({"files", "size", "lookups", "failures"}))
    try:
        answer = read(
            gluster_cli.output(reply), "volRebalance", Element(children={"aggregate": total}), Faults()
        )
        texts = answer.children["aggregate"][0].texts
        files, size, surveyed, failed = (
            int(texts[name]) for name in ("files", "size", "lookups", "failures")
        )
    except (Refused, Unreadable, PreconditionFailed, LookupError, ValueError):
        return "how far it is is not known yet"
    return f"{surveyed} files looked at, {files} moved, {short_size(size)}" + (
        f", {failed} failed" if failed else ""
    )
