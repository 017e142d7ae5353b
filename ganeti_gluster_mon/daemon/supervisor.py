"""Starts the two halves, starts them again when they die or hang, and ends them.

To each half this is what systemd is to a service: it listens on the NOTIFY_SOCKET that the
half's READY=1 and WATCHDOG=1 come to (sd_notify(3)).  So a half neither knows nor cares
whether it runs under us or as a unit of its own.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

import sdnotify

from ganeti_gluster_mon.daemon.log import say

#: exit status of a half that cannot work as it was told to: the port is taken, a file unreadable.
#: Starting it again would not help.  By sysexits.h, as systemd's RestartPreventExitStatus has it.
EX_CONFIG = 78
#: seconds that a half has to end by itself before it is killed
GRACE = 1.5
#: seconds that a killed half has to end; longer, the kernel waits for something that it does for it
_KILLED = 5.0
#: seconds from a death to the next start: the first, and the longest
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
#: seconds by which this process is late when the machine was suspended, and not only busy
STOOD_STILL = 1.0
#: a half that has run for so many seconds was well
_WELL = 60.0


@dataclass(frozen=True)
class Half:
    """What there is to run."""

    name: str
    argv: Sequence[str]


class _Running:
    """One half, from its first start to the end of the daemon."""

    def __init__(self, half: Half, notices: socket.socket, address: str) -> None:
        self.half = half
        self.notices = notices
        self.address = address
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.pidfd = -1
        self.was_ready = False
        self.started = self.heard = 0.0
        #: when to start it (again), by time.monotonic()
        self.due = 0.0
        self.pause = _FIRST_PAUSE

    def start(self) -> None:
        environment = {**os.environ, "NOTIFY_SOCKET": self.address}
        self.process = subprocess.Popen(self.half.argv, env=environment, stdin=subprocess.DEVNULL)
        self.pidfd = os.pidfd_open(self.process.pid)
        self.started = self.heard = time.monotonic()

    def ended(self) -> int:
        """Reap it and say when it is due again; returns its status."""
        assert self.process is not None
        status = self.process.wait()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1
        if time.monotonic() - self.started > _WELL:
            self.pause = _FIRST_PAUSE
        self.due = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, _LONGEST_PAUSE)
        return status

    def listen(self) -> None:
        """Take what it has notified us of, if anything."""
        with suppress(BlockingIOError):
            while True:
                said = self.notices.recv(4096)
                self.heard = time.monotonic()
                self.was_ready = self.was_ready or b"READY=1" in said.split(b"\n")


class Supervisor:
    """Runs *halves* until SIGTERM or SIGINT."""

    def __init__(self, halves: Sequence[Half], patience: float) -> None:
        """A half that has not said that it is alive for *patience* seconds is killed and started again."""
        self._halves = halves
        self._patience = patience
        self._stopping = False
        self._told_ready = False
        self._systemd = sdnotify.SystemdNotifier()

    def run(self) -> int:
        """Returns the exit status: 0, or EX_CONFIG when a half could not begin at all."""
        with ExitStack() as ended, selectors.DefaultSelector() as selector:
            wake = self._signals(ended)
            selector.register(wake, selectors.EVENT_READ)
            running = [self._prepare(half, ended) for half in self._halves]
            for each in running:
                selector.register(each.notices, selectors.EVENT_READ)
            try:
                return self._watch(running, selector, wake)
            finally:
                self._stop(running)

    def _signals(self, ended: ExitStack) -> socket.socket:
        """A socket that becomes readable when a signal has come."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
            ended.callback(end.close)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        ended.callback(signal.set_wakeup_fd, before)
        for number in (signal.SIGTERM, signal.SIGINT):
            ended.callback(signal.signal, number, signal.signal(number, self._asked_to_stop))
        return ours

    def _asked_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _prepare(self, half: Half, ended: ExitStack) -> _Running:
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        ended.callback(notices.close)
        # An abstract address of the kernel's choosing: no file to leave behind, one for each half.
        notices.bind("")
        address = notices.getsockname()
        return _Running(half, notices, "@" + address[1:].decode("ascii"))

    def _watch(
        self, running: Sequence[_Running], selector: selectors.BaseSelector, wake: socket.socket
    ) -> int:
        watched: Dict[int, _Running] = {}
        while not self._stopping:
            now = time.monotonic()
            for each in running:
                if each.process is None and now >= each.due:
                    each.start()
                    watched[each.pidfd] = each
                    selector.register(each.pidfd, selectors.EVENT_READ)
                elif each.process is not None and now > each.heard + self._patience:
                    say(logging.ERROR, "half hangs", {"which": each.half.name, "pid": each.process.pid})
                    each.process.kill()
                    each.heard = now
            until = self._until_next(running)
            for key, _ in selector.select(until - time.monotonic()):
                if key.fd in watched:
                    each = watched.pop(key.fd)
                    selector.unregister(key.fd)
                    status = each.ended()
                    if status == EX_CONFIG and not each.was_ready:
                        return EX_CONFIG
                    if not self._stopping:
                        say(
                            logging.ERROR,
                            "half died, and is started again",
                            {"which": each.half.name, "status": status},
                        )
                elif key.fileobj is wake:
                    with suppress(BlockingIOError):
                        wake.recv(4096)
            # The whole host stood still, suspended by its hypervisor for example: then the halves could say nothing.
            now = time.monotonic()
            for each in running:
                if now - until > STOOD_STILL:
                    each.heard = now
                each.listen()
            self._tell_systemd(running)
        return 0

    def _until_next(self, running: Sequence[_Running]) -> float:
        """When something is due, by time.monotonic()."""
        return min(each.due if each.process is None else each.heard + self._patience for each in running)

    def _tell_systemd(self, running: Sequence[_Running]) -> None:
        if not self._told_ready and all(each.was_ready for each in running):
            self._told_ready = True
            self._systemd.notify("READY=1")
        self._systemd.notify("WATCHDOG=1")

    def _stop(self, running: Sequence[_Running]) -> None:
        """End both, by SIGKILL those that take longer than GRACE seconds."""
        self._systemd.notify("STOPPING=1")
        alive = [each.process for each in running if each.process is not None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                try:
                    process.wait(_KILLED)
                except subprocess.TimeoutExpired:
                    # Our own end must not wait for it; it ends as soon as the kernel lets go of it.
                    say(logging.ERROR, "half was killed, and has not ended", {"pid": process.pid})


def command(half: str, words: Sequence[str]) -> List[str]:
    """The command line of one *half*, which is told the same *words* as we were."""
    return [sys.executable, "-m", "ganeti_gluster_mon", "serve", "--half", half, *words]
