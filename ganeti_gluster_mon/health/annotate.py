"""Adds to a health what no single query shows: since when a problem exists, and whether it is muted."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, Optional, Tuple

from ganeti_gluster_mon.health.evaluate import Health, VolumeHealth
from ganeti_gluster_mon.health.messages import message
from ganeti_gluster_mon.health.problem import Problem, worst

#: what a problem is known by from one cycle to the next: its code, volume and subject
ProblemKey = Tuple[str, str, str]


def key_of(problem: Problem) -> ProblemKey:
    """What *problem* is known by from one cycle to the next, whatever the figures in its text."""
    return problem.code, problem.volume, problem.subject


def annotate(
    health: Health,
    since: Callable[[ProblemKey], Optional[float]],
    muted: Callable[[Problem], bool],
) -> Health:
    """*health* with `since` and `muted` of each problem, and the codes and the message that remain.

    *since* gives seconds since the epoch, or None; *muted* says whether a problem is muted.
    """
    if not health.problems and not any(volume.problems for volume in health.volumes.values()):
        return health

    def annotated(problem: Problem) -> Problem:
        began = since(key_of(problem))
        began = problem.since if began is None else began
        return replace(problem, since=began, muted=muted(problem))

    problems = tuple(map(annotated, health.problems))
    volumes: Dict[str, VolumeHealth] = {}
    for name, volume in health.volumes.items():
        mine = tuple(map(annotated, volume.problems))
        volumes[name] = replace(volume, problems=mine, code=worst(mine)) if mine else volume
    silenced = sum(problem.muted for problem in problems)
    text = health.message
    if silenced:
        text = message(problems) or "no problem that is not muted"
        text += f" ({silenced} muted)"
    return replace(health, problems=problems, volumes=volumes, code=worst(problems), message=text)
