"""Steps that record on the cluster that a node is in maintenance, and that it is not any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssconf import DIRECTORY, PREFIX
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord, moment, tags_of

_TAGS = ("cat", f"{DIRECTORY}/{PREFIX}cluster_tags")
_TIMEOUT = 180.0


@dataclass(frozen=True)
class RecordMaintenance(Step):
    """A node that the cluster knows to be in maintenance."""

    master: str
    record: MaintenanceRecord

    @property
    def description(self) -> str:
        return f"recorded as in maintenance, its problems muted until {moment(self.record.until)}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.master, _TAGS),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = tags_of(_tags(answers[0], self.master), self.node)
        # the new one first: a command that is killed in between leaves the node in maintenance
        missing = () if self.record.tag in found else (_change(self.master, "add-tags", (self.record.tag,)),)
        old = tuple(tag for tag in found if tag != self.record.tag)
        return (*missing, *((_change(self.master, "remove-tags", old),) if old else ())) or DONE


@dataclass(frozen=True)
class ForgetMaintenance(Step):
    """A node that the cluster does not know to be in maintenance any more."""

    master: str

    @property
    def description(self) -> str:
        return "not recorded as in maintenance any more"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.master, _TAGS),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = tags_of(_tags(answers[0], self.master), self.node)
        return (_change(self.master, "remove-tags", found),) if found else DONE


def _change(master: str, verb: str, tags: Sequence[str]) -> Command:
    return Command(master, ("gnt-cluster", verb, *tags), timeout=_TIMEOUT)


def _tags(reply: CommandResult, master: str) -> Tuple[str, ...]:
    if reply.status:
        raise PreconditionFailed(f"{master}: the tags of the cluster cannot be read: {reply.reason}")
    return tuple(reply.stdout.split())
