"""Options of a volume that endanger the disks of guests on it."""

from __future__ import annotations

from typing import Iterator, Tuple

from ganeti_gluster_mon.gluster.model import Subvolume, Volume
from ganeti_gluster_mon.health.problem import OK, Problem
from ganeti_gluster_mon.health.services import is_off, is_on

QUORUM_TYPE = "cluster.quorum-type"
QUORUM_COUNT = "cluster.quorum-count"
LOOKUP_OPTIMIZE = "cluster.lookup-optimize"
SHARD = "features.shard"


def option_problems(volume: Volume) -> Iterator[Problem]:
    """Options of *volume*, which has disks of guests: a warning for each that can damage them."""
    for option, state, consequence in (*_quorum(volume), *_lookup(volume)):
        kind = f"{option} {state}"
        text = f"{volume.name}: {kind}: {consequence}"
        yield Problem("OPTION_ENDANGERS_GUESTS", OK, text, volume.name, option, kind=kind)


def _quorum(volume: Volume) -> Iterator[Tuple[str, str, str]]:
    """A quorum that two parts of a replica set, which do not reach each other, can both have."""
    sizes = [len(each.bricks) for each in volume.subvolumes if _may_split(each)]
    if not sizes:
        return
    consequence = "after a network failure two copies of a disk may be written independently (split-brain)"
    # The default of replica 2.  A thin arbiter would prevent it, and Gluster's XML does not name one.
    default = "auto" if min(sizes) > 2 else "none"
    quorum_type = volume.options.get(QUORUM_TYPE, default)
    if quorum_type == "none":
        state = "is none"
        if QUORUM_TYPE not in volume.options:
            state = "is not set, which is none for replica 2"
            consequence = f"without a thin arbiter, {consequence}"
        yield QUORUM_TYPE, state, consequence
    elif quorum_type == "fixed":
        count = volume.options.get(QUORUM_COUNT, "")
        if count.isdecimal() and len(count) <= 4 and 2 * int(count) <= min(sizes):
            yield QUORUM_COUNT, f"is {int(count)}", consequence


def _may_split(subvolume: Subvolume) -> bool:
    return subvolume.type == "replicate" and sum(not brick.arbiter for brick in subvolume.bricks) > 1


def _lookup(volume: Volume) -> Iterator[Tuple[str, str, str]]:
    """Gluster's own group virt has the option off since 8.5 and 9.1 (github.com/gluster/glusterfs/pull/2254)."""
    if is_on(volume.options, SHARD) and not is_off(volume.options, LOOKUP_OPTIMIZE):
        consequence = f"with {SHARD} it can damage disks when the volume is expanded or shrunk"
        yield LOOKUP_OPTIMIZE, "is not off", consequence
