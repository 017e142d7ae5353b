"""`volume status`: bricks, daemons and tasks of each started volume.  Pure."""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import List, Mapping, Optional, Set, Tuple

from ganeti_gluster_mon.gluster.facts import NodeStatus, VolumeStatus
from ganeti_gluster_mon.gluster.parse.xml_records import (
    TASK_STATES,
    compare_count,
    element,
    flag,
    listing,
    once,
    only,
    state_word,
)
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    is_name,
    number,
    quoted,
    uuid_of,
)
from ganeti_gluster_mon.gluster.xmlstream import Record, read

_LARGEST_PORT = 65535
#: what `volume status detail` adds to a node
_DETAIL = frozenset(
    {"sizeTotal", "sizeFree", "blockSize", "inodesTotal", "inodesFree", "device", "fsName", "mntOptions"}
)
#: options in /proc/mounts of a filesystem that takes no writes; the kernel sets the last two after errors
_READ_ONLY = frozenset({"ro", "emergency_ro", "shutdown"})


def volume_status(output: bytes) -> Parsed[Tuple[VolumeStatus, ...]]:
    """Every started volume, from `volume status all`, with `detail`, `tasks`, `clients` or nothing."""
    faults = Faults()
    #: elements that only the longer kinds of this answer have
    extras: Set[str] = set()
    #: volumes that have no element for tasks
    without_tasks: List[str] = []

    def node(record: Record) -> Optional[NodeStatus]:
        extras.update(record.children)
        return _node(record, extras, faults)

    def volume(record: Record) -> Optional[VolumeStatus]:
        if "tasks" not in record.children:
            without_tasks.append(record.texts.get("volName", ""))
        return _volume_status(record, extras, faults)

    volume_element = element(
        "volName nodeCount",
        node=element("hostname path peerid status port pid", *_DETAIL, clientsStatus=element(), make=node),
        tasks=listing(
            task=element(
                "type id status statusStr",
                params=listing(brick=element(make=lambda record: record.text)),
                make=lambda record: _task(record, faults),
            )
        ),
        many="node",
        make=volume,
    )
    answer = read(output, "volStatus", element(volumes=listing(volume=volume_element)), faults)
    found: List[Optional[VolumeStatus]] = only(answer, "volumes").children.get("volume", [])
    if not extras:
        for name in without_tasks:
            faults.add(f"tasks of volume {name} are missing")
    return Parsed(once(found, "volume", attrgetter("volume"), faults), faults.all())


def _volume_status(record: Record, extras: Set[str], faults: Faults) -> Optional[VolumeStatus]:
    name = record.texts.get("volName", "")
    if not VOLUME_NAME.match(name):
        faults.add(f"a volume is called {quoted(name)}")
        return None
    whose = f"volume {name}"
    listed: List[Optional[NodeStatus]] = record.children.get("node", [])
    # The answer to `tasks` has neither nodes nor their count.
    if listed or "nodeCount" in record.texts:
        # That to `clients` counts processes of a rebalance too, which it does not list.
        fewer = "clientsStatus" in extras
        compare_count(record.texts.get("nodeCount"), len(listed), "nodes", whose, faults, fewer=fewer)
    nodes = once(listed, f"in {whose} node", itemgetter(0, 1), faults)
    tasks: List[Optional[Rebalance]] = []
    for each in record.children.get("tasks", []):
        tasks += each.children.get("task", [])
    return VolumeStatus(name, nodes, tuple(task for task in tasks if task is not None))


def _node(record: Record, extras: Set[str], faults: Faults) -> Optional[NodeStatus]:
    texts = record.texts
    hostname, path = texts.get("hostname", ""), texts.get("path", "")
    if not is_name(hostname) or not is_name(path):
        faults.add(f"a node is called {quoted(hostname)}:{quoted(path)}")
        return None
    whose = f"{hostname}:{path}"
    online = flag(texts, "status", whose, faults)
    port, pid = texts.get("port"), texts.get("pid")
    status = (
        hostname,
        path,
        uuid_of(texts.get("peerid"), "peerid", whose, faults),
        online,
        None if port == "N/A" else number(port, "port", whose, faults, _LARGEST_PORT),
        None if pid == "-1" and not online else number(pid, "pid", whose, faults),
    )
    if _DETAIL.isdisjoint(texts):
        return NodeStatus(*status)
    extras.add("detail")
    size = number(texts.get("sizeTotal"), "sizeTotal", whose, faults)
    free = number(texts.get("sizeFree"), "sizeFree", whose, faults)
    if size is not None and free is not None and free > size:
        faults.add(f"{whose} has {free} bytes free of {size}")
        size = free = None
    inodes, inodes_free = _inodes(texts, whose, faults)
    block_size = number(texts.get("blockSize"), "blockSize", whose, faults)
    device, filesystem, options = texts.get("device"), texts.get("fsName"), texts.get("mntOptions")
    read_only = None if options is None else not _READ_ONLY.isdisjoint(options.split(","))
    return NodeStatus(*status, size, free, block_size, inodes, inodes_free, device, filesystem, read_only)


def _inodes(texts: Mapping[str, str], whose: str, faults: Faults) -> Tuple[Optional[int], Optional[int]]:
    if "inodesTotal" in texts and "inodesFree" not in texts and "device" in texts:
        # glusterd leaves a count out where it is 0, and writes what follows it: all are used up.
        return number(texts["inodesTotal"], "inodesTotal", whose, faults), 0
    if "inodesTotal" not in texts and "inodesFree" not in texts:
        return None, None
    total = number(texts.get("inodesTotal"), "inodesTotal", whose, faults)
    free = number(texts.get("inodesFree"), "inodesFree", whose, faults)
    if total is not None and free is not None and free > total:
        faults.add(f"{whose} has {free} inodes free of {total}")
        return None, None
    return total, free


def _task(record: Record, faults: Faults) -> Optional[Rebalance]:
    type_ = record.texts.get("type", "").lower().replace(" ", "-")
    if not is_name(type_):
        faults.add(f"a task is called {quoted(type_)}")
        return None
    status = state_word(record.texts, TASK_STATES, f"task {type_}", faults)
    if status is None:
        return None
    bricks: List[str] = []
    for params in record.children.get("params", []):
        bricks += [name for name in params.children.get("brick", []) if is_name(name)]
    id_ = uuid_of(record.texts.get("id"), "id", f"task {type_}", faults)
    return Rebalance(type_, status, id_, tuple(bricks))
