"""`pool list` and `peer status`: the members of the pool.  Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.parse.xml_records import (
    element,
    flag,
    listing,
    once,
)
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    is_name,
    quoted,
    uuid_of,
)
from ganeti_gluster_mon.gluster.xmlstream import Record, read

#: of a host that is being probed and has not sent its uuid yet
_NO_UUID = "00000000-0000-0000-0000-000000000000"


# A process needs the peers of the same answer several times in a cycle: it parses each answer once.  Two answers are
# kept, this node's own and the leader's.
@lru_cache(maxsize=2)
def pool_list(output: bytes) -> Parsed[Tuple[Peer, ...]]:
    """The members of the pool, from `pool list`, or from `peer status`, which leaves out the queried host."""
    faults = Faults()
    peer = element("uuid hostname connected stateStr", make=lambda record: _peer(record, faults))
    answer = read(output, "peerStatus", listing(peer=peer), faults)
    found: List[Optional[Peer]] = answer.children.get("peer", [])
    return Parsed(once(found, "peer", _peer_key, faults), faults.all())


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
    connected = flag(texts, "connected", whose, faults)
    state = texts.get("stateStr")
    if hostname == "localhost" and state is None:
        return Peer(hostname, uuid, "local", connected, local=True)
    if not state:
        faults.add(f"stateStr of {whose} is missing")
    return Peer(hostname, uuid, state or None, connected)


def _peer_key(peer: Peer) -> str:
    return peer.hostname if peer.uuid == _NO_UUID else peer.uuid
