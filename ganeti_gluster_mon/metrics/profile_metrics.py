"""What profiling has counted on each brick, by Gluster's answer or by the brick's own file.

There is no sample where no administrator has started it.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Sequence, Tuple

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.profile import BlockCount, BrickProfile
from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_BRICK = ("volume", "host", "path")

#: the upper limits of the sizes of reads and writes, in bytes, below 2 MiB; Gluster counts by powers of two
_SIZES = tuple((1 << power) - 1 for power in range(9, 22))

#: the first release of Gluster that counts nanoseconds; older ones count microseconds
_NANOSECONDS_SINCE = 8


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Counters, which begin at 0 when the brick or its profiling is started again.

    A node reads the files of its own bricks.  What Gluster answered about all bricks is exported where the pool is.
    """
    profiles = [
        ((volume.name, profile.host, profile.path), profile)
        for volume in started_volumes(scrape)
        for profile in volume.profile or ()
        if scrape.leader is not False or profile.dumped_at is not None
    ]
    operations = [
        ((*labels, operation.name.lower()), operation)
        for labels, profile in profiles
        for operation in profile.operations
    ]
    yield make.counter(
        "gluster_brick_fop_total",
        "File operations on the brick, where profiling or stats dumps are on.",
        (*_BRICK, "fop"),
        [(labels, operation.hits) for labels, operation in operations],
    )
    unit = _latency_unit(scrape.pool.gluster_version)
    yield make.counter(
        "gluster_brick_fop_seconds_total",
        "Seconds that file operations on the brick took, where profiling or stats dumps are on.",
        (*_BRICK, "fop"),
        [
            (labels, None if unit is None or operation.latency is None else operation.latency * unit)
            for labels, operation in operations
        ],
    )
    yield make.counter(
        "gluster_brick_read_bytes_total",
        "Bytes read from the brick, where profiling or stats dumps are on.",
        _BRICK,
        [(labels, profile.read) for labels, profile in profiles],
    )
    yield make.counter(
        "gluster_brick_written_bytes_total",
        "Bytes written to the brick, where profiling or stats dumps are on.",
        _BRICK,
        [(labels, profile.written) for labels, profile in profiles],
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
        "Sizes of reads from the brick and writes to it, where profiling or stats dumps are on.",
        (*_BRICK, "operation"),
        [
            ((*labels, operation), _buckets(counts), total)
            for labels, profile in profiles
            for operation, counts, total in _sizes(profile)
            if total is not None
        ],
    )


def _sizes(profile: BrickProfile) -> Iterator[Tuple[str, List[Tuple[int, int]], Optional[int]]]:
    """Of reads and of writes: how many there were by size, and how many bytes all had."""
    blocks: Sequence[BlockCount] = profile.blocks or ()
    if blocks:
        yield "read", [(block.size, block.reads) for block in blocks], profile.read
        yield "write", [(block.size, block.writes) for block in blocks], profile.written


def _buckets(counts: Sequence[Tuple[int, int]]) -> List[Tuple[str, float]]:
    """The same limits for every brick, so that histograms can be added."""
    limited = [(str(most), sum(count for size, count in counts if size <= most)) for most in _SIZES]
    return [*limited, ("+Inf", sum(count for _, count in counts))]


def _latency_unit(version: Optional[str]) -> Optional[float]:
    """Seconds in the unit of latencies; None where the version of Gluster is not known."""
    match = re.match(r"[0-9]{1,3}", version or "")
    if match is None:
        return None
    return 1e-9 if int(match.group()) >= _NANOSECONDS_SINCE else 1e-6
