"""Steps on Ganeti's side, after which ``gnt-instance add -t gluster`` works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

from ganeti_gluster_mon.deploy import ganeti_said
from ganeti_gluster_mon.deploy.ganeti_said import CONFIGURATION, TEMPLATE
from ganeti_gluster_mon.deploy.step import DONE, Command, Left, NotSo, Question, Step
from ganeti_gluster_mon.ganeti.ssh import Said
from ganeti_gluster_mon.words import some

#: directories under which Ganeti may keep disks that are files; on every node
PATHS = "/etc/ganeti/file-storage-paths"

_MODIFY_TIMEOUT = 180.0


@dataclass(frozen=True)
class AllowDirectory(Step):
    """Ganeti may keep disks in *directory* on a node."""

    directory: str

    @property
    def words(self) -> str:
        return f"Ganeti may have disks in {self.directory}"

    def questions(self) -> Tuple[Question, ...]:
        return (Question(self.node, ("cat", PATHS)),)

    def left(self, answers: Sequence[Said]) -> Left:
        text = answers[0].out
        if self.directory in (line.strip().rstrip("/") for line in text.splitlines()):
            return DONE
        line = ("" if text.endswith("\n") or not text else "\n") + f"{self.directory}\n"
        make = () if not answers[0].status else (Command(self.node, ("mkdir", "--parents", "/etc/ganeti")),)
        return (*make, Command(self.node, ("tee", "--append", PATHS), line))


@dataclass(frozen=True)
class EnableTemplate(Step):
    """The disk template gluster, on a volume; *node* is the master."""

    host: str
    port: int
    volume: str
    #: "userspace" (QEMU speaks to Gluster itself) or "kernelspace" (by a FUSE mount)
    access: str

    @property
    def words(self) -> str:
        return f"Ganeti's disk template {TEMPLATE} on {self.volume}, {self.access}"

    @property
    def wanted(self) -> Tuple[Tuple[str, str], ...]:
        """The disk parameters."""
        return (
            ("host", self.host),
            ("port", str(self.port)),
            ("volume", self.volume),
            ("access", self.access),
        )

    def questions(self) -> Tuple[Question, ...]:
        return (Question(self.node, CONFIGURATION),)

    def left(self, answers: Sequence[Said]) -> Left:
        found = ganeti_said.settings(answers[0])
        now = found.parameters["volume"]
        users = [use.instance for use in found.uses if use.volume == now]
        if TEMPLATE in found.enabled and now != self.volume and users:
            raise NotSo(
                f"Ganeti's gluster disks are on volume {now}, of {some(users, 3)}: to say another would lose them; "
                f"make this one with gnt-gluster create-volume, and set it for a node group: gnt-group modify -D"
            )
        words = []
        if TEMPLATE not in found.enabled:
            words.append(f"--enabled-disk-templates={','.join((*found.enabled, TEMPLATE))}")
        if TEMPLATE not in found.allowed:
            words.append(f"--ipolicy-disk-templates={','.join((*found.allowed, TEMPLATE))}")
        if any(found.parameters.get(name) != value for name, value in self.wanted):
            pairs = ",".join(f"{name}={value}" for name, value in self.wanted)
            words.append(f"--disk-parameters={TEMPLATE}:{pairs}")
        if not words:
            return DONE
        return (Command(self.node, ("gnt-cluster", "modify", *words), timeout=_MODIFY_TIMEOUT),)
