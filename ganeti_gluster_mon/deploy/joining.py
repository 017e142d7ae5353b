"""How nodes bring their storage along: described once, for every node that comes.

Either by tags of the cluster, ``gnt-cluster add-tags gluster:join:gv0:/dev/vdb``, which every master has, or
in /etc/default/ganeti-gluster-mon on every node that may be the master::

    GLUSTER_JOIN_VOLUME=gv0
    GLUSTER_JOIN_DEVICE="/dev/vdb /dev/vdc"

A brick that has come waits until there are enough for a whole set.  That it waits is written nowhere: it is
a directory marked for the volume that was never a brick, on a node of the pool, and not among the volume's bricks.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon import etc_default
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import fstab, plan
from ganeti_gluster_mon.deploy.layout import BrickAddress, Layout, whole_sets
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.text import one_line, some

TAG = "gluster:join:"
_VOLUME, _DEVICE, _DIRECTORY = "GLUSTER_JOIN_VOLUME", "GLUSTER_JOIN_DEVICE", "GLUSTER_JOIN_DIRECTORY"


class InvalidJoinTag(CommandError):
    """What nodes are to bring along cannot be understood; one line."""


@dataclass(frozen=True)
class Described:
    """What every node that comes brings along."""

    volume: str
    devices: Tuple[str, ...] = ()
    directories: Tuple[str, ...] = ()


def described(tags: Iterable[str], defaults: str) -> Optional[Described]:
    """The value in the *tags* of the cluster, else in *defaults*, the text of our settings; None where neither has it.

    Raises CommandError.
    """
    parsed = [tag[len(TAG) :] for tag in tags if tag.startswith(TAG)]
    if parsed:
        pairs = [text.partition(":") for text in sorted(parsed)]
        volumes = sorted({volume for volume, _, _ in pairs})
        if len(volumes) > 1:
            raise InvalidJoinTag(
                f"the tags {TAG}… name {len(volumes)} volumes: nodes can bring bricks for one only"
            )
        paths = [path for _, _, path in pairs]
        return _checked(
            volumes[0],
            [path for path in paths if path.startswith("/dev/")],
            [path for path in paths if not path.startswith("/dev/")],
            f"tag {TAG}",
        )
    values = etc_default.assignments(defaults)
    if not values.get(_VOLUME) and not values.get(_DEVICE) and not values.get(_DIRECTORY):
        return None
    return _checked(
        values.get(_VOLUME, ""),
        values.get(_DEVICE, "").split(),
        values.get(_DIRECTORY, "").split(),
        etc_default.PATH,
    )


def _checked(volume: str, devices: Sequence[str], directories: Sequence[str], where: str) -> Described:
    if not VOLUME_NAME.match(volume):
        raise InvalidJoinTag(f"{where}: {one_line(volume, 80)!r} is no name of a volume")
    for path in (*devices, *directories):
        if not path.startswith("/") or os.path.normpath(path) != path or re.search(r"[\s:\"'\\\0]", path):
            raise InvalidJoinTag(f"{where}: {one_line(path, 80)!r} is no path that can be used")
    if not devices and not directories:
        raise InvalidJoinTag(f"{where}: volume {volume}, and neither a device nor a directory for its bricks")
    return Described(volume, tuple(devices), tuple(directories))


def candidates(table: Sequence[fstab.Entry], parsed: Described) -> Tuple[str, ...]:
    """Directories of a node that may be bricks that wait, by its fstab and by what is described."""
    mounted = [f"{entry.mount_point}/{plan.DIRECTORY}" for entry in table if entry.options == fstab.OPTIONS]
    return tuple(dict.fromkeys((*mounted, *parsed.directories)))


def waiting(volume: VolumeInfo, marked: Mapping[str, Sequence[str]]) -> Tuple[BrickAddress, ...]:
    """Bricks that wait to become part of *volume*: those of the *marked* (node → directories) it does not have."""
    has = {(brick.host, brick.path) for brick in volume.bricks}
    return tuple(
        BrickAddress(node, path)
        for node, paths in marked.items()
        for path in paths
        if (node, path) not in has
    )


@dataclass(frozen=True)
class Growth:
    """What becomes of bricks that wait."""

    #: these make whole sets, in Gluster's order
    joins: Tuple[BrickAddress, ...]
    waits: Tuple[BrickAddress, ...]
    #: how many more have to come before any of those that wait can join
    wanted: int


def growth(layout: Layout, bricks: Sequence[BrickAddress]) -> Growth:
    """Which of the *bricks* that wait make whole sets of *layout*, and what the others wait for."""
    joins = whole_sets(layout, bricks)
    waits: List[BrickAddress] = [brick for brick in bricks if brick not in joins]
    nodes = len({brick.node for brick in waits})
    return Growth(joins, tuple(waits), layout.size - nodes if waits else 0)


def became(node: str, volume: str, grown: Growth) -> str:
    """What the joining of a node came to."""
    words = f"{node} is in the pool"
    if grown.joins:
        words += (
            f"; {volume} has grown by {plan.described(grown.joins)}; what was there stays where it is: "
            f"gnt-gluster rebalance {volume} spreads it"
        )
    if grown.waits:
        words += (
            f"; {some([brick.label for brick in grown.waits], 4)} {'waits' if len(grown.waits) == 1 else 'wait'}: "
            f"{volume} grows when there are bricks on {grown.wanted} more {'node' if grown.wanted == 1 else 'nodes'}"
        )
    return words
