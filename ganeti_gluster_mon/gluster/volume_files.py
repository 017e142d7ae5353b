"""The files in folders of volumes, listed by clients of the volumes (volume_files_client.py), all side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

_CLIENT = "ganeti_gluster_mon.gluster.volume_files_client"
#: clients at once
_MOST = 8


@dataclass(frozen=True)
class VolumeFile:
    """A plain file of a volume."""

    volume: str
    #: relative to the volume's root
    path: str
    #: bytes
    size: int
    #: bytes that it takes, copies not counted
    allocated: int
    #: seconds since the epoch: when it was last written to
    modified: int


@dataclass(frozen=True)
class VolumeFiles:
    """The files in folders of a volume."""

    volume: str
    files: Tuple[VolumeFile, ...] = ()
    #: why there may be more files; None where these are all
    unknown: Optional[str] = None


def list_volume_files(folders: Mapping[str, Sequence[str]], timeout: float) -> Tuple[VolumeFiles, ...]:
    """By volume the files in its *folders*; each client has *timeout* seconds."""
    with ThreadPoolExecutor(_MOST) as threads:
        results = threads.map(lambda volume: _list_volume(volume, folders[volume], timeout), folders)
        return tuple(results)


def _list_volume(volume: str, folders: Sequence[str], timeout: float) -> VolumeFiles:
    argv = [sys.executable, "-m", _CLIENT, volume, *folders]
    try:
        ended = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return VolumeFiles(volume, (), f"no answer within {timeout:g} s")
    except OSError as err:
        return VolumeFiles(volume, (), f"{argv[0]}: {err.strerror}")
    return parse(volume, folders, ended.stdout, ended.stderr)


def parse(volume: str, folders: Sequence[str], output: bytes, errors: bytes) -> VolumeFiles:
    """What the client of *volume* printed, *output* and *errors*, for *folders*."""
    files, complete = [], set()
    for line in output.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut short by its end: then its folder is not complete
        if not isinstance(record, dict):
            continue
        if record.get("complete") is True:
            complete.add(record.get("folder"))
        file = _file(volume, record)
        if file is not None:
            files.append(file)
    missing = [folder for folder in folders if folder not in complete]
    if not missing:
        return VolumeFiles(volume, tuple(files))
    last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return VolumeFiles(volume, tuple(files), last or f"the list of folder {missing[0]} is not complete")


def _file(volume: str, record: Dict[str, Any]) -> Optional[VolumeFile]:
    folder, name = record.get("folder"), record.get("name")
    numbers = [record.get(key) for key in ("size", "allocated", "modified")]
    if not isinstance(folder, str) or not isinstance(name, str):
        return None
    size, allocated, modified = (number if type(number) is int else -1 for number in numbers)
    if min(size, allocated) < 0:
        return None
    return VolumeFile(volume, f"{folder}/{name}", size, allocated, modified)
