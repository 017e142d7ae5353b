"""The answers to `volume status`, by volume.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import (
    Dict,
    List,
    Mapping,
    Tuple,
)

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.answer_reader import STATUS_SUBJECTS, AnswerReader
from ganeti_gluster_mon.gluster.reach import BrickKey
from ganeti_gluster_mon.gluster.rebalance import Rebalance


@dataclass
class VolumeReports:
    """One volume in the answers to `volume status` and its detail."""

    #: by brick, in the order the answers were given: a brick may have died in between
    bricks: Dict[BrickKey, List[parse.NodeStatus]] = field(default_factory=dict)
    #: self-heal daemons and the like, by host
    daemons: Dict[BrickKey, parse.NodeStatus] = field(default_factory=dict)
    tasks: Tuple[Rebalance, ...] = ()
    #: the queries whose answers have the volume
    queries: List[query.Query] = field(default_factory=list)


def read_statuses(reader: AnswerReader) -> Mapping[str, VolumeReports]:
    """By volume: what `volume status` and its detail report."""
    reports: Dict[str, VolumeReports] = {}
    in_order = [answer.query for answer in reader.capture.answers if answer.query in STATUS_SUBJECTS]
    for wanted in dict.fromkeys([*in_order, *STATUS_SUBJECTS]):
        read = reader.read(wanted, parse.volume_status, STATUS_SUBJECTS[wanted], must=True)
        if read is not None:
            reader.statuses_read.add(wanted)
        for status in read or ():
            volume = reports.setdefault(status.volume, VolumeReports())
            volume.queries.append(wanted)
            for node in status.nodes:
                key = (node.hostname, node.path)
                if node.path.startswith("/"):
                    volume.bricks.setdefault(key, []).append(node)
                else:  # a daemon: its name stands where a brick's host would, its host as the path
                    volume.daemons[key] = node
            volume.tasks = status.tasks or volume.tasks
    return reports
