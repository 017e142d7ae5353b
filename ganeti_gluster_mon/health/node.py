"""Gluster's own processes on the node that queried."""

from __future__ import annotations

from typing import Iterator, Sequence

from ganeti_gluster_mon.gluster.model import Pool, Process
from ganeti_gluster_mon.health.evaluate import Health
from ganeti_gluster_mon.health.messages import message
from ganeti_gluster_mon.health.problem import CRITICAL, OK, UNKNOWN, Problem, worst, worst_first


def evaluate_node(pool: Pool) -> Health:
    """The health of glusterd and of the brick processes on this node; bricks elsewhere belong to `evaluate`."""
    if pool.processes is None:
        text = "the processes of this node were not looked at"
        return _of_node([Problem("NOT_KNOWN", UNKNOWN, text, kind=text)])
    bricks = [process for process in pool.processes if process.name == "brick"]
    problems = [*_glusterd(pool.processes), *_bricks(bricks)]
    if problems:
        return _of_node(problems)
    count = f"{len(bricks)} brick process{'' if len(bricks) == 1 else 'es'}"
    return Health(code=OK, message=f"glusterd is running, {count}", problems=(), volumes={})


def _glusterd(processes: Sequence[Process]) -> Iterator[Problem]:
    # One that is a zombie has ended; one that is stopped will go on when it gets a SIGCONT.
    alive = [process for process in processes if process.name == "glusterd" and process.state != "zombie"]
    if not alive:
        yield Problem("GLUSTERD_DOWN", CRITICAL, "glusterd is not running")
    elif all(process.state == "stopped" for process in alive):
        yield Problem("GLUSTERD_HANGS", CRITICAL, f"glusterd (pid {alive[0].pid}) is stopped")


def _bricks(processes: Sequence[Process]) -> Iterator[Problem]:
    for brick in processes:
        if brick.state not in ("stopped", "zombie"):
            continue
        which = f"brick {brick.path} of {brick.volume}" if brick.path else "a brick process"
        state = "stopped" if brick.state == "stopped" else "a zombie"
        yield Problem(
            "BRICK_HANGS" if brick.state == "stopped" else "BRICK_OFFLINE",
            CRITICAL,
            f"{which} (pid {brick.pid}) is {state}",
            brick.volume or "",
            brick.path or "",
        )


def _of_node(problems: Sequence[Problem]) -> Health:
    in_order = tuple(sorted(problems, key=worst_first))
    return Health(code=worst(problems), message=message(problems), problems=in_order, volumes={})
