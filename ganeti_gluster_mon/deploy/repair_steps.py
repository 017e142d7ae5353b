"""Steps that repair what a volume that exists has lost on a node: the mount of a brick, its line in /etc/fstab.

Nothing is formatted here, and a brick is only mounted from where it was: by its line in /etc/fstab or, where that is
gone, by the UUID that was recorded on the mount point when the brick was made (`RECORD`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import fstab, gluster_cli
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.brick_filesystems import RECORD
from ganeti_gluster_mon.text import one_line

#: filesystems that /etc/fstab mounts; others (zfs, btrfs subvolumes) are mounted by other means and left alone
_BY_FSTAB = ("xfs", "ext4")

#: it takes the path of a brick and prints where it is: {"point": mount point of the filesystem that holds it, or would,
#: "real_point": the same where symlinks in the path are followed, "real": what each directory above it leads to,
#: "source": device, "type": filesystem, "uuid": of the filesystem or null, "volume_id": hexadecimal or null,
#: "error": why that cannot be read, "there": whether there is something at that path, "indexed": whether it has
#: .glusterfs, as a brick that ran has, "pid": of the brick's process or null, "recorded": [[directory, UUID, device or
#: null], …] on directories above it}
_PROBE = """
import errno, json, os, re, subprocess, sys
path = sys.argv[1]
def run(*argv):
    try:
        found = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, timeout=15)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.decode().strip() or None
def plain(text):
    return re.sub(r"\\\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)
found = {"point": "/", "source": "", "type": "", "volume_id": None, "error": None, "recorded": [], "pid": None}
above, found["real"], found["real_point"] = path, {}, "/"
while above != "/":
    found["real"][above] = os.path.realpath(above)
    above = os.path.dirname(above)
with open("/proc/self/mountinfo") as file:
    for line in file:
        words = line.split()
        point = plain(words[4])
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found["point"]):
            after = words[words.index("-") + 1:]
            found.update(point=point, type=after[0], source=plain(after[1]))
        if (found["real"].get(path, path) + "/").startswith(point.rstrip("/") + "/"):
            found["real_point"] = max(point, found["real_point"], key=len)
try:
    found["volume_id"] = os.getxattr(path, "trusted.glusterfs.volume-id", follow_symlinks=False).hex()
except OSError as err:
    if err.errno not in (errno.ENOENT, errno.ENODATA):
        found["error"] = err.strerror
found["uuid"] = run("blkid", "-p", "-o", "value", "-s", "UUID", found["source"]) if found["point"] != "/" else None
found["there"] = os.path.lexists(path)
found["indexed"] = os.path.isdir(os.path.join(path, ".glusterfs"))
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open("/proc/" + pid + "/cmdline", "rb") as file:
            words = file.read().split(b"\\0")
    except OSError:
        continue
    if (b"--brick-name", os.fsencode(path)) in zip(words, words[1:]):
        found["pid"] = int(pid)
above = os.path.dirname(path)
while above != "/":
    try:
        uuid = os.getxattr(above, "%s", follow_symlinks=False).decode("ascii", "replace")
        found["recorded"].append([above, uuid, run("findfs", "UUID=" + uuid)])
    except OSError:
        pass
    above = os.path.dirname(above)
print(json.dumps(found))
""".replace("%s", RECORD)


@dataclass(frozen=True)
class Found:
    """Where a brick is, or would be."""

    #: the mount point of the filesystem that has the path of the brick on it
    point: str
    source: str
    type: str
    uuid: Optional[str]
    #: of the brick's directory, hexadecimal without dashes; None: it has none, or is not there
    volume_id: Optional[str]
    #: why that could not be read
    error: Optional[str]
    #: whether there is something at its path
    there: bool
    #: whether its directory has .glusterfs
    indexed: bool
    #: of the brick's process; None: none runs
    pid: Optional[int]
    #: directories above it, the nearest first, with the UUID of the filesystem that belongs there and its device
    recorded: Tuple[Tuple[str, str, Optional[str]], ...]
    #: as `point`, where symlinks in the path are followed
    real_point: str
    #: what each directory above it leads to
    real: Mapping[str, str]


@dataclass(frozen=True)
class RestartGlusterd(Step):
    """A glusterd that answers again."""

    #: why it was found not to answer, with what can be done
    fault: str

    @property
    def description(self) -> str:
        return "glusterd answers"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.node, gluster_cli.POOL_LIST, timeout=15.0),
            NodeQuery(self.node, ("test", "-d", "/run/systemd/system")),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        try:
            gluster_cli.peers(answers[0])
        except PreconditionFailed:
            if answers[1].status:  # without systemd it is not known how it is started
                raise PreconditionFailed(self.fault) from None
            return (Command(self.node, ("systemctl", "restart", "glusterd.service"), timeout=150.0),)
        return DONE


@dataclass(frozen=True)
class RecordMountPoint(Step):
    """A mount point that shows which filesystem belongs there, should its line in /etc/fstab be lost."""

    mount_point: str
    uuid: str

    @property
    def description(self) -> str:
        return f"the mount point {self.mount_point}, with the UUID of its filesystem recorded on it"

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = (
            ("findmnt", "--noheadings", "--output", "TARGET", "--mountpoint", self.mount_point),
            ("getfattr", "--absolute-names", "-h", "--only-values", "-n", RECORD, "--", self.mount_point),
        )
        return tuple(NodeQuery(self.node, argv) for argv in queried)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        mounted, recorded = answers
        if not mounted.status:
            return DONE  # the directory below the mount cannot be read
        if not recorded.status and recorded.stdout == self.uuid:
            return DONE
        return (
            Command(self.node, ("mkdir", "--parents", self.mount_point)),
            Command(self.node, ("setfattr", "-n", RECORD, "-v", self.uuid, "--", self.mount_point)),
        )


@dataclass(frozen=True)
class BrickMounted(Step):
    """A brick of a volume that exists, with its filesystem mounted now and at every boot."""

    path: str
    volume: str
    volume_id: str

    @property
    def description(self) -> str:
        return f"brick {self.path} of {self.volume} mounted, now and at every boot"

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = (
            ("cat", fstab.PATH),
            ("test", "-d", "/run/systemd/system"),
        )
        return (brick_query(self.node, self.path), *(NodeQuery(self.node, argv) for argv in queried))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = understand(self.node, answers[0])
        table, systemd = answers[1], answers[2].status == 0
        entries = fstab.entries(table.stdout)
        brick = BrickAddress(self.node, self.path).label
        entry = self._entry(entries)
        place = next((one for one in found.recorded if len(one[0]) > len(found.point)), None)
        if found.volume_id == self.volume_id.replace("-", ""):
            # `volume start force` writes the id on an empty mount point, and may then start the brick there
            point = unmounted(found, table, self.path)
            if point is None:
                return self._kept(found, table, entries, systemd)
            if found.indexed:
                raise PreconditionFailed(
                    ran_below(BrickAddress(self.node, self.path), self.node, self.volume, point, found.point)
                )
            if found.pid is not None:
                raise PreconditionFailed(
                    f"{brick}: its process runs on {found.point}, and its filesystem is not mounted at {point}: end "
                    f"the process on {self.node} (kill {found.pid}), then run this command again"
                )
            if entry is not None:
                return self._mount(entry.mount_point)
        anew = f"gnt-gluster replace-brick {self.volume} {brick} {self.node} --device DEVICE"
        if found.error is not None:
            raise PreconditionFailed(
                f"{brick} cannot be read ({one_line(found.error)}): if its disk has failed: {anew}"
            )
        if found.volume_id not in (None, self.volume_id.replace("-", "")):
            raise PreconditionFailed(
                f"{brick} belongs to another volume (its id is {found.volume_id}), and {self.volume} has a brick "
                f"there: mount the filesystem of the brick at {found.point}; if it is gone: {anew}"
            )
        if entry is not None and entry.mount_point != found.point:
            return self._mount(entry.mount_point)
        if entry is None and place is not None:
            point, uuid, device = place
            if device is None:
                raise PreconditionFailed(
                    f"{brick}: its disk, with the filesystem {one_line(uuid, 80)}, is not there: {anew}"
                )
            return (*self._append(table, uuid, point, "xfs", systemd), *self._mount(point))
        where = f"{found.point} is mounted" if found.point != "/" else "nothing is mounted there"
        raise PreconditionFailed(
            f"{brick} is not there ({where}, and {fstab.PATH} has "
            f"{'no line for it' if entry is None else 'that for it'}): mount its filesystem where it was; "
            f"if that is gone: {anew}"
        )

    def _kept(
        self, found: Found, table: CommandResult, entries: Sequence[fstab.Entry], systemd: bool
    ) -> Remaining:
        """The line in /etc/fstab of a brick that is mounted."""
        if found.point == "/" or found.type not in _BY_FSTAB or found.uuid is None:
            return DONE
        lines = [one for one in entries if one.mount_point == found.point]
        if not lines:
            return self._append(table, found.uuid, found.point, found.type, systemd)
        other = [
            one for one in lines if one.source.startswith("UUID=") and one.source != f"UUID={found.uuid}"
        ]
        if other:
            raise PreconditionFailed(
                f"{self.node}: {fstab.PATH} has {one_line(other[0].source)} for {found.point}, and the brick that is "
                f"mounted there is on UUID={found.uuid}: put that right, or the next boot mounts another one"
            )
        return DONE

    def _entry(self, entries: Sequence[fstab.Entry]) -> Optional[fstab.Entry]:
        """The line for the filesystem that has the brick on it."""
        above = [
            one
            for one in entries
            if one.mount_point != "/" and f"{self.path}/".startswith(f"{one.mount_point}/")
        ]
        return max(above, key=lambda one: len(one.mount_point)) if above else None

    def _append(
        self, table: CommandResult, uuid: str, point: str, kind: str, systemd: bool
    ) -> Tuple[Command, ...]:
        if table.status:
            raise PreconditionFailed(f"{self.node}: {fstab.PATH} cannot be read: {table.reason}")
        return fstab_commands(self.node, table.stdout, fstab.line(uuid, point, kind), systemd)

    def _mount(self, point: str) -> Tuple[Command, ...]:
        return (Command(self.node, ("mkdir", "--parents", point)), Command(self.node, ("mount", point)))


def unmounted(found: Found, table: CommandResult, path: str) -> Optional[str]:
    """The mount point of the filesystem that the brick at *path* belongs on, where that is not mounted; else None.

    It is known by /etc/fstab (*table*), and by the record on the mount point.
    """
    belongs: List[str] = [point for point, _, _ in found.recorded]
    if not table.status:
        belongs += [entry.mount_point for entry in fstab.entries(table.stdout)]
    for point in belongs:
        # mount(8) follows symlinks in the mount point
        real = found.real.get(point.rstrip("/"), point)
        if f"{path}/".startswith(f"{point.rstrip('/')}/") and len(real) > len(found.real_point):
            return point
    return None


def ran_below(brick: BrickAddress, node: str, volume: str, point: str, below: str) -> str:
    """Why *brick* is neither started nor mounted over where it has run on the filesystem *below* its mount *point*.

    What it took there is not pending on the other bricks, so its own files would be old without a sign of it.
    """
    shown = one_line(point, 100)
    return (
        f"{brick.label}: {shown} is not mounted, and a brick has run on the filesystem below ({below}): if it has "
        f"written there since {shown} was mounted last, its own files are old and Gluster does not know that: "
        f"gnt-gluster replace-brick {volume} {brick.label} {node} --device DEVICE --wipe {node}:DEVICE; if it has not: "
        f"move {brick.path} aside, mount {shown}, then gnt-gluster repair {volume}"
    )


def fstab_commands(node: str, table: str, line: str, systemd: bool) -> Tuple[Command, ...]:
    """The commands that append *line* to /etc/fstab, whose text is *table*."""
    start = "" if table.endswith("\n") or not table else "\n"
    commands: List[Command] = [
        Command(node, ("tee", "--append", fstab.PATH), f"{start}{line}\n"),
        Command(node, ("sync", fstab.PATH)),
    ]
    if systemd:
        commands.append(Command(node, ("systemctl", "daemon-reload")))
    return tuple(commands)


def brick_query(node: str, path: str) -> NodeQuery:
    """The query whose answer `understand` takes: where the brick *path* of *node* is."""
    return NodeQuery(node, ("python3", "-I", "-S", "-c", _PROBE, path))


def understand(node: str, reply: CommandResult) -> Found:
    """What the probe found.  Raises PreconditionFailed where it found nothing."""
    try:
        parsed: Any = json.loads(reply.stdout)
        return Found(
            point=str(parsed["point"]),
            source=str(parsed["source"]),
            type=str(parsed["type"]),
            uuid=parsed["uuid"],
            volume_id=parsed["volume_id"],
            error=parsed["error"],
            there=bool(parsed["there"]),
            indexed=bool(parsed["indexed"]),
            pid=parsed["pid"],
            recorded=tuple((str(point), str(uuid), device) for point, uuid, device in parsed["recorded"]),
            real_point=str(parsed.get("real_point", parsed["point"])),
            real={str(name): str(real) for name, real in parsed.get("real", {}).items()},
        )
    except (ValueError, KeyError, TypeError) as err:
        raise PreconditionFailed(f"{node}: the mounts of the bricks are not known: {reply.reason}") from err
