"""The state of the pool for the storage backend, small enough to be read for each disk.  Pure.

The daemon writes it to ``/run/ganeti-gluster-mon/web-state/storage.json`` with each new snapshot::

    {"format_version": 1, "boottime": NS, "hosts": ["node1", "node2"], "volumes": {"gv0": {
        "sharded": false, "healed": 75.0, "size": BYTES, "available": BYTES,
        "subvolumes": [{"missing": false, "healing": false, "bricks": [{"path": "/b", "local": true}]}]}}}

``hosts`` are the pool's, by every name that Gluster has for them, in lower case.  ``boottime`` is CLOCK_BOOTTIME when
the answers were taken.  ``healed``: percent of the largest backlog since there was none; null while nothing waits to be
healed.  What is not known is null.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.gluster.placement import is_sharded
from ganeti_gluster_mon.health import subvolume_redundancy

FORMAT_VERSION = 1

#: the largest backlog of each volume since it had none
Peaks = Mapping[str, int]


def storage_status(pool: Pool, peaks: Peaks, boottime: int) -> Tuple[bytes, Peaks]:
    """The digest of *pool*, whose answers were taken at *boottime* (ns), and the backlogs' new peaks."""
    new: Dict[str, int] = {}
    volumes: Dict[str, Any] = {}
    local = {peer.uuid for peer in pool.peers or () if peer.local}
    for volume in pool.volumes or ():
        pending = None if volume.heal is None else volume.heal.pending
        if pending or (pending is None and volume.name in peaks):
            new[volume.name] = max(pending or 0, peaks.get(volume.name, 0))
        volumes[volume.name] = {
            "sharded": is_sharded(volume.options),
            "healed": _healed(pending, new.get(volume.name)),
            "size": None if volume.capacity is None else volume.capacity.size,
            "available": None if volume.capacity is None else volume.capacity.available,
            "subvolumes": _subvolumes(volume, local),
        }
    status = {
        "format_version": FORMAT_VERSION,
        "boottime": boottime,
        "hosts": _hosts(pool),
        "volumes": volumes,
    }
    return json.dumps(status, separators=(",", ":")).encode("ascii"), new


def _hosts(pool: Pool) -> List[str]:
    names = {peer.hostname for peer in pool.peers or ()}
    names.update(
        brick.host for volume in pool.volumes or () for each in volume.subvolumes for brick in each.bricks
    )
    return sorted(name.lower() for name in names)


def _healed(pending: Optional[int], peak: Optional[int]) -> Optional[float]:
    return round(100 * (1 - pending / peak), 1) if pending and peak else None


def _subvolumes(volume: Volume, local: Any) -> Any:
    return [
        {
            **asdict(subvolume_redundancy(subvolume)),
            "bricks": [{"path": brick.path, "local": brick.uuid in local} for brick in subvolume.bricks],
        }
        for subvolume in volume.subvolumes
    ]
