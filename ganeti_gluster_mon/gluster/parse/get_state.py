"""Parses `gluster get-state`: what one glusterd knows by itself; the query takes no lock.

The format is that of glusterd_get_state() in xlators/mgmt/glusterd/src/glusterd-handler.c:
sections in brackets, in a fixed order, of lines like ``Volume1.Brick2.port: 49152``.  Of
bricks on other hosts it has no more than the path.
"""

from __future__ import annotations

import io
import re
from typing import Dict, Iterator, Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.facts import LocalBrick, LocalState, LocalVolume
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    Unreadable,
    brick_of,
    is_name,
    number,
    quoted,
    uuid_of,
)

_SECTIONS = ["Global", "Global options", "Peers", "Volumes", "Services", "Misc"]
#: bounds that no state of a real host comes near
_LONGEST_LINE = 64 * 1024
_MOST_VALUES = 200_000
_LARGEST_PORT = 65535

#: lines that are read; each gives what it is about ("Volume1", "Volume1.Brick2") and what of it
_LINES = {
    "Global": re.compile(r"()(MYUUID): (.*)"),
    "Peers": re.compile(r"(Peer\d+)\.(primary_hostname|uuid|state|connected): (.*)"),
    "Volumes": re.compile(
        r"(Volume\d+)\.(name|id|status|brickcount): (.*)"
        r"|(Volume\d+\.Brick\d+)\.(path|port|status|spacefree|spacetotal): (.*)"
    ),
    "Misc": re.compile(r"()(Base port): (.*)"),
}
#: what only the bricks of the queried host have
_LOCAL = frozenset({"port", "status", "spacefree", "spacetotal"})

_VOLUME = re.compile(r"Volume(\d+)")
_BYTES = re.compile(r"(\d+)Bytes")
_VOLUME_STATES = frozenset({"created", "started", "stopped"})

#: what was read, by what it is about
_Subjects = Dict[str, Dict[str, str]]


def state(output: bytes) -> Parsed[LocalState]:
    """What the queried glusterd knows, from the file that `get-state` wrote, with `detail` or without.

    Raises Unreadable for anything but a whole state.
    """
    parsed = state_in_part(output)
    if not parsed.facts.whole:
        raise Unreadable(f"the state is cut short, after {len(output)} bytes")
    return parsed


def state_in_part(output: bytes) -> Parsed[LocalState]:
    """As `state`, also of a state that glusterd did not write to its end, which is then not `whole`.

    glusterd writes no further than the first volume whose rebalance it cannot report (as after replace-brick).  The
    volumes before that one are whole and are read.  Raises Unreadable for anything that does not even have the peers.
    """
    faults = Faults()
    subjects, whole = _subjects(output, faults)
    uuid = uuid_of(subjects.get("", {}).get("MYUUID"), "MYUUID", "the queried host", faults)
    peers = tuple(_peer(about, whose, faults) for about, whose in _numbered(subjects, "Peer", faults))
    volumes = tuple(
        _volume(about, whose, subjects, faults) for about, whose in _numbered(subjects, "Volume", faults)
    )
    return Parsed(
        LocalState(
            uuid,
            tuple(peer for peer in peers if peer is not None),
            tuple(volume for volume in volumes if volume is not None),
            whole,
        ),
        faults.all(),
    )


def _subjects(output: bytes, faults: Faults) -> Tuple[_Subjects, bool]:
    """Every line that is wanted, and whether the state is whole.

    Of one that is not whole, what comes before its last volume.
    """
    sections = []
    subjects: _Subjects = {}
    values = 0
    pattern = None
    for line in _lines(output):
        if line[:1] == "[" and line[-1:] == "]":
            sections.append(line[1:-1])
            # A state that has other sections, or in another order, is none that we know how to read.
            if sections != _SECTIONS[: len(sections)]:
                raise Unreadable(f"not a state of glusterd: section {quoted(line)} is out of place")
            pattern = _LINES.get(sections[-1])
            continue
        match = pattern.fullmatch(line) if pattern else None
        if match:
            about, what, value = (group for group in match.groups() if group is not None)
            values += 1
            if values > _MOST_VALUES:
                raise Unreadable(f"not a state of glusterd: more than {_MOST_VALUES} values")
            if subjects.setdefault(about, {}).setdefault(what, value) is not value:
                faults.add(f"{what} of {about or 'the queried host'} is there twice")
    if not sections:
        raise Unreadable(f"not a state of glusterd: {quoted(output[:400].decode('utf-8', 'replace'))}")
    # The last line of all is the base port; without its newline it may have lost digits.
    if "Base port" in subjects.get("", {}) and output.endswith(b"\n"):
        return subjects, True
    if "Volumes" not in sections:
        raise Unreadable(f"the state is cut short, after {len(output)} bytes")
    numbers = [int(match[1]) for match in map(_VOLUME.match, subjects) if match]
    last = f"Volume{max(numbers)}" if numbers and sections[-1] == "Volumes" else None
    kept = {
        about: values for about, values in subjects.items() if last is None or about.partition(".")[0] != last
    }
    return kept, False


def _lines(output: bytes) -> Iterator[str]:
    """The lines of *output*; raises Unreadable at the first that cannot be one of a state."""
    if not output or output.isspace():
        raise Unreadable("the state is empty")
    stream = io.BytesIO(output)
    for number_, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), 1):
        if len(line) == _LONGEST_LINE:
            raise Unreadable(f"not a state of glusterd: line {number_} is too long")
        try:
            text = line.decode("utf-8").rstrip("\n")
        except UnicodeDecodeError as error:
            raise Unreadable(f"not a state of glusterd: line {number_} is not UTF-8") from error
        if text and not is_name(text):
            raise Unreadable(f"not a state of glusterd: line {number_} holds {quoted(text)}")
        yield text


def _numbered(subjects: _Subjects, kind: str, faults: Faults) -> Iterator[Tuple[Mapping[str, str], str]]:
    """The subjects of one *kind* ("Peer", "Volume1.Brick"), which count from 1, and their names."""
    found = [about for about in subjects if about.startswith(kind) and about[len(kind) :].isdecimal()]
    for place, about in enumerate(found, 1):
        if about != f"{kind}{place}":
            faults.add(f"{kind} number {place} is missing")
            break
    for about in found:
        yield subjects[about], about


def _peer(values: Mapping[str, str], whose: str, faults: Faults) -> Optional[Peer]:
    hostname = values.get("primary_hostname", "")
    uuid = uuid_of(values.get("uuid"), "uuid", whose, faults)
    if not hostname or uuid is None:
        faults.add(f"{whose} is called {quoted(hostname)}")
        return None
    connected = {"Connected": True, "Disconnected": False}.get(values.get("connected", ""))
    if connected is None:
        faults.add(f"connected of peer {hostname} is {quoted(values.get('connected', ''))}")
    if not values.get("state"):
        faults.add(f"state of peer {hostname} is missing")
    return Peer(hostname, uuid, values.get("state") or None, connected)


def _volume(
    values: Mapping[str, str], whose: str, subjects: _Subjects, faults: Faults
) -> Optional[LocalVolume]:
    name = values.get("name", "")
    if not VOLUME_NAME.match(name):
        faults.add(f"{whose} is called {quoted(name)}")
        return None
    called = f"volume {name}"
    bricks = list(_numbered(subjects, f"{whose}.Brick", faults))
    count = number(values.get("brickcount"), "brickcount", called, faults)
    if count is not None and count != len(bricks):
        faults.add(f"{called} counts {count} bricks and names {len(bricks)}")
    word: Optional[str] = values.get("status", "").lower()
    if word not in _VOLUME_STATES:
        faults.add(f"status of {called} is {quoted(word or '')}")
        word = None
    local = tuple(_brick(brick, about, faults) for brick, about in bricks)
    return LocalVolume(
        name,
        uuid_of(values.get("id"), "id", called, faults),
        word,
        tuple(brick for brick in local if brick is not None),
    )


def _brick(values: Mapping[str, str], whose: str, faults: Faults) -> Optional[LocalBrick]:
    path = values.get("path", "")
    brick = brick_of(path)
    if brick is None:
        faults.add(f"{whose} is called {quoted(path)}")
        return None
    if _LOCAL.isdisjoint(values):
        return None
    status = values.get("status")
    # "Starting" and "Stopping" are neither.
    if status not in ("Started", "Stopped", "Starting", "Stopping"):
        faults.add(f"status of {path} is {quoted(status or '')}")
    size = _bytes(values, "spacetotal", path, faults)
    free = _bytes(values, "spacefree", path, faults)
    if size is not None and free is not None and free > size:
        faults.add(f"{path} has {free} bytes free of {size}")
        size = free = None
    return LocalBrick(
        *brick,
        started={"Started": True, "Stopped": False}.get(status or ""),
        # 0: it was never given one
        port=number(values.get("port"), "port", path, faults, _LARGEST_PORT) or None,
        size=size or None,
        # Where its statvfs fails glusterd writes 0 for both; a filesystem of no bytes there is not.
        free=free if size else None,
    )


def _bytes(values: Mapping[str, str], what: str, path: str, faults: Faults) -> Optional[int]:
    text = values.get(what)
    match = _BYTES.fullmatch(text) if text is not None else None
    return number(match.group(1) if match else text, what, path, faults)
