"""A capture: the raw answers of one cycle, byte for byte, in a directory with a manifest.

It is what ``record`` writes for a bug report, what ``--replay`` and the tests read, and
what one node hands to the others so that only one of them asks Gluster.  The format is
pinned; ``format_version`` 1 is described in docs/capture.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Mount, Process
from ganeti_gluster_mon.gluster.question import Question


@dataclass(frozen=True)
class Answer:
    """What Gluster said to one question, unread."""

    question: Question
    #: standard output; empty when nothing came
    output: bytes
    #: None when the process was not its own (several questions in one) or was killed
    returncode: Optional[int] = None
    stderr: str = ""
    #: from asking to the end of the answer
    seconds: float = 0.0
    #: why there is no whole answer, in an administrator's words; None when there is one
    failure: Optional[str] = None
    #: ns since the epoch, when it was kept from an earlier cycle; None: as old as its capture
    taken_at: Optional[int] = None


@dataclass(frozen=True)
class Capture:
    """All raw answers of one cycle, and what was seen of this node beside them."""

    #: ns since the epoch
    recorded_at: int
    answers: Tuple[Answer, ...]
    node: Optional[str] = None
    gluster_version: Optional[str] = None
    mounts: Tuple[Mount, ...] = ()
    #: by hostname: whether the peer's glusterd answered on port 24007
    reachable: Mapping[str, bool] = field(default_factory=dict)
    #: by (host, port): whether the brick process behind it answered
    bricks_answering: Mapping[Tuple[str, int], bool] = field(default_factory=dict)
    #: by device as mounted ("/dev/mapper/vg-b1"): the kernel's name ("dm-3"), on this node
    devices: Mapping[str, str] = field(default_factory=dict)
    #: Gluster's processes on this node; None: not looked at
    processes: Optional[Tuple[Process, ...]] = None

    def answer(self, question: Question) -> Optional[Answer]:
        """The answer to *question*, or None where it was not asked."""
        for answer in self.answers:
            if answer.question == question:
                return answer
        return None
