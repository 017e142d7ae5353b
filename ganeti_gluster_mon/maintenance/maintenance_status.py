"""`gnt-gluster maintenance status`: which nodes are in maintenance, since when, and what they lack to finish."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.gluster.model import Brick, Pool
from ganeti_gluster_mon.health.bricks import set_name
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord, moment, records
from ganeti_gluster_mon.maintenance.maintenance_tasks import next_nodes, query_pool
from ganeti_gluster_mon.text import one_line, some


@dataclass(frozen=True)
class NodeMaintenance:
    """A node in maintenance, and what is missing until the next node may follow; None: not known."""

    record: MaintenanceRecord
    missing: Optional[Tuple[str, ...]]


def run(arguments: argparse.Namespace) -> int:
    """Print it; the exit status is 0."""
    cluster = ssconf.read()
    recorded = records(cluster.tags)
    pool, unknown = None, ""
    try:
        pool = query_pool()
    except CommandError as err:
        unknown = str(err)
    found = [NodeMaintenance(one, None if pool is None else missing(pool, cluster, one)) for one in recorded]
    following = next_nodes(pool, cluster) if pool is not None else f"not known: {unknown}"
    if arguments.json:
        print(json.dumps({"nodes": [as_json(one) for one in found], "next": following}, sort_keys=True))
        return 0
    for one in found:
        print("\n".join(lines(one)))
    if not found:
        print("no node is in maintenance")
    print(following)
    return 0


def as_json(found: NodeMaintenance) -> Dict[str, object]:
    """For programs; times are seconds since the epoch."""
    record = found.record
    return {
        "node": record.node,
        "since": record.since,
        "muted_until": record.until,
        "drained": record.drained,
        "missing": None if found.missing is None else list(found.missing),
    }


def lines(found: NodeMaintenance) -> Iterator[str]:
    """For people."""
    record = found.record
    yield f"{record.node}: in maintenance since {moment(record.since)}, muted until {moment(record.until)}"
    if found.missing is None:
        yield "  what it lacks is not known"
        return
    for each in found.missing:
        yield f"  - {one_line(each)}"
    yield f"  to finish: gnt-gluster maintenance finish {record.node}"


def missing(pool: Pool, cluster: Cluster, record: MaintenanceRecord) -> Tuple[str, ...]:
    """What *record* lacks until it is finished, a line each."""
    if pool.peers is None or pool.volumes is None:
        return ("it is not known which volumes and peers there are",)

    def is_node(host: str) -> bool:
        node = cluster.node_of_host(host)
        return node is not None and node.name == record.node

    found: List[str] = []
    uuids = {peer.uuid for peer in pool.peers if is_node(peer.hostname)}
    away = [
        peer.hostname
        for peer in pool.peers
        if peer.uuid in uuids and not peer.local and not (peer.connected and peer.reachable is not False)
    ]
    if away:
        found.append(f"glusterd of {some(away, 2)} is not connected")

    def is_there(brick: Brick) -> bool:
        return is_node(brick.host) or brick.uuid in uuids

    for volume in pool.volumes:
        if volume.state != "started":
            continue
        down = [brick.label for brick in volume.bricks if is_there(brick) and brick.online is not True]
        if down:
            found.append(f"{volume.name}: not online: {some(down, 4)}")
        for number, subvolume in enumerate(volume.subvolumes, 1):
            if subvolume.type == "distribute" or not any(map(is_there, subvolume.bricks)):
                continue
            name = f"{volume.name}: {set_name(subvolume, number, len(volume.subvolumes))}"
            counts = [brick.heal_pending for brick in subvolume.bricks if brick.heal_pending is not None]
            if not counts:
                found.append(f"{name}: it is not known how much there is to heal")
            elif max(counts):
                found.append(f"{name}: {max(counts)} entries to heal")
    if record.drained:
        found.append(f"{record.node} is drained")
    return tuple(found)
