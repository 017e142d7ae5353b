"""Files that the scrubber of bitrot has found corrupted."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health.problem import CRITICAL, Problem


def bitrot_problems(volume: Volume) -> Iterator[Problem]:
    """Nodes with corrupted files of *volume*."""
    for scrub in volume.scrubs or ():
        if scrub.errors:
            files = "1 corrupted file" if scrub.errors == 1 else f"{scrub.errors} corrupted files"
            text = f"{volume.name}: the scrubber found {files} on {scrub.host}"
            yield Problem("BITROT_CORRUPTED", CRITICAL, text, volume.name, scrub.host)
