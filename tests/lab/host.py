"""One host: namespaces over an overlay of a root file system, disks of its own, and what runs on it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from tests.lab import network
from tests.lab.namespaces import Namespaces
from tests.lab.process import PROC, Process, processes_in
from tests.lab.tools import PATH
from tests.lab.waiting import LabError, wait_until

#: bytes
GIB = 1024**3

REPOSITORY = Path(__file__).resolve().parents[2]

#: the root file system of the machine itself
MACHINE = Path("/")
#: of a host's directory: the virtual environment over another root
COMMANDS = "commands"
#: its programs, and the modules that they run
PROGRAMS = {
    "ganeti-gluster-mon": "ganeti_gluster_mon.cli",
    "gnt-gluster": "ganeti_gluster_mon.gnt_gluster",
}

#: directories that are the host's own from the start: path → entries of the machine's that stay, as installed
EMPTIED = {
    "/var/lib/glusterd": ["groups", "hooks"],
    "/var/log/glusterfs": [],
    "/var/lib/ganeti": [],
    "/var/log/ganeti": [],
    "/root/.ssh": [],
    "/mnt": [],
}


#: what the machine's own installation left and no host may share
REMOVED = ["/etc/ssh/ssh_host_*"]

#: The program of geo-replication is renamed: glusterd runs it some twenty times at each start, for 4 s where the
#: processors are busy.  Without it geo-replication is not installed.  `enable_geo_replication` names it back.
GSYNCD = "/usr/lib/*/glusterfs/gsyncd"
RENAMED = {GSYNCD: ".renamed"}


@dataclass(frozen=True)
class Disk:
    """A disk for bricks: a sparse file with a filesystem, mounted at /export/NAME.

    *size* is in bytes. *filesystem* is ext4, btrfs or xfs (which takes 300 MiB at least); "" for a blank disk, which
    is not mounted and is to be found at /disks/NAME, a link to a loop device.
    """

    name: str
    size: int = 2 * GIB
    filesystem: str = "ext4"
    #: bytes; Gluster's extended attributes want 512
    inode_size: int = 512

    def make(self, image: Path) -> None:
        """Write the filesystem to *image*. Raises LabError with mkfs's words."""
        with open(image, "xb") as file:
            file.truncate(self.size)
        if not self.filesystem:
            return
        flags = {
            "ext4": ["-q", "-I", str(self.inode_size)],
            "xfs": ["-q", "-i", f"size={self.inode_size}"],
            "btrfs": ["-q"],
        }[self.filesystem]
        argv = [f"mkfs.{self.filesystem}", *flags, str(image)]
        made = subprocess.run(
            argv, check=False, env={"PATH": PATH}, capture_output=True, text=True, timeout=60
        )
        if made.returncode:
            raise LabError(f"{' '.join(argv)}: {made.stderr.strip()}")


#: what a host has by default, as the hosts of tests/captures had
DISKS = (Disk("b1"), Disk("b2"))


class Host:
    """Host *number* of a lab. A call before start() or after power_off() raises LabError."""

    def __init__(
        self, number: int, directory: Path, disks: Sequence[Disk] = DISKS, root: Path = MACHINE
    ) -> None:
        self.number = number
        self.name = network.hostname(number)
        self.address = network.address(number)
        self.address6 = network.address6(number)
        self.directory = directory
        self.disks = tuple(disks)
        self.root = root
        self.namespaces = Namespaces(directory, ["mount", "uts", "ipc", "net", "pid"])
        self.exec = self.namespaces.exec
        self.popen = self.namespaces.popen

    # --- the machine ----------------------------------------------------------------------------------

    def install(self) -> None:
        """Make the host's disks; once in its life."""
        for name in ("upper", "work", "root", "disks"):
            (self.directory / name).mkdir(parents=True)
        for disk in self.disks:
            disk.make(self._image(disk))
        if self.root != MACHINE:
            self._make_commands(self.directory / COMMANDS)

    def reinstall(self, root: Optional[Path] = None) -> None:
        """Forget all that is on the host's own root, as an installation does; its disks stay. It has to be off.

        From now on it is laid over *root*, another release; None: over the same as before.
        """
        if root is not None:
            self.root = root
            if root != MACHINE and not (self.directory / COMMANDS).exists():
                self._make_commands(self.directory / COMMANDS)
        for name in ("upper", "work"):
            shutil.rmtree(self.directory / name)
            (self.directory / name).mkdir()
        (self.directory / "installed").unlink()

    def start(self, files: Mapping[str, Tuple[str, int]], tether: Optional[int]) -> None:
        """Power on; namespaces.ready() returns when it has booted.

        *files* are written at the first boot: path → (text, mode).
        """
        installed = self.directory / "installed"
        boot = {
            "hostname": self.name,
            "disks": {disk.name: str(self._image(disk)) for disk in self.disks if disk.filesystem},
            "blank": {disk.name: str(self._image(disk)) for disk in self.disks if not disk.filesystem},
            "root": str(self.root),
            "shared": self._shared(),
            "first": not installed.exists(),
            "emptied": EMPTIED,
            "removed": REMOVED,
            "renamed": RENAMED,
            "files": dict(files),
        }
        self.namespaces.start(boot, tether)
        installed.touch()

    def _image(self, disk: Disk) -> Path:
        return self.directory / "disks" / f"{disk.name}.img"

    def _make_commands(self, directory: Path) -> None:
        """A virtual environment for the Python of another root: with the root's own libraries, and this repository.

        So the processes that a program starts with its own Python find the package, whatever their environment is.
        """
        python = (self.root / "usr/bin/python3").readlink().name
        libraries = directory / "lib" / python / "site-packages"
        libraries.mkdir(parents=True)
        (libraries / "ganeti_gluster_mon.pth").write_text(f"{REPOSITORY}\n")
        (directory / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
        (directory / "bin").mkdir()
        for name in ("python", "python3"):
            (directory / "bin" / name).symlink_to("/usr/bin/python3")
        for name, module in PROGRAMS.items():
            path = directory / "bin" / name
            path.write_text(
                f"#!{sys.prefix}/bin/python3\nimport sys\n\nfrom {module} import main\n\nsys.exit(main())\n"
            )
            path.chmod(0o755)

    def _shared(self) -> Dict[str, str]:
        """The directories that a host sees read-only: where → what of the machine is there.

        This repository, and the Python that we run on.  Over another root that is replaced by a virtual environment
        with programs of the same names that run on the root's Python.
        """
        if self.root != MACHINE:
            return {str(REPOSITORY): str(REPOSITORY), sys.prefix: str(self.directory / COMMANDS)}
        wanted = {str(REPOSITORY), os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)}
        return {
            path: path
            for path in sorted(wanted)
            if not any(path.startswith(f"{other}/") for other in wanted | {"/usr"}) and path != "/usr"
        }

    # --- its services ---------------------------------------------------------------------------------

    def mount_all(self) -> None:
        """Mount what /etc/fstab says, as the boot of a machine does before its services."""
        self.exec(["mount", "--all"])

    def start_glusterd(self) -> None:
        """Start glusterd, and wait until it answers. One that runs is left as it is."""
        if not self.find("glusterd"):
            self.exec(["glusterd"])
        wait_until(self.glusterd_listens, f"glusterd of {self.name} to listen")
        self.exec(["gluster", "--mode=script", "pool", "list"])

    def enable_geo_replication(self) -> None:
        """Install geo-replication; a glusterd that is started from now on has it."""
        renamed = RENAMED[GSYNCD]
        program = self.exec(["sh", "-c", f"ls {GSYNCD}{renamed}"]).stdout.strip()
        self.exec(["mv", program, program[: -len(renamed)]])

    def start_sshd(self) -> None:
        """Start sshd, and wait until it takes connections."""
        if not self.find("sshd"):
            self.exec(["mkdir", "-p", "/run/sshd"])
            self.exec(["/usr/sbin/sshd", "-o", "PermitRootLogin=prohibit-password"])
        pid_file = PROC / str(self.namespaces.pid) / "root/run/sshd.pid"
        wait_until(pid_file.exists, f"sshd of {self.name}")  # written once it listens

    def glusterd_listens(self) -> bool:
        """Whether the gluster command would find a glusterd to talk to."""
        with socket.socket(socket.AF_UNIX) as link:
            try:
                link.connect(str(PROC / str(self.namespaces.pid) / "root/run/glusterd.socket"))
            except (ConnectionRefusedError, FileNotFoundError):
                return False
        return True

    # --- its state ------------------------------------------------------------------------------------

    def processes(self) -> List[Process]:
        """Everything that runs on it, zombies too."""
        return processes_in(self.namespaces.namespace("pid"))

    def find(self, program: str) -> List[Process]:
        """Its processes started as *program*, or so named by the kernel: sshd rewrites its arguments."""
        return [found for found in self.processes() if program in (found.program, found.name)]

    def mounts(self) -> Dict[str, str]:
        """What is mounted where: mount point → filesystem type."""
        mounted = {}
        for line in (PROC / str(self.namespaces.pid) / "mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            # The kernel writes what would break its columns, a space say, as \ and three octal digits.
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split()[4])
            mounted[point] = after.split()[0]
        return mounted
