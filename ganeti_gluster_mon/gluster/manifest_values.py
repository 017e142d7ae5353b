"""Values of a capture's manifest, checked: each function returns the value or raises Malformed."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any, Dict, List, Optional, Tuple

from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.lvm import LogicalVolume, LvmPool, LvmReport
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.profile import BlockCount, FileOperation, StatsDump

#: latest moment a capture may claim, ns since the epoch: what still is a date for everybody (year 2262)
LAST_MOMENT = (1 << 63) - 1


class Malformed(ValueError):
    """A value in a manifest has the wrong type or size."""


def _fits(value: Any, annotation: str) -> bool:
    """Whether *value* is what a field of model.py with this annotation may hold."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return "str" in annotation and "Tuple" not in annotation
    if isinstance(value, tuple):
        return "Tuple" in annotation and all(isinstance(item, str) for item in value)
    if isinstance(value, int):
        return ("int" in annotation or "float" in annotation) and 0 <= value <= LAST_MOMENT
    return isinstance(value, float) and "float" in annotation and 0 <= value <= LAST_MOMENT


def record(kind: Any, entry: Any, where: str) -> Any:
    """A Mount or Process from its entry; unknown keys are left alone, for later versions have more."""
    entry = expect(entry, dict, where)
    values = {}
    for each in fields(kind):
        value = entry.get(each.name)
        if value is None:
            continue
        if isinstance(value, list):
            value = tuple(value)
        if not _fits(value, str(each.type)):
            raise Malformed(f"{where}: {each.name} is {value!r}")
        values[each.name] = value
    try:
        return kind(**values)
    except TypeError:
        raise Malformed(f"{where}: an entry lacks what it must have") from None


def mapping(value: Any, kind: Any, where: str) -> Dict[str, Any]:
    """*value* as a mapping whose items are all of *kind*; empty where it is missing."""
    if value is None:
        return {}
    return {key: expect(item, kind, where) for key, item in expect(value, dict, where).items()}


def list_of(value: Any, where: str) -> List[Any]:
    """*value* as a list; empty where it is missing."""
    return [] if value is None else list(expect(value, list, where))


def text_or_none(value: Any, where: str) -> Optional[str]:
    """*value* as a text; None where it is missing."""
    return None if value is None else str(expect(value, str, where))


def whole_number(value: Any, where: str) -> int:
    """*value* as a number from 0 to LAST_MOMENT."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LAST_MOMENT:
        raise Malformed(f"{where} is {value!r}, not a whole number of fitting size")
    return int(value)


def expect(value: Any, kind: Any, where: str) -> Any:
    """*value*, which is of *kind*."""
    if not isinstance(value, kind):
        raise Malformed(f"{where} is {value!r:.60}, not a {kind.__name__}")
    return value


def geo_replication(entry: Any) -> GeoReplication:
    """A session of geo-replication."""
    entry = dict(expect(entry, dict, "geo_replications"))
    workers = list_of(entry.pop("workers", None), "geo_replications: workers")
    session: GeoReplication = record(GeoReplication, entry, "geo_replications")
    known = (record(GeoReplicationWorker, worker, "geo_replications: workers") for worker in workers)
    return replace(session, workers=tuple(known))


def disk_file(entry: Any) -> DiskFile:
    """What is known of an instance's disk."""
    entry = dict(expect(entry, dict, "disks"))
    copies = mapping(entry.pop("copies", None), int, "disks: copies")
    to_heal = mapping(entry.pop("to_heal", None), int, "disks: to_heal")
    for number in (*copies.values(), *to_heal.values()):
        whole_number(number, "disks: copies, to_heal")
    disk: DiskFile = record(DiskFile, entry, "disks")
    return replace(disk, copies=copies, to_heal=to_heal)


def disk_entry(disk: DiskFile) -> Dict[str, Any]:
    """The entry of *disk*, as `disk_file` reads it; what is not known is left out."""
    known = {key: value for key, value in asdict(disk).items() if value is not None}
    if not disk.to_heal:
        del known["to_heal"]
    return known


def lvm_report(entry: Any) -> LvmReport:
    """The logical volumes under bricks; `asdict` makes the entry."""
    entry = expect(entry, dict, "lvm")
    pools = tuple(record(LvmPool, each, "lvm: pools") for each in list_of(entry.get("pools"), "lvm: pools"))
    for percent in (value for pool in pools for value in (pool.data_percent, pool.metadata_percent)):
        if percent is not None and percent > 100:
            raise Malformed(f"lvm: a pool is full by {percent!r} percent")
    return LvmReport(
        whole_number(entry.get("taken_at"), "lvm: taken_at"),
        tuple(
            record(LogicalVolume, each, "lvm: volumes")
            for each in list_of(entry.get("volumes"), "lvm: volumes")
        ),
        pools,
    )


def stats_dump(entry: Any) -> StatsDump:
    """What a brick has written about its file operations; `asdict` makes the entry."""
    where = "stats_dumps"
    entry = dict(expect(entry, dict, where))
    stale = expect(entry.pop("stale", False), bool, f"{where}: stale")
    operations = list_of(entry.pop("operations", None), f"{where}: operations")
    blocks = list_of(entry.pop("blocks", None), f"{where}: blocks")
    dump: StatsDump = record(StatsDump, entry, where)
    return replace(
        dump,
        stale=stale,
        operations=tuple(record(FileOperation, each, f"{where}: operations") for each in operations),
        blocks=tuple(record(BlockCount, each, f"{where}: blocks") for each in blocks),
    )


def brick_answering(entry: Any) -> Tuple[Tuple[str, str], bool]:
    """A brick, by host and path, and whether it answered."""
    entry = expect(entry, dict, "bricks_answering")
    host = expect(entry.get("host"), str, "bricks_answering: host")
    path = expect(entry.get("path"), str, "bricks_answering: path")
    return (host, path), expect(entry.get("answers"), bool, "bricks_answering: answers")


def brick_port(entry: Any) -> Tuple[Tuple[str, str], int]:
    """A brick, by host and path, and its TCP port."""
    entry = expect(entry, dict, "brick_ports")
    host = expect(entry.get("host"), str, "brick_ports: host")
    path = expect(entry.get("path"), str, "brick_ports: path")
    port = whole_number(entry.get("port"), "brick_ports: port")
    if not 0 < port < 65536:  # a daemon as root connects to it, and another node may have sent it
        raise Malformed(f"brick_ports: port is {port}, not one of 1 to 65535")
    return (host, path), port
