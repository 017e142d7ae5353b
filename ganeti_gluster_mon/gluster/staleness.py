"""What an old picture of a pool is still worth.  Pure.

Names and layout stay true for days; whether a brick is online does not for minutes.  So an old
picture keeps what the pool is made of, and forgets how it was.
"""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.gluster.model import Brick, Disk, Pool, Subvolume, Unknown, Volume


def as_stale(pool: Pool, why: str) -> Pool:
    """*pool* with all that changes from minute to minute no longer known, for the reason *why*."""
    return replace(
        pool,
        peers=None
        if pool.peers is None
        else tuple(
            replace(peer, connected=True if peer.local else None, reachable=None) for peer in pool.peers
        ),
        volumes=None if pool.volumes is None else tuple(_volume(volume) for volume in pool.volumes),
        mounts=tuple(
            replace(
                mount,
                f_frsize=None,
                f_blocks=None,
                f_bfree=None,
                f_bavail=None,
                f_files=None,
                f_ffree=None,
                failure=why,
            )
            for mount in pool.mounts
        ),
        processes=None,
        unknowns=(Unknown("the pool", why),),
        disks=None if pool.disks is None else tuple(_disk(disk) for disk in pool.disks),
    )


def _volume(volume: Volume) -> Volume:
    started = volume.state == "started"
    return replace(
        volume,
        bricks=tuple(_brick(brick) for brick in volume.bricks),
        subvolumes=tuple(_subvolume(subvolume, started) for subvolume in volume.subvolumes),
        capacity=None,
        inodes=None,
        heal=None,
        rebalance=None,
        quota=None,
        profile=None,
        geo_replications=None,
        daemons=tuple(replace(daemon, online=None, pid=None) for daemon in volume.daemons),
        mounts=(),
    )


def _subvolume(subvolume: Subvolume, started: bool) -> Subvolume:
    return replace(
        subvolume,
        bricks=tuple(_brick(brick) for brick in subvolume.bricks),
        quorum=None if started else subvolume.quorum,
    )


def _disk(disk: Disk) -> Disk:
    return replace(
        disk,
        allocated=None,
        bricks=None if disk.bricks is None else tuple(_brick(brick) for brick in disk.bricks),
        subvolumes=tuple(_subvolume(subvolume, started=True) for subvolume in disk.subvolumes),
    )


def _brick(brick: Brick) -> Brick:
    """Where it is, and on what; no more."""
    return Brick(
        volume=brick.volume,
        host=brick.host,
        path=brick.path,
        uuid=brick.uuid,
        arbiter=brick.arbiter,
        device=brick.device,
        filesystem=brick.filesystem,
        name=brick.name,
        mount=brick.mount,
    )
