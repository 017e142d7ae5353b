"""The spool: the files that the poller and the web process hand to each other, in one directory under /run.

::

    /run/ganeti-gluster-mon/
      current -> captures/7        the latest capture, and the record of its cycle (cycle.json)
      captures/6, captures/7       the former one stays for processes that read it
      web-state/storage.json   from the web process, for the storage backend: see storage_status.py
      web-state/leader         from the web process: the leader's capture, for commands on this node
      poller.lock              locked by the poller as long as it runs
      key                          with which the nodes of the pool sign; without it each node queries Gluster itself
      to-poller/role           from the web process: "lead", "follow" or "alone"
      to-poller/nudge          from the web process: query now, another node reported a change (of these bricks)
      silent-bricks            from the poller: bricks of this node that do not answer, for the leader

Root writes all but ``to-poller/`` and ``web-state/``, which belong to the web process; what root reads there is one of
three words, or names of bricks, which only select what to query first.  Each change is one rename, so no reader sees
a partial file, and inotify notifies the other process at once.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon import atomic_file, safe_open
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.gluster import capture, capture_archive
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError
from ganeti_gluster_mon.gluster.query import HOST_UUID
from ganeti_gluster_mon.paths import RUN_DIRECTORY

CURRENT = "current"
CAPTURES = "captures"
KEY = "key"
POLLER_LOCK = "poller.lock"
SILENT_BRICKS = "silent-bricks"
TO_POLLER = "to-poller"
WEB_STATE = "web-state"
_LEADER = "leader"
_NUDGE = "nudge"
#: bytes of a leader's capture as an archive: see capture_archive.py
_MOST = 64 << 20
_CYCLE = "cycle.json"
#: bytes of a report, and bricks in it
_LONGEST_REPORT = 64 << 10
MOST_REPORTED = 64
#: bytes; a capture of a small pool
_ROOM = 64 << 10

#: cycles that may fail to come before what is known is too old to be used
STALE_CYCLES = 3

LEAD, FOLLOW, ALONE = "lead", "follow", "alone"
_ROLES = (LEAD, FOLLOW, ALONE)


@dataclass(frozen=True)
class CycleRecord:
    """The record of one cycle of queries."""

    #: CLOCK_BOOTTIME when its answers were taken, ns: a clock that is never set, and the same in both processes
    boottime: int
    #: it took, in seconds
    seconds: float
    #: cycles since the start of the poller that did not get all answers, by reason
    failures: Mapping[str, int] = field(default_factory=dict)
    #: whether it queried the whole pool
    leads: bool = True
    #: the event that started it before its time; None if it was due
    event: Optional[str] = None
    #: seconds from one cycle to the next, if nothing happens
    interval: float = 30.0
    #: what the poller repaired automatically, as `repair_tries.report_to_json`; None: it repairs nothing
    auto_repairs: Any = None
    #: the messages in the logs of this node, as `log_messages.logs_to_json`; None: not known
    logs: Any = None

    @property
    def stale_after(self) -> float:
        """Seconds after which its answers are not used any more: so many cycles did not come."""
        return STALE_CYCLES * self.interval

    def age(self) -> float:
        """Seconds since the answers were taken, whatever was done to the clock meanwhile."""
        return seconds_since(self.boottime)


@dataclass(frozen=True)
class SpooledCapture:
    """A capture and its cycle."""

    capture: Capture
    cycle: CycleRecord

    def age(self) -> float:
        """Seconds since the answers were taken."""
        return self.cycle.age()


def boottime() -> int:
    """CLOCK_BOOTTIME in ns."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def seconds_since(moment: int) -> float:
    """Seconds since *moment*, CLOCK_BOOTTIME in ns; 0 where it is still to come."""
    return max(0.0, (boottime() - moment) / 1e9)


class Spool:
    """The directory through which the two processes exchange files."""

    def __init__(self, directory: str = RUN_DIRECTORY) -> None:
        self.directory = directory
        self.captures = os.path.join(directory, CAPTURES)
        self.to_poller = os.path.join(directory, TO_POLLER)
        self.web_state = os.path.join(directory, WEB_STATE)
        self._current = os.path.join(directory, CURRENT)
        #: why the role could not be read the last time; "" if it could
        self._role_fault = ""
        #: names the nudge that was taken last
        self._nudge_id = ""

    def prepare(self, user: Optional[int] = None, group: Optional[int] = None) -> None:
        """Make the directories; *user* and *group* get those that the web process writes to.

        Raises OSError, also where there is no room for a capture.
        """
        for path in (self.directory, self.captures, self.to_poller, self.web_state):
            os.makedirs(path, mode=0o755, exist_ok=True)
            # Whatever umask it was made under, and by whom: the storage backend has a directory in it as well.
            if os.stat(path).st_uid == os.geteuid():
                # Captures name every host, instance and address: they are for root and the web process's group.
                os.chmod(path, 0o750 if path == self.captures else 0o755)
        if user is not None and group is not None:
            for path in (self.to_poller, self.web_state):
                os.chown(path, user, group, follow_symlinks=False)
            os.chown(self.captures, 0, group, follow_symlinks=False)
        with tempfile.TemporaryFile(dir=self.directory) as room:
            room.write(bytes(_ROOM))

    # --- written by the poller --------------------------------------------------------------------------

    @contextmanager
    def poller_running(self) -> Iterator[None]:
        """Hold the lock that shows root, until the end of the block or process, that a poller runs.  Raises OSError."""
        descriptor = safe_open.lock_file(os.path.join(self.directory, POLLER_LOCK))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def publish(self, captured: SpooledCapture) -> None:
        """Make *captured* the current one.  Raises CaptureError; then the current one stays.

        All but the one before it is removed first, also partial captures of a killed poller.
        """
        before = self._target()
        try:
            for name in os.listdir(self.captures):
                if name != before:
                    shutil.rmtree(os.path.join(self.captures, name))
            name = str(int(before) + 1) if before is not None and before.isdigit() else "1"
            path = os.path.join(self.captures, name)
            extra = {_CYCLE: json.dumps(asdict(captured.cycle)).encode() + b"\n"}
            capture.write(captured.capture, path, extra)
            self._let_group_read(path)
            link = os.path.join(self.directory, f".{CURRENT}")
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(os.path.join(CAPTURES, name), link)
            os.replace(link, self._current)
        except OSError as err:
            raise CaptureError(
                f"cannot publish a capture in {self.directory}: {err.strerror or err}"
            ) from err

    def _let_group_read(self, directory: str) -> None:
        """Let the group of the captures read the one in *directory*, whatever the umask is.  Raises OSError."""
        group = os.stat(self.captures).st_gid
        for path, mode in [
            (directory, 0o750),
            *((os.path.join(directory, name), 0o640) for name in os.listdir(directory)),
        ]:
            os.chown(path, -1, group, follow_symlinks=False)
            os.chmod(path, mode)

    def _target(self) -> Optional[str]:
        try:
            return os.path.basename(os.readlink(self._current))
        except OSError:
            return None

    def write_silent_bricks(self, bricks: Sequence[str]) -> None:
        """Report *bricks*, as "host:path", that do not answer; the web process passes them on to the leader.

        Raises OSError.
        """
        path = os.path.join(self.directory, SILENT_BRICKS)
        atomic_file.write(path, _pack_bricks(bricks), mode=0o640, group=os.stat(self.to_poller).st_gid)

    def take_nudge(self) -> Optional[Tuple[str, ...]]:
        """The bricks that another node reported with its nudge, since this was called last; None: there was no nudge.

        The process that writes it has no privileges: what cannot be read counts as none.
        """
        path = os.path.join(self.to_poller, _NUDGE)
        try:
            nudge, bricks = _unpack_bricks(safe_open.read(path, _LONGEST_REPORT, self._owners()))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        if nudge == self._nudge_id:
            return None
        self._nudge_id = nudge
        return bricks

    def role(self) -> Optional[str]:
        """The role that the web process wrote last: LEAD, FOLLOW or ALONE; None before the first.

        The file is written by a process without privileges.  What is none of these words, no plain file, or another
        user's, is logged once and is None.
        """
        path = os.path.join(self.to_poller, "role")
        try:
            word = safe_open.read(path, 16, self._owners()).decode("ascii", "replace").strip()
            fault = "" if word in _ROLES else f"{word!r} is no role"
        except FileNotFoundError:
            word, fault = "", ""
        except OSError as err:
            word, fault = "", err.strerror or str(err)
        if fault and fault != self._role_fault:
            log_event(logging.ERROR, "role ignored", {"file": path, "why": fault})
        self._role_fault = fault
        return word if word in _ROLES else None

    def _owners(self) -> Tuple[int, ...]:
        """Whose files are read in the directories of the web process: its own user's, root's and this process's."""
        try:
            return (0, os.geteuid(), os.stat(self.to_poller).st_uid)
        except OSError:
            return (0, os.geteuid())

    def remove_role(self) -> None:
        """Remove the role of a former daemon, which may not hold now.  Raises OSError.

        What is no file, and so cannot be unlinked, is no role either; `role` logs it.
        """
        with suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(os.path.join(self.to_poller, "role"))

    def write_key(self, key: Optional[bytes]) -> None:
        """Write *key* for the web process alone; None: remove it.  Raises OSError."""
        path = os.path.join(self.directory, KEY)
        if key is None:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        atomic_file.write(path, key, mode=0o640, group=os.stat(self.to_poller).st_gid)

    # --- written by the web process ----------------------------------------------------------------------

    def current(self) -> SpooledCapture:
        """The latest capture.  Raises CaptureError while there is none that can be read."""
        for last_try in (False, True):
            directory = os.path.join(self.captures, self._target() or "1")
            try:
                return SpooledCapture(capture.read(directory), _read_cycle(os.path.join(directory, _CYCLE)))
            except CaptureError:
                # Two newer ones may have come while we read, and this one is gone.
                if last_try:
                    raise
        raise AssertionError("the second try returns or raises")

    def read_key(self) -> Optional[bytes]:
        """The key that the poller wrote, for signatures; None if there is none that can be read."""
        try:
            with open(os.path.join(self.directory, KEY), "rb") as file:
                return file.read(1024) or None
        except OSError:
            return None

    def write_role(self, role: str) -> None:
        """Write the role of this node for the poller.  Raises OSError."""
        atomic_file.write(os.path.join(self.to_poller, "role"), f"{role}\n".encode("ascii"))

    def nudge(self, bricks: Sequence[str] = ()) -> None:
        """Make the poller query Gluster now, with the *bricks*, as "host:path", first.  Raises OSError."""
        atomic_file.write(os.path.join(self.to_poller, _NUDGE), _pack_bricks(bricks))

    def silent_bricks(self) -> Tuple[str, ...]:
        """The bricks of this node that do not answer, as the poller reported them last."""
        try:
            with open(os.path.join(self.directory, SILENT_BRICKS), "rb") as file:
                return _unpack_bricks(file.read(_LONGEST_REPORT))[1]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return ()

    def write_storage_status(self, status: bytes) -> None:
        """Write the status for the storage backend.  Raises OSError."""
        atomic_file.write(os.path.join(self.web_state, "storage.json"), status)

    def write_leader_capture(self, sent: bytes, moment: int, uuid: str) -> None:
        """Keep the archive that the leader *sent*, whose capture was taken at *moment* (CLOCK_BOOTTIME of this node,
        ns), and this node's own *uuid* in the pool.  Raises OSError.
        """
        head = json.dumps({"format_version": 1, "boottime": moment, "uuid": uuid}).encode("ascii")
        # as of all captures: for root and the web process's group
        atomic_file.write(os.path.join(self.web_state, _LEADER), head + b"\n" + sent, mode=0o640)

    # --- for commands on this node ---------------------------------------------------------------

    def is_poller_running(self) -> bool:
        """Whether a poller runs.  Without one, even a new capture may not show the last change."""
        try:
            descriptor = os.open(os.path.join(self.directory, POLLER_LOCK), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def leader_capture(self) -> Optional[Tuple[Capture, int, str]]:
        """The leader's latest capture, when it was taken, and this node's uuid; None if it cannot be read.

        The process that writes it has no privileges: its content may be malformed.
        """
        path = os.path.join(self.web_state, _LEADER)
        try:
            head, _, sent = safe_open.read(path, _MOST, self._owners()).partition(b"\n")
            fields = json.loads(head)
            moment, uuid = fields["boottime"], fields["uuid"]
            if fields["format_version"] != 1 or isinstance(moment, bool) or not isinstance(moment, int):
                return None
            if not 0 < moment <= boottime() or not isinstance(uuid, str) or not HOST_UUID.match(uuid):
                return None
            return capture_archive.unpack(sent), moment, uuid
        except (OSError, ValueError, TypeError, KeyError, RecursionError, CaptureError):
            return None


def _read_cycle(path: str) -> CycleRecord:
    try:
        with open(path, encoding="utf-8") as file:
            fields: Dict[str, Any] = json.load(file)
        # A daemon of a later version may write more.
        return CycleRecord(
            **{name: fields[name] for name in fields if name in CycleRecord.__dataclass_fields__}
        )
    except (OSError, ValueError, TypeError) as err:
        raise CaptureError(f"cannot read {path}: {err}") from err


def _pack_bricks(bricks: Sequence[str]) -> bytes:
    named = {"id": secrets.token_hex(8), "bricks": list(bricks)[:MOST_REPORTED]}
    return json.dumps(named).encode("ascii") + b"\n"


def _unpack_bricks(content: bytes) -> Tuple[str, Tuple[str, ...]]:
    """The id and the bricks in a report or nudge.  Raises ValueError, TypeError, KeyError or RecursionError."""
    fields = json.loads(content)
    named, bricks = fields["id"], fields["bricks"]
    if not isinstance(named, str) or not isinstance(bricks, list):
        raise TypeError("id is no string, or bricks is no list")
    return named, tuple(each for each in bricks if isinstance(each, str))[:MOST_REPORTED]
