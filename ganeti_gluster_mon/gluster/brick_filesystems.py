"""The filesystems under this node's bricks: where each is mounted, and how many errors the kernel has recorded.

Only /proc, /sys and /etc/fstab are read: no filesystem under a brick receives a request, so none can hang it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import mounts
from ganeti_gluster_mon.gluster.device_stack import LvmDevices, lvm_devices
from ganeti_gluster_mon.gluster.devices import kernel_name

#: bytes of a file of sysfs that are read
_LONGEST = 4096
_MOUNTINFO = "/proc/self/mountinfo"
_FSTAB = "/etc/fstab"
#: on a mount point, in the filesystem below it: the UUID of the filesystem that belongs there
RECORD = "trusted.ganeti-gluster-mon.filesystem"
#: bytes of /etc/fstab that are read
_LONGEST_TABLE = 1 << 20
_SYS = "/sys"
_BTRFS_ERRORS = re.compile(r"(?:write|read|flush|corruption|generation)_errs ([0-9]{1,18})")


@dataclass(frozen=True)
class BrickFilesystem:
    """The filesystem under a brick of this node."""

    #: the brick's directory
    brick: str
    #: where the filesystem is mounted
    mount: str
    #: "ext4", "xfs", "btrfs", …
    filesystem: str
    #: as mounted, "/dev/mapper/vg-b1"
    device: str
    #: the kernel's name of the device, "dm-3"
    name: Optional[str] = None
    #: Errors that the kernel has recorded.  ext4: since the last check by e2fsck.  btrfs: since they were reset, on its
    #: devices.  None: not known; xfs records none.
    errors: Optional[int] = None
    #: the kernel's name of the logical volume under it; None: it is not on LVM
    logical_volume: Optional[str] = None
    #: likewise of the thin pool or VDO pool under that; None: the logical volume has blocks of its own
    pool_device: Optional[str] = None
    #: the mount point that the brick belongs below, by /etc/fstab or `RECORD`, where nothing is mounted there: the
    #: brick is on the filesystem below it.  None: there is none
    not_mounted: Optional[str] = None


def brick_filesystems(paths: Iterable[str], sys: str = _SYS) -> Tuple[BrickFilesystem, ...]:
    """The filesystem under each brick of *paths*.

    A brick whose filesystem is no block device's is left out, unless another filesystem should be mounted there.
    """
    wanted = sorted(set(paths))
    if not wanted:
        return ()
    try:
        with open(_MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
            mountinfo = file.read()
    except OSError:
        return ()
    return found_in(mountinfo, wanted, sys, mounts.fstab_mount_points(_read(_FSTAB, _LONGEST_TABLE)))


def found_in(
    mountinfo: str, paths: Iterable[str], sys: str = _SYS, listed: Sequence[str] = ()
) -> Tuple[BrickFilesystem, ...]:
    """`brick_filesystems` by *mountinfo*, the text of /proc/self/mountinfo; *sys* is where sysfs is mounted.

    *listed* are the mount points of /etc/fstab.
    """
    found: List[BrickFilesystem] = []
    names: Dict[str, Optional[str]] = {}
    for path, (mount, kind, device) in mounts.under(mountinfo, paths).items():
        missing = _not_mounted(mountinfo, path, mount, listed)
        if device.startswith("/dev/") or missing is not None:
            if device not in names:
                names[device] = kernel_name(device)
            name = names[device]
            errors = _errors(kind, name, sys)
            lvm = LvmDevices() if name is None else lvm_devices(name, sys)
            found.append(
                BrickFilesystem(path, mount, kind, device, name, errors, lvm.volume, lvm.pool, missing)
            )
    return tuple(found)


def _not_mounted(mountinfo: str, path: str, mount: str, listed: Sequence[str]) -> Optional[str]:
    """The mount point of *listed* that the brick *path* belongs below, and that is not mounted; None for none.

    *mount* is the mount point of the filesystem that the brick is on.
    """
    above = [
        point
        for point in listed
        if f"{path}/".startswith(f"{point}/") and len(point) > len(mount.rstrip("/"))
    ]
    nearest = max(above, key=len, default=None)
    if nearest is None:
        return _recorded(path) if mount == "/" else None
    # mount(8) follows symlinks in the mount point of /etc/fstab, and the kernel lists what they lead to
    real = os.path.realpath(nearest)
    return None if real != nearest and mounts.is_mount_point(mountinfo, real) else nearest


def _recorded(path: str) -> Optional[str]:
    """The nearest directory above the brick *path*, which is on the root filesystem, that has `RECORD`."""
    above = os.path.dirname(path)
    while above not in ("/", ""):
        try:
            os.getxattr(above, RECORD, follow_symlinks=False)
        except OSError:
            above = os.path.dirname(above)
        else:
            return above
    return None


def by_brick(found: Iterable[BrickFilesystem]) -> Mapping[str, BrickFilesystem]:
    """*found* by the directories of the bricks."""
    return {each.brick: each for each in found}


def _errors(kind: str, name: Optional[str], sys: str) -> Optional[int]:
    if name is None:
        return None
    name = name.replace("/", "!")
    if kind == "ext4":
        text = _read(os.path.join(sys, "fs/ext4", name, "errors_count")).strip()
        return int(text) if text.isdecimal() and len(text) <= 18 else None
    return _btrfs_errors(name, sys) if kind == "btrfs" else None


def _btrfs_errors(name: str, sys: str) -> Optional[int]:
    """The errors on all devices of the btrfs that the device *name* is of; None: no kernel before 5.14 has them."""
    top = os.path.join(sys, "fs/btrfs")
    try:
        uuid = next(
            (each for each in sorted(os.listdir(top)) if os.path.lexists(f"{top}/{each}/devices/{name}")),
            None,
        )
        if uuid is None:
            return None
        devices = os.listdir(f"{top}/{uuid}/devinfo")
    except OSError:
        return None
    texts = [_read(f"{top}/{uuid}/devinfo/{each}/error_stats") for each in devices]
    counts = [_BTRFS_ERRORS.findall(text) for text in texts]
    if not counts or not all(counts):
        return None
    return sum(int(count) for of_device in counts for count in of_device)


def _read(path: str, longest: int = _LONGEST) -> str:
    """The text of a file; "" where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(longest)
    except OSError:
        return ""
