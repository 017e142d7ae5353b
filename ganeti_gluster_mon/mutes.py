"""Silences for a limited time: which codes of problems are muted, for which volume or host, until when.

A muted problem stays visible.  It does not raise the status code, the exit status of `check`, or an alert.

Each node keeps all mutes in its state directory, and the daemons exchange them, so that a mute given on one node holds
on all::

    /var/lib/ganeti-gluster-mon/mutes.json
    {"format_version": 1, "mutes": [[CODE, VOLUME, UNTIL, SET_AT], [CODE, VOLUME, UNTIL, SET_AT, HOST], …]}

Times are seconds since the epoch.  VOLUME is "" for all volumes and the pool.  With HOST, only problems of that
host are muted: its bricks, its peer, its daemons; CODE may then be ALL.  For each code, volume and host the entry
that was set last counts, so that the order in which nodes hear of entries does not matter.  An entry whose UNTIL
has passed is kept for a while: it shows the other nodes that the mute was ended.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, List, Mapping, Sequence, Tuple

from ganeti_gluster_mon import atomic_file, safe_open
from ganeti_gluster_mon.paths import STATE_DIRECTORY

FILE = "mutes.json"
FORMAT_VERSION = 1
#: entries that are kept, those set last
MOST = 100
#: seconds of the longest mute, and for which an entry is kept that has expired
LONGEST, KEPT = 90 * 86400.0, 7 * 86400.0
#: seconds that another writer is waited for
LOCK_TIMEOUT = 2.0
_MOST_BYTES = 64 << 10
_CODE = re.compile(r"[A-Z][A-Z_]{1,40}\Z")
_VOLUME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,255}\Z")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}\Z")
#: with a host: all codes
ALL = "ALL"

Key = Tuple[str, str, str]


@dataclass(frozen=True)
class Mute:
    """A code that is muted for a volume ("" for all, and for the pool), on a host ("" for all)."""

    code: str
    volume: str
    #: seconds since the epoch
    until: float
    set_at: float
    host: str = ""

    @property
    def key(self) -> Key:
        """What it mutes."""
        return self.code, self.volume, self.host

    def applies(self, code: str, volume: str, subject: str) -> bool:
        """Whether it is about a problem of *code*, *volume* and *subject*, whenever that is."""
        if self.volume not in ("", volume) or self.code not in (code, ALL):
            return False
        return not self.host or is_on(subject, self.host)


@dataclass(frozen=True)
class Mutes:
    """All entries, by what they mute."""

    entries: Mapping[Key, Mute]

    def is_muted(self, code: str, volume: str, now: float, subject: str = "") -> bool:
        """Whether a problem of *code*, *volume* and *subject* is muted at *now* (seconds since the epoch)."""
        return any(
            now < entry.until and entry.applies(code, volume, subject) for entry in self.entries.values()
        )

    def active(self, now: float) -> List[Mute]:
        """Those that mute something at *now*, by code, volume and host."""
        return sorted((each for each in self.entries.values() if now < each.until), key=lambda each: each.key)

    def merged(self, others: Iterable[Mute], now: float) -> Mutes:
        """These and *others*; for each key the one set last."""
        entries = dict(self.entries)
        for other in others:
            mine = entries.get(other.key)
            # An entry of the future is from a node whose clock is wrong; it would never be replaced.
            if other.set_at <= now + 300 and (
                mine is None or (mine.set_at, mine.until) < (other.set_at, other.until)
            ):
                entries[other.key] = other
        kept = [each for each in entries.values() if now < each.until + KEPT]
        kept.sort(key=lambda each: (-each.set_at, each.key))
        return Mutes({each.key: each for each in kept[:MOST]})

    def newer_than(self, others: Iterable[Mute]) -> List[Mute]:
        """The entries that *others* lack or have an earlier version of."""
        theirs = {each.key: each for each in others}
        return [
            each
            for each in self.entries.values()
            if each.key not in theirs
            or (theirs[each.key].set_at, theirs[each.key].until) < (each.set_at, each.until)
        ]

    @property
    def digest(self) -> str:
        """Equal on two nodes that have the same entries."""
        return hashlib.sha256(encode(self)).hexdigest()[:16]


NONE = Mutes({})


def is_on(subject: str, host: str) -> bool:
    """Whether the *subject* of a problem is *host* itself, a brick of it ("host:/path") or a daemon ("… on host")."""
    return subject == host or subject.startswith(f"{host}:/") or subject.endswith(f" on {host}")


def to_json(mute: Mute) -> List[object]:
    """*mute* as JSON has it."""
    entry: List[object] = [mute.code, mute.volume, mute.until, mute.set_at]
    return [*entry, mute.host] if mute.host else entry


def from_json(value: Any) -> Mute:
    """The mute in *value*, which anybody may have sent.  Raises ValueError and TypeError."""
    code, volume, until, set_at, *more = value
    if len(more) > 1:
        raise ValueError("it has too many fields")
    host = more[0] if more else ""
    if not isinstance(code, str) or not _CODE.match(code):
        raise ValueError("no code of a problem")
    if not isinstance(volume, str) or (volume and not _VOLUME.match(volume)):
        raise ValueError("no name of a volume")
    if more and (not isinstance(host, str) or not _HOST.match(host)):
        raise ValueError("no name of a host")
    if code == ALL and not host:
        raise ValueError("all codes can be muted for a host only")
    for moment in (until, set_at):
        if isinstance(moment, bool) or not isinstance(moment, (int, float)) or not 0 <= moment < 1e11:
            raise ValueError("no moment")
    if until - set_at > LONGEST:
        raise ValueError("it lasts too long")
    return Mute(code, volume, float(until), float(set_at), host)


def encode(mutes: Mutes) -> bytes:
    """The content of the file."""
    entries = [to_json(mutes.entries[key]) for key in sorted(mutes.entries)]
    return json.dumps({"format_version": FORMAT_VERSION, "mutes": entries}).encode("ascii")


def decode(content: bytes) -> Mutes:
    """The mutes in *content*; none where it is not of the form above."""
    try:
        fields: Any = json.loads(content)
        if fields["format_version"] != FORMAT_VERSION:
            return NONE
        found = [from_json(entry) for entry in fields["mutes"][:MOST]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return NONE
    return Mutes({each.key: each for each in found})


def read(directory: str = STATE_DIRECTORY) -> Mutes:
    """The mutes that this node knows; none where there is no file that can be read."""
    with suppress(OSError):
        return decode(safe_open.read(os.path.join(directory, FILE), _MOST_BYTES))
    return NONE


def add(added: Sequence[Mute], directory: str = STATE_DIRECTORY) -> Mutes:
    """Merge *added* into the file, and return all.  Raises OSError."""
    os.makedirs(directory, mode=0o755, exist_ok=True)
    with _locked(directory) as descriptor:
        known = read(directory)
        merged = known.merged(added, time.time())
        if merged != known:
            atomic_file.write(FILE, encode(merged), directory=descriptor)
    return merged


@contextmanager
def _locked(directory: str) -> Iterator[int]:
    """The directory, opened and locked against other writers.  Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.02)
        yield descriptor
    finally:
        os.close(descriptor)
