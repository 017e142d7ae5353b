"""Which disks have entries to be healed, by the index of one brick of a replicated volume; in a process of its own.

A brick keeps a list of its files that a copy may lack (``.glusterfs/indices/xattrop``), by their gfid.  A file that a
copy does lack has an extended attribute ``trusted.afr.VOLUME-client-N`` that is not zero.  Another list
(``indices/dirty``) has those that a client is writing to, with ``trusted.afr.dirty``.  They stay there where the client
ended before it could write down which copies lack something: their copies may differ.  An entry is a disk's own
file, or a shard of it: a file in ``/.shard`` whose name begins with the gfid of the disk's file.  Nothing here takes a
lock of Gluster.  Reading a brick may hang for as long as its filesystem does, so this is a program: it imports nothing
of the package, and starts in 20 ms.

``python3 -IS heal_index_client.py BRICK PATH…`` prints, in one line of JSON, by path how many entries wait.
"""

import contextlib
import itertools
import json
import os
import re
import signal
import sys
import time
from typing import Dict, Optional, Sequence, Set

#: entries of the index that are looked at; with more, nothing is reported
MOST_ENTRIES = 5000
#: seconds without a change after which no client is writing to a file; it writes such things down after one second
UNCHANGED = 60.0
#: gfid of the directory /.shard of each volume
SHARDS = "be318638-e8a0-4c6d-977d-7a937aa84806"
#: seconds after which it ends, should no process be left to end it
_LONGEST_LIFE = 60
_GFID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SHARD = re.compile(rf"{SHARDS}/({_GFID.pattern})\.[0-9]+")


def to_heal(brick: str, paths: Sequence[str]) -> Optional[Dict[str, int]]:
    """By path, how many of its entries wait to be healed; None: there are too many to be looked at.  Raises OSError."""
    disks = {}
    for path in paths:
        gfid = _attribute(os.path.join(brick, path), "trusted.gfid")
        if gfid is not None and len(gfid) == 16:
            disks[_text(gfid)] = path
    counts: Dict[str, int] = dict.fromkeys(disks.values(), 0)
    entries = _entries(brick, "xattrop")
    with contextlib.suppress(FileNotFoundError):
        entries |= _entries(brick, "dirty")
    if len(entries) > MOST_ENTRIES:
        return None
    for entry in entries:
        disk = _disk_of(brick, entry, disks)
        if disk is not None:
            counts[disk] += 1
    return counts


def _entries(brick: str, name: str) -> Set[str]:
    """The gfids in the list *name*, and no more than one too many.  Raises OSError."""
    with os.scandir(os.path.join(brick, ".glusterfs", "indices", name)) as entries:
        # besides them there is the file that all entries are links of
        gfids = (entry.name for entry in entries if _GFID.fullmatch(entry.name))
        return set(itertools.islice(gfids, MOST_ENTRIES + 1))


def _disk_of(brick: str, gfid: str, disks: Dict[str, str]) -> Optional[str]:
    """The path of the disk that the file *gfid*, or what it is a shard of, is; None: no disk's, or no copy lacks it."""
    file = os.path.join(brick, ".glusterfs", gfid[:2], gfid[2:4], gfid)
    try:
        names = os.listxattr(file, follow_symlinks=False)
    except OSError:
        return None  # healed meanwhile, or removed
    path = disks.get(gfid)
    for name in names:
        if path is None and name.startswith("trusted.gfid2path."):
            shard = _SHARD.fullmatch(os.fsdecode(_attribute(file, name) or b""))
            path = disks.get(shard[1]) if shard is not None else None
    if path is None:
        return None
    pending = [name for name in names if name.startswith("trusted.afr.") and "-client-" in name]
    if any(any(_attribute(file, name) or b"") for name in pending):
        return path
    return path if any(_attribute(file, "trusted.afr.dirty") or b"") and _is_unchanged(file) else None


def _is_unchanged(file: str) -> bool:
    try:
        return time.time() - os.stat(file, follow_symlinks=False).st_ctime > UNCHANGED
    except OSError:
        return False


def _attribute(file: str, name: str) -> Optional[bytes]:
    try:
        return os.getxattr(file, name, follow_symlinks=False)
    except OSError:
        return None


def _text(gfid: bytes) -> str:
    digits = gfid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def main(argv: Sequence[str]) -> int:
    """Print what is found; nothing where it is not known."""
    signal.alarm(_LONGEST_LIFE)
    try:
        found = to_heal(argv[0], argv[1:])
    except OSError as err:
        print(err, file=sys.stderr)
        return 1
    if found is not None:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
