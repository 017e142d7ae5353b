"""The cluster of a campaign: its volume, its OS, its guests, and what Ganeti and the nodes have of them."""

from __future__ import annotations

import json
import re
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from tests.campaign import guest as guests
from tests.campaign.bricks import Brick
from tests.lab import Cluster, LabError, Pool
from tests.lab.lab import at_once
from tests.lab.process import PROC, Process, all_processes, namespace
from tests.lab_tests.backend import DROPIN, restart
from tests.lab_tests.deploying import gnt_gluster
from tests.lab_tests.extstorage import install_scripts

VOLUME = "gv0"
#: in addition to the group virt: a brick that does not answer is given up after 8 s, and disks have several pieces
OPTIONS = {"network.ping-timeout": "8", "features.shard-block-size": "8MB"}
OS = "/usr/share/ganeti/os/campaign"
#: on each node: images for the OS script, and the logs of guests
FILES = "/var/lib/campaign"
#: of the timer, 18.2 a second, from a block of a guest to its next
TICKS = 9
#: seconds for one of Ganeti's jobs
JOB = 400.0

CREATE = f"""#!/bin/sh
set -e
image={FILES}/$INSTANCE_NAME.image
case $(cat {FILES}/$INSTANCE_NAME.style) in
fsync) dd if="$image" of="$DISK_0_PATH" bs=1M conv=notrunc,fsync status=none ;;
plain) dd if="$image" of="$DISK_0_PATH" bs=64k conv=notrunc status=none ;;
convert) qemu-img convert -n -f raw -O raw "$image" "$DISK_0_PATH" ;;
*) exit 1 ;;
esac
"""


@dataclass(frozen=True)
class Instance:
    """An instance, as Ganeti's configuration has it."""

    node: int
    #: Ganeti's word: up, down, offline
    admin_state: str
    #: path in the volume → MiB, in the order of the disks
    disks: Dict[str, int]


class Site:
    """Three nodes of a cluster with a replicated volume, on which campaigns run."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.cluster = Cluster(pool, VOLUME)
        #: node → directory of its brick
        self.paths = {host.number: f"/export/b1/{VOLUME}" for host in pool.hosts}
        self._replaced = self._added = 0

    def up(self) -> Site:
        self.pool.probe()
        bricks = [(node, path) for node, path in self.paths.items()]
        self.pool.create_volume(VOLUME, bricks, replica=3, start=False)
        self.pool.gluster("volume", "set", VOLUME, "group", "virt")
        for option, value in OPTIONS.items():
            self.pool.gluster("volume", "set", VOLUME, option, value)
        self.pool.start_volume(VOLUME)
        self.cluster.up()
        at_once(self._install, self.cluster.nodes)
        return self

    def install_backend(self, node: int) -> None:
        """Our class in the place of Ganeti's own, and the ExtStorage provider; noded has yet to be started again."""
        self.cluster.run(node, str(DROPIN), "install")
        install_scripts(self.pool.host(node))

    def _install(self, node: int) -> None:
        self.install_backend(node)
        self.cluster.run(node, "cp", "-aT", "/usr/share/ganeti/os/noop", OS)
        self.pool.exec(node, ["tee", f"{OS}/create"], input=CREATE)
        self.cluster.run(node, "mkdir", "-p", FILES)
        restart(self.cluster, node)

    # --- commands -------------------------------------------------------------------------------------

    def run(self, *argv: str) -> str:
        """What a command says on the master.  Raises LabError where it fails."""
        return self.cluster.run(1, *argv, timeout=JOB)

    def name(self, node: int) -> str:
        return self.pool.host(node).name

    def prepare(self, name: str, node: int, generation: int, style: str) -> None:
        """Lay down what the OS script is to write on the disk of a guest."""
        directory = self._root(node) / FILES.lstrip("/")
        sectors = guests.image(generation, 0, guests.IMAGE, TICKS)
        (directory / f"{name}.image").write_bytes(sectors)
        (directory / f"{name}.style").write_text(style)

    def add(self, name: str, template: str, access: str, node: int, size: int) -> None:
        disk = f"--disk=0:size={size}M" + provider(template, access)
        log = f"-chardev file\\,id=log\\,path={FILES}/{name}.log\\,append=on"
        report = f"kvm_extra={log} -device isa-debugcon\\,iobase=0xe9\\,chardev=log"
        # Every other guest has what docs/backend.md recommends for kernelspace access.
        self._added += 1
        native = ",disk_aio=native,disk_cache=none" if self._added % 2 else ""
        self.cluster.instance_add(
            name,
            disk,
            "--os-type=campaign",
            f"--hypervisor-parameters=kvm:{report}{native}",
            node=node,
            template=template,
        )

    def set_access(self, access: str) -> None:
        """How QEMU opens disks of template gluster that are started from now on."""
        self.run("gnt-cluster", "modify", f"--disk-parameters=gluster:access={access}")

    def set_offline(self, node: int, offline: bool) -> None:
        flags = ["--offline=yes", "--auto-promote"] if offline else ["--offline=no", "--master-candidate=yes"]
        self.run("gnt-node", "modify", "--force", *flags, self.name(node))

    def replace_brick(self, node: int) -> None:
        """Have gnt-gluster put another directory, on the other filesystem, in the place of a brick."""
        self._replaced += 1
        old = self.paths[node]
        new = f"/export/{'b2' if old.startswith('/export/b1') else 'b1'}/{VOLUME}-{self._replaced}"
        where = self.name(node)
        gnt_gluster(
            self.pool, "replace-brick", "-f", VOLUME, f"{where}:{old}", where, "--directory", new, timeout=JOB
        )
        self.paths[node] = new
        self.cluster.run(node, "rm", "-rf", old)

    @contextmanager
    def _mounted(self) -> Iterator[str]:
        """The volume, as a new client of the master has it."""
        point = "/mnt/campaign"
        self.pool.mount(1, VOLUME, point)
        try:
            yield point
        finally:
            self.pool.unmount(1, point)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files from the volume."""
        with self._mounted() as point:
            self.cluster.run(1, "rm", "-f", *(f"{point}/{path}" for path in paths))

    def digest(self, path: str) -> str:
        """The SHA-256 of a file, as it is read from the volume, past all caches."""
        with self._mounted() as point:
            read = f'dd if="{point}/{path}" bs=1M iflag=direct status=none | sha256sum'
            return self.cluster.run(1, "sh", "-c", read).split()[0]

    @contextmanager
    def profiled(self) -> Iterator[None]:
        """The bricks count their calls."""
        self.pool.gluster("volume", "profile", VOLUME, "start")
        try:
            yield
        finally:
            self.pool.gluster("volume", "profile", VOLUME, "stop")

    def flushes(self) -> List[int]:
        """How many FSYNC each brick has had since they began to count."""
        counts = self.pool.gluster("volume", "profile", VOLUME, "info", "cumulative")
        # "%-latency Avg-latency Min-Latency Max-Latency No. of calls Fop", a line for each kind of call
        return [int(count) for count in re.findall(r"(\d+) +FSYNC$", counts, re.MULTILINE)]

    # --- what there is --------------------------------------------------------------------------------

    def bricks(self) -> Dict[int, Brick]:
        return {node: Brick(self._root(node) / path.lstrip("/")) for node, path in self.paths.items()}

    def instances(self) -> Dict[str, Instance]:
        """The instances, as the master has written them to its configuration (config.data, JSON)."""
        configuration = json.loads((self._root(1) / "var/lib/ganeti/config.data").read_text())
        nodes = {uuid: int(node["name"][4]) for uuid, node in configuration["nodes"].items()}
        found = {}
        for instance in configuration["instances"].values():
            disks = [configuration["disks"][uuid] for uuid in instance["disks"]]
            found[instance["name"]] = Instance(
                node=nodes[instance["primary_node"]],
                admin_state=instance["admin_state"],
                disks={_path(disk["logical_id"][1]): disk["size"] for disk in disks},
            )
        return found

    def guests(self) -> Dict[str, Dict[int, Process]]:
        """The QEMU processes of guests, by name and node: one of each at most, but for a migration."""
        nodes = {
            host.namespaces.namespace("pid"): host.number
            for host in self.pool.hosts
            if host.namespaces.running
        }
        found: Dict[str, Dict[int, Process]] = {}
        for process in all_processes():
            if process.program in ("kvm", "qemu-system-x86_64") and process.state != "Z":
                with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                    node = nodes.get(namespace(process.pid, "pid"))
                    if node is not None:
                        found.setdefault(process.option("-name").split(",")[0], {})[node] = process
        return found

    def log(self, name: str, node: int) -> Path:
        """Where a guest's reports on a node are; the node may be off."""
        return self.pool.host(node).directory / "upper" / FILES.lstrip("/") / f"{name}.log"

    @contextmanager
    def paused(self, running: Dict[str, int]) -> Iterator[None]:
        """Guests, by name with their node, stand still and have nothing under way."""
        at_once(lambda name: self._monitor(name, running[name], "stop", "paused"), running)
        try:
            yield
        finally:
            at_once(lambda name: self._monitor(name, running[name], "cont", "running"), running)

    def _monitor(self, name: str, node: int, command: str, status: str) -> None:
        """A command to QEMU's monitor; stop ends what is under way and flushes before it answers."""
        path = self._root(node) / f"run/ganeti/kvm-hypervisor/ctrl/{name}.monitor"
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(120)
            link.connect(str(path))
            _answer(link)
            link.sendall(f"{command}\n".encode())
            _answer(link)
            link.sendall(b"info status\n")
            answer = _answer(link)
        if f"VM status: {status}" not in answer:
            raise LabError(f"{name}: {command}: {answer}")

    def _root(self, node: int) -> Path:
        return PROC / str(self.pool.host(node).namespaces.pid) / "root"


def provider(template: str, access: str) -> str:
    """What a disk of a template needs in addition to its size."""
    return f",provider=gluster,volume={VOLUME},access={access}" if template == "ext" else ""


def _path(name: str) -> str:
    return name if name.startswith("ganeti/") else f"ganeti/{name}"


def _answer(link: socket.socket) -> str:
    """What the monitor writes, up to its prompt."""
    answer = b""
    while not answer.endswith(b"(qemu) "):
        more = link.recv(4096)
        if not more:
            raise LabError(f"the monitor closed the connection: {answer!r}")
        answer += more
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", answer.decode(errors="replace"))


def lines(texts: Sequence[str]) -> str:
    return "".join(f"\n  {text}" for text in texts)
