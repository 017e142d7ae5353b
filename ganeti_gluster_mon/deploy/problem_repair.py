"""Problems of volumes in the task repair, by their codes: what is safe is planned, what needs a choice is named.

Bricks, mounts, glusterd, self-heal daemons and split-brain have modules of their own; what is left comes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon import snapshot
from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.daemon_steps import LOCALHOST, HealBacklog, StartDaemon
from ganeti_gluster_mon.deploy.gluster_cli import gluster_argv, output
from ganeti_gluster_mon.deploy.layout import REPLICATE, BrickAddress
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.ganeti.configuration import Reader
from ganeti_gluster_mon.gluster import cycle
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.heal_query import with_copies
from ganeti_gluster_mon.gluster.parse.split_brain_xml import split_brain_entries
from ganeti_gluster_mon.gluster.validation import Refused, Unreadable
from ganeti_gluster_mon.health import OK, UNKNOWN, Limits, Problem, host_of, remedy_of
from ganeti_gluster_mon.health.repair_scope import BY_ITSELF, SCOPES
from ganeti_gluster_mon.text import one_line, some

#: what other modules of the task repair plan or name
_ELSEWHERE = frozenset(("HEAL_DAEMON_DOWN", "SPLIT_BRAIN"))
_PEERS = frozenset(("PEER_DISCONNECTED", "PEER_SILENT"))
#: what a process causes that a signal has stopped
_HANG = frozenset(("BRICK_HANGS", "MOUNT_HANGS", "NOT_KNOWN", "SUBVOLUME_QUORUM_LOST"))
_FULL = frozenset(
    ("VOLUME_FULL", "VOLUME_NEARLY_FULL", "SUBVOLUME_FULL", "SUBVOLUME_NEARLY_FULL", "INODES_SHORT")
)
#: what the start of a brick, or a decision about it, ends
_OF_BRICK = frozenset(("BRICK_OFFLINE", "BRICK_FILESYSTEM_NOT_MOUNTED"))
_MOST_ENTRIES = 10
_HEAL_TIMEOUT = 60.0


@dataclass(frozen=True)
class PlannedRepair:
    """What other modules of the task repair, or name already: nothing of that needs a decision."""

    #: bricks, by their labels
    bricks: FrozenSet[str] = frozenset()
    #: volumes of which bricks are started
    volumes: FrozenSet[str] = frozenset()
    #: nodes whose glusterd is restarted
    nodes: FrozenSet[str] = frozenset()
    #: processes go on that a signal has stopped, so what hangs may do so by them
    hang: bool = False

    def covers(self, problem: Problem, node: Optional[str]) -> bool:
        """Whether it repairs *problem*; *node* is the node of the cluster that it is about."""
        if self.hang and problem.code in _HANG:
            return True
        if problem.code == "NOT_KNOWN":
            return bool(self.nodes)  # a glusterd that does not answer leaves things unknown, in many words
        if problem.code in _OF_BRICK:
            return problem.subject in self.bricks
        if problem.code == "SUBVOLUME_QUORUM_LOST":
            return problem.volume in self.volumes
        return (problem.code in _PEERS or problem.code == "BRICK_UNREACHABLE") and node in self.nodes


def query_problems() -> Tuple[Tuple[Problem, ...], str]:
    """The problems of the pool by a query of Gluster on this node, and why they are not known; "" where they are."""
    found = snapshot.from_gluster(cycle.Settings(processes=False, disks=Reader().disks), Limits())
    return found.health.problems, found.error


def repair_problems(
    context: Context,
    coordinator: str,
    volumes: Sequence[VolumeInfo],
    whole_pool: bool,
    planned: PlannedRepair = PlannedRepair(),
    all_volumes: Sequence[VolumeInfo] = (),
) -> Tuple[List[Step], List[str]]:
    """The steps for the problems of *volumes*, and what needs a decision; with *whole_pool* those of the pool, too.

    Other steps repair what is *planned*.  The self-heal daemons serve those of *all_volumes* that keep copies.
    """
    problems, error = query_problems()
    if error:
        return [], [f"what else needs attention is not known: {one_line(error, 200)}"]
    named: Mapping[str, VolumeInfo] = {volume.name: volume for volume in volumes}
    split = {problem.volume for problem in problems if problem.code == "SPLIT_BRAIN"}
    steps: List[Step] = []
    notes: List[str] = []
    for problem in problems:
        volume = named.get(problem.volume)
        wanted = volume is not None or (whole_pool and not problem.volume)
        if not wanted or problem.implied or problem.code in _ELSEWHERE:
            continue
        node = context.cluster.node_of_host(host_of(problem))
        if planned.covers(problem, None if node is None else node.name):
            continue
        # a backlog with entries in split-brain never comes to its end
        stuck_by_split = problem.code == "HEAL_STUCK" and problem.volume in split
        step = (
            None
            if volume is None or stuck_by_split
            else _step(context, coordinator, volume, problem, with_copies(all_volumes))
        )
        if step is not None:
            steps.append(step)
            notes += _entries(context, coordinator, problem)
        elif problem.severity != OK or problem.code in _FULL:
            notes += _named(problem)
    return list(dict.fromkeys(steps)), notes


def _step(
    context: Context, coordinator: str, volume: VolumeInfo, problem: Problem, healing: Sequence[VolumeInfo]
) -> Optional[Step]:
    """The step that repairs *problem* and can lose no data; None where there is none.

    *healing*: the volumes that the self-heal daemons serve.
    """
    if problem.code == "DAEMON_DOWN":
        return StartDaemon(coordinator, volume.name, *_daemon(context, coordinator, problem))
    if problem.code == "HEAL_STUCK":
        bricks = tuple(BrickAddress(one.host, one.path) for one in volume.bricks)
        replicated = plan.layout_of(volume).kind == REPLICATE
        others = tuple(one.name for one in healing if one.name != volume.name)
        return HealBacklog(coordinator, volume.name, bricks, replicated, others)
    return None


def _daemon(context: Context, coordinator: str, problem: Problem) -> Tuple[str, str]:
    """The daemon that the subject of a DAEMON_DOWN names, and what *coordinator* calls its host."""
    name, _, host = problem.subject.rpartition(" on ")
    node = context.cluster.node_of_host(host)
    return name, LOCALHOST if node is not None and node.name == coordinator else host


def _named(problem: Problem) -> Iterator[str]:
    """What *problem* is, and the command that an administrator may choose."""
    text = one_line(problem.text, 300)
    if SCOPES[problem.code].kind == BY_ITSELF and problem.severity < UNKNOWN:
        yield f"{text}: Gluster does that by itself; it is not waited for"
        return
    yield f"{text}; a decision is needed: {remedy_of(problem).fix}"
    if problem.code in _PEERS:
        host = one_line(problem.subject, 100)
        yield (
            f"  if {host} does not come back: gnt-gluster replace-brick VOLUME {host}:PATH NODE --device DEVICE for "
            f"each of its bricks, then gnt-gluster remove-node {host}"
        )
    if problem.code in _FULL and problem.volume:
        yield (
            f"  what can be freed: gnt-gluster diagnose names disk files that belong to no instance; "
            f"gluster snapshot list {problem.volume} names snapshots"
        )


def _entries(context: Context, coordinator: str, problem: Problem) -> Iterable[str]:
    """Which entries wait to be healed, where healing is stuck."""
    if problem.code != "HEAL_STUCK":
        return
    query = NodeQuery(
        coordinator, gluster_argv(("volume", "heal", problem.volume, "info")), timeout=_HEAL_TIMEOUT
    )
    try:
        listed = split_brain_entries(output(query_nodes(context.host, (query,))[query])).facts
    except (Refused, Unreadable, PreconditionFailed) as err:
        yield f"{problem.volume}: which entries wait to be healed is not known: {one_line(str(err), 200)}"
        return
    found = list(dict.fromkeys(one_line(entry, 120) for one in listed for entry in one.entries))
    if found:
        yield f"{problem.volume}: to be healed: {some(found, _MOST_ENTRIES)}"
