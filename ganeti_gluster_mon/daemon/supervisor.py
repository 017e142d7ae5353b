"""Starts the processes of the daemon, restarts them when they end or hang, and stops them.

For its children it is what systemd is for a service.  It listens on the NOTIFY_SOCKET of each child and receives
READY=1 and WATCHDOG=1 there (sd_notify(3)).  A child runs in the same way as a systemd unit of its own.
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

from ganeti_gluster_mon.daemon.log import log_event

#: exit status of a process whose settings cannot be used: the port is taken, a file is unreadable.
#: A restart would not help.  From sysexits.h; the units have it in RestartPreventExitStatus.
EX_CONFIG = 78
#: seconds from SIGTERM to SIGKILL
STOP_TIMEOUT = 1.5
#: seconds to wait for the end of a killed process; while the kernel waits for its I/O, it takes longer
_KILL_TIMEOUT = 5.0
#: seconds from the end of a process to its restart: the first and the longest
_FIRST_RESTART_DELAY, _LONGEST_RESTART_DELAY = 0.2, 10.0
#: seconds by which this process wakes up late if the machine was suspended, and not only busy
SUSPENDED_AFTER = 1.0
#: seconds after which a running process counts as healthy: the restart delay is short again
_HEALTHY_AFTER = 60.0


@dataclass(frozen=True)
class ChildProcess:
    """A process to run: its role in the log, and its command line."""

    name: str
    argv: Sequence[str]
    #: whether it reads its files again on SIGHUP
    reloads: bool = False


class _Running:
    """The present process of a child, and its restarts."""

    def __init__(self, child: ChildProcess, notices: socket.socket, address: str) -> None:
        self.child = child
        self.notices = notices
        self.address = address
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.pidfd = -1
        self.was_ready = False
        self.started = self.notified_at = 0.0
        #: when to start it (again), by time.monotonic()
        self.due = 0.0
        self.restart_delay = _FIRST_RESTART_DELAY

    def start(self) -> None:
        environment = {**os.environ, "NOTIFY_SOCKET": self.address}
        self.process = subprocess.Popen(self.child.argv, env=environment, stdin=subprocess.DEVNULL)
        self.pidfd = os.pidfd_open(self.process.pid)
        self.started = self.notified_at = time.monotonic()

    def ended(self) -> int:
        """Reap the process and plan its restart; returns its exit status."""
        assert self.process is not None
        status = self.process.wait()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1
        if time.monotonic() - self.started > _HEALTHY_AFTER:
            self.restart_delay = _FIRST_RESTART_DELAY
        self.due = time.monotonic() + self.restart_delay
        self.restart_delay = min(2 * self.restart_delay, _LONGEST_RESTART_DELAY)
        return status

    def listen(self) -> None:
        """Read the notifications that have come."""
        with suppress(BlockingIOError):
            while True:
                notice = self.notices.recv(4096)
                self.notified_at = time.monotonic()
                self.was_ready = self.was_ready or b"READY=1" in notice.split(b"\n")


class Supervisor:
    """Runs *children* until SIGTERM or SIGINT; passes SIGHUP on."""

    def __init__(self, children: Sequence[ChildProcess], watchdog_timeout: float) -> None:
        """A child that has not notified us for *watchdog_timeout* seconds is killed and restarted."""
        self._children = children
        self._watchdog_timeout = watchdog_timeout
        self._stopping = self._reloading = False
        self._ready_sent = False
        self._systemd = sdnotify.SystemdNotifier()

    def run(self) -> int:
        """Returns the exit status: 0, or EX_CONFIG when the settings of a child cannot be used."""
        with ExitStack() as ended, selectors.DefaultSelector() as selector:
            wake = self._signals(ended)
            selector.register(wake, selectors.EVENT_READ)
            running = [self._prepare(child, ended) for child in self._children]
            for each in running:
                selector.register(each.notices, selectors.EVENT_READ)
            try:
                return self._watch(running, selector, wake)
            finally:
                self._stop(running)

    def _signals(self, ended: ExitStack) -> socket.socket:
        """A socket that becomes readable when a signal arrives."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
            ended.callback(end.close)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        ended.callback(signal.set_wakeup_fd, before)
        for number in (signal.SIGTERM, signal.SIGINT):
            ended.callback(signal.signal, number, signal.signal(number, self._on_stop_signal))
        ended.callback(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, self._on_reload_signal))
        return ours

    def _on_stop_signal(self, *_: object) -> None:
        self._stopping = True

    def _on_reload_signal(self, *_: object) -> None:
        self._reloading = True

    def _prepare(self, child: ChildProcess, ended: ExitStack) -> _Running:
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        ended.callback(notices.close)
        # An abstract address of the kernel's choosing: there is no file to remove later.
        notices.bind("")
        address = notices.getsockname()
        return _Running(child, notices, "@" + address[1:].decode("ascii"))

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
                elif each.process is not None and now > each.notified_at + self._watchdog_timeout:
                    log_event(
                        logging.ERROR, "process hangs", {"process": each.child.name, "pid": each.process.pid}
                    )
                    each.process.kill()
                    each.notified_at = now
            until = self._next_due(running)
            for key, _ in selector.select(until - time.monotonic()):
                if key.fd in watched:
                    each = watched.pop(key.fd)
                    selector.unregister(key.fd)
                    status = each.ended()
                    if status == EX_CONFIG and not each.was_ready:
                        return EX_CONFIG
                    if not self._stopping:
                        log_event(
                            logging.ERROR,
                            "process ended, started again",
                            {"process": each.child.name, "status": status},
                        )
                elif key.fileobj is wake:
                    with suppress(BlockingIOError):
                        wake.recv(4096)
                    self._reload(running)
            # The whole host was suspended, by its hypervisor for example: the children could not notify us.
            now = time.monotonic()
            for each in running:
                if now - until > SUSPENDED_AFTER:
                    each.notified_at = now
                each.listen()
            self._notify_systemd(running)
        return 0

    def _reload(self, running: Sequence[_Running]) -> None:
        """Pass SIGHUP on, if one has come, to the children that can handle it."""
        if self._reloading:
            self._reloading = False
            for each in running:
                # A child that is not ready has no handler yet: the signal would end it.
                if each.child.reloads and each.process is not None and each.was_ready:
                    each.process.send_signal(signal.SIGHUP)

    def _next_due(self, running: Sequence[_Running]) -> float:
        """When the next restart or watchdog timeout is due, by time.monotonic()."""
        return min(
            each.due if each.process is None else each.notified_at + self._watchdog_timeout
            for each in running
        )

    def _notify_systemd(self, running: Sequence[_Running]) -> None:
        if not self._ready_sent and all(each.was_ready for each in running):
            self._ready_sent = True
            self._systemd.notify("READY=1")
        self._systemd.notify("WATCHDOG=1")

    def _stop(self, running: Sequence[_Running]) -> None:
        """Stop all; kill those that take longer than STOP_TIMEOUT seconds."""
        self._systemd.notify("STOPPING=1")
        alive = [each.process for each in running if each.process is not None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                try:
                    process.wait(_KILL_TIMEOUT)
                except subprocess.TimeoutExpired:
                    # Our own end must not wait for it.  It ends when the kernel has completed its I/O.
                    log_event(logging.ERROR, "process was killed and has not ended", {"pid": process.pid})


def command(role: str, words: Sequence[str]) -> List[str]:
    """The command line of the process with this *role*; *words* are the arguments of `serve`."""
    return [sys.executable, "-m", "ganeti_gluster_mon", "serve", "--role", role, *words]
