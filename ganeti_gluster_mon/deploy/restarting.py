"""The task restart-brick: for a brick whose process hangs, or that glusterd has lost track of."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.brick_status import offline_bricks, status_queries
from ganeti_gluster_mon.deploy.command_arguments import brick_by_name
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.deploy.task_queries import find_volume, state_of_bricks
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some

_MULTIPLEX = "cluster.brick-multiplex"

#: it takes a volume and the path of a brick, and prints the processes that serve it: [[pid, state], …]
_PROCESSES = """
import json, os, sys
volume, path = map(os.fsencode, sys.argv[1:])
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as file:
            words = file.read().split(b"\\0")
        with open("/proc/%s/stat" % pid, "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0].decode()
    except OSError:
        continue
    pairs = set(zip(words, words[1:]))
    ours = any(one == b"--volfile-id" and other.startswith(volume + b".") for one, other in pairs)
    if ours and (b"--brick-name", path) in pairs and state not in "ZX":
        found.append([int(pid), state])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class EndBrick(Step):
    """A brick whose processes of before have ended, and that glusterd knows to be offline."""

    coordinator: str
    volume: str
    brick: BrickAddress
    #: the processes of before
    pids: Tuple[int, ...]

    @property
    def description(self) -> str:
        return f"{self.brick.label} ended (process {', '.join(map(str, self.pids)) or 'none'})"

    @property
    def effect_timeout(self) -> float:
        return 30.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            processes_query(self.node, self.volume, self.brick.path),
            *status_queries(self.coordinator, self.volume),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        running = [pid for pid, _ in processes(answers[0]) if pid in self.pids]
        if running:
            # SIGTERM does not end a process that is stopped
            return (Command(self.node, ("kill", "-KILL", *map(str, running))),)
        missing = offline_bricks(self.volume, *answers[1:])
        return DONE if missing is not None and self.brick.label in missing else WAIT

    def progress(self, answers: Sequence[CommandResult]) -> str:
        stuck = [pid for pid, state in processes(answers[0]) if state == "D" and pid in self.pids]
        return f"process {stuck[0]} waits for its disk (state D), which does not answer" if stuck else ""


def processes_query(node: str, volume: str, path: str) -> NodeQuery:
    """The query whose answer `processes` takes."""
    return NodeQuery(node, ("python3", "-I", "-S", "-c", _PROCESSES, volume, path))


def processes(reply: CommandResult) -> Tuple[Tuple[int, str], ...]:
    """The processes of a brick, with their states as the kernel has them.

    Raises PreconditionFailed where they are not known.
    """
    try:
        return tuple((int(pid), str(state)) for pid, state in json.loads(reply.stdout))
    except (ValueError, TypeError) as err:
        raise PreconditionFailed(f"it is not known which process the brick has: {reply.reason}") from err


def restart_brick(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A brick whose process is ended and started again."""
    volume, coordinator, _ = find_volume(context, arguments.volume)
    brick = brick_by_name(context.cluster, volume, arguments.brick)
    plan.must_have(volume, brick)
    if volume.state != "started":
        raise PreconditionFailed(f"{volume.name} is not started: gluster volume start {volume.name}")
    if volume.options.get(_MULTIPLEX, "off") in ("on", "enable", "yes", "true", "1"):
        raise PreconditionFailed(
            f"{_MULTIPLEX} is on, and the process of {brick.label} may serve other bricks as well: stop the volume's "
            f"guests first, then gluster volume stop {volume.name} and gluster volume start {volume.name}"
        )
    node = context.cluster.node_of_host(brick.node)
    if node is None:
        raise PreconditionFailed(
            f"{brick.node} is no node of {context.cluster.name}, so its processes cannot be reached: end the "
            f"process of {brick.path} there, then gluster volume start {volume.name} force"
        )
    queried = processes_query(node.name, volume.name, brick.path)
    pids = tuple(pid for pid, _ in processes(query_nodes(context.host, (queried,))[queried]))
    return Proposal(
        (
            EndBrick(node.name, coordinator.name, volume.name, brick, pids),
            StartVolume(coordinator.name, volume.name, (brick,)),
        ),
        question=" ".join(_interruption(context, coordinator.name, volume, brick)),
        result=f"{brick.label} runs again: gluster volume heal {volume.name} info summary shows what it has missed",
    )


def _interruption(context: Context, coordinator: str, volume: VolumeInfo, brick: BrickAddress) -> List[str]:
    """What has to be confirmed: guests that lose access to their disks while the brick is restarted."""
    others = [other for other in plan.set_of(volume, brick) if other != brick]
    missing, counts = state_of_bricks(context, coordinator, volume)
    away = [other.label for other in others if other.label in missing]
    found = []
    if not others:
        found.append(f"{brick.label} has the only copy of its files.")
    elif away:
        found.append(f"{some(away, 3)} is offline.")
    its = counts.get(brick)
    if others and its is not None and its.pending:
        found.append(f"{its.pending} entries are to be healed from {one_line(brick.label)}.")
    if found:
        found.append("Guests may get I/O errors until it runs again. Restart it?")
    return found
