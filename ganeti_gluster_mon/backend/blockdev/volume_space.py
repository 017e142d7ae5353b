"""The space of a volume; never that of the filesystem below its mount point."""

from __future__ import annotations

import logging
from typing import Any, Dict, Optional

from ganeti_gluster_mon.backend.status_file import STATUS_FILE, volume_status
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from ganeti_gluster_mon.gluster.capacity import of_mount
from ganeti_gluster_mon.gluster.model import Capacity


def space(volume: GlusterVolume, source: str = STATUS_FILE) -> Capacity:
    """The space of *volume*: by its mount, which is made if needed, else as the daemon calculated it from the bricks.

    The mount is more precise: the bricks do not show what their filesystems reserve for root.  Raises VolumeError
    where neither is known.
    """
    try:
        with volume.mounted():
            return _of(volume)
    except VolumeError as err:
        known = _known(volume_status(volume.server_addr, volume.volume, source))
        if known is None:
            raise
        logging.warning("%s; its space is the last that the collector reported", err)
        return known


def _known(parsed: Optional[Dict[str, Any]]) -> Optional[Capacity]:
    """What the collector reckoned, where it did and that makes sense."""
    size, available = (parsed or {}).get("size"), (parsed or {}).get("available")
    if type(size) is not int or type(available) is not int or not 0 <= available <= size:
        return None
    return Capacity(size=size, used=size - available, available=available, source="bricks")


def _of(volume: GlusterVolume) -> Capacity:
    found = of_mount(volume.statvfs())
    assert found is not None  # statvfs raises where there are no figures
    return found[0]
