"""Steps on Ganeti's side, after which ``gnt-instance add -t gluster`` works."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.configuration import (
    FILE,
    GLUSTER,
    Configuration,
    DiskParameters,
    NoConfiguration,
    parse_configuration,
)
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import some

#: directories under which Ganeti may keep disks that are files; on every node
PATHS = "/etc/ganeti/file-storage-paths"

#: the configuration, on the master
CONFIGURATION = ("cat", FILE)

_MODIFY_TIMEOUT = 180.0


@dataclass(frozen=True)
class AllowDirectory(Step):
    """Ganeti may keep disks in *directory* on a node."""

    directory: str

    @property
    def description(self) -> str:
        return f"Ganeti may have disks in {self.directory}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, ("cat", PATHS)),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        text = answers[0].stdout
        if self.directory in (line.strip().rstrip("/") for line in text.splitlines()):
            return DONE
        line = ("" if text.endswith("\n") or not text else "\n") + f"{self.directory}\n"
        make = () if not answers[0].status else (Command(self.node, ("mkdir", "--parents", "/etc/ganeti")),)
        return (*make, Command(self.node, ("tee", "--append", PATHS), line))


@dataclass(frozen=True)
class EnableTemplate(Step):
    """The disk template gluster, on a volume; *node* is the master.

    The parameters of disks that exist are never changed: running guests have their disks open by them.
    """

    #: whom new disks begin with
    host: str
    port: int
    volume: str
    #: "userspace" (QEMU speaks to Gluster itself) or "kernelspace" (by a FUSE mount); None: as it is, or "userspace"
    access: Optional[str]

    @property
    def description(self) -> str:
        return f"Ganeti's disk template {GLUSTER} on {self.volume}" + (
            f", {self.access}" if self.access else ""
        )

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, CONFIGURATION),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = configuration(answers[0])
        mine = [one for one in found.parameters if one.volume == self.volume]
        disks = [disk for disk in found.disks if disk.template == GLUSTER]
        wanted = None
        if not mine and disks:
            users = some(list(dict.fromkeys(disk.instance for disk in disks)), 3)
            raise PreconditionFailed(
                f"Ganeti's gluster disks are on volume {disks[0].volume}, of {users}: another volume would lose them; "
                f"make this one with gnt-gluster create-volume, and set it for a node group: gnt-group modify -D"
            )
        if disks:
            self._must_have_access(mine)
        else:
            wanted = self._parameters(found, mine)
        words = []
        enabled, allowed = found.enabled_disk_templates, found.allowed_disk_templates
        if GLUSTER not in enabled:
            words.append(f"--enabled-disk-templates={','.join((*enabled, GLUSTER))}")
        if GLUSTER not in allowed:
            words.append(f"--ipolicy-disk-templates={','.join((*allowed, GLUSTER))}")
        if wanted is not None:
            words.append(f"--disk-parameters={GLUSTER}:{wanted}")
        if not words:
            return DONE
        return (Command(self.node, ("gnt-cluster", "modify", *words), timeout=_MODIFY_TIMEOUT),)

    def _must_have_access(self, mine: Sequence[DiskParameters]) -> None:
        """Raise PreconditionFailed where disks exist, and another access to them is requested."""
        if self.access is not None and all(one.access != self.access for one in mine):
            raise PreconditionFailed(
                f"Ganeti's gluster disks have access {mine[0].access}, not {self.access}: "
                f"gnt-cluster modify --disk-parameters={GLUSTER}:access={self.access} changes that, and each guest has "
                f"it from its next start; migrate none before"
            )

    def _parameters(self, found: Configuration, mine: Sequence[DiskParameters]) -> Optional[str]:
        """The parameters that have to be set; None: they are as they have to be."""
        set_up = GLUSTER in found.enabled_disk_templates and bool(mine)
        access = self.access or (mine[0].access if set_up else "userspace")
        wanted = (self.host, self.port, self.volume, access)
        if any((one.host, one.port, one.volume, one.access) == wanted for one in mine):
            return None
        return f"host={self.host},port={self.port},volume={self.volume},access={access}"


def configuration(reply: CommandResult) -> Configuration:
    """Ganeti's configuration from the answer to CONFIGURATION.  Raises PreconditionFailed where it cannot be read."""
    if reply.status:
        raise PreconditionFailed(f"Ganeti's configuration cannot be read on the master: {reply.reason}")
    try:
        return parse_configuration(json.loads(reply.stdout))
    except (ValueError, RecursionError, NoConfiguration) as err:
        raise PreconditionFailed(f"Ganeti's configuration cannot be understood: {err}") from err
