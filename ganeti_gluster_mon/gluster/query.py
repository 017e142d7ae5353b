"""The queries that may be sent to Gluster, and the file of a capture that keeps each answer.

A query is the words after ``gluster --mode=script --xml``.
"""

from __future__ import annotations

import re
from typing import Optional, Sequence, Tuple

Query = Tuple[str, ...]

VOLUME_INFO: Query = ("volume", "info")
POOL_LIST: Query = ("pool", "list")
PEER_STATUS: Query = ("peer", "status")
VOLUME_STATUS: Query = ("volume", "status", "all")
VOLUME_STATUS_DETAIL: Query = ("volume", "status", "all", "detail")
VOLUME_STATUS_TASKS: Query = ("volume", "status", "all", "tasks")
VOLUME_STATUS_CLIENTS: Query = ("volume", "status", "all", "clients")
MAX_OP_VERSION: Query = ("volume", "get", "all", "cluster.max-op-version")
SNAPSHOT_INFO: Query = ("snapshot", "info")
GET_STATE: Query = ("get-state",)

_HEAL: Query = ("volume", "heal")

_FILES = {
    VOLUME_INFO: "volume-info.xml",
    POOL_LIST: "pool-list.xml",
    PEER_STATUS: "peer-status.xml",
    VOLUME_STATUS: "volume-status.xml",
    VOLUME_STATUS_DETAIL: "volume-status-detail.xml",
    VOLUME_STATUS_TASKS: "volume-status-tasks.xml",
    VOLUME_STATUS_CLIENTS: "volume-status-clients.xml",
    MAX_OP_VERSION: "max-op-version.xml",
    SNAPSHOT_INFO: "snapshot-info.xml",
    GET_STATE: "get-state.txt",
}
_QUERIES = {file: query for query, file in _FILES.items()}

#: queries about one volume: (file's prefix, words before the name, words after it)
_OF_VOLUME = (
    ("heal-summary", ("volume", "heal"), ("info", "summary")),
    ("heal-splitbrain", ("volume", "heal"), ("info", "split-brain")),
    ("quota", ("volume", "quota"), ("list",)),
    ("rebalance", ("volume", "rebalance"), ("status",)),
    ("status", ("volume", "status"), ()),
    ("profile", ("volume", "profile"), ("info", "cumulative")),
)

#: the query about a remove-brick also names the bricks, which its file does not
_REMOVE_BRICK = "remove-brick"

#: what Gluster takes as the name of a volume; anything else never gets near its command line
VOLUME_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,254}\Z")
#: glusterd's id of a host, by RFC 4122
HOST_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def heal_summary(volume: str) -> Query:
    """How many entries wait to be healed, are in split-brain, or are just being healed."""
    return ("volume", "heal", volume, "info", "summary")


def heal_split_brain(volume: str) -> Query:
    """Which entries are in split-brain."""
    return ("volume", "heal", volume, "info", "split-brain")


def quota_list(volume: str) -> Query:
    """The limits on the volume's directories, and what is used of them."""
    return ("volume", "quota", volume, "list")


def rebalance_status(volume: str) -> Query:
    """How far a rebalance has come."""
    return ("volume", "rebalance", volume, "status")


def remove_brick_status(volume: str, bricks: Sequence[str]) -> Query:
    """How far a remove-brick of *bricks* ("HOST:PATH") has come."""
    return ("volume", _REMOVE_BRICK, volume, *bricks, "status")


def volume_status(volume: str) -> Query:
    """The state of one volume; where `volume status all` leaves the volume out, this is refused with the reason."""
    return ("volume", "status", volume)


def profile(volume: str) -> Query:
    """Counts and latencies of file operations, where profiling was started."""
    return ("volume", "profile", volume, "info", "cumulative")


def file_of_query(query: Query) -> str:
    """The name of the file that keeps the answer to *query* in a capture.

    Raises ValueError for a query that no capture knows.
    """
    if query in _FILES:
        return _FILES[query]
    for prefix, before, after in _OF_VOLUME:
        if len(query) == len(before) + 1 + len(after):
            volume = query[len(before)]
            if query == (*before, volume, *after) and VOLUME_NAME.match(volume):
                return f"{prefix}-{volume}.xml"
    if is_remove_brick_query(query):
        return f"{_REMOVE_BRICK}-{query[2]}.xml"
    raise ValueError(f"not a query of a capture: {' '.join(query)}")


def volume_of(query: Query) -> Optional[str]:
    """The volume that *query* is about; None for a query about the whole pool.

    Raises ValueError for a query that no capture knows.
    """
    file_of_query(query)
    return None if query in _FILES else query[2]


def query_in_file(file: str) -> Optional[Query]:
    """The query whose answer *file* keeps by its name; None for any other file, and where the name does not tell it."""
    if file in _QUERIES:
        return _QUERIES[file]
    for prefix, before, after in _OF_VOLUME:
        match = re.fullmatch(re.escape(prefix) + r"-(.+)\.xml", file)
        if match and VOLUME_NAME.match(match.group(1)):
            return (*before, match.group(1), *after)
    return None


def is_remove_brick_query(query: Query) -> bool:
    """Whether it is `remove_brick_status` of a volume and at least one brick."""
    return (
        len(query) > 4
        and query[:2] == ("volume", _REMOVE_BRICK)
        and query[-1] == "status"
        and VOLUME_NAME.match(query[2]) is not None
    )


def is_heal_query(query: Query) -> bool:
    """Whether it is about the heal backlog, whose answer takes longer than all others."""
    return query[:2] == _HEAL


def is_profile_query(query: Query) -> bool:
    """Whether *query* is for counts and latencies of file operations."""
    return query[:2] == ("volume", "profile")
