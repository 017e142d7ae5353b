"""Captured answers, and what reads each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

from ganeti_gluster_mon.gluster import parse

_CAPTURES = Path(__file__).parents[2] / "captures"
HEALTHY = _CAPTURES / "healthy" / "node1"
#: the brick of gv0 on node2 is dead
BROKEN = _CAPTURES / "brick-down" / "node1"

#: uuids of the hosts, and of a rebalance
NODE1 = "db9a84dd-92c8-4b35-b53f-103e15043a1d"
NODE2 = "2a38578f-d1fc-4de8-8f04-1ab1252e2620"
NODE3 = "cbeb81d6-c25e-409f-b448-be39a45def73"
TASK = "6b0a1d6e-7a8a-4f0e-9b6e-0d1b1c2d3e4f"

Reader = Callable[[bytes], parse.Parsed[Any]]

_READERS: Dict[str, Reader] = {
    "volume-info": parse.volume_info,
    "volume-status": parse.volume_status,
    "pool-list": parse.pool_list,
    "peer-status": parse.pool_list,
    "heal": parse.heal_info,
    "quota": parse.quota_list,
    "rebalance": parse.rebalance_status,
    "get-state": parse.state,
    "clients": parse.brick_clients,
}


def reader_of(file: Path) -> Reader:
    """The function of `parse` that reads the answer in *file*."""
    for prefix, reader in _READERS.items():
        if file.name.startswith(prefix):
            return reader
    return parse.readable


def answer_of(directory: Path, name: str, suffix: str = ".xml") -> bytes:
    """The answer called *name* of a capture."""
    return (directory / (name + suffix)).read_bytes()


#: every captured answer, each text once
ANSWERS: List[Path] = list(
    {
        file.read_bytes(): file
        for file in (*sorted(_CAPTURES.glob("*/node1/*.xml")), Path(__file__).parent / "get-state.txt")
    }.values()
)


def xml(body: str) -> bytes:
    """An answer that worked."""
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>\n<opRet>0</opRet>\n'
    return f"{head}<opErrno>0</opErrno>\n<opErrstr/>\n{body}\n</cliOutput>\n".encode()
