"""Rebalance, fix-layout and remove-brick."""

from __future__ import annotations

from typing import Iterator, List

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from ganeti_gluster_mon.health.problem import CRITICAL, HEALING, Problem
from ganeti_gluster_mon.text import some

#: names in one text
_MOST_NAMES = 5


def task_problems(volume: Volume) -> Iterator[Problem]:
    """The last task of *volume* that moves data, and the next command."""
    task = volume.rebalance
    if task is None:
        return
    what = _what(task)
    if task.status.endswith("in progress"):
        text = f"{what} in progress"
        yield Problem(
            "REBALANCE_RUNNING", HEALING, f"{volume.name}: {text}", volume.name, _subject(task), kind=text
        )
    failed = [node for node in task.nodes if node.status.endswith("failed")]
    if task.status.endswith("failed") or failed:
        yield _failed(volume, task, what, failed)
    elif task.failures and not task.status.endswith("in progress"):
        yield _failures(volume, task, what)
    if task.type == "remove-brick" and task.status == "completed":
        bricks = " ".join(task.bricks) if task.bricks else "BRICK…"
        command = f"gluster volume remove-brick {volume.name} {bricks}"
        text = "remove-brick has moved the data and is not committed"
        yield Problem(
            "REMOVE_BRICK_UNCOMMITTED",
            CRITICAL,
            f"{volume.name}: {text}: if `{command} status` shows no failures, run `{command} commit`",
            volume.name,
            _subject(task),
            kind="remove-brick has moved the data, with failures" if task.failures else text,
        )


def stalled_problems(volume: Volume) -> Iterator[Problem]:
    """A task of *volume* that glusterd calls in progress, and whose process has ended, by earlier cycles."""
    task = volume.rebalance
    if task is None or task.stalled_since is None:
        return
    what = _what(task)
    text = (
        f"{volume.name}: {what} failed: its process has ended, since its run time does not grow, though glusterd calls "
        f"it in progress; start it again: {_next(volume, task, what)}"
    )
    yield Problem(
        "REBALANCE_FAILED",
        CRITICAL,
        text,
        volume.name,
        _subject(task),
        since=task.stalled_since,
        kind=f"{what} failed",
    )


def _subject(task: Rebalance) -> str:
    """The bricks that are being removed; "" for other tasks."""
    return " ".join(task.bricks) if task.type == "remove-brick" else ""


def _what(task: Rebalance) -> str:
    return "fix-layout" if task.status.startswith("fix-layout") else task.type


def _next(volume: Volume, task: Rebalance, what: str) -> str:
    """The command that starts it again."""
    if task.type == "remove-brick":
        bricks = " ".join(task.bricks) if task.bricks else "BRICK…"
        # Gluster refuses `start` before `stop`
        command = f"volume remove-brick {volume.name} {bricks}"
        return f"gluster {command} stop && gluster --mode=script {command} start"
    if what == "fix-layout":
        return f"gluster volume rebalance {volume.name} fix-layout start"
    return f"gnt-gluster rebalance {volume.name}"


def _failed(volume: Volume, task: Rebalance, what: str, failed: List[RebalanceNode]) -> Problem:
    where = f" on {some([node.host for node in failed], _MOST_NAMES)}" if failed else ""
    count = f", {task.failures} failures" if task.failures else ""
    text = f"{volume.name}: {what} failed{where}{count}; start it again: {_next(volume, task, what)}"
    return Problem("REBALANCE_FAILED", CRITICAL, text, volume.name, _subject(task), kind=f"{what} failed")


def _failures(volume: Volume, task: Rebalance, what: str) -> Problem:
    nodes = [f"{node.host}: {node.failures}" for node in task.nodes if node.failures]
    where = f" ({some(nodes, _MOST_NAMES)})" if nodes else ""
    kind = f"{what} {task.status.replace('fix-layout ', '')} with failures"
    count = f"{task.failures} files were not moved{where}"
    text = f"{volume.name}: {kind}: {count}; start it again: {_next(volume, task, what)}"
    return Problem("REBALANCE_FAILURES", CRITICAL, text, volume.name, _subject(task), kind=kind)
