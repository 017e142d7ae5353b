"""Daemons on three hosts that know each other, as tests start them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import Dict, Iterator, List, Optional

from tests.lab.pool import Pool
from tests.lab.waiting import LabError, wait_until
from tests.lab_tests.daemon import LONG, Daemon, serving

SECRET = "/root/secret"


class Together:
    """A daemon on each host."""

    def __init__(self, pool: Pool, *words: str) -> None:
        """*words* are added to the command line of each."""
        self.pool = pool
        self._words = words
        self.daemons: Dict[int, Daemon] = {}
        self._stacks: Dict[int, ExitStack] = {}

    def start(self, host: int) -> None:
        self._stacks[host] = ExitStack()
        daemon = serving(self.pool, host, "--listen", ":1816", "--secret-file", SECRET, *self._words)
        self.daemons[host] = self._stacks[host].enter_context(daemon)

    def stop(self, host: int) -> None:
        del self.daemons[host]
        self._stacks.pop(host).close()

    def leaders(self) -> List[int]:
        return [host for host, daemon in self.daemons.items() if role(daemon) == 1]

    def wait_leaders(self, hosts: List[int], timeout: float = LONG) -> None:
        def so() -> bool:
            return self.leaders() == hosts

        wait_until(so, f"{hosts} to lead", timeout)

    def by_uuid(self) -> List[int]:
        """The hosts in the order in which they lead."""
        uuids = {self.pool.glusterd_state(host)["MYUUID"]: host for host in (1, 2, 3)}
        return [uuids[uuid] for uuid in sorted(uuids)]

    def settle(self) -> None:
        """Wait until the first one leads, the others follow it, and all are content."""
        first = self.by_uuid()[0]

        def settled() -> bool:
            roles = {host: role(daemon) for host, daemon in self.daemons.items()}
            return roles == {host: float(host == first) for host in (1, 2, 3)} and all(
                daemon.status()[0] == 0 for daemon in self.daemons.values()
            )

        wait_until(settled, f"host {first} to lead a pool that is well", LONG)


def role(daemon: Daemon) -> Optional[float]:
    try:
        return daemon.metric("gluster_leader")
    except LabError:
        return None


@contextmanager
def on_every_host(pool: Pool, *words: str) -> Iterator[Together]:
    """A daemon on each host with a secret that all know, until the end of the block."""
    for host in (1, 2, 3):
        pool.exec(host, ["tee", SECRET], input="what all nodes of the cluster know\n")
        pool.exec(host, ["chmod", "600", SECRET])
    together = Together(pool, *words)
    try:
        for host in (1, 2, 3):
            together.start(host)
        yield together
    finally:
        for host in list(together.daemons):
            together.stop(host)
        for host in (1, 2, 3):
            pool.exec(host, ["rm", "-f", SECRET])
