"""`volume info`: the layout and the options of each volume.  Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.gluster.parse.xml_records import (
    children,
    compare_count,
    element,
    flag,
    listing,
    once,
    only,
    state_word,
)
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    brick_of,
    is_name,
    number,
    quoted,
    uuid_of,
)
from ganeti_gluster_mon.gluster.xmlstream import Record, read

#: by Gluster's numbers for them
_VOLUME_STATES = {"0": "created", "1": "started", "2": "stopped"}
_TRANSPORTS = {"0": "tcp", "1": "rdma", "2": "tcp,rdma"}


def volume_info(output: bytes) -> Parsed[Tuple[VolumeInfo, ...]]:
    """Every volume of the pool, from `volume info`."""
    faults = Faults()
    brick = element("name hostUuid isArbiter", make=lambda record: _brick_info(record, faults))
    option = element("name value")
    volume = element(
        "name id status statusStr typeStr transport brickCount optCount"
        " replicaCount arbiterCount disperseCount redundancyCount snapshotCount",
        bricks=listing(brick=brick),
        options=listing(option=option),
        make=lambda record: _volume_info(record, faults),
    )
    answer = read(output, "volInfo", element(volumes=listing("count", volume=volume)), faults)
    volumes = only(answer, "volumes")
    found: List[Optional[VolumeInfo]] = volumes.children.get("volume", [])
    compare_count(volumes.texts.get("count"), len(found), "volumes", "the answer", faults)
    return Parsed(once(found, "volume", attrgetter("name"), faults), faults.all())


def _volume_info(record: Record, faults: Faults) -> Optional[VolumeInfo]:
    texts = record.texts
    name = texts.get("name", "")
    if not VOLUME_NAME.match(name):
        faults.add(f"a volume is called {quoted(name)}")
        return None
    whose = f"volume {name}"
    uuid = uuid_of(texts.get("id"), "id", whose, faults)
    state = state_word(texts, _VOLUME_STATES, whose, faults)
    type_ = texts.get("typeStr", "").lower()
    if not is_name(type_):
        faults.add(f"typeStr of {whose} is {quoted(type_)}")
    replica, arbiter, disperse, redundancy = (
        number(texts.get(count), count, whose, faults)
        for count in ("replicaCount", "arbiterCount", "disperseCount", "redundancyCount")
    )
    listed: List[Optional[BrickInfo]] = children(record, "bricks", "brick", whose, faults)
    compare_count(texts.get("brickCount"), len(listed), "bricks", whose, faults)
    bricks = once(listed, f"in {whose} brick", attrgetter("host", "path"), faults)
    options = _options(children(record, "options", "option", whose, faults), whose, faults)
    compare_count(texts.get("optCount"), len(options), "options", whose, faults)
    transport = _TRANSPORTS.get(texts.get("transport", ""), "unknown")
    if transport == "unknown":
        faults.add(f"transport of {whose} is {quoted(texts.get('transport', ''))}")
    # Without these a volume's bricks mean nothing; the faults above name what is missing.
    if uuid is None or state is None or not is_name(type_):
        return None
    if replica is None or arbiter is None or disperse is None or redundancy is None:
        return None
    snapshots = texts.get("snapshotCount")
    return VolumeInfo(
        name,
        uuid,
        state,
        type_,
        transport,
        bricks,
        replica,
        arbiter,
        disperse,
        redundancy,
        options,
        snapshots=None if snapshots is None else number(snapshots, "snapshotCount", whose, faults),
    )


def _brick_info(record: Record, faults: Faults) -> Optional[BrickInfo]:
    name = record.texts.get("name", "")
    brick = brick_of(name)
    if brick is None:
        faults.add(f"a brick is called {quoted(name)}")
        return None
    whose = f"brick {name}"
    arbiter = flag(record.texts, "isArbiter", whose, faults)
    # None would be truer; but there is a fault already, and its place in the volume is needed.
    return BrickInfo(*brick, uuid_of(record.texts.get("hostUuid"), "hostUuid", whose, faults), bool(arbiter))


def _options(records: Iterable[Record], whose: str, faults: Faults) -> Mapping[str, str]:
    options: Dict[str, str] = {}
    for record in records:
        name, value = record.texts.get("name"), record.texts.get("value")
        if not name or value is None:
            faults.add(f"an option of {whose} has no name or no value")
        elif name in options:
            faults.add(f"option {quoted(name)} of {whose} is there twice")
        else:
            options[name] = value
    return options
