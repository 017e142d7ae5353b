"""`lvs --reportformat json`: logical volumes and the pools that they take their blocks from.  Pure.

The fields are those of `lvs_query.FIELDS`; lvs(8) explains the letters of lv_attr.
"""

from __future__ import annotations

import json
import re
from typing import Dict, Iterator, List, Optional, Tuple

from ganeti_gluster_mon.gluster.lvm import LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    Unreadable,
    is_name,
    is_number,
    number,
    quoted,
)

#: rows that are read, of a machine with that many logical volumes
_MOST_ROWS = 10_000
#: the first letter of lv_attr: what a pool is
_POOL_TYPES = {"t": "thin", "d": "vdo"}
#: the fifth, state: the kernel wants the metadata to be checked
_CHECK_NEEDED = "cC"
#: the ninth, health
_HEALTH = {
    "F": "failed",
    "D": "out of data space",
    "M": "metadata is read-only",
}
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,10})?")

_Row = Dict[str, str]


def logical_volumes(output: bytes) -> Parsed[Tuple[Tuple[LogicalVolume, ...], Tuple[LvmPool, ...]]]:
    """All active logical volumes, and all pools.  Raises Unreadable."""
    faults = Faults()
    rows: Dict[Tuple[str, str], _Row] = {}
    for row in _rows(output):
        vg, name = row.get("vg_name", ""), row.get("lv_name", "").strip("[]")
        if is_name(vg) and is_name(name):
            # A field of segments makes a row for each segment.
            rows.setdefault((vg, name), row)
        else:
            faults.add(f"a logical volume is named {quoted(vg)} {quoted(name)}")
    volumes: List[LogicalVolume] = []
    pools: List[LvmPool] = []
    for (vg, name), row in rows.items():
        device = _device(row)
        if device is not None:
            volumes.append(_volume(device, vg, name, row, faults))
        if _attribute(row, 1) in _POOL_TYPES:
            pools.append(_pool(vg, name, row, rows, faults))
    return Parsed((tuple(volumes), tuple(pools)), faults.all())


def _rows(output: bytes) -> Iterator[_Row]:
    try:
        reports = json.loads(output.decode("utf-8"))["report"]
        found = [row for report in reports for row in report.get("lv", ())][: _MOST_ROWS + 1]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise Unreadable(f"no report of lvs: {type(err).__name__}") from None
    if len(found) > _MOST_ROWS:
        raise Unreadable(f"more than {_MOST_ROWS} logical volumes")
    for row in found:
        if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
            raise Unreadable("a logical volume in it is no object of texts")
        yield row


def _volume(device: str, vg: str, name: str, row: _Row, faults: Faults) -> LogicalVolume:
    label = f"{vg}/{name}"
    return LogicalVolume(
        device,
        vg,
        name,
        number(row.get("lv_size"), "lv_size", label, faults),
        number(row.get("vg_size"), "vg_size", label, faults),
        number(row.get("vg_free"), "vg_free", label, faults),
        _pool_of(row),
    )


def _pool(vg: str, name: str, row: _Row, rows: Dict[Tuple[str, str], _Row], faults: Faults) -> LvmPool:
    label = f"{vg}/{name}"
    data = rows.get((vg, _plain(row.get("data_lv", ""))), {})
    return LvmPool(
        vg,
        name,
        _POOL_TYPES[_attribute(row, 1)],
        number(row.get("lv_size"), "lv_size", label, faults),
        _percent(row.get("data_percent", ""), "data_percent", label, faults),
        _percent(row.get("metadata_percent", ""), "metadata_percent", label, faults),
        _fault(row),
        _pool_of(data),
    )


def _fault(row: _Row) -> Optional[str]:
    health = _HEALTH.get(_attribute(row, 9))
    if health is None and _attribute(row, 5) in _CHECK_NEEDED:
        return "metadata needs a check"
    return health


def _attribute(row: _Row, place: int) -> str:
    """The letter at *place*, counted from 1 as in lvs(8); "-" where there is none."""
    return row.get("lv_attr", "")[place - 1 : place] or "-"


def _pool_of(row: _Row) -> Optional[str]:
    name = _plain(row.get("pool_lv", ""))
    # For a cached volume, pool_lv names its cache, which holds copies only.
    return name if is_name(name) and _attribute(row, 1) in "VvT" else None


def _plain(name: str) -> str:
    """A name without the brackets that `lvs` puts around internal volumes."""
    return name.strip("[]")


def _device(row: _Row) -> Optional[str]:
    """The kernel's name of a logical volume; None where it is not active."""
    minor = row.get("lv_kernel_minor", "")
    return f"dm-{int(minor)}" if is_number(minor) else None


def _percent(text: str, what: str, whose: str, faults: Faults) -> Optional[float]:
    """*text* as a percentage; "" is one that LVM does not report, of a pool that is not active for example."""
    if not text:
        return None
    if _PERCENT.fullmatch(text) and float(text) <= 100:
        return float(text)
    faults.add(f"{what} of {whose} is {quoted(text)}")
    return None
