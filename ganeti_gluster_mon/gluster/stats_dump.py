"""Statistics that bricks write to files, where an administrator has set `diagnostics.stats-dump-interval`.  Pure.

Gluster is not queried for them, so that no lock is held.  Each node reads those of its own bricks.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.profile import BrickProfile, StatsDump

#: dumps that may fail to come, and seconds that one may take to be written on a busy node
_MISSED, _DELAY = 2, 5.0
_SECONDS = re.compile(r"[0-9]{1,4}")


def dump_interval(options: Mapping[str, str]) -> int:
    """Seconds from one dump of a brick to the next; 0: there is none, or none in JSON."""
    text = options.get("diagnostics.stats-dump-interval", "")
    if options.get("diagnostics.stats-dump-format", "json") != "json" or not _SECONDS.fullmatch(text):
        return 0
    return int(text)


def is_dumped(options: Mapping[str, str]) -> bool:
    """Whether bricks and clients write dumps, in whichever format."""
    return bool(options.get("diagnostics.stats-dump-interval", "").strip("0"))


def is_stale(age: float, interval: int) -> bool:
    """Whether a dump of this *age* in seconds is not used any more; one from the future is not, either."""
    return not -_DELAY <= age <= _MISSED * interval + _DELAY


def profiles(
    bricks: Iterable[Tuple[str, str]], dumps: Iterable[StatsDump]
) -> Optional[Tuple[BrickProfile, ...]]:
    """The profile of each of *bricks*, this node's, by host and path, that has a dump; None where none has one.

    Of a brick whose dump is stale only the time of that is known.
    """
    by_path: Dict[str, StatsDump] = {dump.brick: dump for dump in dumps}
    found = [_profile(host, by_path[path]) for host, path in bricks if path in by_path]
    return tuple(found) or None


def _profile(host: str, dump: StatsDump) -> BrickProfile:
    if dump.stale:
        return BrickProfile(host, dump.brick, (), dumped_at=dump.written_at)
    return BrickProfile(
        host, dump.brick, dump.operations, dump.read, dump.written, dump.blocks or None, dump.written_at
    )
