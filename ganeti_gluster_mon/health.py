"""Good or bad?  The only place that decides.

Reports, metrics, the Nagios line, alerts, the page and Ganeti's sync status all read what
is decided here; none of them looks at a pool and makes up its own mind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Pool

#: status codes of a collector, by Ganeti's design of its monitoring daemon
OK, HEALING, UNKNOWN, CRITICAL = 0, 1, 2, 4


@dataclass(frozen=True)
class Limits:
    """Where space begins to be short; percent of a volume's bytes, and of its inodes, that are free."""

    warning_free: float = 20.0
    critical_free: float = 10.0
    #: seconds after which answers are too old to be believed
    stale_after: float = 90.0


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be, in words an administrator would use."""

    #: OK (a warning that is not yet a fault: space is getting short), HEALING, UNKNOWN or CRITICAL
    code: int
    text: str
    #: the volume it is about; "" for the pool as a whole
    volume: str = ""


@dataclass(frozen=True)
class VolumeHealth:
    """How one volume is."""

    #: "healthy", "healing", "degraded", "partial", "down", "stopped" or "unknown"
    status: str
    code: int
    problems: Tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Health:
    """How a pool is: the worst of its problems, all of them by name, and each volume."""

    code: int
    #: every problem, worst first; a summary of what was seen when there is none
    message: str
    problems: Tuple[Problem, ...]
    volumes: Mapping[str, VolumeHealth]

    @property
    def warning(self) -> bool:
        """Whether something is worth a warning though nothing is wrong yet (space getting short)."""
        return any(problem.code == OK for problem in self.problems)


def judge_node(pool: Pool) -> Health:
    """Say how Gluster's own processes are on the node that asked; bricks elsewhere are `judge`'s matter."""
    if pool.processes is None:
        return _of_node([Problem(UNKNOWN, "the processes of this node were not looked at")])
    problems = []
    # One that is a zombie has ended; one that is stopped will go on when it gets a SIGCONT.
    glusterds = [process for process in pool.processes if process.name == "glusterd"]
    alive = [process for process in glusterds if process.state != "zombie"]
    if not alive:
        problems.append(Problem(CRITICAL, "glusterd is not running"))
    elif all(process.state == "stopped" for process in alive):
        problems.append(Problem(CRITICAL, f"glusterd (pid {alive[0].pid}) is stopped"))
    bricks = [process for process in pool.processes if process.name == "brick"]
    for brick in bricks:
        if brick.state in ("stopped", "zombie"):
            which = f"brick {brick.path} of {brick.volume}" if brick.path else "a brick process"
            state = "stopped" if brick.state == "stopped" else "a zombie"
            problems.append(
                Problem(CRITICAL, f"{which} (pid {brick.pid}) is {state}", volume=brick.volume or "")
            )
    if problems:
        return _of_node(problems)
    count = f"{len(bricks)} brick process{'' if len(bricks) == 1 else 'es'}"
    return Health(code=OK, message=f"glusterd is running, {count}", problems=(), volumes={})


def _of_node(problems: Sequence[Problem]) -> Health:
    return Health(
        code=max(problem.code for problem in problems),
        message="; ".join(problem.text for problem in problems),
        problems=tuple(problems),
        volumes={},
    )


def judge(pool: Pool, limits: Limits, now: int) -> Health:
    """Say how *pool* is at *now* (ns since the epoch)."""
    raise NotImplementedError
