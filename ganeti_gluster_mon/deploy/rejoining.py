"""A node that was installed anew while the pool still lists it: glusterd there gets the UUID that the pool knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.query import HOST_UUID

_INFO = "/var/lib/glusterd/glusterd.info"


@dataclass(frozen=True)
class Rejoin(Step):
    """A node that the pool of *coordinator* lists, with the UUID by which it does.

    glusterd makes itself a new UUID when it is installed anew, and Gluster then refuses the node: its name is taken.
    """

    coordinator: str

    @property
    def description(self) -> str:
        return f"known to {self.coordinator} by its former UUID"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.coordinator, POOL_LIST),
            NodeQuery(self.node, POOL_LIST),
            NodeQuery(self.node, VOLUME_INFO),
            NodeQuery(self.coordinator, VOLUME_INFO),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        pool, its = (gluster_cli.peers(answer) for answer in answers[:2])
        itself = gluster_cli.own(its)
        listed = next((peer for peer in pool if peer.hostname == self.node and not peer.local), None)
        if listed is None or listed.uuid is None:
            return DONE
        if listed.uuid == itself.uuid:
            if len(its) > 1:
                # it is connected some seconds before it has the volumes
                known, its_own = (_names(answer) for answer in answers[3:1:-1])
                return DONE if listed.connected and its_own == known else WAIT
            return (gluster(self.node, "peer", "probe", self.coordinator),)
        if len(its) > 1 or gluster_cli.volumes(answers[2]):
            raise PreconditionFailed(
                f"{self.coordinator} knows {self.node} by the UUID {listed.uuid}, and its glusterd has {itself.uuid} "
                f"and is in another pool or has volumes: take it out of that one first: gluster peer detach {self.node}"
            )
        if not HOST_UUID.match(listed.uuid):
            raise PreconditionFailed(
                f"{self.coordinator} knows {self.node} by {listed.uuid!r}, which is no UUID"
            )
        return (
            Command(self.node, ("systemctl", "stop", "glusterd.service"), timeout=120.0),
            Command(self.node, ("sed", "--in-place", f"s/^UUID=.*/UUID={listed.uuid}/", _INFO)),
            Command(self.node, ("systemctl", "start", "glusterd.service"), timeout=120.0),
            gluster(self.node, "peer", "probe", self.coordinator),
            *self.kick(),
        )

    def kick(self) -> Tuple[Command, ...]:
        """As Gluster's own procedure ends: a peer may else stay at "Sent and Received peer request"."""
        return (Command(self.node, ("systemctl", "restart", "glusterd.service"), timeout=120.0),)


def _names(answer: CommandResult) -> FrozenSet[str]:
    return frozenset(volume.name for volume in gluster_cli.volumes(answer))
