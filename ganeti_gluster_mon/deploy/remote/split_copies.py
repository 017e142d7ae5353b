"""What a brick has of files in split-brain: ``split_copies REQUEST`` prints one JSON object.

REQUEST is an object: ``brick`` (its path), ``volume``, ``seconds`` (for which files are read at most), ``entries`` (as
``heal info split-brain`` names them: ``/path`` or ``<gfid:…>``), ``folders`` (those of disks), ``gfids`` (of files in
them that are looked for) and ``aside`` (paths of copies that were kept aside).  Printed are:

``copies``  for each entry: ``entry``, ``path`` (in the volume, null where it is not known), ``kept`` (copies of it and
            its shards that were kept aside) and, where the brick has it, ``kind``, ``gfid``, ``size``,
            ``allocated``, ``modified`` (ns), ``open`` (how many times processes of this node have the brick's file
            open), ``blocks`` (a digest for each MiB, "0" for zeros; null where the time was over or reading failed)
            and, of a directory, ``names`` (name → GFID of its files; null where there are too many)
``disks``   gfid → path, of files in the folders: those looked for, and those that the entries are shards of
``keep``    where a copy can be kept aside: ``directory``, ``available`` (bytes beyond a reserve)
``aside``   path → blocks, null where there is no such file

It changes nothing, and reads files only where they have data.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import sys
import time
from typing import Any, Dict, List, Optional

BLOCK = 1 << 20
#: where copies are kept on a brick's filesystem, and where that has no place for them
KEPT_DIRECTORY, _OTHER_PLACE = ".ganeti-gluster-mon-kept", "/var/lib/ganeti-gluster-mon/kept"
#: the part of a filesystem that stays free: Gluster refuses writes to a brick below its storage.reserve, 1 %
_RESERVE = 0.03
_GFID, _VOLUME_ID = "trusted.gfid", "trusted.glusterfs.volume-id"
_BY_GFID = re.compile(r"<?gfid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})>?\Z")
_SHARDS = ".shard"
#: names of a directory that are compared
_MOST_NAMES = 20000


def attribute(path: str, name: str) -> Optional[bytes]:
    """An extended attribute; None where there is none.  Raises OSError."""
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError as err:
        if err.errno in (errno.ENODATA, errno.ENOENT, errno.ENOTSUP):
            return None
        raise


def gfid(path: str) -> Optional[str]:
    """The GFID of a file on a brick, as Gluster writes it."""
    value = (attribute(path, _GFID) or b"").hex()
    return (
        "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))
        if len(value) == 32
        else None
    )


def handle(brick: str, name: str) -> str:
    """The hard link by which Gluster opens the file with the GFID *name*."""
    return os.path.join(brick, ".glusterfs", name[:2], name[2:4], name)


def path_by_gfid(brick: str, name: str, folders: List[str]) -> Optional[str]:
    """The path of the file with the GFID *name*, where it is in one of *folders*."""
    try:
        inode = os.lstat(handle(brick, name)).st_ino
    except FileNotFoundError:
        return None
    for folder in folders:
        try:
            with os.scandir(os.path.join(brick, folder)) as files:
                for file in files:
                    if file.inode() == inode:
                        return os.path.join(folder, file.name)
        except FileNotFoundError:
            continue
    return None


def path_of(brick: str, entry: str, folders: List[str]) -> Optional[str]:
    """The path in the volume of an *entry*; None where it is not known."""
    by_gfid = _BY_GFID.match(entry)
    return path_by_gfid(brick, by_gfid[1], [*folders, _SHARDS]) if by_gfid is not None else entry.lstrip("/")


def blocks(path: str, deadline: float) -> Optional[List[str]]:
    """A digest of each block; None where the time was over before the end, or the file could not be read."""
    found: List[str] = []
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(file).st_size
        for offset in range(0, size, BLOCK):
            if time.monotonic() > deadline:
                return None
            if has_data(file, offset):
                data = os.pread(file, BLOCK, offset)
                zeros = data.count(0) == len(data)
                found.append("0" if zeros else hashlib.blake2b(data, digest_size=8).hexdigest())
            else:
                found.append("0")
        return found
    except OSError:
        return None
    finally:
        os.close(file)


def has_data(file: int, offset: int) -> bool:
    """Whether the block at *offset* may have data: a hole is not read."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA) < offset + BLOCK
    except OSError as err:
        return err.errno != errno.ENXIO


def open_files(brick: str) -> Dict[str, int]:
    """How many times each file below *brick* is open on this node: "device:inode" → number.

    A client anywhere that has the file open has it open in the brick's process.
    """
    found: Dict[str, int] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue  # it has just ended
        for name in names:
            path = f"/proc/{pid}/fd/{name}"
            try:
                # other files may be on filesystems that do not answer
                if os.readlink(path).startswith(f"{brick}/"):
                    status = os.stat(path)
                    key = f"{status.st_dev}:{status.st_ino}"
                    found[key] = found.get(key, 0) + 1
            except OSError:
                continue
    return found


def keep_directories(brick: str) -> List[str]:
    """Where copies may be kept aside: on the brick's filesystem, outside of any brick, and on that of the node."""
    device, point = os.stat(brick).st_dev, brick
    while point != "/" and os.stat(os.path.dirname(point)).st_dev == device:
        point = os.path.dirname(point)
    outside = point not in ("/", brick) and attribute(point, _VOLUME_ID) is None
    return [*([os.path.join(point, KEPT_DIRECTORY)] if outside else []), _OTHER_PLACE]


def available(directory: str) -> int:
    """The bytes that a copy in *directory* may take."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    found = os.statvfs(directory)
    return max(0, int((found.f_bavail - _RESERVE * found.f_blocks) * found.f_frsize))


def kept(directories: List[str], volume: str, path: str, name: Optional[str]) -> List[str]:
    """The copies that were kept aside of the file at *path* with the GFID *name*, and of its shards.

    Each has its time at the end of its name.
    """
    found = []
    wanted = [(path, r"\.\d+")]
    if name is not None:
        wanted.append((os.path.join(_SHARDS, name), r"\.\d+\.\d+"))
    for directory in directories:
        for start, end in wanted:
            folder, base = os.path.split(os.path.join(directory, volume, start))
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            found += [os.path.join(folder, one) for one in names if re.fullmatch(re.escape(base) + end, one)]
    return sorted(found)


def names_in(directory: str, deadline: float) -> Optional[Dict[str, Optional[str]]]:
    """The GFID of each file in *directory*; None where there are too many, or the time was over."""
    found: Dict[str, Optional[str]] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if len(found) >= _MOST_NAMES or time.monotonic() > deadline:
                return None
            if entry.is_file(follow_symlinks=False):
                found[entry.name] = gfid(entry.path)
    return found


def copy_of(brick: str, path: str, opened: Dict[str, int], deadline: float) -> Dict[str, Any]:
    """What the brick has at *path*; nothing where it has nothing there."""
    whole = os.path.join(brick, path)
    try:
        status = os.lstat(whole)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    regular = stat.S_ISREG(status.st_mode)
    return {
        "kind": "file" if regular else "directory" if stat.S_ISDIR(status.st_mode) else "other",
        "gfid": gfid(whole),
        "size": status.st_size,
        "allocated": status.st_blocks * 512,
        "modified": status.st_mtime_ns,
        "open": opened.get(f"{status.st_dev}:{status.st_ino}", 0),
        "blocks": blocks(whole, deadline) if regular else None,
        "names": names_in(whole, deadline) if stat.S_ISDIR(status.st_mode) else None,
    }


def look(request: Dict[str, Any]) -> Dict[str, Any]:
    """The object that is printed.  Raises OSError."""
    brick, folders = request["brick"], request["folders"]
    deadline = time.monotonic() + request["seconds"]
    opened, directories = open_files(brick), keep_directories(brick)
    copies, wanted = [], set(request["gfids"])
    for entry in request["entries"]:
        path = path_of(brick, entry, folders)
        found = {} if path is None else copy_of(brick, path, opened, deadline)
        aside = [] if path is None else kept(directories, request["volume"], path, found.get("gfid"))
        copies.append({"entry": entry, "path": path, "kept": aside, **found})
        if path is not None and path.startswith(f"{_SHARDS}/"):
            wanted.add(os.path.basename(path).partition(".")[0])
    disks = {name: path_by_gfid(brick, name, folders) for name in sorted(wanted)}
    return {
        "copies": copies,
        "disks": {name: path for name, path in disks.items() if path is not None},
        "keep": [{"directory": one, "available": available(one)} for one in directories],
        "aside": {one: blocks(one, deadline) for one in request["aside"]},
    }


def main() -> None:
    """Print the object, or one line on standard error and end with 1."""
    try:
        print(json.dumps(look(json.loads(sys.argv[1]))))
    except OSError as err:
        sys.exit(f"{err.filename}: {err.strerror}")


if __name__ == "__main__":
    main()
