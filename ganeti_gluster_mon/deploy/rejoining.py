"""A node that was installed anew while the pool still lists it: glusterd there gets the UUID that the pool knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.query import HOST_UUID
from ganeti_gluster_mon.text import one_line

_INFO = "/var/lib/glusterd/glusterd.info"
_PEERS = "/var/lib/glusterd/peers"
#: the state of a member in glusterd's files, and what `pool list` shows for a `peer probe` that did not end
_MEMBER_IN_FILE, _STUCK = "3", "Sent and Received peer request"


@dataclass(frozen=True)
class Rejoin(Step):
    """A node that the pool of *coordinator* lists, with the UUID by which it does.

    glusterd makes itself a new UUID when it is installed anew, and Gluster then refuses the node: its name is taken.
    The step gives glusterd its former UUID and a file for each member of the pool, as Red Hat's procedure for "the same
    hostname" does.  The members then send it the volumes.  It does not use `peer probe`: a member that already lists
    the node may stay at "Sent and Received peer request", whatever is restarted (observed with GlusterFS 10.3).
    """

    coordinator: str

    @property
    def description(self) -> str:
        return f"known to {self.coordinator} by its former UUID"

    @property
    def effect_timeout(self) -> float:
        return 120.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.coordinator, POOL_LIST),
            NodeQuery(self.node, POOL_LIST),
            NodeQuery(self.node, VOLUME_INFO),
            NodeQuery(self.coordinator, VOLUME_INFO),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        if any(answer.status for answer in answers):
            return (
                WAIT  # a glusterd that was just started is busy with its peers: "Error : Request timed out"
            )
        pool, its = (gluster_cli.peers(answer) for answer in answers[:2])
        itself = gluster_cli.own(its)
        listed = next((peer for peer in pool if peer.hostname == self.node and not peer.local), None)
        if listed is None or listed.uuid is None:
            return DONE
        if listed.uuid != itself.uuid and (len(its) > 1 or gluster_cli.volumes(answers[2])):
            raise PreconditionFailed(
                f"{self.coordinator} knows {self.node} by the UUID {listed.uuid}, and its glusterd has {itself.uuid} "
                f"and is in another pool or has volumes: take it out of that one first: gluster peer detach {self.node}"
            )
        others = [peer for peer in pool if peer.uuid != listed.uuid]
        for peer in (listed, *others):
            if not HOST_UUID.match(peer.uuid or ""):
                raise PreconditionFailed(
                    f"{self.coordinator} knows {peer.hostname} by {peer.uuid!r}, which is no UUID"
                )
        # A node that has volumes serves bricks: its glusterd is not restarted, and no other state is overruled.
        fresh = not _names(answers[2])
        members = {peer.uuid for peer in its if peer.state != _STUCK}
        left: Tuple[Command, ...] = ()
        if fresh and listed.state == _STUCK:
            left += self._restarted(self.coordinator, self._state_of(listed))
        if fresh and not (listed.uuid == itself.uuid and members.issuperset(peer.uuid for peer in others)):
            uuid = Command(self.node, ("sed", "--in-place", f"s/^UUID=.*/UUID={listed.uuid}/", _INFO))
            left += self._restarted(self.node, uuid, *(self._file_of(peer) for peer in others))
        if left:
            return left
        # it is connected some seconds before it has the volumes
        known, its_own = (_names(answer) for answer in answers[3:1:-1])
        return DONE if listed.connected and its_own == known else WAIT

    def _file_of(self, peer: Peer) -> Command:
        """What makes glusterd on the node know *peer* as a member."""
        hostname = self.coordinator if peer.local else peer.hostname
        text = f"uuid={peer.uuid}\nstate={_MEMBER_IN_FILE}\nhostname1={one_line(hostname)}\n"
        return Command(self.node, ("tee", f"{_PEERS}/{peer.uuid}"), text)

    def _state_of(self, listed: Peer) -> Command:
        """What makes the coordinator take the node for a member, after a `peer probe` that came to no end."""
        edit = f"s/^state=.*/state={_MEMBER_IN_FILE}/"
        return Command(self.coordinator, ("sed", "--in-place", edit, f"{_PEERS}/{listed.uuid}"))

    @staticmethod
    def _restarted(node: str, *commands: Command) -> Tuple[Command, ...]:
        """*commands* while glusterd of *node* is stopped: it writes these files, too."""
        stop, start = (
            Command(node, ("systemctl", verb, "glusterd.service"), timeout=120.0)
            for verb in ("stop", "start")
        )
        return (stop, *commands, start)


def _names(answer: CommandResult) -> FrozenSet[str]:
    return frozenset(volume.name for volume in gluster_cli.volumes(answer))
