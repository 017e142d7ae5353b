"""Every capture that the tests have, recorded and built."""

from __future__ import annotations

from pathlib import Path
from typing import List

from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.capture import Capture

CAPTURES = Path(__file__).parents[1] / "captures"

#: each by its directory under tests/captures
NAMES: List[str] = sorted(
    str(manifest.parent.relative_to(CAPTURES)) for manifest in CAPTURES.glob("**/manifest.json")
)


def read(name: str) -> Capture:
    """The capture with that one of NAMES."""
    return capture.read(str(CAPTURES / name))
