"""Whether a brick serves.  Pure.

What counts is what clients can reach.  Four sources show it, and each may be missing:

``volume status``, ``get-state``   what the glusterd of the brick's host reports of its process
``heal info``                      a new client on the node that queried: it queries the glusterd of each brick's host
                                   for the brick's port, so it proves nothing where only that glusterd is down
a call to the brick's port         at the port that glusterd reported last
the brick's host                   glusterd calls it disconnected, or its port 24007 does not answer

A brick whose glusterd is down, and which is reached, is online.  A brick that glusterd does not
report on, and which is not reached, is offline and unreachable.  Only a brick that can be neither
reached nor excluded is not known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import AbstractSet, Any, Dict, Iterable, NamedTuple, Optional, Set, Tuple

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.model import Brick

#: what `volume status` reports of a brick behind its name and its host's uuid, in the order of `NodeStatus`
_REPORTED = parse.NodeStatus._fields[3:]

#: a brick is known by its host and its path
BrickKey = Tuple[str, str]


class Evidence(NamedTuple):
    """What is known of one brick from other sources than glusterd."""

    #: whether `heal info` connected to it; None: not queried, or not clear
    heal: Optional[bool] = None
    #: whether its port answered; None: not called
    port: Optional[bool] = None
    #: its host is disconnected, or does not answer on port 24007
    host_away: bool = False
    #: its glusterd does not answer, and the kernel of its host does: then `heal info` cannot learn the brick's port
    host_answers: bool = False

    @property
    def reached(self) -> bool:
        """Whether anything reached the brick."""
        return self.heal is True or self.port is True

    @property
    def not_reached(self) -> bool:
        """Whether something tried to reach the brick and failed, and nothing reached it."""
        if self.reached:
            return False
        return self.port is False or (self.heal is False and not self.host_answers)


def with_evidence(brick: Brick, evidence: Evidence, observer: str) -> Brick:
    """*brick*, as glusterd reports it, with what the other sources show; *observer* ran `heal info`."""
    if brick.online is None:
        if evidence.reached:
            return replace(brick, online=True)
        if evidence.not_reached:
            return replace(brick, online=False, unreachable=True)
        return brick
    if brick.online is False:
        if evidence.heal is True:
            return replace(brick, online=True, contradicted=observer)
        return brick
    if evidence.port is False:
        if evidence.host_away:
            return replace(brick, online=False, unreachable=True)
        return replace(brick, online=False, hangs=True)
    if evidence.heal is False:
        # The process answers at its port, or was not called: `heal info` alone does not make it offline.
        return replace(brick, online=evidence.port, not_reached_from=observer)
    return brick


def silent_hosts(found: Iterable[Tuple[Brick, Evidence]], gone: AbstractSet[str]) -> Set[str]:
    """The uuids of the hosts that are away and of which nothing was reached.

    *gone*: hosts on which nothing accepts a connection.  Another host that is away counts when a brick on it could
    not be reached and none was.
    """
    not_reached: Set[str] = set()
    alive: Set[str] = set()
    for brick, evidence in found:
        if brick.uuid is None:
            continue
        if evidence.reached:
            alive.add(brick.uuid)
        elif evidence.not_reached and evidence.host_away:
            not_reached.add(brick.uuid)
    return (not_reached | gone) - alive


def on_silent_host(brick: Brick) -> Brick:
    """*brick*, whose host does not answer at all."""
    return replace(brick, online=False, unreachable=True) if brick.online is None else brick


def fields_of(
    brick: parse.BrickInfo, reports: Iterable[parse.NodeStatus], count: Optional[parse.HealCount]
) -> Dict[str, Any]:
    """The fields of a `Brick` from `volume info`, the answers to `volume status` (oldest first) and `heal info`.

    What a newer answer does not hold stays.  A dictionary, since a large pool has thousands of bricks, and a frozen
    dataclass takes long to change.
    """
    fields: Dict[str, Any] = {"uuid": brick.uuid, "arbiter": brick.arbiter}
    for node in reports:
        if node.online is False:
            fields["pid"] = fields["port"] = None
        for name, value in zip(_REPORTED, node[3:]):
            if value is not None:
                fields[name] = value
    if count is not None:
        fields["heal_pending"] = count.pending
        fields["split_brain"] = count.split_brain
        fields["possibly_healing"] = count.possibly_healing
        fields["heal_failure"] = count.failure
    return fields


def with_own_state(brick: Brick, own: parse.LocalBrick) -> Brick:
    """*brick* with what `get-state` on its own host reported after `volume status`."""
    if own.started is None or own.started == brick.online:
        return brick
    return replace(brick, online=own.started, pid=None, port=own.port if own.started else None)


def without_status(brick: Brick, own: Optional[parse.LocalBrick]) -> Brick:
    """*brick*, which `volume status` does not report, with what `get-state` on its own host reports."""
    if own is None:
        return brick
    return replace(brick, online=own.started, port=own.port, size=own.size, free=own.free)
