"""Steps on Ganeti's side of a maintenance: a node is drained, and its running instances are migrated away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line, some

#: disk templates whose disks other nodes have, too, so that their instances can migrate (Ganeti's DTS_MIRRORED)
_SHARED = frozenset(("blockdev", "diskless", "ext", "gluster", "rbd", "sharedfile"))
MIGRATABLE = _SHARED | {"drbd"}

#: Ganeti's words for the status of an instance whose process runs, and of one that has none to migrate
_RUNNING = frozenset(("running", "ERROR_up"))
_NOT_RUNNING = frozenset(("ADMIN_down", "ADMIN_offline", "USER_down", "ERROR_down"))

_SEPARATOR = "|"
_LIST = ("--no-headers", f"--separator={_SEPARATOR}")
_QUERY_TIMEOUT = 60.0
#: seconds; a node's state is changed with the locks of all nodes, and jobs of instances may hold those for minutes
_MODIFY_TIMEOUT = 600.0
#: seconds for one instance; Ganeti's job goes on when they are over
_MIGRATE_TIMEOUT = 2 * 3600.0


@dataclass(frozen=True)
class PrimaryInstance:
    """An instance on the node that is its primary."""

    name: str
    template: str
    #: as Ganeti has it: "running"
    status: str

    @property
    def running(self) -> bool:
        """Whether it has a process on the node."""
        return self.status in _RUNNING


@dataclass(frozen=True)
class SetDrained(Step):
    """A node that gets no new instances, or gets them again."""

    master: str
    drained: bool

    @property
    def description(self) -> str:
        return "drained: Ganeti puts no instance there" if self.drained else "not drained any more"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (drained_query(self.master, self.node),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        if is_drained(answers[0], self.node) == self.drained:
            return DONE
        # where it was a master candidate, another node takes that over
        words = ("--drained=yes", "--auto-promote") if self.drained else ("--drained=no",)
        argv = ("gnt-node", "modify", *words, self.node)
        return (Command(self.master, argv, timeout=_MODIFY_TIMEOUT),)


@dataclass(frozen=True)
class MigrateInstances(Step):
    """A node without running instances; they migrate, and are never shut down."""

    master: str
    #: where they go; None: Ganeti's allocator chooses
    target: Optional[str] = None

    @property
    def description(self) -> str:
        return "running instances migrated away"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (instances_query(self.master, self.node),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        running = [one for one in primary_instances(answers[0], self.node) if one.running]
        stuck = [f"{one.name} ({one.template})" for one in running if one.template not in MIGRATABLE]
        if stuck:
            raise PreconditionFailed(
                f"{self.node}: {one_line(some(stuck, 5))} cannot migrate, for no other node has the disks: shut it "
                "down (gnt-instance shutdown), or let all instances stay with --no-migrate"
            )
        return tuple(self._migrate(one) for one in running) or DONE

    def _migrate(self, instance: PrimaryInstance) -> Command:
        to = (
            ()
            if self.target is None or instance.template not in _SHARED
            else (f"--target-node={self.target}",)
        )
        argv = ("gnt-instance", "migrate", "--force", *to, instance.name)
        return Command(self.master, argv, timeout=_MIGRATE_TIMEOUT)

    def progress(self, answers: Sequence[CommandResult]) -> str:
        running = [one.name for one in primary_instances(answers[0], self.node) if one.running]
        return f"still there: {one_line(some(running, 5))}" if running else ""


def drained_query(master: str, node: str) -> NodeQuery:
    """The query whose answer `is_drained` takes."""
    return NodeQuery(master, ("gnt-node", "list", *_LIST, "-o", "name,drained", node), _QUERY_TIMEOUT)


def is_drained(reply: CommandResult, node: str) -> bool:
    """Whether Ganeti has *node* as drained.  Raises PreconditionFailed where it is not known."""
    for line in reply.stdout.splitlines():
        name, _, word = line.strip().partition(_SEPARATOR)
        if name == node and word in ("Y", "N"):
            return word == "Y"
    raise PreconditionFailed(f"it is not known whether {node} is drained: gnt-node list: {reply.reason}")


def instances_query(master: str, node: str) -> NodeQuery:
    """The query whose answer `primary_instances` takes."""
    argv = ("gnt-instance", "list", *_LIST, "-o", "name,disk_template,status", "-F", f'pnode == "{node}"')
    return NodeQuery(master, argv, _QUERY_TIMEOUT)


def primary_instances(reply: CommandResult, node: str) -> Tuple[PrimaryInstance, ...]:
    """The instances whose primary node is *node*.  Raises PreconditionFailed where their state is not known."""
    if reply.status:
        raise PreconditionFailed(
            f"it is not known which instances {node} has: gnt-instance list: {reply.reason}"
        )
    found: List[PrimaryInstance] = []
    for line in reply.stdout.splitlines():
        words = line.strip().split(_SEPARATOR)
        if len(words) != 3 or words[2] not in _RUNNING | _NOT_RUNNING:
            raise PreconditionFailed(
                f"it is not known whether {one_line(words[0], 80)} runs on {node} ({one_line(words[-1], 80)}): "
                "gnt-instance list"
            )
        found.append(PrimaryInstance(*words))
    return tuple(found)
