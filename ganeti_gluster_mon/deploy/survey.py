"""Queries nodes before a plan is made: their pool, their disks, and how they resolve names."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import block_devices, fstab, gluster_cli
from ganeti_gluster_mon.deploy.apply import Host
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.text import one_line, some

#: seconds that the clocks of two nodes may differ; Gluster finds the newer of two copies by them
_CLOCKS = 10.0
_AT_ONCE = 16
#: seconds; with glusterd down, gluster itself would wait for two minutes
_QUERY_TIMEOUT = 15.0

#: how a node resolves names, and its clock: {"time": s, "names": {name: [address, …]}}
_NAMES = (
    "import json, socket, sys, time\n"
    "def look(name):\n"
    "    try: return sorted({one[4][0] for one in socket.getaddrinfo(name, None)})\n"
    "    except OSError: return []\n"
    "print(json.dumps({'names': {name: look(name) for name in sys.argv[1:]}, 'time': time.time()}))\n"
)


@dataclass(frozen=True)
class NodeSurvey:
    """The state of a node."""

    name: str
    #: why the node cannot be used; None: it can
    fault: Optional[str] = None
    #: whether the fault is that glusterd does not answer there; `RunGlusterd` repairs that
    no_glusterd: bool = False
    #: of the pool it is in, itself included
    peers: Tuple[Peer, ...] = ()
    volumes: Tuple[VolumeInfo, ...] = ()
    #: by the name in the query
    devices: Mapping[str, block_devices.Device] = field(default_factory=dict)
    device_faults: Tuple[str, ...] = ()
    fstab: Tuple[fstab.Entry, ...] = ()
    mount_points: Tuple[str, ...] = ()
    #: how it resolves the names of the others
    names: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    #: seconds by which its clock was ahead of ours when its answer came; negative: behind
    ahead: float = 0.0

    @property
    def uuid(self) -> Optional[str]:
        """Of its glusterd."""
        return next((peer.uuid for peer in self.peers if peer.local), None)

    @property
    def in_pool(self) -> bool:
        """Whether it is in a pool with others, or has volumes of its own."""
        return len(self.peers) > 1 or bool(self.volumes)


def survey_nodes(
    host: Host, nodes: Sequence[str], wanted: Mapping[str, Sequence[str]], names: Sequence[str]
) -> Tuple[NodeSurvey, ...]:
    """Look at *nodes*, all at once: *wanted* are the devices of each to look at, *names* those to be resolved."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return tuple(pool.map(lambda node: _survey_node(host, node, wanted.get(node, ()), names), nodes))


def _survey_node(host: Host, node: str, wanted: Sequence[str], names: Sequence[str]) -> NodeSurvey:
    queries: List[Sequence[str]] = [
        ("gluster", "--version"),
        POOL_LIST,
        VOLUME_INFO,
        ("cat", fstab.PATH),
        block_devices.MOUNTS,
    ]
    for device in wanted:
        queries += block_devices.queries(device)
    # last, so that its clock is read as close as can be to our own
    queries.append(("python3", "-I", "-S", "-c", _NAMES, *names))
    try:
        answers = host.query(node, queries, _QUERY_TIMEOUT)
    except NodeUnavailable as err:
        return NodeSurvey(node, fault=str(err))
    return understand(node, wanted, answers, time.time())


def understand(node: str, wanted: Sequence[str], answers: Sequence[CommandResult], now: float) -> NodeSurvey:
    """The state of a node, by its answers.  Pure."""
    version, pool, info, table, mounts, *rest = answers
    if version.status == 127:
        return NodeSurvey(node, fault=f"{node}: there is no gluster there: apt-get install glusterfs-server")
    try:
        peers, volumes = gluster_cli.peers(pool), gluster_cli.volumes(info)
    except PreconditionFailed:
        reply = pool if pool.status else info
        return NodeSurvey(
            node,
            fault=f"{node}: glusterd does not answer there ({reply.reason}): systemctl restart glusterd",
            no_glusterd=True,
        )
    found, faults = {}, []
    for number, name in enumerate(wanted):
        device, fault = block_devices.understand(name, rest[2 * number], rest[2 * number + 1])
        if device is None:
            faults.append(f"{node}: {fault}")
        else:
            found[name] = device
    names, clock = _names(rest[-1])
    return NodeSurvey(
        node,
        peers=peers,
        volumes=volumes,
        devices=found,
        device_faults=tuple(faults),
        fstab=fstab.entries(table.stdout),
        mount_points=block_devices.mount_points(mounts) or (),
        names=names,
        ahead=0.0 if clock is None else clock - now,
    )


def _names(reply: CommandResult) -> Tuple[Mapping[str, Tuple[str, ...]], Optional[float]]:
    """How names are resolved, and the clock; nothing where that is not known."""
    try:
        parsed = json.loads(reply.stdout)
        return {name: tuple(found) for name, found in parsed["names"].items()}, float(parsed["time"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, None


def faults(surveyed: Sequence[NodeSurvey], cluster: Cluster) -> Tuple[str, ...]:
    """Why nothing can be made of these nodes, a line each.  Pure."""
    found = [one.fault for one in surveyed if one.fault is not None]
    well = [one for one in surveyed if one.fault is None]
    for one in well:
        found += one.device_faults
        for name, addresses in one.names.items():
            wrong = _wrong_address(name, addresses, cluster)
            # a node's own name may lead to itself by any way: Debian gives it 127.0.1.1
            if wrong is not None and name != one.name:
                found.append(f"{one.name}: {wrong}: put it right there, in DNS or /etc/hosts")
    if well:
        slow, fast = min(well, key=lambda one: one.ahead), max(well, key=lambda one: one.ahead)
        if fast.ahead - slow.ahead > _CLOCKS:
            found.append(
                f"{fast.name}: its clock is {fast.ahead - slow.ahead:.0f} s ahead of that of {slow.name}: "
                f"have NTP run on both"
            )
    return tuple(dict.fromkeys(found))


def _wrong_address(name: str, addresses: Sequence[str], cluster: Cluster) -> Optional[str]:
    if not addresses:
        return f"it does not know the address of {name}"
    node = cluster.node(name)
    if node is None or {node.primary_ip, node.secondary_ip} & set(addresses):
        return None
    return f"it takes {name} for {one_line(some(addresses, 2))}, and Ganeti has {node.primary_ip}"
