"""A lab whose hosts are a Gluster pool: volumes, and all that can happen to one."""

from __future__ import annotations

import re
import time
import uuid
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from tests.lab import process
from tests.lab.host import Host
from tests.lab.lab import Lab, at_once
from tests.lab.network import hostname
from tests.lab.process import Process
from tests.lab.waiting import LabError, LabTimeout, wait_until

#: a brick: the number of its host, and its directory there
Brick = Tuple[int, str]

#: messages of gluster where the same command succeeds a moment later: another command holds a lock, perhaps one of
#: ours; a process of a rebalance begins or ends, so its status cannot be queried
BUSY = re.compile(
    r"Another transaction is in progress|Locking failed|locking failed|Mgmt brick op 'Rebalance' failed"
)

#: without it `gluster` runs gsyncd, a program of Python, each time that it starts; the package's own does the same
QUICK = {"PYTHON": "/bin/false"}


class Pool(Lab):
    """A lab with operations on Gluster. Each waits for its effect, or raises LabTimeout."""

    # --- glusterd and its peers -----------------------------------------------------------------------

    def gluster(self, *words: str, host: int = 1, timeout: float = 60.0) -> str:
        """What ``gluster --mode=script WORDS`` answers; sent again while glusterd is busy."""
        argv = ["gluster", "--mode=script", *words]

        def tried() -> Optional[Tuple[int, str]]:
            answer = self.exec(host, argv, check=False, timeout=timeout, env=QUICK)
            text = answer.stdout + answer.stderr
            return None if answer.returncode and BUSY.search(text) else (answer.returncode, text)

        status, text = wait_until(tried, f"glusterd to be free for {' '.join(argv)}", timeout, 0.1)
        if status:
            raise LabError(f"{hostname(host)}: {' '.join(argv)}: exit status {status}\n{text}".rstrip())
        return text

    def glusterd_state(self, host: int) -> Dict[str, str]:
        """What glusterd of a host knows, from ``gluster get-state``: no lock, no query to another host."""
        file = f"lab-{uuid.uuid4().hex}"
        argv = ["gluster", "--mode=script", "get-state", "glusterd", "odir", "/run", "file", file]
        self.exec(host, argv, env=QUICK)
        text = self.exec(host, ["cat", f"/run/{file}"]).stdout
        self.exec(host, ["rm", f"/run/{file}"])
        lines = (line.partition(": ") for line in text.splitlines())
        return {key: value for key, separator, value in lines if separator}

    def probe(self, hosts: Optional[Sequence[int]] = None) -> None:
        """Make *hosts* (all), the first of them host 1, a pool; wait until each calls every other connected."""
        numbers = [host.number for host in self.hosts] if hosts is None else list(hosts)
        for number in numbers[1:]:
            self.gluster("peer", "probe", hostname(number))
        self.wait_connected(numbers)
        self.progress(f"a pool of {len(numbers)}")

    def wait_connected(self, hosts: Optional[Sequence[int]] = None, timeout: float = 120.0) -> None:
        """Wait until each of *hosts* (all) calls each other of them a connected peer in the cluster."""
        numbers = [host.number for host in self.hosts] if hosts is None else list(hosts)

        def see_each_other(number: int) -> None:
            others = {hostname(other) for other in numbers if other != number}
            wait_until(
                lambda: others <= self._connected_peers(number),
                f"{hostname(number)} connected to {', '.join(sorted(others))}",
                timeout,
                0.1,
            )

        at_once(see_each_other, numbers)

    def wait_disconnected(
        self, host: int, watchers: Optional[Sequence[int]] = None, timeout: float = 120.0
    ) -> None:
        """Wait until glusterd of each of *watchers* (all others) calls *host* disconnected, 52 s at most."""
        observers = [h.number for h in self.hosts if h.number != host] if watchers is None else list(watchers)

        def sees_it_gone(observer: int) -> None:
            wait_until(
                lambda: hostname(host) not in self._connected_peers(observer),
                f"{hostname(host)} disconnected, as {hostname(observer)} sees it",
                timeout,
                0.2,
            )

        at_once(sees_it_gone, observers)

    def _connected_peers(self, number: int) -> set[str]:
        state = self.glusterd_state(number)
        return {
            name
            for key, name in state.items()
            if re.fullmatch(r"Peer\d+\.primary_hostname", key)
            and state[key.replace("primary_hostname", "state")] == "Peer in Cluster"
            and state[key.replace("primary_hostname", "connected")] == "Connected"
        }

    def start_glusterd(self, host: int) -> None:
        """Start glusterd, and wait until it answers and its host heals. It starts bricks that do not run, too."""
        self.host(host).start_glusterd()
        self.take_up_healing(host)

    def power_on(self, host: int) -> None:
        super().power_on(host)
        self.take_up_healing(host)

    def switch_on(self, host: int) -> None:
        """Boot a host that was installed anew: it has no peers to wait for."""
        super().power_on(host)

    def kill_glusterd(self, host: int) -> None:
        """SIGKILL; its bricks and self-heal daemons live on."""
        process.kill(self._glusterd(host).pid)

    def freeze_glusterd(self, host: int) -> None:
        """SIGSTOP: it takes connections and never answers."""
        process.freeze(self._glusterd(host).pid)

    def thaw_glusterd(self, host: int) -> None:
        process.thaw(self._glusterd(host).pid)

    def _glusterd(self, host: int) -> Process:
        running = self.host(host).find("glusterd")
        if not running:
            raise LabError(f"glusterd of {hostname(host)} does not run")
        return running[0]

    # --- volumes --------------------------------------------------------------------------------------

    def bricks(self, path: str, hosts: Optional[Iterable[int]] = None) -> List[Brick]:
        """One brick at *path* on each of *hosts* (all)."""
        return [(number, path) for number in (hosts or [host.number for host in self.hosts])]

    def create_volume(
        self,
        name: str,
        bricks: Sequence[Brick],
        *,
        replica: int = 0,
        arbiter: int = 0,
        disperse: int = 0,
        redundancy: int = 0,
        options: Optional[Mapping[str, str]] = None,
        start: bool = True,
    ) -> None:
        """Create a volume of *bricks*, in Gluster's order; distributed by default.

        *replica* counts the arbiter, *disperse* the redundancy, as on Gluster's command line.
        """
        layout: List[str] = []
        for word, count in (
            ("replica", replica),
            ("arbiter", arbiter),
            ("disperse", disperse),
            ("redundancy", redundancy),
        ):
            layout += [word, str(count)] if count else []
        where = [f"{hostname(number)}:{path}" for number, path in bricks]
        self.gluster("volume", "create", name, *layout, *where)
        for option, value in (options or {}).items():
            self.gluster("volume", "set", name, option, value)
        if start:
            self.start_volume(name)
        self.progress(f"volume {name}: {' '.join(layout) or 'distribute'} on {len(bricks)} bricks")

    def create_every_kind(self) -> None:
        """A volume of each kind, on bricks b1 and b2 of hosts 1 to 3, as those of tests/captures."""
        three = [1, 2, 3]
        self.create_volume("gv0", self.bricks("/export/b1/gv0", three), replica=3)
        self.create_volume("arb-vm", self.bricks("/export/b2/arb", three), replica=3, arbiter=1)
        self.create_volume("dist2", self.bricks("/export/b2/dist2", [1, 2]))
        self.create_volume("disp", self.bricks("/export/b2/disp", three), disperse=3, redundancy=1)
        self.create_volume(
            "distrep", [*self.bricks("/export/b1/dr", three), *self.bricks("/export/b2/dr", three)], replica=3
        )

    def start_volume(self, name: str, force: bool = False, host: int = 1) -> None:
        """Start a volume, and wait for its bricks and self-heal daemons where glusterd answers."""
        self.gluster("volume", "start", name, *(["force"] if force else []), host=host)
        at_once(lambda on: self._wait_bricks(name, on.number, "Started", None), self._answering())
        at_once(lambda on: self._wait_self_heal(name, on.number), self._answering())

    def stop_volume(self, name: str) -> None:
        self.gluster("volume", "stop", name)

    def delete_volume(self, name: str) -> None:
        """Stop a volume if need be, and delete it. What is on its bricks stays there."""
        if self._of_volume(1, name).get("status") == "Started":
            self.stop_volume(name)
        self.gluster("volume", "delete", name)

    def remove_former_bricks(self) -> None:
        """Remove the directories below /export that are bricks of no volume: Gluster refuses to use them again."""
        bricks = {
            line.rpartition(":")[2]
            for line in self.gluster("volume", "info").splitlines()
            if re.match(r"Brick\d+: ", line)
        }
        for host in self.hosts:
            found = self.exec(
                host.number, ["find", "/export", "-mindepth", "2", "-maxdepth", "2", "-type", "d"]
            )
            former = [path for path in found.stdout.split("\n") if path and path not in bricks]
            if former:
                self.exec(host.number, ["rm", "-rf", "--", *former])

    def wait_healed(self, name: str, host: int = 1, timeout: float = 120.0, in_use: bool = False) -> None:
        """Wait until every brick of a volume answers and reports no entry to be healed.

        What is written at the moment may be counted as possibly healing: *in_use* looks at what is pending only.
        The daemons begin by themselves when a brick is back; where their first try met a lock the next is in ten
        minutes, so they are started every ten seconds.
        """
        counted = "Number of entries in heal pending" if in_use else "Total Number of entries"
        requested_at = time.monotonic()

        def healed() -> bool:
            nonlocal requested_at
            answer = self.exec(host, ["gluster", "volume", "heal", name, "info", "summary"], check=False)
            counts = re.findall(rf"^{counted}: (.*)$", answer.stdout, re.MULTILINE)
            if answer.returncode == 0 and counts and set(counts) == {"0"}:
                return True
            if time.monotonic() - requested_at > 10:
                self.exec(host, ["gluster", "--mode=script", "volume", "heal", name], check=False)
                requested_at = time.monotonic()
            return False

        wait_until(healed, f"volume {name} healed", timeout, 0.2)

    # --- bricks ---------------------------------------------------------------------------------------

    def brick_processes(self, volume: str, host: int, path: Optional[str] = None) -> List[Process]:
        """The brick processes of a volume on a host, or the one that serves *path* there."""
        return [
            found
            for found in self.host(host).find("glusterfsd")
            # VOLUME.HOST.DIRECTORY, and no volume's name has a dot in it
            if found.option("--volfile-id").partition(".")[0] == volume
            and path in (None, found.option("--brick-name"))
        ]

    def kill_brick(self, volume: str, host: int, path: Optional[str] = None) -> None:
        """SIGKILL the bricks of a volume on a host, or the one at *path*; glusterd there knows on return."""
        self._each_brick(process.kill, volume, host, path)
        if self.host(host) in self._answering():
            self._wait_bricks(volume, host, "Stopped", path)

    def freeze_brick(self, volume: str, host: int, path: Optional[str] = None) -> None:
        """SIGSTOP: it takes connections and never answers; glusterd goes on calling it online."""
        self._each_brick(process.freeze, volume, host, path)

    def thaw_brick(self, volume: str, host: int, path: Optional[str] = None) -> None:
        self._each_brick(process.thaw, volume, host, path)

    def start_brick(self, volume: str, host: int, path: Optional[str] = None) -> None:
        """``volume start VOLUME force``: starts what does not run. Waits for the bricks of this host."""
        self.gluster("volume", "start", volume, "force", host=host)
        self._wait_bricks(volume, host, "Started", path)
        self._wait_self_heal(volume, host)

    def wait_started(self, volume: str, host: int) -> None:
        """Wait until glusterd of a host calls the bricks that it has of a volume started, as after a boot.

        A brick answers clients a moment before that.
        """
        self._wait_bricks(volume, host, "Started", None)

    def _each_brick(self, action: Callable[[int], None], volume: str, host: int, path: Optional[str]) -> None:
        bricks = self.brick_processes(volume, host, path)
        if not bricks:
            raise LabError(f"no brick of {volume} runs on {hostname(host)}{f' at {path}' if path else ''}")
        for brick in bricks:
            action(brick.pid)

    def _wait_bricks(self, volume: str, host: int, status: str, path: Optional[str]) -> None:
        def all_are() -> bool:
            state = self._of_volume(host, volume)
            # glusterd reports the status of its own bricks alone
            online = {
                state[key.replace(".status", ".path")].partition(":")[2]: value
                for key, value in state.items()
                if re.fullmatch(r"Brick\d+\.status", key)
            }
            return all(value == status for brick, value in online.items() if path in (None, brick))

        wait_until(all_are, f"bricks of {volume} on {hostname(host)} {status.lower()}", 30, 0.1)

    # --- self-heal daemons ----------------------------------------------------------------------------

    def self_heal_daemons(self, host: int) -> List[Process]:
        return [found for found in self.host(host).find("glusterfs") if "glustershd" in found.argv]

    def kill_self_heal_daemons(self, hosts: Optional[Sequence[int]] = None) -> None:
        """SIGKILL the self-heal daemons of *hosts* (all); start_volume(…, force=True) brings them back."""
        for host in self.hosts:
            if hosts is None or host.number in hosts:
                for daemon in self.self_heal_daemons(host.number):
                    process.kill(daemon.pid)

    def take_up_healing(self, host: int) -> bool:
        """Wait until the self-heal daemon of a host serves every volume that it should; False: it had to be killed.

        It happens now and then on a busy machine, and does not end by itself: one volume is left out, or the pid file
        for one is deleted, without which `volume status` says that its daemon is offline.  Both end where the
        daemon is killed and the volumes are started by force, as an administrator would do it.
        """
        volumes = [volume for volume in self._volumes(host) if _heals(self._of_volume(host, volume))]
        try:
            for volume in volumes:
                self._wait_self_heal(volume, host)
        except LabTimeout as late:
            self.progress(f"{late}: starting it anew")
            self.kill_self_heal_daemons([host])
            for volume in volumes:
                self.start_volume(volume, force=True, host=host)
            return False
        return True

    def _wait_self_heal(self, volume: str, host: int) -> None:
        pid_file = ["test", "-s", f"/run/gluster/shd/{volume}/{volume}-shd.pid"]

        def online() -> bool:
            state = self._of_volume(host, volume)
            if not _heals(state):
                return True
            there = self.exec(host, pid_file, check=False).returncode == 0
            return state.get("shd_svc.online_status") == "Online" and there

        wait_until(online, f"self-heal daemon of {hostname(host)} online for {volume}", 30, 0.1)

    # --- mounts ---------------------------------------------------------------------------------------

    def mount(self, host: int, volume: str, path: str, server: Optional[str] = None) -> None:
        """Mount a volume by FUSE, by way of *server* (the host itself). It is looked up, not believed."""
        self.exec(host, ["mkdir", "-p", path])
        self.exec(host, ["mount", "-t", "glusterfs", f"{server or hostname(host)}:/{volume}", path])
        wait_until(
            lambda: self.host(host).mounts().get(path) == "fuse.glusterfs", f"{volume} mounted at {path}", 10
        )

    def unmount(self, host: int, path: str) -> None:
        """Unmount, at once and even if it is in use; wait for the end of the process behind it."""
        behind = [found for found in self.host(host).find("glusterfs") if found.argv[-1] == path]
        self.exec(host, ["umount", "--lazy", path])
        pids = {client.pid for client in behind}
        wait_until(
            lambda: pids.isdisjoint(found.pid for found in self.host(host).processes()),
            f"the client of {path} on {hostname(host)} to end",
            10,
        )

    # --- what glusterd says ---------------------------------------------------------------------------

    def _answering(self) -> List[Host]:
        """The hosts whose glusterd runs and is not frozen."""
        return [
            host
            for host in self.hosts
            if host.namespaces.running and any(found.state not in "TZ" for found in host.find("glusterd"))
        ]

    def _volumes(self, host: int) -> List[str]:
        state = self.glusterd_state(host)
        return [name for key, name in state.items() if re.fullmatch(r"Volume\d+\.name", key)]

    def _of_volume(self, host: int, volume: str) -> Dict[str, str]:
        """What glusterd of a host knows of one volume; empty where it does not know it."""
        state = self.glusterd_state(host)
        for key, value in state.items():
            if value == volume and re.fullmatch(r"Volume\d+\.name", key):
                prefix = key[: -len("name")]
                return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        return {}


def _heals(state: Mapping[str, str]) -> bool:
    """Whether a volume in that state has a self-heal daemon."""
    return state.get("type", "").endswith(("Replicate", "Disperse")) and state.get("status") == "Started"
