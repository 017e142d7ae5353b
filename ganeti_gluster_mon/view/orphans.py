"""Orphaned disk files: files in the folders of disks that no disk of Ganeti's configuration has.  Pure.

A create or remove that failed after its answer was lost leaves such a file.  It takes space, and may hold a guest's
data.  Whether it is needed cannot be decided here: another cluster may use the volume.  So it is reported, and never
removed.
"""

from __future__ import annotations

import re
import shlex
from typing import AbstractSet, Dict, Iterator, List, Sequence, Set

from ganeti_gluster_mon.ganeti.configuration import FOLDER, Configuration
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.gluster.volume_files import VolumeFile, VolumeFiles
from ganeti_gluster_mon.text import one_line, short_size
from ganeti_gluster_mon.view.finding import Finding

#: seconds since the last write in which a file may belong to a disk that is just being created
YOUNG = 900.0
#: files that are named for each volume
_MOST = 20
_DAY, _HOUR = 86400, 3600
#: the name that a disk has while it is created (backend/temporary_file.py)
_TEMPORARY = re.compile(r"\..+\.new-[0-9a-f]{16}\Z", re.DOTALL)


def folders_of_disks(configuration: Configuration, pool: Pool) -> Dict[str, List[str]]:
    """By started volume of *pool* that Ganeti uses: the folders in which its disks are."""
    folders: Dict[str, Set[str]] = {each.volume: {FOLDER} for each in configuration.parameters}
    for disk in configuration.disks:
        folders.setdefault(disk.volume, set()).add(disk.path.rpartition("/")[0])
    started = {volume.name for volume in pool.volumes or () if volume.state == "started"}
    return {volume: sorted(folders[volume] - {""}) for volume in sorted(folders) if volume in started}


def orphans(listed: Sequence[VolumeFiles], known: AbstractSet[str], now: float) -> Iterator[Finding]:
    """The orphaned files among those *listed*.

    *known*: the names, without a directory, of the files of all of Ganeti's disks.  *now*: seconds since the epoch.
    """
    for volume in listed:
        if volume.unknown is not None:
            yield Finding(
                f"volume {volume.volume}: its disk files could not be listed: {one_line(volume.unknown, 200)}",
                note=True,
            )
        found = [file for file in volume.files if file.path.rpartition("/")[2] not in known]
        found.sort(key=lambda file: (-file.allocated, file.path))
        for file in found[:_MOST]:
            yield _finding(file, now)
        if len(found) > _MOST:
            yield Finding(f"volume {volume.volume}: {len(found) - _MOST} more files belong to no instance")


def _finding(file: VolumeFile, now: float) -> Finding:
    age = now - file.modified
    sizes = f"{short_size(file.size)}, {short_size(file.allocated)} allocated, last written {_ago(age)}"
    what = f"volume {file.volume}: {one_line(file.path, 200)}"
    if age < YOUNG:
        return Finding(
            f"{what} belongs to no instance yet ({sizes}): a disk that is being created, or a file that is in use",
            note=True,
        )
    if _TEMPORARY.match(file.path.rpartition("/")[2]):
        return Finding(
            f"{what} is what an interrupted create left ({sizes}); the next create on the volume removes it",
            note=True,
        )
    return Finding(
        f"{what} belongs to no instance: {sizes}",
        "make sure that no other cluster uses the volume and that the data is not needed, then remove the file: "
        + _command(file),
    )


def _command(file: VolumeFile) -> str:
    """What removes *file*, to be copied into a shell."""
    if not file.path.isprintable():
        return "its name has characters that cannot be shown; remove it in a program"
    return f"mount -t glusterfs localhost:/{file.volume} /mnt && rm -- {shlex.quote(f'/mnt/{file.path}')}; umount /mnt"


def _ago(age: float) -> str:
    if age >= 2 * _DAY:
        return f"{age // _DAY:.0f} days ago"
    return f"{age // _HOUR:.0f} h ago" if age >= _HOUR else f"{max(0.0, age) // 60:.0f} min ago"
