"""Geo-replication from a volume of one pool to a volume of another pool of the same lab, by GlusterFS' own processes.

The lab's hosts log in to each other as root.  `sync-method tarssh` needs no rsync.
"""

from __future__ import annotations

import re
from typing import List

from tests.lab.network import hostname
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until

#: seconds for a worker to begin, or to fail; Gluster starts a faulty one again every 10 s
BEGIN_TIMEOUT = 120.0
#: the volume that is written to
SECONDARY_VOLUME = "backup"
_COMMAND_TIMEOUT = 120.0


def install(pool: Pool) -> None:
    """Have glusterd of each host run again, with gsyncd; to be called before there are volumes."""
    for host in pool.hosts:
        host.enable_geo_replication()
        pool.kill_glusterd(host.number)
        pool.start_glusterd(host.number)


class GeoSession:
    """A session of *volume*, which is of host 1's pool, to a volume on host *to*, which is a pool of its own."""

    def __init__(self, pool: Pool, volume: str, to: int) -> None:
        self._pool, self._volume, self._to = pool, volume, to
        #: as `gluster` names it
        self.secondary = f"{hostname(to)}::{SECONDARY_VOLUME}"

    def create(self) -> None:
        """Create the secondary volume and the session, and start it."""
        pool, to = self._pool, self._to
        pool.gluster("volume", "create", SECONDARY_VOLUME, f"{hostname(to)}:/export/b1/backup", host=to)
        pool.start_volume(SECONDARY_VOLUME, host=to)
        pool.exec(1, ["ssh", "-oStrictHostKeyChecking=no", hostname(to), "true"])
        self._gluster("system::", "execute", "gsec_create")
        self.run("create", "push-pem")
        self.run("config", "sync-method", "tarssh")
        self.run("start")

    def run(self, *words: str) -> str:
        """The output of a command about the session."""
        return self._gluster("volume", "geo-replication", self._volume, self.secondary, *words)

    def statuses(self) -> List[str]:
        """The status of each worker, in Gluster's words."""
        table = self.run("status")
        return re.findall(r"\b(Active|Passive|Initializing\.\.\.|Created|Faulty|Paused|Stopped)(?= )", table)

    def wait_begun(self) -> None:
        """Wait until each worker replicates, or would if the one of another brick ended."""

        def begun() -> bool:
            found = self.statuses()
            return "Active" in found and set(found) <= {"Active", "Passive"}

        wait_until(begun, f"the workers of {self.secondary} to begin", BEGIN_TIMEOUT, 1.0)

    def _gluster(self, *words: str) -> str:
        """Not by Pool.gluster, which keeps gsyncd away: without it `gluster` does not have these commands."""
        return self._pool.exec(1, ["gluster", "--mode=script", *words], timeout=_COMMAND_TIMEOUT).stdout
