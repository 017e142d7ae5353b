"""What profiling has counted on each brick, by Gluster's answer or by the brick's own file.

There is no sample where no administrator has started it.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import accumulate
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.profile import BrickProfile
from ganeti_gluster_mon.metrics.families import AnyFamily, Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_BRICK = ("volume", "host", "path")

#: the upper limits of the sizes of reads and writes, in bytes, below 2 MiB; Gluster counts by powers of two.  They are
#: the same for every brick, so that histograms can be added
_FIRST_POWER, _POWERS = 9, 22
_LIMITS = (*(str((1 << power) - 1) for power in range(_FIRST_POWER, _POWERS)), "+Inf")

_WHERE = "where profiling or stats dumps are on."

#: the first release of Gluster that counts nanoseconds; older ones count microseconds
_NANOSECONDS_SINCE = 8


def families(scrape: Scrape, make: Families) -> Iterator[AnyFamily]:
    """Counters, which begin at 0 when the brick or its profiling is started again.

    A node reads the files of its own bricks.  What Gluster answered about all bricks is exported where the pool is.
    """
    profiles = [
        ((volume.name, profile.host, profile.path), profile)
        for volume in started_volumes(scrape)
        for profile in volume.profile or ()
        if scrape.leader is not False or profile.dumped_at is not None
    ]
    units = _latency_units(scrape.pool.gluster_version)
    names = list(dict.fromkeys(operation.name for _, profile in profiles for operation in profile.operations))
    figured: List[Tuple[str, str, str, Callable[[BrickProfile], Mapping[str, Optional[float]]]]] = [
        ("gluster_brick_fop_total", "counter", f"File operations on the brick, {_WHERE}", _hits),
        (
            "gluster_brick_fop_seconds_total",
            "counter",
            f"Seconds that file operations on the brick took, {_WHERE}",
            partial(_seconds, units),
        ),
    ]
    if scrape.latency_extremes:
        figured += [
            (
                f"gluster_brick_fop_{name}_seconds",
                "gauge",
                f"Seconds that the {words} file operation on the brick took since its start, {_WHERE}",
                partial(_extreme, units, field),
            )
            for name, words, field in (("min", "shortest", "least"), ("max", "longest", "largest"))
        ]
    for name, kind, text, figures in figured:
        yield make.each(
            name,
            text,
            _BRICK,
            "fop",
            [each.lower() for each in names],
            [(labels, list(map(figures(profile).get, names))) for labels, profile in profiles],
            kind=kind,
        )
    yield make.group(
        _BRICK,
        (
            ("gluster_brick_read_bytes_total", f"Bytes read from the brick, {_WHERE}"),
            ("gluster_brick_written_bytes_total", f"Bytes written to the brick, {_WHERE}"),
        ),
        [(labels, (profile.read, profile.written)) for labels, profile in profiles],
        kind="counter",
    )
    yield make.gauge(
        "gluster_brick_stats_dump_timestamp_seconds",
        "When the brick wrote its statistics to a file, where diagnostics.stats-dump-interval is set.",
        _BRICK,
        [
            (labels, None if profile.dumped_at is None else profile.dumped_at / 1e9)
            for labels, profile in profiles
        ],
    )
    yield make.histogram(
        "gluster_brick_io_size_bytes",
        f"Sizes of reads from the brick and writes to it, {_WHERE}",
        (*_BRICK, "operation"),
        _LIMITS,
        [
            ((*labels, operation), (*counts, total))
            for labels, profile in profiles
            for operation, counts, total in _sizes(profile)
            if total is not None
        ],
    )


def _hits(profile: BrickProfile) -> Dict[str, int]:
    """How many there were, by kind of operation."""
    return {operation.name: operation.hits for operation in profile.operations}


def _seconds(units: Optional[float], profile: BrickProfile) -> Dict[str, float]:
    """What they took, by kind of operation.  *units*: how many of latencies a second has; None: not known.

    Gluster reports a mean.  A whole number of units has fewer digits, which are written and packed in half of the time.
    """
    if units is None:
        return {}
    return {
        operation.name: round(operation.latency) / units
        for operation in profile.operations
        if operation.latency is not None
    }


def _extreme(units: Optional[float], field: str, profile: BrickProfile) -> Dict[str, float]:
    """The least or the largest latency, by kind of operation; *units* as above."""
    if units is None:
        return {}
    found = ((operation.name, getattr(operation, field)) for operation in profile.operations)
    return {name: round(value) / units for name, value in found if value is not None}


def _sizes(profile: BrickProfile) -> Iterator[Tuple[str, List[int], Optional[int]]]:
    """Of reads and of writes: how many there were up to each limit, and how many bytes all had."""
    if profile.blocks is not None:
        reads, writes = [0] * len(_LIMITS), [0] * len(_LIMITS)
        for block in profile.blocks:
            # One of at least *size* and less than twice *size* bytes is below the first limit above *size*.
            place = min(max(block.size.bit_length() - _FIRST_POWER, 0), len(_LIMITS) - 1)
            reads[place] += block.reads
            writes[place] += block.writes
        yield "read", list(accumulate(reads)), profile.read
        yield "write", list(accumulate(writes)), profile.written


def _latency_units(version: Optional[str]) -> Optional[float]:
    """How many units of latencies a second has; None where the version of Gluster is not known."""
    match = re.match(r"[0-9]{1,3}", version or "")
    if match is None:
        return None
    return 1e9 if int(match.group()) >= _NANOSECONDS_SINCE else 1e6
