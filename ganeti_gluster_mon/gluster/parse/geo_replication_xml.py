"""`volume geo-replication status detail`: the sessions of all volumes, and the worker of each brick.  Pure.

The elements have other names since version 10: "primary" and "secondary".
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import AbstractSet, Dict, List, Optional, Tuple

from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.parse.xml_records import element, listing, once
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, is_name, number, quoted
from ganeti_gluster_mon.gluster.xmlstream import Record, read

STATUSES = frozenset(("active", "passive", "initializing", "faulty", "created", "paused", "stopped"))
_CRAWLS = frozenset(("hybrid crawl", "history crawl", "changelog crawl"))
#: what Gluster writes where there is nothing to report
_NOTHING = "N/A"
_SCHEME = re.compile(r"[a-z]+://")
#: seconds by which the clock of a node may be ahead
_AHEAD = 60.0
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def geo_replication(output: bytes, queried_at: int) -> Parsed[Tuple[GeoReplication, ...]]:
    """The sessions, as of *queried_at* (ns since the epoch).

    Gluster writes times in the time zone of the worker's node, and does not write which that is: this node's is taken.
    """
    faults = Faults()
    pair = element(
        "primary_node primary_brick secondary master_node master_brick slave",
        "status crawl_status entry data meta failures last_synced checkpoint_time checkpoint_completion_time",
        make=lambda record: _worker(record, queried_at, faults),
    )
    session = element(many="pair", pair=pair)
    volume = element("name", sessions=listing(session=session))
    answer = read(output, "geoRep", listing(volume=volume), faults)
    found: List[Optional[GeoReplication]] = []
    for each in answer.children.get("volume", []):
        found += _sessions(each, queried_at, faults)
    what = "the geo-replication"
    return Parsed(once(found, what, lambda known: (known.volume, known.secondary), faults), faults.all())


def _sessions(record: Record, queried_at: int, faults: Faults) -> List[Optional[GeoReplication]]:
    name = record.texts.get("name", "")
    if not VOLUME_NAME.match(name):
        faults.add(f"a volume is called {quoted(name)}")
        return []
    workers: Dict[str, List[GeoReplicationWorker]] = {}
    for sessions in record.children.get("sessions", []):
        for session in sessions.children.get("session", []):
            for pair in session.children.get("pair", []):
                if pair is not None:
                    workers.setdefault(pair[0], []).append(pair[1])
    return [
        GeoReplication(name, secondary, queried_at, once(each, "the worker of", _brick, faults))
        for secondary, each in workers.items()
    ]


def _brick(worker: GeoReplicationWorker) -> Tuple[str, str]:
    return worker.host, worker.path


def _worker(record: Record, queried_at: int, faults: Faults) -> Optional[Tuple[str, GeoReplicationWorker]]:
    texts = record.texts
    host = texts.get("primary_node", texts.get("master_node", ""))
    path = texts.get("primary_brick", texts.get("master_brick", ""))
    secondary = _SCHEME.sub("", texts.get("secondary", texts.get("slave", "")), count=1)
    if not is_name(host) or not is_name(path) or "::" not in secondary or not is_name(secondary):
        faults.add(f"a worker is of {quoted(host)}, {quoted(path)}, {quoted(secondary)}")
        return None
    whose = f"the worker of {host}:{path}"

    def word(name: str, known: AbstractSet[str]) -> Optional[str]:
        text = texts.get(name, "").rstrip(".").lower()
        if text in known:
            return text
        if texts.get(name) != _NOTHING:
            faults.add(f"{name} of {whose} is {quoted(texts.get(name, ''))}")
        return None

    def count(name: str) -> Optional[int]:
        return None if texts.get(name) == _NOTHING else number(texts.get(name), name, whose, faults)

    def moment(name: str) -> Optional[int]:
        text = texts.get(name, "")
        if text == _NOTHING:
            return None
        try:
            found = max(0, round(datetime.strptime(text, _TIME_FORMAT).timestamp()))
        except (ValueError, OverflowError):
            faults.add(f"{name} of {whose} is {quoted(text)}")
            return None
        # What is to come is by a clock or a time zone that differs from this node's.
        return None if found > queried_at / 1e9 + _AHEAD else found

    status = word("status", STATUSES)
    active = status == "active"
    return secondary, GeoReplicationWorker(
        host,
        path,
        status,
        crawl=word("crawl_status", _CRAWLS),
        last_synced_at=moment("last_synced"),
        entry=count("entry"),
        data=count("data"),
        meta=count("meta"),
        failures=count("failures"),
        # Of others there may be the completion of a checkpoint without its time (10.3).
        checkpoint_at=moment("checkpoint_time") if active else None,
        checkpoint_completed_at=moment("checkpoint_completion_time") if active else None,
    )
