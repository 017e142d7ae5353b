"""A child process in a session of its own, which ends whole and leaves no zombie.

Both programs that are started here, ``gluster`` and ``stat``, may hang for as long as a
brick does.  So each leads a process group: what it started in turn (``glfsheal``, for heal
queries) stays in that group and is killed with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from typing import Dict, Mapping, Optional, Sequence

#: all that a child gets to know of our environment.  Whenever ``gluster`` starts, it waits for ``gsyncd --version``, to
#: learn whether it offers the command geo-replication, and gsyncd is a program of Python that takes 0.1 s.  gsyncd runs
#: it by the interpreter in PYTHON: without one that works, ``gluster`` answers at once, and lacks that command only.
#: Not for a command that may start glusterd: a glusterd that cannot run gsyncd ends as it starts for the first time.
ENVIRONMENT: Dict[str, str] = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "PYTHON": "/bin/false",
}


class Child:
    """One child process; its standard output and error are pipes that are read without blocking.

    Should we be killed with SIGKILL and never come to ``end``, the child sees the end of its
    standard input.  ``gluster`` ends by that as soon as the query it is at is answered or
    given up, ``stat`` as soon as the kernel lets it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        talk: bool = False,
        keep: Sequence[int] = (),
        environment: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Start *argv*, found on the PATH of *environment*; None: ENVIRONMENT.

        With *talk*, its standard input is a pipe, else /dev/null.  It inherits the descriptors
        in *keep* and no others.  Raises OSError when it cannot be started.
        """
        # Not with a context manager: that would wait for it, and it may never end.
        self._process = subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            close_fds=True,
            pass_fds=keep,
            cwd="/",
            env=ENVIRONMENT if environment is None else environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        #: readable once the process has ended, also when a process it left behind holds its pipes open
        self.ended = -1
        self._over = False
        #: held while the group is killed, so that it is not reaped meanwhile
        self._lock = threading.Lock()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout = self._process.stdout.fileno()
        self.stderr = self._process.stderr.fileno()
        self.stdin = self._process.stdin.fileno() if self._process.stdin is not None else -1
        try:
            self.ended = os.pidfd_open(self.pid)
            for descriptor in (self.stdin, self.stdout, self.stderr):
                if descriptor != -1:
                    os.set_blocking(descriptor, False)
        except BaseException:
            self.end()
            raise

    def over(self) -> bool:
        """Whether it has ended, by itself or by ``end``."""
        return self._over or _readable(self.ended, 0)

    def kill(self) -> None:
        """Kill the group; from any thread.  A thread that waits for it notices its end."""
        # The number of the group is ours as long as its leader is not reaped, dead or not.
        with self._lock:
            if not self._over:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)

    def end(self, end_timeout: float = 1.0) -> Optional[int]:
        """Kill what is left of the group, reap the child, and return its status as subprocess does.

        None when it is not gone within *end_timeout* seconds: it waits for a filesystem that
        hangs, and the kernel keeps it until that lets go.  It is reaped when it does.
        To be called once more, or on a child that ended by itself, does no harm.
        """
        if not self._over:
            self.kill()
            with self._lock:
                self._over = True
            if self.ended == -1 or _readable(self.ended, end_timeout):
                self._process.wait()
            else:
                threading.Thread(target=self._process.wait, name=f"reap {self.pid}", daemon=True).start()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
            if self.ended != -1:
                os.close(self.ended)
        return self._process.returncode


def read(descriptor: int, most: int) -> Optional[bytes]:
    """What is in a pipe, at most *most* bytes; empty at its end, None when nothing is there now."""
    try:
        return os.read(descriptor, most)
    except BlockingIOError:
        return None


def _readable(descriptor: int, timeout: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout * 1000))
