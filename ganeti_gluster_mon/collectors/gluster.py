"""`gluster`: how the pool is, its volumes and its peers."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from ganeti_gluster_mon.collectors import STATUS, register, status_data
from ganeti_gluster_mon.collectors.gluster_bricks import brick_data
from ganeti_gluster_mon.collectors.gluster_capacity import capacity_data, inodes_data
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.gluster.model import Heal, Peer, Pool, Volume
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.repair_tries import RepairTry


@register
class Gluster:
    """The whole pool with its status."""

    name = "gluster"
    category = "storage"
    kind = STATUS
    format_version = 1
    summary = "how the pool is and what is wrong with it; its volumes and peers"

    def evaluate(self, pool: Pool, health: Health) -> Health:
        """The health of the whole pool."""
        return health

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        """``status``, ``volumes`` and ``peers`` (null when not known), ``age`` of the answers in seconds."""
        return {
            "status": status_data(health),
            "volumes": None
            if pool.volumes is None
            else [_volume_data(volume, health, now) for volume in pool.volumes],
            "peers": None if pool.peers is None else [_peer_data(peer) for peer in pool.peers],
            "auto_repairs": None
            if pool.auto_repairs is None
            else [_repair_data(one) for one in pool.auto_repairs.last],
            "op_version": pool.op_version,
            "max_op_version": pool.max_op_version,
            "age": pool.age(now),
        }


def _volume_data(volume: Volume, health: Health, now: int) -> Dict[str, Any]:
    judged = health.volumes.get(volume.name)
    return {
        "name": volume.name,
        "uuid": volume.uuid,
        "type": volume.type,
        "state": volume.state,
        "status": judged.status if judged else "unknown",
        "transport": volume.transport,
        "capacity": capacity_data(volume.capacity),
        "inodes": inodes_data(volume.inodes),
        "subvolumes": [
            {
                "type": subvolume.type,
                "size": len(subvolume.bricks),
                "up": subvolume.up,
                "quorum": subvolume.quorum,
            }
            for subvolume in volume.subvolumes
        ],
        "bricks": [brick_data(brick, now) for brick in volume.bricks],
        "heal": _heal_data(volume.heal, now),
        "rebalance": _rebalance_data(volume.rebalance),
        "quota": _quota_data(volume.quota),
        "snapshots": _snapshot_data(volume.snapshots),
        "scrubs": _scrub_data(volume.scrubs),
        "geo_replications": _geo_replication_data(volume.geo_replications, now),
        "daemons": [
            {"name": daemon.name, "host": daemon.host, "online": daemon.online, "pid": daemon.pid}
            for daemon in volume.daemons
        ],
        # One that hangs is still mounted: it stands in the mount table.
        "mounted": bool(volume.mounts),
        "options": dict(volume.options),
    }


def _repair_data(one: RepairTry) -> Dict[str, Any]:
    return {
        "volume": one.volume,
        "action": one.action,
        "why": one.why,
        "time": one.tried_at,
        "result": one.result,
    }


def _heal_data(heal: Optional[Heal], now: int) -> Optional[Dict[str, Any]]:
    if heal is None:
        return None
    return {
        "pending": heal.pending,
        "split_brain": heal.split_brain,
        "possibly_healing": heal.possibly_healing,
        # seconds since it was counted: a count may take longer than all else, and be older
        "age": None if heal.taken_at is None else round(max(0, now - heal.taken_at) / 1e9, 3),
        "rate": None if heal.rate is None else round(heal.rate, 3),
        "seconds_left": None if heal.seconds_left is None else round(heal.seconds_left),
    }


def _rebalance_data(rebalance: Optional[Rebalance]) -> Optional[Dict[str, Any]]:
    if rebalance is None:
        return None
    return {
        "status": rebalance.status,
        "type": rebalance.type,
        "id": rebalance.id,
        "failures": rebalance.failures,
        "bricks": list(rebalance.bricks),
        "nodes": [
            {
                "host": node.host,
                "status": node.status,
                "failures": node.failures,
                "files": node.files,
                "size": node.size,
                "lookups": node.lookups,
                "skipped": node.skipped,
            }
            for node in rebalance.nodes
        ],
    }


def _quota_data(quota: Optional[Tuple[QuotaLimit, ...]]) -> Optional[List[Dict[str, Any]]]:
    if quota is None:
        return None
    return [
        {
            "path": limit.path,
            "hard_limit": limit.hard_limit,
            "soft_limit": limit.soft_limit,
            "used": limit.used,
            "available": limit.available,
            "exceeded": limit.exceeded,
            "soft_exceeded": limit.soft_exceeded,
        }
        for limit in quota
    ]


def _snapshot_data(snapshots: Optional[Tuple[VolumeSnapshot, ...]]) -> Optional[List[Dict[str, Any]]]:
    if snapshots is None:
        return None
    return [
        {
            "name": snapshot.name,
            "created_at": snapshot.created_at,
            "activated": snapshot.activated,
            "remaining": snapshot.remaining,
        }
        for snapshot in snapshots
    ]


def _scrub_data(scrubs: Optional[Tuple[ScrubStatus, ...]]) -> Optional[List[Dict[str, Any]]]:
    if scrubs is None:
        return None
    return [
        {
            "host": scrub.host,
            "scrubbed": scrub.scrubbed,
            "skipped": scrub.skipped,
            "errors": scrub.errors,
            "completed_at": scrub.completed_at,
        }
        for scrub in scrubs
    ]


def _geo_replication_data(
    sessions: Optional[Tuple[GeoReplication, ...]], now: int
) -> Optional[List[Dict[str, Any]]]:
    if sessions is None:
        return None
    return [
        {
            "secondary": session.secondary,
            # seconds since Gluster was queried for it, which is seldom
            "age": round(max(0, now - session.queried_at) / 1e9, 3),
            "workers": [
                {
                    "host": worker.host,
                    "path": worker.path,
                    "status": worker.status,
                    "crawl": worker.crawl,
                    "last_synced_at": worker.last_synced_at,
                    "entry": worker.entry,
                    "data": worker.data,
                    "meta": worker.meta,
                    "failures": worker.failures,
                    "checkpoint_at": worker.checkpoint_at,
                    "checkpoint_completed_at": worker.checkpoint_completed_at,
                }
                for worker in session.workers
            ],
        }
        for session in sessions
    ]


def _peer_data(peer: Peer) -> Dict[str, Any]:
    return {
        "hostname": peer.hostname,
        "uuid": peer.uuid,
        "state": peer.state,
        "connected": peer.connected,
        "reachable": peer.reachable,
        "local": peer.local,
    }
