"""Before Ganeti makes or grows a disk: is there room on the volume, and does it take writes?

Ganeti's allocator leaves shared storage out, so no other check exists.  The hook is for instance-add, disk-grow,
instance-modify and instance-recreate-disks; an import, and a move that comes as one, are an instance-add, too.
Ganeti runs it on several nodes; the master alone, which has the configuration and the job, answers.

It refuses what it knows will not fit, and nothing else.  What it cannot find out, because no daemon and no glusterd
answers, it lets pass, and prints why: a guard without data must not stop all work, and Gluster itself will
refuse what really cannot be done.
"""

from __future__ import annotations

import os
import time
from typing import Iterator, Mapping, Tuple

from ganeti_gluster_mon import etc_default, snapshot
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.etc_default import WrongSetting
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.configuration import Reader
from ganeti_gluster_mon.gluster import cycle, session
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Health, evaluate
from ganeti_gluster_mon.hooks import job_queue
from ganeti_gluster_mon.hooks.space_check import refusal
from ganeti_gluster_mon.hooks.space_request import Environment, space_requests
from ganeti_gluster_mon.paths import RUN_DIRECTORY
from ganeti_gluster_mon.text import one_line
from ganeti_gluster_mon.view.pool_source import LIMITS

OVERCOMMIT = "GLUSTER_OVERCOMMIT"


def main(environment: Mapping[str, str]) -> int:
    """The hook: 1, with a line that Ganeti shows, for what does not fit; else 0."""
    try:
        lines = list(_refusals(environment)) if _is_master() else []
    except WrongSetting as err:
        lines = [str(err)]  # the guard does not know its own limit, which a person has to put right
    except (CommandError, session.GlusterUnavailable, OSError) as err:
        print(f"gluster: whether there is room is not known, let pass: {one_line(str(err))}")
        return 0
    except Exception as err:
        # What an unprivileged process hands over may be anything.  An error in reading it must not stop a job.
        problem = one_line(f"{type(err).__name__}: {err}")
        print(f"gluster: whether there is room is not known, let pass: error in the space guard: {problem}")
        return 0
    for line in lines:
        print(f"gluster: {line}")
    return 1 if lines else 0


def _is_master() -> bool:
    cluster = ssconf.read()
    here = cluster.node(os.uname().nodename)
    return here is not None and here.name == cluster.master


def _refusals(environment: Environment) -> Iterator[str]:
    configuration = Reader().configuration()
    kind, instance = environment.get("GANETI_OP_CODE", ""), environment.get("GANETI_INSTANCE_NAME", "")
    wanted = space_requests(environment, job_queue.given(kind, instance), configuration)
    if not wanted:
        return
    overcommit = _overcommit(etc_default.text())
    pool, health = _seen()
    for each in wanted:
        why = refusal(each, configuration, pool, health, overcommit)
        if why is not None:
            yield why


def _seen() -> Tuple[Pool, Health]:
    """The pool by the daemon, else by Gluster; the heal backlog, which may take long, is left out."""
    known = snapshot.from_daemon(RUN_DIRECTORY, LIMITS)
    if known is not None:
        return known.pool, known.health
    with cycle.Cycle(cycle.Settings(processes=False, disks=Reader().disks)) as queries:
        pool = build_pool(queries.run_queries())
    return pool, evaluate(pool, LIMITS, time.time_ns())


def _overcommit(text: str) -> float:
    """What may be promised, as a multiple of what there is, by *text*, the file of settings.  Raises WrongSetting."""
    parsed = etc_default.assignments(text).get(OVERCOMMIT, "1.0")
    try:
        number = float(parsed)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1000:
        raise WrongSetting(f"{etc_default.PATH}: {OVERCOMMIT} is {parsed!r}, not a number above 0")
    return number
