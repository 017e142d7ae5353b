"""The task restart-brick: for a brick whose process hangs, or that glusterd has lost track of."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli, plan
from ganeti_gluster_mon.deploy.apply import ask_all
from ganeti_gluster_mon.deploy.command_arguments import brick_named
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import VOLUME_INFO, volume_status
from ganeti_gluster_mon.deploy.layout import Brick
from ganeti_gluster_mon.deploy.pool_steps import StartVolume, offline
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, Left, NotSo, Question, Step
from ganeti_gluster_mon.deploy.task_queries import find_volume, state_of_bricks
from ganeti_gluster_mon.ganeti.ssh import Said
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

    speaker: str
    volume: str
    brick: Brick
    #: the processes of before
    pids: Tuple[int, ...]

    @property
    def words(self) -> str:
        return f"{self.brick.label} ended (process {', '.join(map(str, self.pids)) or 'none'})"

    @property
    def patience(self) -> float:
        return 30.0

    def questions(self) -> Tuple[Question, ...]:
        return (
            processes_question(self.node, self.volume, self.brick.path),
            Question(self.speaker, VOLUME_INFO),
            Question(self.speaker, volume_status(self.volume)),
        )

    def left(self, answers: Sequence[Said]) -> Left:
        running = [pid for pid, _ in processes(answers[0]) if pid in self.pids]
        if running:
            # SIGTERM does not end a process that is stopped
            return (Command(self.node, ("kill", "-KILL", *map(str, running))),)
        volume = gluster_cli.volume(answers[1], self.volume)
        missing = None if volume is None else offline(volume, answers[2])
        return DONE if missing is not None and self.brick.label in missing else WAIT

    def progress(self, answers: Sequence[Said]) -> str:
        stuck = [pid for pid, state in processes(answers[0]) if state == "D" and pid in self.pids]
        return f"process {stuck[0]} waits for its disk (state D), which does not answer" if stuck else ""


def processes_question(node: str, volume: str, path: str) -> Question:
    """The query whose answer `processes` takes."""
    return Question(node, ("python3", "-I", "-S", "-c", _PROCESSES, volume, path))


def processes(said: Said) -> Tuple[Tuple[int, str], ...]:
    """The processes of a brick, with their states as the kernel has them.  Raises NotSo where they are not known."""
    try:
        return tuple((int(pid), str(state)) for pid, state in json.loads(said.out))
    except (ValueError, TypeError) as err:
        raise NotSo(f"it is not known which process the brick has: {said.words}") from err


def restart_brick(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A brick whose process is ended and started again."""
    volume, speaks, _ = find_volume(context, arguments.volume)
    brick = brick_named(context.cluster, volume, arguments.brick)
    plan.must_have(volume, brick)
    if volume.state != "started":
        raise NotSo(f"{volume.name} is not started: gluster volume start {volume.name}")
    if volume.options.get(_MULTIPLEX, "off") in ("on", "enable", "yes", "true", "1"):
        raise NotSo(
            f"{_MULTIPLEX} is on, and the process of {brick.label} may serve other bricks as well: stop the volume's "
            f"guests first, then gluster volume stop {volume.name} and gluster volume start {volume.name}"
        )
    node = context.cluster.node_of_host(brick.node)
    if node is None:
        raise NotSo(
            f"{brick.node} is no node of {context.cluster.name}, so its processes cannot be reached: end the "
            f"process of {brick.path} there, then gluster volume start {volume.name} force"
        )
    asked = processes_question(node.name, volume.name, brick.path)
    pids = tuple(pid for pid, _ in processes(ask_all(context.host, (asked,))[asked]))
    return Proposal(
        (
            EndBrick(node.name, speaks.name, volume.name, brick, pids),
            StartVolume(speaks.name, volume.name, (brick,)),
        ),
        question=" ".join(_interruption(context, speaks.name, volume, brick)),
        result=f"{brick.label} runs again: gluster volume heal {volume.name} info summary shows what it has missed",
    )


def _interruption(context: Context, speaks: str, volume: VolumeInfo, brick: Brick) -> List[str]:
    """What has to be confirmed: guests that lose access to their disks while the brick is restarted."""
    others = [other for other in plan.set_of(volume, brick) if other != brick]
    missing, counts = state_of_bricks(context, speaks, volume)
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
