"""The space that an operation of Ganeti needs, by the environment of its hook and by its job.  Pure.

The environment of a hook does not contain a disk that `gnt-instance modify` adds, nor the volume of an ext disk.
The job itself, which is in the master's queue, contains both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.ganeti.configuration import (
    EXT,
    GLUSTER,
    HOST,
    MEBIBYTE,
    PROVIDER,
    Configuration,
    server_of,
)

Environment = Mapping[str, str]
#: disks of an instance: Ganeti's constants.MAX_DISKS
_MOST_DISKS = 16
#: what an operation was given, as the job queue has it
Given = Mapping[str, Any]

ADD, GROW, MODIFY = "OP_INSTANCE_CREATE", "OP_INSTANCE_GROW_DISK", "OP_INSTANCE_SET_PARAMS"
RECREATE = "OP_INSTANCE_RECREATE_DISKS"


@dataclass(frozen=True)
class SpaceRequest:
    """Space that is requested on one volume."""

    volume: str
    #: bytes by which what is promised would grow; 0: what was promised before is to be made anew
    more: int
    #: bytes of the largest disk it is about, as it would be then
    largest: int
    #: the disks are of this instance
    instance: str
    #: whose volume it is, as configured
    server: str = HOST


def space_requests(
    environment: Environment, given: Optional[Given], configuration: Configuration
) -> Tuple[SpaceRequest, ...]:
    """What the operation requests, by volume; nothing where it is not about Gluster.

    *given* is None where the job cannot be found.
    """
    kind = environment.get("GANETI_OP_CODE")
    disks: Iterable[_Disk]
    instance = environment.get("GANETI_INSTANCE_NAME", "")
    if kind == ADD:
        disks = _created(environment, given or {}, configuration)
    elif kind == MODIFY:
        disks = _added(environment, given or {}, configuration)
    elif kind == GROW:
        disks = _grown(environment, configuration)
    elif kind == RECREATE:
        disks = [
            ((disk.volume, disk.server or HOST), 0, disk.size or 0)
            for disk in configuration.disks
            if disk.instance == instance
        ]
    else:
        return ()
    return tuple(_by_volume(disks, instance))


#: a volume and whose it is
_Place = Tuple[str, str]
#: where, bytes more, bytes of the disk then
_Disk = Tuple[_Place, int, int]


def _created(environment: Environment, given: Given, configuration: Configuration) -> Iterator[_Disk]:
    template = environment.get("GANETI_INSTANCE_DISK_TEMPLATE", "")
    words = given.get("disks")
    parameters = words if isinstance(words, list) else []
    for number in range(min(_MOST_DISKS, _number(environment.get("GANETI_INSTANCE_DISK_COUNT")))):
        size = _number(environment.get(f"GANETI_INSTANCE_DISK{number}_SIZE")) * MEBIBYTE
        own = parameters[number] if number < len(parameters) else {}
        place = _place(template, own, environment, configuration)
        if place is not None:
            yield place, size, size


def _added(environment: Environment, given: Given, configuration: Configuration) -> Iterator[_Disk]:
    template = str(given.get("disk_template") or environment.get("GANETI_INSTANCE_DISK_TEMPLATE", ""))
    changes = given.get("disks")
    for change in changes if isinstance(changes, list) else ():
        # ["add", -1, {"size": 1024}]
        if not isinstance(change, list) or len(change) != 3 or change[0] != "add":
            continue
        own = change[2] if isinstance(change[2], dict) else {}
        size = _number(own.get("size")) * MEBIBYTE
        place = _place(template, own, environment, configuration)
        if place is not None:
            yield place, size, size


def _grown(environment: Environment, configuration: Configuration) -> Iterator[_Disk]:
    name = f"disk/{environment.get('GANETI_DISK', '')}"
    instance = environment.get("GANETI_INSTANCE_NAME")
    amount = _number(environment.get("GANETI_AMOUNT")) * MEBIBYTE
    for disk in configuration.disks:
        if disk.instance == instance and disk.name == name and disk.size is not None:
            then = amount if environment.get("GANETI_ABSOLUTE") == "True" else disk.size + amount
            yield (disk.volume, disk.server or HOST), max(0, then - disk.size), then


def _place(
    template: str, own: Any, environment: Environment, configuration: Configuration
) -> Optional[_Place]:
    """Where a new disk with the parameters *own* would be; None where it is on no volume."""
    parsed = own if isinstance(own, dict) else {}
    if template == GLUSTER:
        group = configuration.groups.get(environment.get("GANETI_INSTANCE_PRIMARY", ""))
        parameters = configuration.parameters_of(group)
        return None if parameters is None else (parameters.volume, parameters.host)
    if template == EXT and parsed.get("provider") == PROVIDER:
        volume = parsed.get("volume")
        return (volume, server_of(parsed)) if isinstance(volume, str) else None
    return None


def _by_volume(disks: Iterable[_Disk], instance: str) -> Iterator[SpaceRequest]:
    found: List[_Disk] = list(disks)
    for place in dict.fromkeys(place for place, _, _ in found):
        mine = [disk for disk in found if disk[0] == place]
        volume, server = place
        yield SpaceRequest(
            volume, sum(more for _, more, _ in mine), max(then for _, _, then in mine), instance, server
        )


def _number(value: Any) -> int:
    """A number of Ganeti's, which are never negative; 0 for what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, value)
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
