"""The task release-disk: a filesystem that an earlier volume left is unmounted, taken out of fstab and erased."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ganeti_gluster_mon.deploy import block_devices, fstab, gluster_cli, plan
from ganeti_gluster_mon.deploy.block_devices import Device, filesystem_uuid
from ganeti_gluster_mon.deploy.brick_steps import must_not_be_missing
from ganeti_gluster_mon.deploy.command_arguments import UsageError, nodes_by_name
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.kept_on_device import kept_query, must_not_lose_copies
from ganeti_gluster_mon.deploy.plan import BrickPlace
from ganeti_gluster_mon.deploy.pool_steps import bricks_on
from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.deploy.task_queries import coordinator_of, look_at
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import some


@dataclass(frozen=True)
class ReleaseDisk(Step):
    """A device without the filesystem that a volume of this package had there."""

    device: str
    #: that a filesystem of ours has on this device
    uuid: str
    #: the name of a brick's directory in it
    directory: str
    #: a node of the pool that is queried for its volumes
    coordinator: str
    #: the administrator named the device in --discard-kept: copies of disks that were kept on it may be lost
    discard_kept: bool = False

    @property
    def description(self) -> str:
        return f"{self.device} released: no mount, no line in {fstab.PATH}, no filesystem"

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = (
            POOL_LIST,
            *block_devices.queries(self.device),
            ("cat", fstab.PATH),
            ("xfs_db", "-r", "-c", f"ls /{self.directory}", self.device),
            ("test", "-d", "/run/systemd/system"),
            block_devices.MOUNTS,
            kept_query(self.device),
        )
        return (NodeQuery(self.coordinator, VOLUME_INFO), *(NodeQuery(self.node, argv) for argv in queried))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        info, pool, listed, wiped, table, inside, systemd, mounts, kept = answers
        device, fault = block_devices.understand(self.device, listed, wiped)
        if device is None:
            raise PreconditionFailed(f"{self.node}: {fault}")
        if table.status:
            raise PreconditionFailed(f"{self.node}: {fstab.PATH} cannot be read: {table.reason}")
        sources = {f"UUID={one}" for one in (self.uuid, *(found.uuid for found in device.signatures)) if one}
        entries = [one for one in fstab.entries(table.stdout) if one.source in sources]
        self._must_be_ours(device, entries, has_bricks=inside.status == 0)
        points = tuple(dict.fromkeys((*device.mount_points, *(one.mount_point for one in entries))))
        own = gluster_cli.own(gluster_cli.peers(pool)).uuid
        bricks = bricks_on(gluster_cli.volumes(info), self.node, own)
        for volume, brick in bricks:
            if any(brick.path.startswith(f"{point}/") for point in points):
                raise PreconditionFailed(
                    f"{self.node}: {self.device} has the brick {brick.path} of volume {volume}: it is in use"
                )
        if device.signatures and not device.mount_points:
            must_not_be_missing(self.node, self.device, bricks, mounts)
        if device.signatures and not self.discard_kept:
            must_not_lose_copies(self.node, self.device, kept)
        argvs: List[Tuple[str, ...]] = [
            ("umount", "--", point) for point in sorted(device.mount_points, reverse=True)
        ]
        lines = [line for one in entries for line in fstab.lines(table.stdout, one.mount_point)]
        argvs += [fstab.remove(line) for line in dict.fromkeys(lines)]
        if lines:
            argvs.append(("sync", fstab.PATH))
            argvs += [] if systemd.status else [("systemctl", "daemon-reload")]
        # last: its line in fstab is found by its UUID
        argvs += [("wipefs", "--all", "--", self.device)] if device.signatures else []
        return tuple(Command(self.node, argv) for argv in argvs) or DONE

    def _must_be_ours(self, device: Device, entries: Sequence[fstab.Entry], has_bricks: bool) -> None:
        """Raises PreconditionFailed where what is on the device is not a filesystem that this package made for
        bricks."""
        if device.read_only or device.holders:
            raise PreconditionFailed(
                f"{self.node}: {self.device} {device.used or device.carries}: it is not a disk of a brick"
            )
        if not device.signatures and not device.mount_points:
            return
        kinds = [found.type for found in device.signatures]
        ours = device.has(self.uuid) or any(one.options == fstab.OPTIONS for one in entries) or has_bricks
        if kinds != ["xfs"] or not ours:
            what = device.carries or f"is mounted at {some(device.mount_points, 3)}"
            raise PreconditionFailed(
                f"{self.node}: {self.device} {what}, and it is not from gnt-gluster: nothing was changed on it"
            )


def release_disk(context: Context, arguments: argparse.Namespace) -> Proposal:
    """Disks that no volume uses any more, free for other use."""
    places = [
        BrickPlace(nodes_by_name(context.cluster, [name])[0], device=path) for name, path in arguments.disks
    ]
    nodes = tuple(dict.fromkeys(place.node for place in places))
    surveyed = look_at(context, nodes, places)
    coordinator = coordinator_of(context, nodes, surveyed)
    steps: List[Step] = []
    given_up = {(nodes_by_name(context.cluster, [name])[0], path) for name, path in arguments.discard_kept}
    strangers = given_up - {(place.node, str(place.device)) for place in places}
    if strangers:
        node, path = sorted(strangers)[0]
        raise UsageError(f"--discard-kept {node}:{path}: that disk is not among those to be released")
    for place in places:
        assert place.device is not None
        found = surveyed[place.node].devices[place.device]
        uuid = filesystem_uuid(context.cluster.name, place.node, place.device, found)
        kept = (place.node, place.device) in given_up
        steps.append(ReleaseDisk(place.node, place.device, uuid, plan.DIRECTORY, coordinator.name, kept))
    named = some([f"{place.node}:{place.device}" for place in places], 9)
    return Proposal(
        tuple(steps),
        (),
        f"Lose for good what is on {named}?",
        result=f"{named} can be used for another brick, by --device, or for anything else",
    )
