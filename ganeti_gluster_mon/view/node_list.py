"""`gnt-gluster list-nodes`: the members of the pool, and the cluster's nodes that are not in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.gluster.model import Brick, Daemon, Peer
from ganeti_gluster_mon.view.fields import Field, Kind, Special, Value, counted, known
from ganeti_gluster_mon.view.listing import Listing
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.waiting_bricks import Waiting


@dataclass(frozen=True)
class NodeRow:
    """A host: as a peer of the pool, as a node of the cluster, or both."""

    peer: Optional[Peer]
    node: Optional[Node]
    #: of all volumes; None: not known which volumes there are
    bricks: Optional[Tuple[Brick, ...]]
    #: those of started volumes
    started: Tuple[Brick, ...] = ()
    #: its self-heal daemons, as the volumes list them
    daemons: Tuple[Daemon, ...] = ()
    #: whether it is the cluster's master
    master: bool = False
    #: bricks that wait for others; None: not known
    waiting: Optional[Waiting] = None

    @property
    def name(self) -> str:
        """Ganeti's name for it, else Gluster's."""
        if self.node is not None:
            return self.node.name
        return self.peer.hostname if self.peer is not None else ""


def rows(view: PoolView) -> Optional[List[NodeRow]]:
    """All peers and nodes, one row each; None where the members of the pool are not known."""
    if view.pool.peers is None:
        return None
    bricks: Dict[str, List[Brick]] = {}
    started: Dict[str, List[Brick]] = {}
    daemons: Dict[str, List[Daemon]] = {}
    for volume in view.pool.volumes or ():
        for brick in volume.bricks:
            bricks.setdefault(brick.uuid or "", []).append(brick)
            if volume.state == "started":
                started.setdefault(brick.uuid or "", []).append(brick)
        for daemon in volume.self_heal_daemons:
            daemons.setdefault(daemon.uuid or "", []).append(daemon)
    cluster = view.cluster
    found = []
    nodes = set()
    for peer in view.pool.peers:
        node = None if cluster is None else _node(peer, bricks.get(peer.uuid, []), cluster)
        nodes.add(None if node is None else node.name)
        found.append(
            NodeRow(
                peer,
                node,
                None if view.pool.volumes is None else tuple(bricks.get(peer.uuid, ())),
                tuple(started.get(peer.uuid, ())),
                tuple(daemons.get(peer.uuid, ())),
                node is not None and cluster is not None and node.name == cluster.master,
            )
        )
    for node in cluster.nodes if cluster is not None else ():
        if node.name not in nodes:
            found.append(NodeRow(None, node, (), (), (), cluster is not None and node.name == cluster.master))
    return [replace(row, waiting=view.waiting) for row in sorted(found, key=lambda row: row.name)]


def _node(peer: Peer, bricks: List[Brick], cluster: Cluster) -> Optional[Node]:
    """The cluster's node that *peer* is: by its name, its address, or the name its bricks have."""
    names = {peer.hostname, *(brick.host for brick in bricks)}
    for node in cluster.nodes:
        if names & {node.name, node.primary_ip, node.secondary_ip}:
            return node
    for name in names:
        by_short = cluster.node(name)
        if by_short is not None:
            return by_short
    return None


def _state(row: NodeRow) -> Value:
    if row.peer is None:
        return "not in the pool"
    return "local" if row.peer.local else row.peer.state


def _connected(row: NodeRow) -> Value:
    return known(None if row.peer is None else row.peer.connected, row.peer is not None)


def _online(row: NodeRow) -> Value:
    return None if row.bricks is None else counted([brick.online for brick in row.started])


def _heal(row: NodeRow) -> Value:
    if row.bricks is None:
        return None
    counts = [brick.heal_pending for brick in row.started]
    return sum(count for count in counts if count is not None) if None not in counts else None


def _role(row: NodeRow) -> Value:
    """As `gnt-node list -o role`, as far as every node knows it."""
    if row.node is None:
        return Special.UNAVAILABLE
    if row.master:
        return "M"
    if row.node.offline:
        return "O"
    return "C" if row.node.master_candidate else "R"


def _self_heal(row: NodeRow) -> Value:
    states = [daemon.online for daemon in row.daemons]
    if not states:
        return Special.UNAVAILABLE
    return None if None in states else all(states)


FIELDS: Tuple[Field[NodeRow], ...] = (
    Field(
        "name",
        "Node",
        Kind.TEXT,
        "Ganeti's name of the node, else Gluster's",
        lambda row: row.name,
        names=True,
    ),
    Field(
        "peer",
        "Peer",
        Kind.TEXT,
        "Gluster's name of it (pool list)",
        lambda row: known(row.peer and row.peer.hostname, row.peer is not None),
    ),
    Field(
        "uuid",
        "UUID",
        Kind.TEXT,
        "Gluster's id of it (pool list)",
        lambda row: known(row.peer and row.peer.uuid, row.peer is not None),
    ),
    Field(
        "state",
        "State",
        Kind.TEXT,
        "As a member of the pool: glusterd's words, local for the queried node, or not in the pool (pool list)",
        _state,
    ),
    Field("connected", "Connected", Kind.BOOL, "Whether the other glusterds hear it (pool list)", _connected),
    Field(
        "reachable",
        "Reachable",
        Kind.BOOL,
        "Whether its glusterd answered on port 24007 just now",
        lambda row: known(None if row.peer is None else row.peer.reachable, row.peer is not None),
    ),
    Field(
        "bricks",
        "Bricks",
        Kind.NUMBER,
        "Bricks on it, of all volumes (volume info)",
        lambda row: None if row.bricks is None else len(row.bricks),
    ),
    Field(
        "online",
        "Online",
        Kind.NUMBER,
        "Bricks on it of started volumes that run and answer; at least how many, where some are not known (volume "
        "status, and each brick's own port)",
        _online,
    ),
    Field(
        "waiting",
        "Waiting",
        Kind.NUMBER,
        "Bricks on it that wait until there are enough for a whole set (the node itself, by ssh); - where nodes are to "
        "bring none along",
        lambda row: None if row.waiting is None else row.waiting.of(row.name),
    ),
    Field(
        "volumes",
        "Volumes",
        Kind.LIST,
        "Volumes that have bricks on it (volume info)",
        lambda row: None if row.bricks is None else tuple(sorted({brick.volume for brick in row.bricks})),
    ),
    Field(
        "heal",
        "Heal",
        Kind.NUMBER,
        "Entries that its bricks count as to be healed (heal info summary)",
        _heal,
    ),
    Field(
        "self_heal",
        "SelfHeal",
        Kind.BOOL,
        "Whether its self-heal daemon runs (volume status)",
        _self_heal,
    ),
    Field(
        "role",
        "R",
        Kind.TEXT,
        "As a node of Ganeti's: M for the master, C for a candidate, O for offline, R for the rest (ssconf)",
        _role,
    ),
    Field(
        "vm_capable",
        "VMCapable",
        Kind.BOOL,
        "Whether it may host instances (ssconf)",
        lambda row: known(row.node and row.node.vm_capable, row.node is not None),
    ),
    Field(
        "pip",
        "PrimaryIP",
        Kind.TEXT,
        "Its address in the cluster (ssconf)",
        lambda row: known(row.node and row.node.primary_ip, row.node is not None),
    ),
    Field(
        "sip",
        "SecondaryIP",
        Kind.TEXT,
        "Its address for replication (ssconf)",
        lambda row: known(row.node and row.node.secondary_ip, row.node is not None),
    ),
)

NODES: Listing[NodeRow] = Listing(
    name="list-nodes",
    what="node",
    summary="list the nodes: the pool's members, and the cluster's nodes that are not in it",
    fields=FIELDS,
    default=("name", "role", "state", "connected", "bricks", "online", "waiting", "heal"),
    rows=rows,
    unknown=lambda view: view.health.message,
    volumes=lambda row: tuple(brick.volume for brick in row.bricks or ()),
)
