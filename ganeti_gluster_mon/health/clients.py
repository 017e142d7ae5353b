"""Clients that are not connected to all bricks, or too old; the op-version of the pool."""

from __future__ import annotations

from typing import Iterator, Optional

from ganeti_gluster_mon.gluster.brick_clients import uneven
from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.health.problem import HEALING, OK, Problem
from ganeti_gluster_mon.health.services import is_on
from ganeti_gluster_mon.text import some

#: addresses in one text
_MOST_NAMES = 5


def client_problems(volume: Volume, op_version: Optional[int]) -> Iterator[Problem]:
    """Clients of *volume* that may lack a brick, or that keep the pool from features; *op_version* is the pool's."""
    yield from _partly_connected(volume)
    if op_version is None:
        return
    old = {
        client.address: client.op_version
        for brick in volume.bricks
        for client in brick.clients or ()
        if client.op_version is not None and client.op_version < op_version
    }
    if old:
        named = some([f"{address} ({version})" for address, version in sorted(old.items())], _MOST_NAMES)
        text = f"{volume.name}: clients are older than the pool's op-version {op_version}: {named}"
        yield Problem("CLIENT_TOO_OLD", OK, text, volume.name)


def _partly_connected(volume: Volume) -> Iterator[Problem]:
    """Clients with more connections to one brick than to another of its subvolume; they connect again by themselves.

    The daemons of bitrot connect to the bricks of their own node only: with bitrot it is not known.
    """
    if is_on(volume.options, "features.bitrot"):
        return
    found = set()
    for subvolume in volume.subvolumes:
        if subvolume.type == "distribute" or any(brick.online is not True for brick in subvolume.bricks):
            continue
        for address, counts in uneven(brick.clients for brick in subvolume.bricks).items():
            if address in found:
                continue
            found.add(address)
            most, least = (subvolume.bricks[counts.index(each(counts))].label for each in (max, min))
            text = (
                f"{volume.name}: client {address} has {max(counts)} connections to brick {most}, and {min(counts)} "
                f"to brick {least}: what it writes may be missing there"
            )
            yield Problem("CLIENT_PARTLY_CONNECTED", HEALING, text, volume.name, address)


def op_version_problems(pool: Pool) -> Iterator[Problem]:
    """All nodes support a higher op-version than the pool has."""
    current, most = pool.op_version, pool.max_op_version
    if current is not None and most is not None and current < most:
        text = f"the op-version of the pool is {current}, and all nodes support {most}"
        yield Problem("OP_VERSION_LOW", OK, text)
