"""The bricks: online, space, heal backlog.  A follower exports its own bricks only."""

from __future__ import annotations

from operator import attrgetter
from typing import Iterator

from ganeti_gluster_mon.metrics.families import Families, GaugeGroup, Scrape

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


def families(scrape: Scrape, make: Families) -> Iterator[GaugeGroup]:
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
