"""Reads the files of statistics that this node's bricks write (stats_dump.py says where they do).

A brick empties its file and writes it anew.  Whoever reads it meanwhile gets a part: then the one before is kept.

Gluster (10.3, 11.1) makes the directory and the files writable for every user, since the umask of a brick is 0.  So
what they hold is read like any other input, within bounds, and nothing but metrics is made of it.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from dataclasses import replace
from typing import AbstractSet, Dict, Iterable, List, Optional, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.parse.stats_dump_json import dump_name, stats_dump
from ganeti_gluster_mon.gluster.profile import FileOperation, StatsDump
from ganeti_gluster_mon.gluster.stats_dump import dump_interval, is_stale

#: compiled into Gluster, whatever glusterd's working directory is
STATS_DIRECTORY = "/var/lib/glusterd/stats"
#: bytes of one dump; Gluster writes 42 kB, and more for a brick whose path is long, which is in each line
_MOST = 1 << 20
#: dumps of a node; what all of them hold is in each capture, 3 kB for each
_MOST_DUMPS = 500
#: seconds by which the time of a start may differ, since Gluster rounds it
_SAME_START = 2.0


def read_dumps(
    volumes: Iterable[parse.VolumeInfo],
    here: AbstractSet[Optional[str]],
    previous: Optional[Capture],
    directory: str = STATS_DIRECTORY,
) -> Tuple[StatsDump, ...]:
    """The dumps of the bricks on this node, whose uuid is in *here*, of volumes whose bricks write some.

    *previous*: the capture before.  A brick is left out whose dump is not there or cannot be read.
    """
    intervals = {
        brick.path: interval
        for volume in volumes
        for interval in [dump_interval(volume.options)]
        if interval and volume.state == "started"
        for brick in volume.bricks
        if brick.uuid in here
    }
    before = {dump.brick: dump for dump in (() if previous is None else previous.stats_dumps)}
    # Bricks at /a/b_c and /a_b/c write to one file.
    names = Counter(map(dump_name, intervals))
    now = time.time_ns()
    found: List[StatsDump] = []
    for brick, interval in list(intervals.items())[:_MOST_DUMPS]:
        if names[dump_name(brick)] > 1:
            continue
        dump = _read(os.path.join(directory, dump_name(brick)), brick, before.get(brick))
        if dump is not None:
            found.append(replace(dump, stale=is_stale((now - dump.written_at) / 1e9, interval)))
    return tuple(found)


def _read(path: str, brick: str, before: Optional[StatsDump]) -> Optional[StatsDump]:
    """The dump at *path*, or the one *before* while the brick writes it; None where there is none to read."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        if before is not None and before.written_at == status.st_mtime_ns:
            return before
        content = safe_open.read(path, _MOST, (0, os.geteuid()))
        if os.lstat(path).st_mtime_ns != status.st_mtime_ns:
            return before
        dump = stats_dump(content, brick, status.st_mtime_ns)
    except OSError:
        return None
    except parse.NoAnswer:
        return before
    return dump if before is None else _not_decreasing(dump, before)


def _not_decreasing(dump: StatsDump, before: StatsDump) -> StatsDump:
    """*dump*, in which no latency is less than *before*, unless the brick was started again meanwhile.

    Gluster writes the average latency with 24 bits.  The sum of millions of operations, reckoned from it, could become
    a little less, which Prometheus would take for a restart.
    """
    moved = (dump.written_at - before.written_at) / 1e9 - (dump.uptime - before.uptime)
    if abs(moved) > _SAME_START:
        return dump
    known: Dict[str, FileOperation] = {each.name: each for each in before.operations}

    def at_least(operation: FileOperation) -> FileOperation:
        old = known.get(operation.name)
        if old is None or old.latency is None or operation.latency is None or old.hits > operation.hits:
            return operation
        return replace(operation, latency=max(operation.latency, old.latency))

    return replace(dump, operations=tuple(map(at_least, dump.operations)))
