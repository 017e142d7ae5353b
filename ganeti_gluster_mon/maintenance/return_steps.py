"""Steps that bring a node back into the pool after a maintenance, until the next node may follow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Counter as CounterOf
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.heal_steps import Healed
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.step import DONE, WAIT, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.parse.xml_records import element, listing, only
from ganeti_gluster_mon.gluster.validation import Faults, Refused, Unreadable
from ganeti_gluster_mon.gluster.xmlstream import read
from ganeti_gluster_mon.text import one_line, some

_IN_CLUSTER = "Peer in Cluster"


@dataclass(frozen=True)
class PeerConnected(Step):
    """A node whose glusterd answers, and that the pool is connected to."""

    coordinator: str
    #: of its glusterd
    uuid: str

    @property
    def description(self) -> str:
        return "connected to the pool"

    @property
    def effect_timeout(self) -> float:
        return 120.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.coordinator, gluster_cli.POOL_LIST),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = [peer for peer in gluster_cli.peers(answers[0]) if peer.uuid == self.uuid]
        if not found:
            raise PreconditionFailed(
                f"{self.node} is no peer of {self.coordinator} any more: gnt-gluster add-node {self.node}"
            )
        return DONE if found[0].connected and found[0].state in (None, _IN_CLUSTER) else WAIT

    def progress(self, answers: Sequence[CommandResult]) -> str:
        return "" if self.remaining(answers) is DONE else f"{self.coordinator} is not connected to it yet"


@dataclass(frozen=True)
class HealedAgain(Healed):
    """Nothing is pending on any brick of a set that had a brick stopped.

    Entries in split-brain count once all bricks are online: those that are offline are started before.
    """

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        counts = gluster_cli.heal_counts(answers[0]) or ()
        known = {BrickAddress(one.host, one.path) for one in counts if one.pending is not None}
        return super().remaining(answers) if known.issuperset(self.bricks) else WAIT


@dataclass(frozen=True)
class ClientsConnected(Step):
    """Bricks of a node that have the clients of the other bricks of their sets again: guests above all.

    A client that is not connected to this node's brick yet would lose its quorum, should the next node be stopped.
    """

    coordinator: str
    volume: str
    #: (brick of the node, the other bricks of its set)
    sets: Tuple[Tuple[BrickAddress, Tuple[BrickAddress, ...]], ...]
    #: the addresses of the node: its own clients may have another address at its own bricks
    own: Tuple[str, ...]

    @property
    def description(self) -> str:
        return f"clients of {self.volume} connected to its bricks again"

    @property
    def effect_timeout(self) -> float:
        return 120.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        argv = gluster_cli.gluster_argv(("volume", "status", self.volume, "clients"))
        return (NodeQuery(self.coordinator, argv),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        return WAIT if self._missing(answers[0]) else DONE

    def progress(self, answers: Sequence[CommandResult]) -> str:
        missing = self._missing(answers[0])
        return f"not connected yet: {one_line(some(missing, 4))}" if missing else ""

    def _missing(self, reply: CommandResult) -> List[str]:
        found = clients(reply)
        missing = []
        for brick, others in self.sets:
            counts = [found[other] for other in others if other in found]
            if brick not in found or not counts:
                missing.append(f"the clients of {brick.label} are not known")
                continue
            # a daemon that serves the bricks of its own host alone is a client of one brick only
            everywhere = counts[0]
            for count in counts[1:]:
                everywhere = everywhere & count
            for host, number in sorted((everywhere - found[brick]).items()):
                if host not in self.own:
                    missing.append(f"{number} of {host} to {brick.label}")
        return missing


def clients(reply: CommandResult) -> Dict[BrickAddress, CounterOf[str]]:
    """How many clients each brick has, by their address, from ``volume status V clients``.

    A brick whose clients are not known is left out.
    """
    found: Dict[BrickAddress, CounterOf[str]] = {}
    try:
        answer = read(gluster_cli.output(reply), "volStatus", _CLIENTS, Faults())
        for volume in only(answer, "volumes").children.get("volume", []):
            for node in volume.children.get("node", []):
                if node.texts.get("status") != "1" or "clientsStatus" not in node.children:
                    continue
                names = [
                    client.texts.get("hostname", "").rpartition(":")[0]
                    for client in node.children["clientsStatus"][0].children.get("client", [])
                ]
                brick = BrickAddress(node.texts.get("hostname", ""), node.texts.get("path", ""))
                found[brick] = Counter(names)
    except (Refused, Unreadable, PreconditionFailed):
        return {}
    return found


_CLIENTS = element(
    volumes=listing(
        volume=element(
            node=element("hostname path status", clientsStatus=listing(client=element("hostname"))),
            many="node",
        )
    )
)
