"""This node's own bricks where `get-state` does not report all of them: by the processes that serve them.

glusterd (10.3, 11.1) fails `get-state` ("Failed to get daemon state") at the first volume whose rebalance was reset by
replace-brick, and writes none of the volumes after it.  Which brick processes run is known without any lock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.facts import LocalBrick, LocalState, LocalVolume, VolumeInfo
from ganeti_gluster_mon.gluster.model import Process

WHY = (
    "`get-state` fails on this node and reports a part only, as it does when a rebalance was reset by replace-brick; "
    "gluster volume rebalance VOLUME fix-layout start ends that"
)


def complete(
    state: LocalState, infos: Sequence[VolumeInfo], processes: Optional[Sequence[Process]]
) -> Tuple[LocalState, Tuple[str, ...]]:
    """*state* with the started volumes that it lacks, and the names of those; their bricks by *processes*.

    Of such a brick the port and the space are not known, and where processes are not known nothing is.
    """
    if state.whole or state.uuid is None:
        return state, ()
    known = {volume.name for volume in state.volumes}
    added: List[LocalVolume] = []
    for info in infos:
        mine = [brick for brick in info.bricks if brick.uuid == state.uuid]
        if info.name in known or info.state != "started" or not mine:
            continue
        bricks = tuple(
            LocalBrick(brick.host, brick.path, _runs(brick.path, processes), None, None, None)
            for brick in mine
        )
        added.append(LocalVolume(info.name, info.uuid, info.state, bricks))
    return replace(state, volumes=(*state.volumes, *added)), tuple(volume.name for volume in added)


def _runs(path: str, processes: Optional[Sequence[Process]]) -> Optional[bool]:
    """Whether a process serves the brick at *path*; None: not known."""
    bricks = [process for process in processes or () if process.name == "brick"]
    # with brick multiplexing one process serves several bricks and names none, or one
    if processes is None or any(process.path is None for process in bricks):
        return None
    return any(process.path == path for process in bricks)
