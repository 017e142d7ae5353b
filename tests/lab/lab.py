"""A lab: a few hosts and a switch, taken down whatever happens to the process that made it."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from tests.lab import network
from tests.lab.host import DISKS, MACHINE, Disk, Host
from tests.lab.namespaces import InsideProcess, NotBooted
from tests.lab.process import Process
from tests.lab.state import StateDirectory
from tests.lab.tools import PATH
from tests.lab.waiting import LabError

T = TypeVar("T", bound="Lab")
Disks = Union[Sequence[Disk], Mapping[int, Sequence[Disk]]]

#: one switch, ports port1 to port9; more hosts than that say nothing new
MOST_HOSTS = 9

#: what a cycle of asking Gluster runs, by name of the program; none may outlive it
ASKING = ("gluster", "glfsheal", "stat", "ganeti-gluster-mon")


def _quiet(line: str) -> None:
    """Reports no progress."""


class Lab:
    """Hosts 1 to *hosts* with glusterd and sshd, on a network of their own.

    Labs with different prefixes can stand at once. Used as a context manager a lab is up inside and gone
    after. Everything in it ends by itself when the process that made it dies, be it by SIGKILL; its directory
    is then swept by the next lab of the same prefix. A *kept* lab instead stays until it is taken down by hand.

    *root* is the file system that the hosts are laid over: the machine's own, or what LAB_ROOT names.
    *disks* is what each host has, or host number → what that one has. *progress* gets each step as a line.
    Everything here raises LabError, with the output of the programs, when it cannot be done.
    """

    def __init__(
        self,
        prefix: str,
        hosts: int = 3,
        disks: Disks = DISKS,
        kept: bool = False,
        progress: Callable[[str], None] = _quiet,
        root: Optional[Path] = None,
    ) -> None:
        if not 1 <= hosts <= MOST_HOSTS:
            raise LabError(f"a lab has 1 to {MOST_HOSTS} hosts, not {hosts}")
        self.prefix = prefix
        self.kept = kept
        self.root = default_root() if root is None else root
        if not (self.root / "usr").is_dir():
            raise LabError(f"{self.root} is no root file system: make lab-root DEBIAN=13")
        self.progress = progress
        self.state = StateDirectory(prefix)
        self.switch = network.Switch(self.state.path / "switch")
        self.hosts = [
            Host(
                number,
                self.state.path / f"node{number}",
                disks[number] if isinstance(disks, Mapping) else disks,
                self.root,
            )
            for number in range(1, hosts + 1)
        ]
        self._tether: Optional[Tuple[int, int]] = None

    @classmethod
    def attach(cls: Type[T], prefix: str) -> T:
        """The kept lab of that prefix, made by another process. Raises LabError when none stands."""
        state = StateDirectory(prefix)
        try:
            plan = json.loads((state.path / "lab.json").read_text())
        except FileNotFoundError:
            raise LabError(f"no lab {prefix} stands here ({state.path})") from None
        disks = {int(number): [Disk(**disk) for disk in of_host] for number, of_host in plan["disks"].items()}
        return cls(prefix, len(disks), disks, kept=True, root=Path(plan["root"]))

    @classmethod
    def first_free(cls: Type[T], family: str, **more: Any) -> T:
        """A lab, yet to be brought up, with the first of the prefixes FAMILY-1, FAMILY-2, … that is not in use.

        So several runs of the tests do not disturb each other, and each sweeps what a killed one left.
        """
        for number in range(1, 100):
            lab = cls(f"{family}-{number}", **more)
            if lab.state.try_claim():
                return lab
        raise LabError(f"99 labs {family} stand already")

    # --- up and down ----------------------------------------------------------------------------------

    def __enter__(self: T) -> T:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Boot all hosts, at once, and start their services.

        A lab whose hosts do not boot is made once more, with a warning that says what they waited for: it
        happened once in some hundred labs, and took all tests of a shared cluster with it.
        """
        try:
            self._up()
        except NotBooted as err:
            warnings.warn(f"booted a second time: {err}", stacklevel=2)
            self._up()

    def _up(self) -> None:
        self.state.claim()
        _Standing.add(self)
        try:
            self._boot()
        except BaseException:
            self.down()
            raise
        if self.kept:
            _Standing.discard(self)

    def _boot(self) -> None:
        self.progress(f"booting {len(self.hosts)} hosts in {self.state.path}")
        disks = {host.number: [asdict(disk) for disk in host.disks] for host in self.hosts}
        plan = {"root": str(self.root), "disks": disks}
        (self.state.path / "lab.json").write_text(json.dumps(plan))
        if not self.kept:
            self._tether = os.pipe()
        self._make_keys()
        self.switch.namespaces.directory.mkdir()
        self.switch.start(self._tether_end, [self.state.lock])
        at_once(Host.install, self.hosts)
        self._start(self.hosts)

    def _start(self, hosts: Sequence[Host]) -> None:
        for host in hosts:
            host.start(self._files(host), self._tether_end)
        at_once(self._finish, hosts)

    def _finish(self, host: Host) -> None:
        host.namespaces.ready()
        self.switch.plug(host.number, host.namespaces)
        host.mount_all()
        host.start_sshd()
        host.start_glusterd()
        self.progress(f"{host.name} is up")

    @property
    def _tether_end(self) -> Optional[int]:
        return self._tether[0] if self._tether else None

    def down(self) -> None:
        """End every process and remove everything, whatever state it is in. Safe to repeat."""
        # One after the other: no thread can be started any more when the interpreter ends.
        for namespaces in (*(host.namespaces for host in self.hosts), self.switch.namespaces):
            namespaces.stop()
        if self._tether:
            for end in self._tether:
                os.close(end)
            self._tether = None
        self.state.remove()
        _Standing.discard(self)

    # --- what is written to the hosts -----------------------------------------------------------------

    def _make_keys(self) -> None:
        """One key for root everywhere, and one for each host."""
        keys = self.state.path / "keys"
        keys.mkdir()
        for name in ("root", *(f"node{host.number}" for host in self.hosts)):
            argv = [
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                f"{name}@{self.prefix}",
                "-f",
                str(keys / name),
            ]
            subprocess.run(argv, env={"PATH": PATH}, check=True, timeout=10, stdin=subprocess.DEVNULL)

    def _files(self, host: Host) -> Dict[str, Tuple[str, int]]:
        """What a host finds on its disk at its first boot: path → (text, mode)."""
        keys = self.state.path / "keys"

        def key(name: str) -> str:
            return (keys / name).read_text()

        known = [f"{h.name},node{h.number},{h.address} {key(f'node{h.number}.pub')}" for h in self.hosts]
        return {
            "/etc/hostname": (f"{host.name}\n", 0o644),
            "/etc/fstab": ("", 0o644),
            "/etc/hosts": (network.hosts_file(len(self.hosts)), 0o644),
            "/etc/machine-id": (f"{uuid.uuid4().hex}\n", 0o444),
            "/etc/ssh/ssh_host_ed25519_key": (key(f"node{host.number}"), 0o600),
            "/etc/ssh/ssh_host_ed25519_key.pub": (key(f"node{host.number}.pub"), 0o644),
            "/root/.ssh/id_ed25519": (key("root"), 0o600),
            "/root/.ssh/id_ed25519.pub": (key("root.pub"), 0o644),
            "/root/.ssh/authorized_keys": (key("root.pub"), 0o600),
            "/root/.ssh/known_hosts": ("".join(known), 0o644),
        }

    # --- the hosts ------------------------------------------------------------------------------------

    def host(self, number: int) -> Host:
        """Host *number*, from 1."""
        if not 1 <= number <= len(self.hosts):
            raise LabError(f"the hosts are 1 to {len(self.hosts)}, there is no {number}")
        return self.hosts[number - 1]

    def exec(self, host: int, argv: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
        """Run *argv* on a host; see Namespaces.exec for check, timeout, input and env."""
        return self.host(host).exec(argv, **more)

    def popen(self, host: int, argv: Sequence[str], **more: Any) -> InsideProcess:
        """Start *argv* on a host; signals sent to what is returned reach the program itself."""
        return self.host(host).popen(argv, **more)

    def run_command(self, host: int, words: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
        """Run ganeti-gluster-mon with *words* on a host, as exec() would.

        It is the one of our own virtual environment, or what GANETI_GLUSTER_MON names.
        """
        return self.exec(host, [str(command()), *words], **more)

    def power_off(self, host: int) -> None:
        """Cut the power: no connection is closed. What it wrote to disk stays."""
        off = self.host(host)
        if off.namespaces.running:
            self.switch.cut(host)
            off.namespaces.stop()
            self.switch.unplug(host)

    def power_on(self, host: int) -> None:
        """Boot a host that is off, with glusterd (which starts its bricks) and sshd."""
        on = self.host(host)
        if on.namespaces.running:
            raise LabError(f"{on.name} is on already")
        self._start([on])

    def reinstall(self, host: int, root: Optional[Path] = None) -> None:
        """Install a host anew, which is off afterwards: same name, address and keys, and its disks as they were.

        It gets the release whose file system is *root*; None: the same as before.
        """
        self.power_off(host)
        self.host(host).reinstall(root)

    def cut(self, host: int) -> None:
        """Pull the host's network cable."""
        self.switch.cut(self.host(host).number)

    def join(self, host: int) -> None:
        """Plug it in again."""
        self.switch.join(self.host(host).number)

    def left_running(self, host: int) -> List[Process]:
        """What is left on a host of asking Gluster: its client programs, our own command, and any zombie."""
        return [
            found
            for found in self.host(host).processes()
            if found.state == "Z"
            or found.program in ASKING
            or any("ganeti-gluster-mon" in word or "ganeti_gluster_mon" in word for word in found.argv[:4])
        ]


def default_root() -> Path:
    """What LAB_ROOT names, as `make test DEBIAN=13` does; the machine's own root without it."""
    return Path(os.environ.get("LAB_ROOT") or MACHINE)


def command() -> Path:
    """Our own command. Raises LabError where it is not installed."""
    path = Path(os.environ.get("GANETI_GLUSTER_MON") or Path(sys.prefix, "bin", "ganeti-gluster-mon"))
    if not path.exists():
        raise LabError(f"{path} is missing: make venv, or name the command in GANETI_GLUSTER_MON")
    return path


Item = TypeVar("Item")
Result = TypeVar("Result")


def at_once(action: Callable[[Item], Result], items: Iterable[Item]) -> List[Result]:
    """Do *action* to all *items* side by side. The results in order, or the first error, when all end."""
    with ThreadPoolExecutor(max_workers=MOST_HOSTS) as pool:
        return list(pool.map(action, items))


class _Standing:
    """The labs of this process that are up and not kept, for when it ends before they are down.

    The tether ends the hosts anyhow; this also removes their directories, unless we are killed by SIGKILL.
    """

    _labs: ClassVar[List[Lab]] = []
    _owner: ClassVar[int] = 0

    @classmethod
    def add(cls, lab: Lab) -> None:
        if not cls._owner:
            atexit.register(cls.down)
            cls._owner = os.getpid()
        # Only where a SIGTERM would end us without a message; a handler that is there stays.
        try:
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                signal.signal(signal.SIGTERM, cls.terminated)
        except ValueError:
            lab.progress("not in the main thread: a SIGTERM will leave the directory behind")
        cls._labs.append(lab)

    @classmethod
    def discard(cls, lab: Lab) -> None:
        cls._labs = [other for other in cls._labs if other is not lab]

    @classmethod
    def down(cls) -> None:
        if os.getpid() != cls._owner:
            return  # a fork of ours ends; the labs are not its own
        for lab in list(cls._labs):
            lab.down()

    @classmethod
    def terminated(cls, number: int, _frame: Optional[FrameType]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            cls.down()
        finally:
            os.kill(os.getpid(), number)
