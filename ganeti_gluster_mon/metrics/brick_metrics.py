"""The bricks: online, space, heal backlog.  A follower exports its own bricks only."""

from __future__ import annotations

from operator import attrgetter
from typing import Iterator

from ganeti_gluster_mon.metrics.families import AnyFamily, Families, Scrape

_BRICK = ("volume", "host", "path")

#: metric, help, attribute of the brick
_GAUGES = (
    ("gluster_brick_up", "Whether the brick's process runs and answers.", "online"),
    ("gluster_brick_size_bytes", "Size in bytes of the filesystem under the brick.", "size"),
    ("gluster_brick_free_bytes", "Bytes free on the filesystem under the brick, for root.", "free"),
    (
        "gluster_brick_files",
        "Files (inodes) the filesystem under the brick has room for, used ones included.",
        "inodes_total",
    ),
    ("gluster_brick_files_free", "Free inodes of the filesystem under the brick.", "inodes_free"),
    (
        "gluster_brick_filesystem_mounted",
        "Whether the filesystem of the brick is mounted where /etc/fstab has it; known on the brick's own node.",
        "filesystem_mounted",
    ),
    (
        "gluster_brick_filesystem_errors",
        "Errors of the filesystem under the brick that the kernel has recorded (ext4, btrfs).",
        "filesystem_errors",
    ),
    ("gluster_brick_clients", "Connections of clients to the brick.", "client_count"),
    (
        "gluster_heal_pending_entries",
        "Entries that wait to be healed, by the brick's own count; every good copy counts the same.",
        "heal_pending",
    ),
    (
        "gluster_heal_split_brain_entries",
        "Entries in split-brain, by the brick's own count; every copy counts the same.",
        "split_brain",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[AnyFamily]:
    """The gauges of the bricks."""
    bricks = [brick for volume in scrape.pool.volumes or () for brick in volume.bricks]
    if scrape.leader is False:
        # A brick whose uuid is not known has no sample: it may be another node's.
        own = {peer.uuid for peer in scrape.pool.peers or () if peer.local}
        bricks = [brick for brick in bricks if brick.uuid in own]
    figures_of = attrgetter(*[attribute for _, _, attribute in _GAUGES])
    yield make.group(
        _BRICK,
        [(name, text) for name, text, _ in _GAUGES],
        [((brick.volume, brick.host, brick.path), figures_of(brick)) for brick in bricks],
    )
    yield make.infos(
        "gluster_brick_info",
        "The device under the brick, with the kernel's name, and the mount of its filesystem.",
        (*_BRICK, "device", "kernel_name", "filesystem", "mount"),
        [
            (brick.volume, brick.host, brick.path, brick.device, brick.name, brick.filesystem, brick.mount)
            for brick in bricks
            if brick.device is not None
        ],
    )
