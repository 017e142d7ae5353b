"""The space of a volume, wherever it can be seen: never that of what lies under its mount point."""

from __future__ import annotations

from ganeti_gluster_mon.backend.seen import SEEN, seen
from ganeti_gluster_mon.backend.volume import GlusterVolume
from ganeti_gluster_mon.gluster.capacity import of_mount
from ganeti_gluster_mon.gluster.model import Capacity


def space(volume: GlusterVolume, source: str = SEEN) -> Capacity:
    """The space of *volume*: of its mount, else as the collector reckoned it, else by mounting it for a moment.

    Raises VolumeError where it cannot be mounted, or does not answer.
    """
    if not volume.is_mounted():
        known = seen(volume.server_addr, volume.volume, source)
        if (
            known is not None
            and isinstance(known.get("size"), int)
            and isinstance(known.get("available"), int)
        ):
            size, available = known["size"], known["available"]
            return Capacity(size=size, used=size - available, available=available, source="bricks")
    with volume.mounted():
        return _of(volume)


def _of(volume: GlusterVolume) -> Capacity:
    found = of_mount(volume.statvfs())
    assert found is not None  # statvfs raises where there are no figures
    return found[0]
