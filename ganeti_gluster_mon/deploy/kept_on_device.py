"""Copies of disks that ``repair --discard-copy`` kept on a device: they are lost only where the device is named."""

from __future__ import annotations

import json
from typing import Tuple

from ganeti_gluster_mon.deploy.remote import kept_copies, program, split_copies
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line, some

#: where `repair --discard-copy` keeps copies of disks, on the filesystem of the brick
KEPT = split_copies.KEPT_DIRECTORY


def kept_query(device: str) -> Tuple[str, ...]:
    """The command whose answer `must_not_lose_copies` takes."""
    return program(kept_copies, device, KEPT)


def must_not_lose_copies(node: str, device: str, kept: CommandResult) -> None:
    """Raise PreconditionFailed where copies that --discard-copy gave up were kept on *device*, or may be."""
    option = f"to lose them for good, add --discard-kept {node}:{device}"
    try:
        found = json.loads(kept.stdout)
        files, unmounted = [str(file) for file in found["files"]], [str(one) for one in found["unmounted"]]
    except (ValueError, KeyError, TypeError) as err:
        raise PreconditionFailed(
            f"{node}: it is not known whether copies of disks are kept on {device}: {one_line(kept.reason, 200)}; "
            f"{option}"
        ) from err
    if files:
        raise PreconditionFailed(
            f"{node}: {device} has copies of disks that gnt-gluster repair --discard-copy kept: "
            f"{one_line(some(files, 3), 300)}: move them elsewhere or remove them; {option}"
        )
    if unmounted:
        raise PreconditionFailed(
            f"{node}: {some(unmounted, 3)} is not mounted and has the directory {KEPT}, which may have copies of "
            f"disks that gnt-gluster repair --discard-copy kept: mount it and look; {option}"
        )
