"""Whether users of a node can change what bricks write about their file operations, and misuse it.  Pure."""

from __future__ import annotations

from typing import Iterable, Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.stats_dump import is_dumped
from ganeti_gluster_mon.text import one_line, some
from ganeti_gluster_mon.view.finding import Finding
from ganeti_gluster_mon.view.node_facts import NodeFacts

_MOST_NAMES = 5
_DIRECTORY = "/var/lib/glusterd/stats"
#: The directory has to stay: a brick that runs does not make it again.  Its content goes, for it may have links, and
#: files that a user has open.
_CLOSE = f"chmod 700 {_DIRECTORY} && rm -rf {_DIRECTORY}/*"


def stats_findings(facts: NodeFacts, volumes: Iterable[Volume]) -> Iterator[Finding]:
    """A directory for statistics of *volumes* in which users other than root can make links, which bricks follow."""
    dumped = [
        one_line(volume.name, 40)
        for volume in volumes
        if volume.state == "started" and is_dumped(volume.options)
    ]
    if facts.stats_writable and dumped:
        yield Finding(
            f"users other than root can write to {_DIRECTORY}: a link there makes Gluster overwrite any file as root "
            f"(diagnostics.stats-dump-interval is set for {some(dumped, _MOST_NAMES)})",
            _CLOSE,
        )
