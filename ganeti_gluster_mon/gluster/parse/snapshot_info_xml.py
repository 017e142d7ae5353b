"""`snapshot info`: the snapshots of all volumes.  Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.parse.xml_records import compare_count, element, listing, once, only
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, is_name, number, quoted
from ganeti_gluster_mon.gluster.xmlstream import Record, read

_ACTIVATED = {"Started": True, "Stopped": False}


def snapshot_info(output: bytes) -> Parsed[Tuple[VolumeSnapshot, ...]]:
    """Each snapshot, with the volume that it was taken of."""
    faults = Faults()
    origin = element("name snapRemaining")
    snapshot = element(
        "name createTime",
        snapVolume=element("status", originVolume=origin),
        make=lambda record: _snapshot(record, faults),
    )
    answer = read(output, "snapInfo", element("count", snapshots=listing(snapshot=snapshot)), faults)
    found: List[Optional[VolumeSnapshot]] = only(answer, "snapshots").children.get("snapshot", [])
    compare_count(answer.texts.get("count"), len(found), "snapshots", "the answer", faults)
    return Parsed(once(found, "the snapshot", lambda known: (known.volume, known.name), faults), faults.all())


def _snapshot(record: Record, faults: Faults) -> Optional[VolumeSnapshot]:
    name = record.texts.get("name", "")
    volume = record.children["snapVolume"][0] if "snapVolume" in record.children else None
    origin = volume.children["originVolume"][0] if volume and "originVolume" in volume.children else None
    of = origin.texts.get("name", "") if origin else ""
    if not is_name(name) or volume is None or origin is None or not VOLUME_NAME.match(of):
        faults.add(f"a snapshot is called {quoted(name)}, of volume {quoted(of)}")
        return None
    whose = f"the snapshot {name}"
    status = volume.texts.get("status", "")
    if status not in _ACTIVATED:
        faults.add(f"status of {whose} is {quoted(status)}")
    return VolumeSnapshot(
        name,
        of,
        _moment(record.texts.get("createTime", ""), whose, faults),
        _ACTIVATED.get(status),
        number(origin.texts.get("snapRemaining"), "snapRemaining", whose, faults),
    )


def _moment(text: str, whose: str, faults: Faults) -> Optional[int]:
    """Seconds since the epoch; glusterd writes UTC, and since version 9 an offset with it."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S %z"):
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            continue
        return max(0, round((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()))
    faults.add(f"createTime of {whose} is {quoted(text)}")
    return None
