"""A file of statistics that a brick writes (`diagnostics.stats-dump-interval`): two objects of JSON.  Pure.

The first object has the counts since the brick was started, the second those since the last dump.  Latencies are called
`usec`, and are nanoseconds since Gluster 8, as those of `volume profile`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Dict, List, Mapping, Tuple

from ganeti_gluster_mon.gluster.profile import BlockCount, FileOperation, StatsDump
from ganeti_gluster_mon.gluster.validation import LARGEST, Unreadable

_COUNT = re.compile(r"fop\.([a-z0-9_]{1,40})\.count")
_READS = re.compile(r"read_([0-9]{1,4})(b|kb|mb)")
_UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20}


def dump_name(brick: str) -> str:
    """The name of the file in which the brick at the directory *brick* writes its statistics."""
    return f"glusterfsd_{_in_names(brick)}.dump"


def stats_dump(content: bytes, brick: str, written_at: int) -> StatsDump:
    """What the brick at the directory *brick* has counted since it was started.

    *written_at*: ns since the epoch.  Raises Unreadable, also where the brick has not written all of it yet.
    """
    prefix = f"gluster.brick.{_in_names(brick)}.aggr."
    values = {
        key[len(prefix) :]: value
        for key, value in _cumulative(content).items()
        if key.startswith(prefix)
    }  # fmt: skip
    return StatsDump(
        brick,
        written_at,
        uptime=_whole(values, "uptime"),
        operations=_operations(values),
        read=_whole(values, "bytes_read"),
        written=_whole(values, "bytes_written"),
        blocks=_blocks(values),
    )


def _in_names(brick: str) -> str:
    return brick.replace("/", "_")


def _cumulative(content: bytes) -> Mapping[str, Any]:
    """The first object; the second, which follows it, has to be whole."""
    text = content.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder()
    try:
        first, end = decoder.raw_decode(text)
        second, end = decoder.raw_decode(text, end + len(text[end:]) - len(text[end:].lstrip()))
    except (ValueError, RecursionError) as err:
        raise Unreadable(f"it is not whole: {err}") from None
    if not isinstance(first, dict) or not isinstance(second, dict) or text[end:].strip():
        raise Unreadable("it does not consist of two objects")
    return first


def _operations(values: Mapping[str, Any]) -> Tuple[FileOperation, ...]:
    """Those that there were, as `volume profile` lists them.

    A call from the brick to a client (`upcall`) is none.  The average 0 stands for one that Gluster does not measure.
    """
    found: List[FileOperation] = []
    for key in values:
        match = _COUNT.fullmatch(key)
        if match is None or f"fop.{match.group(1)}.latency_ave_usec" not in values:
            continue
        hits = _whole(values, key)
        if hits:
            name, prefix = match.group(1).upper(), f"fop.{match.group(1)}.latency_"
            average = _latency(values, f"{prefix}ave_usec")
            if average:
                extremes = (
                    _latency(values, key) if key in values else None
                    for key in (f"{prefix}min_usec", f"{prefix}max_usec")
                )
                found.append(FileOperation(name, hits, hits * average, *extremes))
            else:
                found.append(FileOperation(name, hits))
    return tuple(found)


def _blocks(values: Mapping[str, Any]) -> Tuple[BlockCount, ...]:
    found: Dict[int, BlockCount] = {}
    for key in values:
        match = _READS.fullmatch(key)
        if match is not None:
            size = int(match.group(1)) * _UNITS[match.group(2)]
            if size < 1 or size & (size - 1):
                raise Unreadable(f"{key} is no power of two")
            found[size] = BlockCount(size, _whole(values, key), _whole(values, f"write_{key[5:]}"))
    return tuple(found[size] for size in sorted(found))


def _whole(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise Unreadable(f"{key} is {value!r:.40}, not a whole number of fitting size")
    return value


def _latency(values: Mapping[str, Any], key: str) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(f"{key} is {value!r:.40}, not a number")
    if not (math.isfinite(value) and 0 <= value <= LARGEST):
        raise Unreadable(f"{key} is {value!r:.40}, not of fitting size")
    return float(value)
