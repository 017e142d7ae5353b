"""A node that was installed anew while the pool still lists it: glusterd there gets the UUID that the pool knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, Left, NotSo, Question, Step
from ganeti_gluster_mon.ganeti.ssh import Said
from ganeti_gluster_mon.gluster.query import HOST_UUID

_INFO = "/var/lib/glusterd/glusterd.info"


@dataclass(frozen=True)
class Rejoin(Step):
    """A node that the pool of *speaker* lists, with the UUID by which it does.

    glusterd makes itself a new UUID when it is installed anew, and Gluster then refuses the node: its name is taken.
    """

    speaker: str

    @property
    def words(self) -> str:
        return f"known to {self.speaker} by its former UUID"

    @property
    def patience(self) -> float:
        return 60.0

    def questions(self) -> Tuple[Question, ...]:
        return (
            Question(self.speaker, POOL_LIST),
            Question(self.node, POOL_LIST),
            Question(self.node, VOLUME_INFO),
            Question(self.speaker, VOLUME_INFO),
        )

    def left(self, answers: Sequence[Said]) -> Left:
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
            return (gluster(self.node, "peer", "probe", self.speaker),)
        if len(its) > 1 or gluster_cli.volumes(answers[2]):
            raise NotSo(
                f"{self.speaker} knows {self.node} by the UUID {listed.uuid}, and its glusterd has {itself.uuid} and "
                f"is in another pool or has volumes: take it out of that one first: gluster peer detach {self.node}"
            )
        if not HOST_UUID.match(listed.uuid):
            raise NotSo(f"{self.speaker} knows {self.node} by {listed.uuid!r}, which is no UUID")
        return (
            Command(self.node, ("systemctl", "stop", "glusterd.service"), timeout=120.0),
            Command(self.node, ("sed", "--in-place", f"s/^UUID=.*/UUID={listed.uuid}/", _INFO)),
            Command(self.node, ("systemctl", "start", "glusterd.service"), timeout=120.0),
            gluster(self.node, "peer", "probe", self.speaker),
            *self.urge(),
        )

    def urge(self) -> Tuple[Command, ...]:
        """As Gluster's own procedure ends: a peer may else stay at "Sent and Received peer request"."""
        return (Command(self.node, ("systemctl", "restart", "glusterd.service"), timeout=120.0),)


def _names(answer: Said) -> FrozenSet[str]:
    return frozenset(volume.name for volume in gluster_cli.volumes(answer))
