"""The page for browsers: the pool at a glance, the guests and what is wrong first.

This module is pure, and selects what is shown; the templates have the layout.  The page needs no script and no other
files.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from typing import Callable, Dict, List, Mapping, Optional, Sequence
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.daemon.web.page_marks import (
    LONGEST_NAME,
    PEER_MARKS,
    POOL_MARKS,
    WARNING_MARK,
    WORST_FIRST,
    StatusMark,
    short_duration,
    shown_name,
)
from ganeti_gluster_mon.daemon.web.page_problems import guest_rows, problem_views
from ganeti_gluster_mon.daemon.web.page_volumes import volume_view
from ganeti_gluster_mon.daemon.web.runbook_page import runbook_body
from ganeti_gluster_mon.gluster.model import Peer, Pool, Process
from ganeti_gluster_mon.health import OK, Health
from ganeti_gluster_mon.health.peers import peer_status
from ganeti_gluster_mon.repair_tries import AutoRepairs
from ganeti_gluster_mon.text import one_line, short_size

#: the text of the one <style> element of each page, which the Content-Security-Policy names
STYLE = (resources.files("ganeti_gluster_mon.daemon.web") / "templates" / "page.css").read_text(
    encoding="utf-8"
)

#: gives, by volume, the letters of `VolumeHistory.at` at a moment (ns since the epoch)
Letters = Callable[[int], Mapping[str, str]]

#: problems that are listed
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class PeerView:
    """A member of the pool."""

    state: StatusMark
    name: str
    note: str


@dataclass(frozen=True)
class ProcessView:
    """One of Gluster's processes on this node."""

    name: str
    pid: int
    memory: str
    cpu: str
    uptime: str


def page(
    pool: Pool,
    health: Health,
    now: int,
    refresh: float = 30.0,
    stale: float = 90.0,
    letters: Optional[Letters] = None,
) -> bytes:
    """The page that shows *pool* as it was evaluated at *now* (ns since the epoch), in UTF-8.

    The browser reads it again every *refresh* seconds; above *stale* seconds its age is shown large.  *letters*: the
    status of each volume in the last 24 hours; None: not recorded.
    """
    status = POOL_MARKS[health.code]
    if health.code == OK and health.warning:
        status = WARNING_MARK
    problems = problem_views(health.problems, now)
    volumes = None
    if pool.volumes is not None:
        recorded = {} if letters is None else letters(now)
        volumes = [volume_view(volume, health, recorded.get(volume.name)) for volume in pool.volumes]
        volumes.sort(key=lambda volume: (WORST_FIRST.index(volume.state.tone), volume.name))
    peers = None
    if pool.peers is not None:
        peers = [peer_view(peer) for peer in pool.peers]
        peers.sort(key=lambda peer: (WORST_FIRST.index(peer.state.tone), peer.name))
    return render(
        "page.html",
        **frame(pool, now, refresh, stale),
        status=status,
        message=one_line(health.message),
        guests=guest_rows(pool),
        guests_unknown=one_line(pool.disks_unknown or "", LONGEST_NAME),
        problems=problems[:_MOST_PROBLEMS],
        more_problems=max(0, len(problems) - _MOST_PROBLEMS),
        volumes=volumes,
        peers=peers,
        processes=process_views(pool.processes or ()),
        auto_repair=_last_repair(pool.auto_repairs),
    )


def _last_repair(repairs: Optional[AutoRepairs]) -> str:
    """The last automatic repair, in one line; "" where there was none."""
    if repairs is None or not repairs.last:
        return ""
    last = repairs.last[0]
    tried = datetime.fromtimestamp(last.tried_at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    return one_line(f"{tried}: {last.volume}: {last.why}: started by force: {last.result}", LONGEST_NAME)


def runbook() -> bytes:
    """The runbook, in UTF-8."""
    return render("runbook.html", body=runbook_body(), version=__version__)


def frame(pool: Pool, now: int, refresh: float, stale: float) -> Dict[str, object]:
    """What the pages about *pool* have at their top and bottom."""
    age = pool.age(now)
    taken = datetime.fromtimestamp(pool.taken_at / 1e9, timezone.utc)
    return {
        "refresh": max(1, round(refresh)),
        "node": shown_name(pool.node) if pool.node else None,
        "age": short_duration(age),
        "old": age > stale,
        "moment": taken.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "gluster_version": pool.gluster_version,
        "version": __version__,
    }


def render(template: str, **values: object) -> bytes:
    """The page by *template* with *values*, in UTF-8."""
    style = Markup(STYLE)  # noqa: S704 - ours, and without a "<"
    text = _environment().get_template(template).render(style=style, **values)
    # What is no character cannot be sent as one: names of files may hold any byte.
    return text.encode("utf-8", "backslashreplace")


@functools.lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganeti_gluster_mon.daemon.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["node_path"] = node_path
    return environment


@functools.lru_cache(maxsize=1000)
def node_path(name: str) -> str:
    """The path of the page of the node *name*, from the directory of the page of the pool."""
    return f"node/{quote(name, safe='', errors='replace')}"


def peer_view(peer: Peer) -> PeerView:
    """*peer* as it is shown."""
    note = ", this node" if peer.local else ""
    if peer.state is not None and not peer.local and peer.state != "Peer in Cluster":
        note += f", {one_line(peer.state, LONGEST_NAME)}"
    return PeerView(PEER_MARKS[peer_status(peer)], shown_name(peer.hostname), note)


def process_views(processes: Sequence[Process]) -> List[ProcessView]:
    """*processes* as they are shown."""
    return [_process(process) for process in processes]


def _process(process: Process) -> ProcessView:
    words: List[Optional[str]] = [process.name, process.volume, process.path]
    return ProcessView(
        name=shown_name(" ".join(word for word in words if word)),
        pid=process.pid,
        memory=short_size(process.rss),
        cpu=short_duration(process.cpu_seconds),
        uptime=short_duration(process.uptime),
    )
