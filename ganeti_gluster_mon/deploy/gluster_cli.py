"""The queries of steps to ``gluster``, and the facts in its answers.  Pure."""

from __future__ import annotations

from typing import Optional, Tuple

from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.facts import HealCount, VolumeInfo, VolumeStatus
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.query import Query, heal_summary
from ganeti_gluster_mon.gluster.validation import Refused, Unreadable

GLUSTER = ("gluster", "--mode=script")
# without glusterd, gluster tries for two minutes to connect
_XML = (*GLUSTER, "--xml", "--timeout=5")

POOL_LIST = (*_XML, "pool", "list")
VOLUME_INFO = (*_XML, "volume", "info")


def volume_status(volume: str) -> Tuple[str, ...]:
    """Which bricks and daemons of a volume are online."""
    return (*_XML, "volume", "status", volume)


def heal(volume: str) -> Tuple[str, ...]:
    """How much is to be healed."""
    return gluster_argv(heal_summary(volume))


def gluster_argv(query: Query) -> Tuple[str, ...]:
    """The command that runs *query*."""
    return (*_XML, *query)


def output(reply: CommandResult) -> bytes:
    """The bytes of an answer.  Raises PreconditionFailed where there is none."""
    if not reply.stdout.strip():
        raise PreconditionFailed(f"gluster does not answer: {reply.reason}")
    return reply.stdout.encode("utf-8", "surrogateescape")


def peers(reply: CommandResult) -> Tuple[Peer, ...]:
    """The members of the pool.  Raises PreconditionFailed where that is not known for certain."""
    try:
        parsed = parse.pool_list(output(reply))
    except (Refused, Unreadable) as err:
        raise PreconditionFailed(f"the members of the pool are not known: {err}") from err
    return parsed.facts


def volumes(reply: CommandResult) -> Tuple[VolumeInfo, ...]:
    """All volumes.  Raises PreconditionFailed where that is not known for certain."""
    try:
        parsed = parse.volume_info(output(reply))
    except (Refused, Unreadable) as err:
        raise PreconditionFailed(f"it is not known which volumes there are: {err}") from err
    if parsed.faults:
        raise PreconditionFailed(f"it is not known which volumes there are: {parsed.faults[0]}")
    return parsed.facts


def volume(reply: CommandResult, name: str) -> Optional[VolumeInfo]:
    """The volume *name*; None where there is none."""
    return next((one for one in volumes(reply) if one.name == name), None)


def existing_volume(reply: CommandResult, name: str) -> VolumeInfo:
    """The volume *name*.  Raises PreconditionFailed where there is none."""
    found = volume(reply, name)
    if found is None:
        raise PreconditionFailed(f"there is no volume {name}")
    return found


def status(reply: CommandResult, name: str) -> Optional[VolumeStatus]:
    """The state of the bricks of a volume; None where it is not known, as with a stopped volume."""
    try:
        parsed = parse.volume_status(output(reply))
    except (Refused, Unreadable, PreconditionFailed):
        return None
    return next((one for one in parsed.facts if one.volume == name), None)


def heal_counts(reply: CommandResult) -> Optional[Tuple[HealCount, ...]]:
    """What each brick counts; None where it is not known."""
    try:
        return parse.heal_info(output(reply)).facts
    except (Refused, Unreadable, PreconditionFailed):
        return None


def own(parsed: Tuple[Peer, ...]) -> Peer:
    """The peer that answered.  Raises PreconditionFailed."""
    for peer in parsed:
        if peer.local:
            return peer
    raise PreconditionFailed("gluster does not report which member of the pool it is itself")
