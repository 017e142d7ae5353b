"""Waits for what changes a pool on this node: glusterd's own files, and the end of Gluster's processes.

glusterd writes down every volume and peer below /var/lib/glusterd as soon as the pool has agreed
on it, so inotify reports a new volume on every node.  A process that ends makes its pidfd
readable, whatever it died of.  Neither costs anything while nothing happens.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import pyinotify

#: where glusterd keeps what it knows
STATE_DIRECTORIES = ("/var/lib/glusterd/vols", "/var/lib/glusterd/peers")

#: a file or directory that came, went or was written
_CHANGES = (
    pyinotify.IN_CREATE
    | pyinotify.IN_DELETE
    | pyinotify.IN_CLOSE_WRITE
    | pyinotify.IN_MOVED_TO
    | pyinotify.IN_MOVED_FROM
)


@dataclass(frozen=True)
class Event:
    """What happened at once, in words for the log."""

    what: Tuple[str, ...]


class Watch:
    """Directories and processes that are watched.  A context manager; for one thread."""

    def __init__(self, directories: Sequence[str], recursive: bool = True, flat: Sequence[str] = ()) -> None:
        """Watch *directories*, with what is in them if *recursive*; one that is missing is looked for by `renew`.

        *flat*: directories that another user writes to, watched without what is in them: one watch each, however
        many directories that user makes there.
        Raises OSError when the kernel has no inotify instance left for us.
        """
        self._directories = {
            **dict.fromkeys(directories, recursive),
            **dict.fromkeys(flat, False),
        }
        self._changed: List[str] = []
        #: by pid: the pidfd, and what the process is called
        self._processes: Dict[int, Tuple[int, str]] = {}
        #: processes that ended before they could be watched
        self._gone: List[str] = []
        self._manager = pyinotify.WatchManager()
        self._notifier = pyinotify.Notifier(self._manager, self._note, timeout=0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._manager.get_fd(), selectors.EVENT_READ)
        self.renew()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back every descriptor."""
        self._selector.close()
        for descriptor, _ in self._processes.values():
            os.close(descriptor)
        self._processes.clear()
        self._notifier.stop()

    def renew(self) -> Tuple[str, ...]:
        """Watch directories that were missing and are there now; returns those that cannot be watched."""
        unwatched = []
        for directory, recursive in self._directories.items():
            watched = self._manager.get_wd(directory)
            if watched is None or watched < 0:
                added = self._manager.add_watch(
                    directory, _CHANGES, rec=recursive, auto_add=recursive, quiet=True
                )
                if added.get(directory, -1) < 0:
                    unwatched.append(directory)
        return tuple(unwatched)

    def also(self, descriptor: int, what: str) -> None:
        """Wait for *descriptor* to be readable, too; who gave it reads it."""
        self._selector.register(descriptor, selectors.EVENT_READ, what)

    def processes(self, named: Iterable[Tuple[int, str]]) -> None:
        """Watch exactly these processes, each a pid and what to call it."""
        wanted = dict(named)
        for pid in [pid for pid in self._processes if pid not in wanted]:
            self._forget(pid)
        for pid, name in wanted.items():
            if pid in self._processes:
                continue
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                self._gone.append(f"{name} ended")  # since it was looked at
                continue
            self._processes[pid] = (descriptor, name)
            self._selector.register(descriptor, selectors.EVENT_READ, pid)

    def wait(self, timeout: float) -> Optional[Event]:
        """What happened, or None after *timeout* seconds.  What has happened by now is one event."""
        happened, self._gone = self._gone, []
        until = time.monotonic() + (0.0 if happened else max(0.0, timeout))
        while True:
            for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
                if key.data is None:
                    self._read_changes()
                elif isinstance(key.data, int):
                    happened.append(f"{self._processes[key.data][1]} ended")
                    self._forget(key.data)
                else:
                    happened.append(key.data)
            happened += self._changed
            self._changed = []
            if happened:
                return Event(tuple(dict.fromkeys(happened)))
            if time.monotonic() >= until:
                return None

    def _read_changes(self) -> None:
        with contextlib.suppress(OSError):  # a directory went before its own watch could be set up
            self._notifier.read_events()
        self._notifier.process_events()

    def _note(self, event: pyinotify.Event) -> None:
        if event.mask & pyinotify.IN_Q_OVERFLOW:
            self._changed.append("too many changes to tell")
        else:
            self._changed.append(f"{event.pathname} changed")

    def _forget(self, pid: int) -> None:
        descriptor, _ = self._processes.pop(pid)
        self._selector.unregister(descriptor)
        os.close(descriptor)
