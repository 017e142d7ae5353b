"""`volume rebalance V status`, `volume remove-brick V BRICKS status`: how far a task is, host by host.  Pure."""

from __future__ import annotations

import re
from typing import List, Optional

from ganeti_gluster_mon.gluster.parse.xml_records import (
    TASK_STATES,
    compare_count,
    element,
    only,
    state_word,
)
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    Unreadable,
    is_name,
    number,
    quoted,
    uuid_of,
)
from ganeti_gluster_mon.gluster.xmlstream import Record, read

#: the element that holds the answer, by the type of the task
_ROOTS = {"rebalance": "volRebalance", "remove-brick": "volRemoveBrick"}
#: counts of a host that are not there in every version of Gluster
_COUNTS = ("files", "size", "lookups", "skipped")
_SECONDS = re.compile(r"\d{1,10}(\.\d{1,9})?", re.ASCII)


def rebalance_status(output: bytes) -> Parsed[Rebalance]:
    """How far the volume's rebalance is, over all its hosts, from `volume rebalance V status`."""
    return _task_status(output, "rebalance")


def remove_brick_status(output: bytes) -> Parsed[Rebalance]:
    """How far a remove-brick is, over all hosts, from `volume remove-brick V BRICKS status`, without the bricks."""
    return _task_status(output, "remove-brick")


def _task_status(output: bytes, type_: str) -> Parsed[Rebalance]:
    faults = Faults()
    what = f"the {type_}"
    aggregate = element("failures status statusStr")
    node = element(
        f"nodeName failures status statusStr runtime {' '.join(_COUNTS)}",
        make=lambda record: _node(record, what, faults),
    )
    answer = read(
        output,
        _ROOTS[type_],
        element("task-id nodeCount", node=node, aggregate=aggregate, many="node"),
        faults,
    )
    nodes: List[Optional[RebalanceNode]] = answer.children.get("node", [])
    # Hosts on which it was not started are counted and not listed.
    compare_count(answer.texts.get("nodeCount"), len(nodes), "nodes", what, faults, fewer=True)
    total = only(answer, "aggregate").texts
    status = state_word(total, TASK_STATES, what, faults)
    if status is None:
        raise Unreadable("; ".join(faults.all()))
    id_ = answer.texts.get("task-id")
    if id_ is not None:
        id_ = uuid_of(id_, "task-id", what, faults)
    failures = number(total.get("failures"), "failures", what, faults)
    known = tuple(node for node in nodes if node is not None)
    return Parsed(Rebalance(type_, status, id_, failures=failures, nodes=known), faults.all())


def _node(record: Record, what: str, faults: Faults) -> Optional[RebalanceNode]:
    host = record.texts.get("nodeName", "")
    if not is_name(host):
        faults.add(f"a node of {what} is called {quoted(host)}")
        return None
    whose = f"{what} on {host}"
    status = state_word(record.texts, TASK_STATES, whose, faults)
    failures = number(record.texts.get("failures"), "failures", whose, faults)
    counts = {
        name: number(record.texts[name], name, whose, faults) for name in _COUNTS if name in record.texts
    }
    text = record.texts.get("runtime", "")
    run_time = float(text) if _SECONDS.fullmatch(text) else None
    return None if status is None else RebalanceNode(host, status, failures, **counts, run_time=run_time)
