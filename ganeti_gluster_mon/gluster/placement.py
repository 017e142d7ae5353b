"""On which bricks a disk lies, by what is known of its file.  Pure.

A file is on all bricks of one subvolume; which one, Gluster alone decides.  It is plain where there is only
one; else a brick has the file, or a client of the volume got it.  A sharded file has its parts on
all subvolumes.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Disk, DiskFile, Subvolume, Volume

_ON = ("on", "enable", "yes", "true", "1")


def is_sharded(options: Mapping[str, str]) -> bool:
    """Whether a volume with *options* cuts files into parts, which it spreads over its subvolumes."""
    return options.get("features.shard", "off") in _ON


def is_here(server: Optional[str]) -> bool:
    """Whether *server*, from a volume's address, names the node that uses the volume, whichever node that is."""
    if server is None or server == "localhost" or server.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(server).is_loopback
    except ValueError:
        return False


def placed(files: Iterable[DiskFile], volumes: Optional[Sequence[Volume]]) -> Tuple[Disk, ...]:
    """The disks in *files* with the bricks of *volumes* that hold them."""
    named = {volume.name: volume for volume in volumes or ()}
    return tuple(_placed(file, named.get(file.volume)) for file in files)


def _placed(file: DiskFile, volume: Optional[Volume]) -> Disk:
    subvolumes = () if volume is None else _subvolumes(file, volume)
    bricks = tuple(brick for subvolume in subvolumes for brick in subvolume.bricks)
    return Disk(
        instance=file.instance,
        name=file.name,
        volume=file.volume,
        path=file.path,
        size=file.size,
        node=file.node,
        template=file.template,
        server=file.server,
        allocated=_allocated(file, volume, subvolumes),
        bricks=bricks or None,
        subvolumes=subvolumes,
        to_heal=_to_heal(file, subvolumes),
    )


def _subvolumes(file: DiskFile, volume: Volume) -> Tuple[Subvolume, ...]:
    """Those that have the file or a part of it; none where that is not known."""
    if len(volume.subvolumes) <= 1 or is_sharded(volume.options):
        return volume.subvolumes
    labels = {*file.copies, *(file.bricks or ())}
    return tuple(
        subvolume
        for subvolume in volume.subvolumes
        if any(_is(label, brick, volume) for brick in subvolume.bricks for label in labels)
    )


def _is(label: str, brick: Brick, volume: Volume) -> bool:
    """Whether ``host:path`` in *label* is *brick*: a client gets the host's own name, the brick may have another."""
    host, _, path = label.rpartition(":")
    if path != brick.path:
        return False
    if host == brick.host or host.partition(".")[0] == brick.host.partition(".")[0]:
        return True
    return sum(each.path == path for each in volume.bricks) == 1


def _allocated(file: DiskFile, volume: Optional[Volume], subvolumes: Sequence[Subvolume]) -> Optional[int]:
    """Bytes that the disk takes: what a brick reports of its copy is newer than what a client got."""
    if volume is not None and len(subvolumes) == 1 and not is_sharded(volume.options):
        (subvolume,) = subvolumes
        copies = [
            file.copies[brick.label]
            for brick in subvolume.bricks
            if brick.label in file.copies and not brick.arbiter
        ]
        if copies:
            # Each brick of a disperse set has a fragment of the same length.
            parts = len(subvolume.bricks) - subvolume.redundancy if subvolume.type == "disperse" else 1
            return max(copies) * parts
    return file.allocated


def _to_heal(file: DiskFile, subvolumes: Sequence[Subvolume]) -> Optional[int]:
    """Entries that wait: each good copy counts the same, so that the largest count of each subvolume is taken."""
    counts = [
        [file.to_heal[brick.label] for brick in subvolume.bricks if brick.label in file.to_heal]
        for subvolume in subvolumes
    ]
    return sum(max(each) for each in counts if each) if any(counts) else None
