"""Turns the bytes of one answer of Gluster into the facts of that answer.

Each function takes the answer to one query of `query` as it came, and returns
`Parsed` facts or raises `NoAnswer`; never anything else.  What one answer alone cannot tell
(which bricks are missing in it, how sizes add up) is not asked here.

What cannot be understood is named as a fault.  A value that is wrong becomes None; a record
that lacks what makes it what it is (a volume without a type, a brick without a path) is
left out.
"""

from __future__ import annotations

import re
from operator import attrgetter, itemgetter
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set, Tuple, TypeVar

from ganeti_gluster_mon.gluster.facts import (
    BrickInfo,
    HealCount,
    LocalBrick,
    LocalVolume,
    NodeStatus,
    State,
    VolumeInfo,
    VolumeStatus,
)
from ganeti_gluster_mon.gluster.model import Peer, QuotaLimit, Rebalance, RebalanceNode
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.state import state, state_in_part
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    NoAnswer,
    Parsed,
    Refused,
    Unreadable,
    brick_of,
    is_name,
    number,
    quoted,
    uuid_of,
)
from ganeti_gluster_mon.gluster.xmlstream import Element, Record, read, read_result

__all__ = [
    "BrickInfo",
    "HealCount",
    "LocalBrick",
    "LocalVolume",
    "NoAnswer",
    "NodeStatus",
    "Parsed",
    "Refused",
    "State",
    "Unreadable",
    "VolumeInfo",
    "VolumeStatus",
    "heal_info",
    "pool_list",
    "quota_list",
    "readable",
    "rebalance_status",
    "state",
    "state_in_part",
    "volume_info",
    "volume_status",
]

#: how Gluster says, as a refusal, that quota is on and nothing is limited yet
_NO_LIMIT = "No quota configured on volume"

T = TypeVar("T")

#: by Gluster's numbers for them
_VOLUME_STATES = {"0": "created", "1": "started", "2": "stopped"}
_TRANSPORTS = {"0": "tcp", "1": "rdma", "2": "tcp,rdma"}
_TASK_STATES = {
    "0": "not started",
    "1": "in progress",
    "2": "stopped",
    "3": "completed",
    "4": "failed",
    "5": "fix-layout in progress",
    "6": "fix-layout stopped",
    "7": "fix-layout completed",
    "8": "fix-layout failed",
    "9": "reset due to replace-brick",
    "10": "reset due to reset-brick",
    "11": "unknown",
}
#: of a host that is being probed and has not told its uuid yet
_NO_UUID = "00000000-0000-0000-0000-000000000000"
#: of a brick that was reached and failed while it was counted; the count follows in the same text
_PARTLY_COUNTED = re.compile(
    r"Failed to process entries completely\. \(([^)]{1,80})\)(?:totalNumberOfEntries(\d{1,19}))?\Z"
)
_NOT_CONNECTED = "Transport endpoint is not connected"
_LARGEST_PORT = 65535

#: what `volume status detail` adds to a node
_DETAIL = frozenset(
    {"sizeTotal", "sizeFree", "blockSize", "inodesTotal", "inodesFree", "device", "fsName", "mntOptions"}
)
#: options in /proc/mounts of a filesystem that takes no writes; the kernel sets the last two after errors
_READ_ONLY = frozenset({"ro", "emergency_ro", "shutdown"})


def volume_info(output: bytes) -> Parsed[Tuple[VolumeInfo, ...]]:
    """Every volume of the pool, from `volume info`."""
    faults = Faults()
    brick = _element("name hostUuid isArbiter", make=lambda record: _brick_info(record, faults))
    option = _element("name value")
    volume = _element(
        "name id status statusStr typeStr transport brickCount optCount"
        " replicaCount arbiterCount disperseCount redundancyCount",
        bricks=_listing(brick=brick),
        options=_listing(option=option),
        make=lambda record: _volume_info(record, faults),
    )
    answer = read(output, "volInfo", _element(volumes=_listing("count", volume=volume)), faults)
    volumes = _only(answer, "volumes")
    found: List[Optional[VolumeInfo]] = volumes.children.get("volume", [])
    _compare(volumes.texts.get("count"), len(found), "volumes", "the answer", faults)
    return Parsed(_once(found, "volume", attrgetter("name"), faults), faults.all())


def _volume_info(record: Record, faults: Faults) -> Optional[VolumeInfo]:
    texts = record.texts
    name = texts.get("name", "")
    if not VOLUME_NAME.match(name):
        faults.add(f"a volume is called {quoted(name)}")
        return None
    whose = f"volume {name}"
    uuid = uuid_of(texts.get("id"), "id", whose, faults)
    state = _word(texts, _VOLUME_STATES, whose, faults)
    type_ = texts.get("typeStr", "").lower()
    if not is_name(type_):
        faults.add(f"typeStr of {whose} is {quoted(type_)}")
    replica, arbiter, disperse, redundancy = (
        number(texts.get(count), count, whose, faults)
        for count in ("replicaCount", "arbiterCount", "disperseCount", "redundancyCount")
    )
    listed: List[Optional[BrickInfo]] = _children(record, "bricks", "brick", whose, faults)
    _compare(texts.get("brickCount"), len(listed), "bricks", whose, faults)
    bricks = _once(listed, f"in {whose} brick", attrgetter("host", "path"), faults)
    options = _options(_children(record, "options", "option", whose, faults), whose, faults)
    _compare(texts.get("optCount"), len(options), "options", whose, faults)
    transport = _TRANSPORTS.get(texts.get("transport", ""), "unknown")
    if transport == "unknown":
        faults.add(f"transport of {whose} is {quoted(texts.get('transport', ''))}")
    # Without these a volume's bricks mean nothing; the faults above name what is missing.
    if uuid is None or state is None or not is_name(type_):
        return None
    if replica is None or arbiter is None or disperse is None or redundancy is None:
        return None
    return VolumeInfo(
        name, uuid, state, type_, transport, bricks, replica, arbiter, disperse, redundancy, options
    )


def _brick_info(record: Record, faults: Faults) -> Optional[BrickInfo]:
    name = record.texts.get("name", "")
    brick = brick_of(name)
    if brick is None:
        faults.add(f"a brick is called {quoted(name)}")
        return None
    whose = f"brick {name}"
    arbiter = _flag(record.texts, "isArbiter", whose, faults)
    # None would be truer; but the fault says so already, and its place in the volume is needed.
    return BrickInfo(*brick, uuid_of(record.texts.get("hostUuid"), "hostUuid", whose, faults), bool(arbiter))


def _options(records: Iterable[Record], whose: str, faults: Faults) -> Mapping[str, str]:
    options: Dict[str, str] = {}
    for record in records:
        name, value = record.texts.get("name"), record.texts.get("value")
        if not name or value is None:
            faults.add(f"an option of {whose} has no name or no value")
        elif name in options:
            faults.add(f"option {quoted(name)} of {whose} is there twice")
        else:
            options[name] = value
    return options


def volume_status(output: bytes) -> Parsed[Tuple[VolumeStatus, ...]]:
    """Every started volume, from `volume status all`, with `detail`, `tasks`, `clients` or nothing."""
    faults = Faults()
    #: elements that only the longer kinds of this answer have
    extras: Set[str] = set()
    #: volumes of which nothing is said about tasks
    without_tasks: List[str] = []

    def node(record: Record) -> Optional[NodeStatus]:
        extras.update(record.children)
        return _node(record, extras, faults)

    def volume(record: Record) -> Optional[VolumeStatus]:
        if "tasks" not in record.children:
            without_tasks.append(record.texts.get("volName", ""))
        return _volume_status(record, extras, faults)

    element = _element(
        "volName nodeCount",
        node=_element("hostname path peerid status port pid", *_DETAIL, clientsStatus=_element(), make=node),
        tasks=_listing(
            task=_element(
                "type id status statusStr",
                params=_listing(brick=_element(make=lambda record: record.text)),
                make=lambda record: _task(record, faults),
            )
        ),
        many="node",
        make=volume,
    )
    answer = read(output, "volStatus", _element(volumes=_listing(volume=element)), faults)
    found: List[Optional[VolumeStatus]] = _only(answer, "volumes").children.get("volume", [])
    if not extras:
        for name in without_tasks:
            faults.add(f"tasks of volume {name} are missing")
    return Parsed(_once(found, "volume", attrgetter("volume"), faults), faults.all())


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
        _compare(record.texts.get("nodeCount"), len(listed), "nodes", whose, faults, fewer=fewer)
    nodes = _once(listed, f"in {whose} node", itemgetter(0, 1), faults)
    tasks: List[Optional[Rebalance]] = []
    for listing in record.children.get("tasks", []):
        tasks += listing.children.get("task", [])
    return VolumeStatus(name, nodes, tuple(task for task in tasks if task is not None))


def _node(record: Record, extras: Set[str], faults: Faults) -> Optional[NodeStatus]:
    texts = record.texts
    hostname, path = texts.get("hostname", ""), texts.get("path", "")
    if not is_name(hostname) or not is_name(path):
        faults.add(f"a node is called {quoted(hostname)}:{quoted(path)}")
        return None
    whose = f"{hostname}:{path}"
    online = _flag(texts, "status", whose, faults)
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
        # glusterd leaves a count out where it is 0, and says what comes after it: all are used up.
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
    status = _word(record.texts, _TASK_STATES, f"task {type_}", faults)
    if status is None:
        return None
    bricks: List[str] = []
    for params in record.children.get("params", []):
        bricks += [name for name in params.children.get("brick", []) if is_name(name)]
    id_ = uuid_of(record.texts.get("id"), "id", f"task {type_}", faults)
    return Rebalance(type_, status, id_, tuple(bricks))


def rebalance_status(output: bytes) -> Parsed[Rebalance]:
    """How far the volume's rebalance is, over all its hosts, from `volume rebalance V status`."""
    faults = Faults()
    aggregate = _element("failures status statusStr")
    node = _element("nodeName failures status statusStr", make=lambda record: _rebalance_node(record, faults))
    answer = read(
        output,
        "volRebalance",
        _element("task-id nodeCount", node=node, aggregate=aggregate, many="node"),
        faults,
    )
    nodes: List[Optional[RebalanceNode]] = answer.children.get("node", [])
    # Hosts on which it was not started are counted and not listed.
    _compare(answer.texts.get("nodeCount"), len(nodes), "nodes", "the rebalance", faults, fewer=True)
    total = _only(answer, "aggregate").texts
    status = _word(total, _TASK_STATES, "the rebalance", faults)
    if status is None:
        raise Unreadable("; ".join(faults.all()))
    id_ = answer.texts.get("task-id")
    if id_ is not None:
        id_ = uuid_of(id_, "task-id", "the rebalance", faults)
    failures = number(total.get("failures"), "failures", "the rebalance", faults)
    known = tuple(node for node in nodes if node is not None)
    return Parsed(Rebalance("rebalance", status, id_, failures=failures, nodes=known), faults.all())


def _rebalance_node(record: Record, faults: Faults) -> Optional[RebalanceNode]:
    host = record.texts.get("nodeName", "")
    if not is_name(host):
        faults.add(f"a node of the rebalance is called {quoted(host)}")
        return None
    whose = f"the rebalance on {host}"
    status = _word(record.texts, _TASK_STATES, whose, faults)
    failures = number(record.texts.get("failures"), "failures", whose, faults)
    return None if status is None else RebalanceNode(host, status, failures)


def pool_list(output: bytes) -> Parsed[Tuple[Peer, ...]]:
    """The members of the pool, from `pool list`, or from `peer status`, which leaves out the host asked."""
    faults = Faults()
    peer = _element("uuid hostname connected stateStr", make=lambda record: _peer(record, faults))
    answer = read(output, "peerStatus", _listing(peer=peer), faults)
    found: List[Optional[Peer]] = answer.children.get("peer", [])
    return Parsed(_once(found, "peer", _peer_key, faults), faults.all())


def _peer(record: Record, faults: Faults) -> Optional[Peer]:
    texts = record.texts
    hostname = texts.get("hostname", "")
    if not is_name(hostname):
        faults.add(f"a peer is called {quoted(hostname)}")
        return None
    whose = f"peer {hostname}"
    uuid = uuid_of(texts.get("uuid"), "uuid", whose, faults)
    if uuid is None:
        return None
    connected = _flag(texts, "connected", whose, faults)
    state = texts.get("stateStr")
    if hostname == "localhost" and state is None:
        return Peer(hostname, uuid, "local", connected, local=True)
    if not state:
        faults.add(f"stateStr of {whose} is missing")
    return Peer(hostname, uuid, state or None, connected)


def _peer_key(peer: Peer) -> str:
    return peer.hostname if peer.uuid == _NO_UUID else peer.uuid


def heal_info(output: bytes) -> Parsed[Tuple[HealCount, ...]]:
    """What each brick counts, from `volume heal V info summary` or `volume heal V info split-brain`."""
    faults = Faults()
    brick = _element(
        "name status totalNumberOfEntries numberOfEntries"
        " numberOfEntriesInHealPending numberOfEntriesInSplitBrain numberOfEntriesPossiblyHealing",
        make=lambda record: _heal_count(record, faults),
    )
    answer = read(output, "healInfo", _element(bricks=_listing(brick=brick)), faults)
    found: List[Optional[HealCount]] = _only(answer, "bricks").children.get("brick", [])
    return Parsed(_once(found, "brick", attrgetter("host", "path"), faults), faults.all())


def _heal_count(record: Record, faults: Faults) -> Optional[HealCount]:
    texts = record.texts
    name = texts.get("name", "")
    brick = brick_of(name)
    if brick is None:
        faults.add(f"a brick is called {quoted(name)}")
        return None
    status = texts.get("status", "")
    # Where the brick goes away while it is asked, glfsheal writes the whole rest into <status>:
    # "Failed to process entries completely. (Transport endpoint is not connected)totalNumberOfEntries0".
    if _NOT_CONNECTED in status:
        return HealCount(*brick, connected=False)
    connected = True if status == "Connected" else None
    partly = _PARTLY_COUNTED.match(status)
    if partly:
        counted = f", {partly.group(2)} entries until then" if partly.group(2) else ""
        faults.add(f"{name} was not counted to the end: {partly.group(1)}{counted}")
    elif connected is None:
        faults.add(f"{name} says {quoted(status)}" if status else f"status of {name} is missing")

    def count(element: str) -> Optional[int]:
        text = texts.get(element)
        # A brick that failed in some other way may have counted or not ("-", or nothing at all).
        if connected is None and text in (None, "-"):
            return None
        return number(text, element, name, faults)

    if "numberOfEntries" in texts:
        return HealCount(*brick, connected, split_brain=count("numberOfEntries"))
    return HealCount(
        *brick,
        connected,
        pending=count("numberOfEntriesInHealPending"),
        split_brain=count("numberOfEntriesInSplitBrain"),
        possibly_healing=count("numberOfEntriesPossiblyHealing"),
        failure=partly.group(1) if partly else None,
    )


def quota_list(output: bytes) -> Parsed[Tuple[QuotaLimit, ...]]:
    """The limits on the volume's directories, from `volume quota V list`."""
    faults = Faults()
    limit = _element(
        "path errstr hard_limit soft_limit_value used_space avail_space sl_exceeded hl_exceeded",
        make=lambda record: _quota_limit(record, faults),
    )
    try:
        answer = read(output, "volQuota", _listing(limit=limit), faults)
    except Refused as refusal:
        if refusal.message.startswith(_NO_LIMIT):
            return Parsed((), faults.all())
        raise
    found: List[Optional[QuotaLimit]] = answer.children.get("limit", [])
    if not found:
        faults.add("it lists no limit, and Gluster refuses the query where there is none")
    return Parsed(_once(found, "the limit of", attrgetter("path"), faults), faults.all())


def _quota_limit(record: Record, faults: Faults) -> Optional[QuotaLimit]:
    texts = record.texts
    path = texts.get("path", "")
    if not is_name(path):
        faults.add(f"a limit is on {quoted(path)}")
        return None
    whose = f"the limit of {path}"
    if "errstr" in texts:
        faults.add(f"{whose}: {texts['errstr']}")
        return QuotaLimit(path, None, None, None, None, None)

    def size(element: str) -> Optional[int]:
        return None if texts.get(element) == "N/A" else number(texts.get(element), element, whose, faults)

    def flag(element: str) -> Optional[bool]:
        text = texts.get(element)
        if text not in ("Yes", "No", "N/A"):
            faults.add(f"{element} of {whose} is {quoted(text or '')}")
        return {"Yes": True, "No": False}.get(text or "")

    if "N/A" in (texts.get("hard_limit"), texts.get("used_space")):
        # quotad did not answer, or the directory has a limit on its files only
        faults.add(f"{whose} and what is used are N/A")
    return QuotaLimit(
        path,
        hard_limit=size("hard_limit"),
        soft_limit=size("soft_limit_value"),
        used=size("used_space"),
        available=size("avail_space"),
        exceeded=flag("hl_exceeded"),
        soft_exceeded=flag("sl_exceeded"),
    )


def readable(output: bytes) -> Parsed[None]:
    """Only whether *output* is a whole answer in which Gluster did not say no."""
    faults = Faults()
    read_result(output, faults)
    return Parsed(None, faults.all())


def _element(
    *texts: str, many: str = "", make: Optional[Callable[[Record], object]] = None, **children: Element
) -> Element:
    """An `Element` with the names of *texts* and *many* parted by spaces."""
    names = frozenset(" ".join(texts).split())
    if make is None:
        return Element(names, children, frozenset(many.split()))
    return Element(names, children, frozenset(many.split()), make)


def _listing(*texts: str, **children: Element) -> Element:
    """An `Element` that is there to hold any number of *children*."""
    return Element(frozenset(texts), children, frozenset(children))


def _only(record: Record, name: str) -> Record:
    """The record called *name* in *record*, without which the answer means nothing."""
    if name not in record.children:
        raise Unreadable(f"not the answer to this query: it has no <{name}>")
    child = record.children[name][0]
    assert isinstance(child, Record)
    return child


def _children(record: Record, listing: str, name: str, whose: str, faults: Faults) -> List[Any]:
    """What the *listing* in *record* holds."""
    if listing not in record.children:
        faults.add(f"{listing} of {whose} are missing")
        return []
    found: List[Any] = record.children[listing][0].children.get(name, [])
    return found


def _once(
    found: Iterable[Optional[T]], what: str, key: Callable[[T], object], faults: Faults
) -> Tuple[T, ...]:
    """The records that could be read, each once; *key* is a name, or a tuple of them, that is its own."""
    records: Dict[object, T] = {}
    for record in found:
        if record is not None and records.setdefault(key(record), record) is not record:
            name = key(record)
            faults.add(f"{what} {':'.join(name) if isinstance(name, tuple) else name} is there twice")
    return tuple(records.values())


def _compare(
    said: Optional[str], listed: int, what: str, whose: str, faults: Faults, fewer: bool = False
) -> None:
    """Add a fault where an answer does not list as many as it says; *fewer*: more than it says."""
    count = number(said, f"the number of {what}", whose, faults)
    if count is not None and (listed > count if fewer else listed != count):
        faults.add(f"{whose} says {count} {what} and names {listed}")


def _flag(texts: Mapping[str, str], name: str, whose: str, faults: Faults) -> Optional[bool]:
    """What Gluster writes as 0 or 1."""
    text = texts.get(name)
    if text == "1":
        return True
    if text == "0":
        return False
    faults.add(f"{name} of {whose} is " + ("missing" if text is None else quoted(text)))
    return None


def _word(texts: Mapping[str, str], words: Mapping[str, str], whose: str, faults: Faults) -> Optional[str]:
    """The state that Gluster writes twice, as a number and as a word; None unless they agree."""
    status, word = texts.get("status"), texts.get("statusStr")
    if status is not None and word is not None and words.get(status) == word.lower():
        return word.lower()
    faults.add(f"status of {whose} is {quoted(status or '')}, {quoted(word or '')}")
    return None
