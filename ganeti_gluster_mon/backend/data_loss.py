"""Whether data of a disk may be lost because the FUSE client of its volume ended."""

from __future__ import annotations

from ganeti_gluster_mon.backend import dead_mount
from ganeti_gluster_mon.backend.volume import GlusterVolume


def report_loss(volume: GlusterVolume, path: str) -> None:
    """Remove mounts of *volume* whose client has ended; raise FlushError, once, where data of *path* may be lost.

    That is data that was written to its device on this node by a program that is no guest, see dead_mount.py.
    """
    volume.remove_dead()
    for records in volume.records():
        dead_mount.take_loss(records, path)
