"""Runs the heal queries of a cycle in a thread: while a brick hangs, they take much longer than the others."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Optional, Tuple

from ganeti_gluster_mon.gluster import cycle, session
from ganeti_gluster_mon.gluster.capture import Answer

#: seconds to wait for the end of the thread after its processes were ended
JOIN_TIMEOUT = 1.0


class HealThread(threading.Thread):
    """The heal queries of a cycle, which may take long, in a thread of their own."""

    def __init__(self, running: cycle.Cycle, done: int) -> None:
        """Run the heal queries of *running*.  If they end after `take`, a byte is written to the pipe *done*."""
        super().__init__(name="healing", daemon=True)
        self.cycle = running
        #: ns since the epoch
        self.began = time.time_ns()
        self._done = done
        self._lock = threading.Lock()
        self._answers: Optional[Tuple[Answer, ...]] = None
        self._late = False

    def run(self) -> None:
        answers: Optional[Tuple[Answer, ...]] = None
        try:
            answers = self.cycle.run_heal_queries()
        except session.GlusterUnavailable as err:
            why = str(err)
            answers = tuple(Answer(query, b"", failure=why) for query in self.cycle.heal_queries)
        finally:
            with self._lock:
                self._answers = answers
                if self._late:
                    with suppress(OSError):  # the poller ends and has closed it
                        os.write(self._done, b"h")

    def take(self) -> Optional[Tuple[Answer, ...]]:
        """The answers, if they are there; else the pipe becomes readable when they are."""
        with self._lock:
            self._late = self._answers is None
            return self._answers

    def end(self) -> None:
        """End the processes of the queries, and so the thread."""
        self.cycle.__exit__()
        self.join(JOIN_TIMEOUT)
