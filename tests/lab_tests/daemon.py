"""The daemon on a host of the lab, as tests start it and look at it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from tests.lab.lab import command
from tests.lab.namespaces import InsideProcess
from tests.lab.pool import Pool
from tests.lab.process import Process
from tests.lab.waiting import LabError, LabTimeout, wait_until

#: seconds between cycles when nothing happens: long compared with the time until an event is reported
INTERVAL = 6
#: seconds in which the web process answers, whatever Gluster does; curl and its start are not counted
AT_ONCE = 0.05
#: of `serve`'s unprivileged process
USER = "ganeti-gluster-mon"
#: the exit status of useradd(8) for a user that there is already
_IN_USE = 9
#: for what must come, however busy the machine
LONG = 60.0


@dataclass
class Daemon:
    """`serve` on a host of the lab."""

    pool: Pool
    host: int
    process: InsideProcess

    def get(self, path: str) -> Tuple[str, float]:
        """What is at *path*, and the seconds it took."""
        url = f"http://127.0.0.1:1816{path}"
        argv = ["curl", "--silent", "--fail", "--max-time", "10", "--write-out", "\n%{time_total}", url]
        body, _, seconds = self.pool.exec(self.host, argv).stdout.rpartition("\n")
        return body, float(seconds)

    def seconds(self, path: str) -> float:
        """The median of how long 15 requests take: single ones wait for a processor that others use."""
        return sorted(self.get(path)[1] for _ in range(15))[7]

    def data(self, collector: str = "storage/gluster") -> Dict[str, Any]:
        """The data of a report, in full."""
        return dict(json.loads(self.get(f"/1/report/{collector}?verbose=1")[0])["data"])

    def status(self) -> Tuple[int, str]:
        """The code and the message of the pool."""
        status = self.data()["status"]
        return int(status["code"]), str(status["message"])

    def wait_code(self, code: int, words: str = "", timeout: float = LONG) -> str:
        """Wait until the status has that *code* and *words* in its message, which is returned."""

        last = (code, "")

        def there() -> Optional[str]:
            nonlocal last
            last = now, message = self.status()
            return message if now == code and words in message else None

        try:
            return wait_until(there, f"status {code} {words!r}", timeout)
        except LabTimeout as error:
            raise LabTimeout(f"{error}; the last one was {last[0]}: {last[1]}") from error

    def child(self, name: str) -> Process:
        """The process of a role: "poller" or "web"."""

        def running() -> List[Process]:
            mine = [each for each in self.pool.host(self.host).processes() if "--role" in each.argv]
            return [each for each in mine if each.option("--role") == name and each.state != "Z"]

        return wait_until(running, f"the process of the role {name}")[0]

    def metric(self, name: str) -> Optional[float]:
        """The value of the sample *name*, as it is written in /metrics; None where there is none."""
        for line in self.get("/metrics")[0].splitlines():
            sample, _, value = line.rpartition(" ")
            if sample == name:
                return float(value)
        return None

    def cycle(self) -> Dict[str, Any]:
        """How the last cycle went."""
        return dict(
            json.loads(
                self.pool.exec(self.host, ["cat", "/run/ganeti-gluster-mon/current/cycle.json"]).stdout
            )
        )

    def next_cycle(self, last: Dict[str, Any]) -> Dict[str, Any]:
        """How the one after *last* went, when it has been."""

        def another() -> Optional[Dict[str, Any]]:
            now = self.cycle()
            return now if now["boottime"] != last["boottime"] else None

        return wait_until(another, "another cycle", LONG)


def make_user(pool: Pool, host: int) -> None:
    """Make the user of the daemon's unprivileged process on a host, as the package does."""
    made = pool.exec(host, ["useradd", "--system", "--user-group", "--no-create-home", USER], check=False)
    if made.returncode not in (0, _IN_USE):
        raise LabError(f"useradd: {made.stderr}")


@contextmanager
def serving(
    pool: Pool,
    host: int,
    *words: str,
    environment: Optional[Dict[str, str]] = None,
    prefix: Sequence[str] = (),
) -> Iterator[Daemon]:
    """`serve` with the words, and with *environment* added to its own, until the end of the block.

    *prefix*: a command that runs it, ``unshare`` and the like.
    """
    added = [f"{name}={value}" for name, value in (environment or {}).items()]
    argv = [*prefix, "env", *added, str(command()), "serve", "--interval", str(INTERVAL), *words]
    make_user(pool, host)
    daemon = Daemon(pool, host, pool.popen(host, argv))
    try:
        wait_until(lambda: answers(daemon, "/-/ready"), "the daemon to be ready")
        yield daemon
    finally:
        daemon.process.terminate()
        daemon.process.wait(10)


def answers(daemon: Daemon, path: str) -> bool:
    """Whether there is something at *path*."""
    try:
        daemon.get(path)
    except LabError:
        return False
    return True
