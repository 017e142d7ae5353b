"""Which disks have entries to be healed: when a brick's index is read, and what its program printed.  Pure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from ganeti_gluster_mon.gluster import heal_index_client, query
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.facts import VolumeInfo

#: the program, by its path: it needs nothing of the package
PROGRAM: Tuple[str, ...] = ("-IS", str(Path(heal_index_client.__file__)))
_PENDING = re.compile(rb"<totalNumberOfEntries>0*[1-9]")


def is_read(volume: VolumeInfo, previous: Optional[Capture]) -> bool:
    """Whether the index of a brick of *volume* is worth a process: entries waited in the cycle before.

    Only files of replicated volumes have the attributes that name the copies which lack something.
    """
    if previous is None or volume.replica_count < 2 or volume.disperse_count:
        return False
    answer = previous.answer(query.heal_summary(volume.name))
    return answer is not None and _PENDING.search(answer.output) is not None


def counts(output: bytes) -> Dict[str, int]:
    """By path of a disk, how many of its entries wait, in the *output* of the program; empty where it is not known."""
    try:
        found: Any = json.loads(output)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        path: number
        for path, number in found.items()
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0
    }
