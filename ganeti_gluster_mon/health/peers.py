"""The members of the pool."""

from __future__ import annotations

from typing import Iterable, Iterator, Optional, Sequence

from ganeti_gluster_mon.gluster.model import Peer, Process
from ganeti_gluster_mon.health.problem import CRITICAL, UNKNOWN, Problem


def peer_problems(peers: Iterable[Peer], processes: Optional[Sequence[Process]] = None) -> Iterator[Problem]:
    """Peers that do not take part in the pool, or only in part; *processes* are those of this node."""
    for peer in peers:
        yield from _of_a_peer(peer, processes)


#: All statuses of a peer
PEER_STATUSES = ("connected", "disconnected", "silent", "rejected", "unknown")


def peer_status(peer: Peer) -> str:
    """The status of *peer*, one of `PEER_STATUSES`."""
    if peer.connected is False:
        return "disconnected"
    if peer.reachable is False:
        return "silent"
    if not peer.local and peer.state is not None and peer.state != "Peer in Cluster":
        return "rejected"
    return "unknown" if peer.connected is None else "connected"


def takes_part(peer: Peer) -> bool:
    """Whether the glusterd of *peer* answers the queries of the whole pool."""
    if peer.connected is not True or peer.reachable is False:
        return False
    return peer.local or peer.state == "Peer in Cluster"


def _of_a_peer(peer: Peer, processes: Optional[Sequence[Process]]) -> Iterator[Problem]:
    def problem(code: str, text: str, severity: int = CRITICAL, kind: str = "") -> Problem:
        return Problem(code, severity, text, subject=peer.hostname, kind=kind)

    if peer.local:
        if peer.connected is False:  # by the view of another node: the glusterd of this node did not answer
            text = f"this node, {peer.hostname}, is disconnected from its peers"
            yield problem("PEER_DISCONNECTED", text, kind="this node")
        elif peer.reachable is False:
            glusterds = [process for process in processes or () if process.name == "glusterd"]
            if processes is not None and not glusterds:
                yield problem("GLUSTERD_DOWN", f"glusterd of this node, {peer.hostname}, does not run")
            else:
                yield problem("GLUSTERD_HANGS", f"glusterd of this node, {peer.hostname}, does not answer")
        return
    if peer.connected is False:
        yield problem("PEER_DISCONNECTED", f"peer {peer.hostname} is disconnected")
    elif peer.reachable is False:
        yield problem(
            "PEER_SILENT",
            f"peer {peer.hostname} does not answer on port 24007 (glusterd still counts it as connected)",
        )
    elif peer.connected is None:
        yield problem("NOT_KNOWN", f"peer {peer.hostname}: not known whether it is connected", UNKNOWN)
    if peer.state is not None and peer.state != "Peer in Cluster":  # "Peer Rejected", "Probe Sent", …
        yield problem("PEER_REJECTED", f"peer {peer.hostname} is not a full member of the pool: {peer.state}")
