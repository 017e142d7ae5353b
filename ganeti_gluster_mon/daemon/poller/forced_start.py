"""Starts by force what of a volume does not run, after a look at each of its bricks; for `auto_repair`.

``gluster volume start VOLUME force`` gives a brick directory without a volume id that of the volume; with a
``.glusterfs`` in it a later start starts the brick.  Where a filesystem is not mounted, that is the mount point, on the
root filesystem.  So the command is run only where each brick directory of the volume, on each node, has the volume id
and what a brick has that ever ran, on a filesystem of its own that takes writes.  The command also starts a volume that
was stopped meanwhile.  So the volume is queried again just before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Tuple

from ganeti_gluster_mon.deploy import fstab, gluster_cli
from ganeti_gluster_mon.deploy.apply import Host, query_nodes
from ganeti_gluster_mon.deploy.brick_status import offline, status_queries
from ganeti_gluster_mon.deploy.repair_steps import brick_query, understand, unmounted
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line

#: seconds of the command; glusterd waits for each brick that it starts
START_TIMEOUT = 60.0


@dataclass(frozen=True)
class CheckedBrick:
    """A brick and the node that it is on."""

    node: str
    path: str
    label: str

    def queries(self) -> Tuple[NodeQuery, ...]:
        """What `must_be_there` takes the answers of."""
        queried = (
            ("findmnt", "--noheadings", "--output", "OPTIONS", "--target", self.path),
            ("test", "-d", f"{self.path}/.glusterfs"),
            ("cat", fstab.PATH),
        )
        return (brick_query(self.node, self.path), *(NodeQuery(self.node, argv) for argv in queried))

    def must_be_there(self, volume_id: str, answers: Mapping[NodeQuery, CommandResult]) -> None:
        """Raise PreconditionFailed where it is not the brick with *volume_id*, or its filesystem takes no writes."""
        probe, mounted, inside, table = (answers[query] for query in self.queries())
        found = understand(self.node, probe)
        if found.error is not None:
            raise PreconditionFailed(f"{self.label} cannot be read: {one_line(found.error, 100)}")
        if found.volume_id is None:
            raise PreconditionFailed(f"{self.label} has no volume id: its filesystem may not be mounted")
        if found.volume_id != volume_id.replace("-", ""):
            raise PreconditionFailed(f"{self.label} has the id of another volume")
        # Somebody may have started the volume by force before, and so the mount point has the volume id as well.
        if found.point == "/":
            raise PreconditionFailed(
                f"{self.label} is on the root filesystem: its own filesystem may not be mounted"
            )
        missing = unmounted(found, table, self.path)
        if missing is not None:
            raise PreconditionFailed(f"{self.label}: {one_line(missing, 100)} is not mounted")
        if inside.status:
            raise PreconditionFailed(f"{self.label} has no .glusterfs: its filesystem may not be mounted")
        flags = mounted.stdout.strip().split(",")
        if mounted.status or not {"rw", "ro"}.intersection(flags):
            raise PreconditionFailed(f"it is not known how the filesystem of {self.label} is mounted")
        if "ro" in flags:
            raise PreconditionFailed(f"the filesystem of {self.label} is mounted read-only")


def must_be_safe(cluster: Cluster, host: Host, own: str, volume: str, start_bricks: bool) -> bool:
    """Whether something of *volume* does not run, so that it is to be started by force; *own* is this node.

    Raises PreconditionFailed where the start is not safe, or where that is not known.  Unless *start_bricks*, an
    offline brick makes it not safe.
    """
    info, status = status_queries(own, volume)
    answers = query_nodes(host, (info, status))
    found = gluster_cli.existing_volume(answers[info], volume)
    if found.state != "started":
        raise PreconditionFailed(f"{volume} is {found.state}")
    missing = offline(found, answers[status])
    if missing is None:
        raise PreconditionFailed(f"it is not known which bricks of {volume} are online")
    if not missing:
        return False
    labels = {f"{brick.host}:{brick.path}" for brick in found.bricks}
    if not start_bricks and labels.intersection(missing):
        raise PreconditionFailed(
            "bricks are offline, and the command would start them: start-brick is not enabled"
        )
    places = _places(cluster, found)
    replies: Dict[NodeQuery, CommandResult] = query_nodes(
        host, [query for place in places for query in place.queries()]
    )
    for place in places:
        place.must_be_there(found.uuid, replies)
    return True


def start_by_force(host: Host, own: str, volume: str) -> CommandResult:
    """Run the command on this node, *own*.  Raises NodeUnavailable where it does not end in time."""
    return host.run(own, (*gluster_cli.GLUSTER, "volume", "start", volume, "force"), START_TIMEOUT)


def _places(cluster: Cluster, volume: VolumeInfo) -> List[CheckedBrick]:
    """Where the bricks of *volume* are.  Raises PreconditionFailed where a node is not known or offline."""
    places: List[CheckedBrick] = []
    for brick in volume.bricks:
        label = f"{brick.host}:{brick.path}"
        node = cluster.node_of_host(brick.host)
        if node is None:
            raise PreconditionFailed(f"{label}: {brick.host} is no node of the cluster")
        if node.offline:
            raise PreconditionFailed(f"{label}: {node.name} is marked offline in Ganeti")
        places.append(CheckedBrick(node.name, brick.path, label))
    return places
