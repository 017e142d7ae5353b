"""`volume status all clients`: the clients that are connected to each brick.  Pure."""

from __future__ import annotations

from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.brick_clients import BrickClient, BrickClients
from ganeti_gluster_mon.gluster.parse.xml_records import compare_count, element, flag, listing, once, only
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, is_name, number, quoted
from ganeti_gluster_mon.gluster.xmlstream import Record, read


def brick_clients(output: bytes) -> Parsed[Tuple[BrickClients, ...]]:
    """The clients of each brick; None of one that does not run, or whose clients cannot be read."""
    faults = Faults()
    client = element("hostname opVersion", make=lambda record: _client(record, faults))
    node = element("hostname path status", clientsStatus=element("clientCount", client=client, many="client"))
    volume = element("volName", node=node, many="node", make=lambda record: _volume(record, faults))
    answer = read(output, "volStatus", element(volumes=listing(volume=volume)), faults)
    found: List[Optional[BrickClients]] = []
    for bricks in only(answer, "volumes").children.get("volume", []):
        found += bricks
    key = "the clients of"
    return Parsed(
        once(found, key, lambda known: (known.volume, known.host, known.path), faults), faults.all()
    )


def _volume(record: Record, faults: Faults) -> List[Optional[BrickClients]]:
    name = record.texts.get("volName", "")
    if not VOLUME_NAME.match(name):
        faults.add(f"a volume is called {quoted(name)}")
        return []
    return [_brick(name, node, faults) for node in record.children.get("node", [])]


def _brick(volume: str, node: Record, faults: Faults) -> Optional[BrickClients]:
    host, path = node.texts.get("hostname", ""), node.texts.get("path", "")
    if not is_name(host) or not is_name(path):
        faults.add(f"a brick of {volume} is called {quoted(host)}:{quoted(path)}")
        return None
    if not flag(node.texts, "status", f"{host}:{path}", faults):
        return BrickClients(volume, host, path, None)
    if "clientsStatus" not in node.children:
        faults.add(f"clientsStatus of {host}:{path} is missing")
        return BrickClients(volume, host, path, None)
    status = only(node, "clientsStatus")
    listed: List[Optional[BrickClient]] = status.children.get("client", [])
    compare_count(status.texts.get("clientCount"), len(listed), "clients", f"{host}:{path}", faults)
    clients = tuple(each for each in listed if each is not None)
    # A brick one of whose clients cannot be read would seem to have lost a connection.
    return BrickClients(volume, host, path, clients if len(clients) == len(listed) else None)


def _client(record: Record, faults: Faults) -> Optional[BrickClient]:
    name = record.texts.get("hostname", "")
    address, colon, port = name.rpartition(":")
    if not colon or not is_name(address) or not port.isdecimal():
        faults.add(f"a client is called {quoted(name)}")
        return None
    return BrickClient(address, number(record.texts.get("opVersion"), "opVersion", name, faults))
