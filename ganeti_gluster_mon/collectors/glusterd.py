"""`glusterd`: Gluster's processes on this node."""

from __future__ import annotations

from typing import Any, Dict

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.collectors import STATUS, register, status_data
from ganeti_gluster_mon.gluster.model import Pool, Process
from ganeti_gluster_mon.health import Health, evaluate_node


@register
class Glusterd:
    """The node's share of the pool: its daemons, bricks and mounts as the kernel sees them.

    Its status is about these processes alone; the report `gluster` has the status of the pool.
    """

    name = "glusterd"
    category = "daemon"
    kind = STATUS
    format_version = 1
    summary = "this node's processes of Gluster: glusterd, bricks, self-heal, mounts"

    def evaluate(self, pool: Pool, health: Health) -> Health:
        """The health of this node's processes."""
        return evaluate_node(pool)

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        """``status``, ``versions``, ``processes`` (null when not looked at)."""
        return {
            "status": status_data(self.evaluate(pool, health)),
            "versions": {"gluster": pool.gluster_version, "ganeti-gluster-mon": __version__},
            "processes": None
            if pool.processes is None
            else [_process_data(process) for process in pool.processes],
        }


def _process_data(process: Process) -> Dict[str, Any]:
    """Times in seconds, rss in bytes."""
    return {
        "name": process.name,
        "pid": process.pid,
        "uptime": process.uptime,
        "cpu_seconds": process.cpu_seconds,
        "rss": process.rss,
        "volume": process.volume,
        "path": process.path,
        "state": process.state,
    }
