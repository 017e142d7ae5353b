"""A real Ganeti cluster on the hosts of a lab: every daemon, KVM guests, disks on the lab's own Gluster."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from tests.lab import process
from tests.lab.host import Host
from tests.lab.lab import at_once
from tests.lab.network import DOMAIN
from tests.lab.pool import Pool
from tests.lab.process import PROC
from tests.lab.tools import GANETI_TOOLS, missing
from tests.lab.waiting import LabError, wait_until

NAME = f"cluster.{DOMAIN}"
#: of the cluster, on the master: above those of the hosts
ADDRESS = "10.99.0.100"

DAEMON_UTIL = "/usr/lib/ganeti/daemon-util"
HOST_KEY = "/etc/ssh/ssh_host_rsa_key"

#: what runs on every node, and on the master besides, in the order Ganeti starts them
DAEMONS = ("ganeti-noded", "ganeti-confd", "ganeti-mond")
MASTER_DAEMONS = ("ganeti-wconfd", "ganeti-rapi", "ganeti-luxid")
#: where those of every node listen
MOND = 1815
PORTS = (("tcp", 1811), ("udp", 1814), ("tcp", MOND))

#: where Ganeti mounts a volume by FUSE, userspace guests or not
MOUNT = "/run/ganeti/gluster"
FILE_DIRECTORIES = ("/srv/ganeti/file-storage", "/srv/ganeti/shared-file-storage")

#: what Ganeti may keep disks in, on every node
STORAGE_PATHS = (*FILE_DIRECTORIES, MOUNT, f"/var{MOUNT}")

TEMPLATES = ("gluster", "ext", "diskless")

#: guests that never get beyond their BIOS: no kernel, no screen; what they need is a disk that can be opened
GUEST = {
    "kernel_path": "",
    "initrd_path": "",
    "vnc_bind_address": "",
    "serial_console": "false",
    "boot_order": "disk",
}

#: anything goes, from no disk and 16 MiB of memory on
BOUNDS = (
    "min:disk-size=0,cpu-count=1,disk-count=0,memory-size=16,nic-count=0,spindle-use=0"
    "/max:disk-size=1048576,cpu-count=8,disk-count=16,memory-size=32768,nic-count=8,spindle-use=12"
)

#: what is run on a host is one of Ganeti's jobs at most; one that verifies all waits for every node
JOB_TIMEOUT = 180.0


class Cluster:
    """Ganeti on hosts of *pool*: a host is a node once up() or add_node() has its number.

    Nodes need no volume to stand; disks of the template gluster live on *volume*. *storage_paths* are what
    every node's /etc/ganeti/file-storage-paths names. A lab that is taken down
    takes the cluster with it, so down() is for tests that go on with the hosts alone.
    """

    def __init__(self, pool: Pool, volume: str = "gv0", storage_paths: Sequence[str] = STORAGE_PATHS) -> None:
        self.pool = pool
        self.volume = volume
        self.storage_paths = tuple(storage_paths)
        #: numbers of its hosts, the master first
        self.nodes: List[int] = []

    # --- up and down ----------------------------------------------------------------------------------

    def up(self, nodes: Optional[Sequence[int]] = None, templates: Sequence[str] = TEMPLATES) -> Cluster:
        """Make *nodes* (all hosts) a cluster, its master the first; wait until all its daemons listen.

        *templates* are the disk templates that are enabled. Raises LabError with the output of Ganeti.
        """
        lacking = missing(GANETI_TOOLS)
        if lacking:
            raise LabError("; ".join(lacking))
        numbers = [host.number for host in self.pool.hosts] if nodes is None else list(nodes)
        self.nodes = numbers[:1]
        master = self.master
        if master.exec(["test", "-e", HOST_KEY], check=False).returncode:
            master.exec(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", HOST_KEY])
        at_once(self.install, numbers)
        self._init(master, templates)
        self.pool.progress(f"Ganeti is up on {master.name}")
        at_once(lambda number: self._join(self.pool.host(number)), numbers[1:])
        self.nodes = numbers
        at_once(self.start_daemons, numbers)
        self.pool.progress(f"a cluster of {len(numbers)}")
        return self

    def add_node(self, number: int) -> None:
        """``gnt-node add``: a host of the pool that is no node yet, and all its daemons."""
        host = self.pool.host(number)
        self.install(number)
        self._join(host)
        self.nodes.append(number)
        self.start_daemons(number)
        self.pool.progress(f"{host.name} is a node")

    def install(self, number: int) -> None:
        """Give a host what Ganeti wants to find on a node before it is one. Safe to repeat."""
        host = self.pool.host(number)
        key = [self.master.exec(["cat", path]).stdout for path in (HOST_KEY, f"{HOST_KEY}.pub")]
        files = _files(self.storage_paths)
        if host is not self.master:  # which has it, and others read it there just now
            files.update({HOST_KEY: (key[0], 0o600), f"{HOST_KEY}.pub": (key[1], 0o644)})
        for path, (text, mode) in files.items():
            host.exec(["install", "-D", f"--mode={mode:o}", "/dev/stdin", path], input=text)
        host.exec(["mkdir", "-p", "/var/log/ganeti/extstorage", *FILE_DIRECTORIES])
        known = host.exec(["cat", "/etc/hosts"]).stdout
        if NAME not in known:
            host.exec(["tee", "/etc/hosts"], input=f"{known}{ADDRESS} {NAME} cluster\n")
        # Ganeti knows all nodes by one key, the cluster's; sshd has it when it has read its files again.
        host.exec(["pkill", "--signal=HUP", "--pidfile=/run/sshd.pid"])
        keyscan = ["ssh-keyscan", "-t", "rsa", host.name]
        public = key[1].split()[1]
        wait_until(lambda: public in host.exec(keyscan, check=False).stdout, f"sshd of {host.name}")

    def start_daemons(self, number: int) -> None:
        """Start what belongs on a node and does not run, as its boot would, and wait until it listens."""
        host = self.pool.host(number)
        for daemon in DAEMONS + (MASTER_DAEMONS if host is self.master else ()):
            if not host.find(daemon):
                host.exec([DAEMON_UTIL, "start", daemon])
        wait_until(
            lambda: all(listens(host, kind, port) for kind, port in PORTS),
            f"{host.name} listening on {', '.join(f'{kind} port {port}' for kind, port in PORTS)}",
        )

    def wait_load(self, port: int = MOND, nodes: Optional[Sequence[int]] = None) -> None:
        """Wait until mond of each of *nodes* (all), on *port*, reports the load of its processors.

        It looks every five seconds and has nothing to report before its second look; hbal then has no data.
        """
        url = f"http://127.0.0.1:{port}/1/report/default/cpu-avg-load"
        argv = ["curl", "--silent", "--max-time", "10", url]

        def wait_reported(number: int) -> None:
            host = self.pool.host(number)
            wait_until(
                lambda: '"cpu_total"' in host.exec(argv, check=False).stdout,
                f"mond of {host.name} to report the load",
                interval=0.2,
            )

        at_once(wait_reported, self.nodes if nodes is None else nodes)

    def down(self) -> None:
        """End every guest and daemon, and forget the cluster; up() can make another one."""
        at_once(lambda number: self._leave(self.pool.host(number)), self.nodes)
        self.nodes = []

    # --- what is done with it -------------------------------------------------------------------------

    @property
    def master(self) -> Host:
        """The host that was the master at first. Raises LabError when the cluster is not up."""
        if not self.nodes:
            raise LabError("the cluster is not up")
        return self.pool.host(self.nodes[0])

    def run(self, node: int, *argv: str, timeout: float = JOB_TIMEOUT) -> str:
        """The standard output of *argv* on a node. Raises LabError, with all output, on failure."""
        return self.pool.exec(node, argv, timeout=timeout).stdout

    def instance_add(self, name: str, *flags: str, node: int = 1, template: str = "diskless") -> None:
        """``gnt-instance add``: a guest of 64 MiB with the OS noop and no network, started on *node*.

        *flags* say the rest: ``--disk=0:size=64M``, ``--no-start``.
        """
        self.run(
            self.nodes[0],
            "gnt-instance",
            "add",
            f"--disk-template={template}",
            f"--node={self.pool.host(node).name}",
            "--os-type=noop",
            "--backend-parameters=maxmem=64M,minmem=64M,vcpus=1",
            "--no-nics",
            "--no-name-check",
            "--no-ip-check",
            *flags,
            name,
        )

    def instance_remove(self, name: str) -> None:
        """``gnt-instance remove``, at once: no process in the guest handles a shutdown."""
        self.run(self.nodes[0], "gnt-instance", "remove", "--force", "--shutdown-timeout=0", name)

    # --- how it is done -------------------------------------------------------------------------------

    def _init(self, master: Host, templates: Sequence[str]) -> None:
        guest = {**GUEST, "kvm_flag": "enabled" if os.path.exists("/dev/kvm") else "disabled"}
        # Ganeti checks whether a host has the cluster's address already. None has: the route ends the check at once.
        unused = [f"{ADDRESS}/32"]
        master.exec(["ip", "route", "add", "unreachable", *unused])
        argv = [
            "gnt-cluster",
            "init",
            "--no-etc-hosts",
            "--no-ssh-init",
            "--master-netdev=eth0",
            "--enabled-hypervisors=kvm",
            f"--enabled-disk-templates={','.join(templates)}",
            f"--hypervisor-parameters=kvm:{_pairs(guest)}",
            f"--ipolicy-bounds-specs={BOUNDS}",
            # routed, since a bridge would have to be there on every node
            "--nic-parameters=mode=routed,link=main",
        ]
        if "gluster" in templates:
            disk = {"host": "127.0.0.1", "port": "24007", "volume": self.volume, "access": "userspace"}
            argv.append(f"--disk-parameters=gluster:{_pairs(disk)}")
        try:
            master.exec([*argv, NAME], timeout=JOB_TIMEOUT)
        finally:
            master.exec(["ip", "route", "delete", "unreachable", *unused])

    def _join(self, host: Host) -> None:
        self.run(self.master.number, "gnt-node", "add", "--no-ssh-key-check", host.name)

    def _leave(self, host: Host) -> None:
        for guest in host.find("kvm"):
            process.kill(guest.pid)
        host.exec([DAEMON_UTIL, "stop-all"], timeout=JOB_TIMEOUT)
        if MOUNT in host.mounts():
            host.exec(["umount", "--lazy", MOUNT])
        host.exec(["ip", "address", "delete", f"{ADDRESS}/32", "dev", "eth0"], check=False)
        host.exec(["find", "/var/lib/ganeti", "-mindepth", "1", "-delete"])


def listens(host: Host, kind: str, port: int) -> bool:
    """Whether something on *host* has a port open: *kind* is tcp or udp. Nothing need run there to see it."""
    waiting = {"tcp": "0A", "udp": "07"}[kind]
    for table in (kind, f"{kind}6"):
        # proc(5): number, local address:port, remote address:port, state, all in hexadecimal
        text = (PROC / str(host.namespaces.pid) / "net" / table).read_text()
        if re.search(rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 {waiting} ", text, re.MULTILINE):
            return True
    return False


def _files(storage_paths: Sequence[str]) -> Dict[str, Tuple[str, int]]:
    """What every node has on its disk: path → (text, mode)."""
    system = "/usr/share/ganeti/os/noop"
    return {
        "/etc/ganeti/file-storage-paths": (
            "".join(f"{path}\n" for path in storage_paths),
            0o644,
        ),
        f"{system}/ganeti_api_version": ("10\n", 0o644),
        **{f"{system}/{name}": ("#!/bin/sh\n", 0o755) for name in ("create", "export", "import", "rename")},
    }


def _pairs(values: Dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())
