"""What ``gluster`` says to the questions of steps.  Pure."""

from __future__ import annotations

from typing import Optional, Tuple

from ganeti_gluster_mon.deploy.step import NotSo
from ganeti_gluster_mon.ganeti.ssh import Said
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
    return asked(heal_summary(volume))


def asked(query: Query) -> Tuple[str, ...]:
    """The command that runs *query*."""
    return (*_XML, *query)


def output(said: Said) -> bytes:
    """The bytes of an answer.  Raises NotSo where there is none."""
    if not said.out.strip():
        raise NotSo(f"gluster does not answer: {said.words}")
    return said.out.encode("utf-8", "surrogateescape")


def peers(said: Said) -> Tuple[Peer, ...]:
    """Who is in the pool.  Raises NotSo where that is not known for certain."""
    try:
        told = parse.pool_list(output(said))
    except (Refused, Unreadable) as err:
        raise NotSo(f"it is not known who is in the pool: {err}") from err
    return told.facts


def volumes(said: Said) -> Tuple[VolumeInfo, ...]:
    """Which volumes there are.  Raises NotSo where that is not known for certain."""
    try:
        told = parse.volume_info(output(said))
    except (Refused, Unreadable) as err:
        raise NotSo(f"it is not known which volumes there are: {err}") from err
    if told.faults:
        raise NotSo(f"it is not known which volumes there are: {told.faults[0]}")
    return told.facts


def volume(said: Said, name: str) -> Optional[VolumeInfo]:
    """The volume *name*; None where there is none."""
    return next((one for one in volumes(said) if one.name == name), None)


def existing_volume(said: Said, name: str) -> VolumeInfo:
    """The volume *name*.  Raises NotSo where there is none."""
    found = volume(said, name)
    if found is None:
        raise NotSo(f"there is no volume {name}")
    return found


def status(said: Said, name: str) -> Optional[VolumeStatus]:
    """The state of the bricks of a volume; None where it is not told, the volume being stopped say."""
    try:
        told = parse.volume_status(output(said))
    except (Refused, Unreadable, NotSo):
        return None
    return next((one for one in told.facts if one.volume == name), None)


def heal_counts(said: Said) -> Optional[Tuple[HealCount, ...]]:
    """What each brick counts; None where it is not told."""
    try:
        return parse.heal_info(output(said)).facts
    except (Refused, Unreadable, NotSo):
        return None


def own(told: Tuple[Peer, ...]) -> Peer:
    """The one that was asked.  Raises NotSo."""
    for peer in told:
        if peer.local:
            return peer
    raise NotSo("gluster does not say which member of the pool it is itself")
