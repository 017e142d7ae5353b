"""Where the processes of bricks listen, and which of them answer.  glusterd calls a frozen one online."""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import parse, probe, probe_thread
from ganeti_gluster_mon.gluster.capture import Answer, Capture

#: a brick by its host and its path
BrickKey = Tuple[str, str]


@dataclass(frozen=True)
class BrickEndpoint:
    """Where a brick's process listens."""

    volume: str
    host: str
    path: str
    port: int

    @property
    def key(self) -> BrickKey:
        """The brick, by its host and its path."""
        return self.host, self.path


def reported_endpoints(statuses: Iterable[parse.VolumeStatus]) -> List[BrickEndpoint]:
    """Where the bricks listen that glusterd calls online."""
    endpoints = {
        (node.hostname, node.path): BrickEndpoint(status.volume, node.hostname, node.path, node.port)
        for status in statuses
        for node in status.nodes
        if node.online and node.port is not None and node.path.startswith("/")
    }
    return list(endpoints.values())


def with_last_known(
    endpoints: Sequence[BrickEndpoint],
    statuses: Iterable[parse.VolumeStatus],
    volumes: Iterable[parse.VolumeInfo],
    previous: Optional[Capture],
) -> List[BrickEndpoint]:
    """*endpoints*, and the last known ones of bricks that `volume status` does not report on: their host is away."""
    reported = {(node.hostname, node.path) for status in statuses for node in status.nodes}
    ports = {} if previous is None else previous.brick_ports
    return [
        *endpoints,
        *(
            BrickEndpoint(volume.name, brick.host, brick.path, ports[brick.host, brick.path])
            for volume in volumes
            if volume.state == "started"
            for brick in volume.bricks
            if (brick.host, brick.path) in ports and (brick.host, brick.path) not in reported
        ),
    ]


def local_endpoints(answer: Answer) -> List[BrickEndpoint]:
    """Where the bricks of this node listen, from the answer to `get-state`."""
    try:
        state = parse.state(answer.output).facts
    except parse.NoAnswer:
        return []
    return [
        BrickEndpoint(volume.name, brick.host, brick.path, brick.port)
        for volume in state.volumes
        for brick in volume.bricks
        if brick.started and brick.port is not None
    ]


def probe_bricks(
    endpoints: Sequence[BrickEndpoint],
    volumes: Sequence[parse.VolumeInfo],
    hosts_gone: AbstractSet[str],
    timeout: float,
    suspected: AbstractSet[BrickKey] = frozenset(),
) -> Dict[BrickKey, bool]:
    """By (host, path): whether the brick's process answers; left out where the replies do not decide it.

    A brick has *timeout* seconds to answer, and then a second chance, twice as long.  A brick that is *suspected*,
    because it did not answer before, or that is on a host in *hosts_gone*, gets no second chance.
    """
    encrypted = encrypted_volumes(volumes)
    replies: Dict[BrickEndpoint, probe.Reply] = {}
    for connect_only in (False, True):
        mine = [endpoint for endpoint in endpoints if (endpoint.volume in encrypted) is connect_only]
        by_address = probe.probe_ports(_addresses(mine), timeout, connect_only=connect_only)
        decided = set(_addresses(endpoint for endpoint in mine if endpoint.key in suspected))
        not_responding = [
            address
            for address, reply in by_address.items()
            if reply is probe.Reply.SILENT and address[0] not in hosts_gone and address not in decided
        ]
        by_address.update(probe.probe_ports(not_responding, 2 * timeout, connect_only=connect_only))
        replies.update((endpoint, by_address[(endpoint.host, endpoint.port)]) for endpoint in mine)
    answering = {}
    for endpoint, reply in replies.items():
        if reply is probe.Reply.ANSWERS:
            answering[endpoint.key] = True
        elif reply in (probe.Reply.REFUSED, probe.Reply.SILENT) or (
            reply is probe.Reply.UNREACHABLE and endpoint.host in hosts_gone
        ):
            answering[endpoint.key] = False
    return answering


def encrypted_volumes(volumes: Iterable[parse.VolumeInfo]) -> FrozenSet[str]:
    """The volumes whose bricks use TLS."""
    return frozenset(
        volume.name
        for volume in volumes
        if volume.options.get("server.ssl", "off") in ("on", "yes", "true", "1")
    )


def not_responding_before(previous: Optional[Capture]) -> FrozenSet[BrickKey]:
    """The bricks that did not answer in the last cycle."""
    answering = {} if previous is None else previous.bricks_answering
    return frozenset(key for key, answers in answering.items() if not answers)


def probe_targets(
    endpoints: Iterable[BrickEndpoint], volumes: Iterable[parse.VolumeInfo]
) -> Tuple[probe_thread.BrickPort, ...]:
    """*endpoints* as the probe thread takes them."""
    encrypted = encrypted_volumes(volumes)
    return tuple(
        probe_thread.BrickPort(endpoint.host, endpoint.path, endpoint.port, endpoint.volume in encrypted)
        for endpoint in endpoints
    )


def _addresses(endpoints: Iterable[BrickEndpoint]) -> List[Tuple[str, int]]:
    return list(dict.fromkeys((endpoint.host, endpoint.port) for endpoint in endpoints))
