"""What a block device stands on, by sysfs: the logical volume and the pool under it, and the disks of its volume group.

Only /sys is read: no device is opened.  The uuid of a device of LVM is "LVM-", 32 letters of the volume group, 32 of
the logical volume, and for some devices what they are for: "-tpool" and "-vpool" are the pools of thin and of VDO
volumes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Tuple

_SYS = "/sys"
_LVM_UUID = re.compile(r"LVM-([A-Za-z0-9]{32})[A-Za-z0-9]{32}(-[a-z0-9]+)?")
_POOLS = ("-tpool", "-vpool")
#: devices that may wait for a network or for a volume of Gluster: they are never named to `lvs`
_MAY_HANG = re.compile(r"(?:loop|drbd|rbd|nbd)[0-9]")
#: devices under one device that are looked at, and devices of the machine; bytes of a file of sysfs
_MOST_UNDER, _MOST_DEVICES, _LONGEST = 256, 10_000, 256


@dataclass(frozen=True)
class LvmDevices:
    """The devices of LVM under a device, by the kernel's names."""

    #: the logical volume
    volume: Optional[str] = None
    #: the thin pool or VDO pool that it takes its blocks from
    pool: Optional[str] = None


def lvm_devices(name: str, sys: str = _SYS) -> LvmDevices:
    """The devices of LVM under the device *name* ("dm-3", which may itself be one)."""
    volume = pool = None
    for each in _under(name, sys):
        match = _lvm_uuid(each, sys)
        if match is not None:
            volume = volume or each
            if match[2] in _POOLS:
                pool = pool or each
    return LvmDevices(volume, pool)


def physical_volumes(names: Iterable[str], sys: str = _SYS) -> Tuple[str, ...]:
    """The disks, as below /dev, that hold the volume groups of the logical volumes *names*.

    Those that may hang are left out, and those that no active logical volume uses are not known.
    """
    matches = [_lvm_uuid(name, sys) for name in names]
    groups = {match[1] for match in matches if match is not None}
    found: Dict[str, None] = {}
    for device in _devices(sys) if groups else ():
        match = _lvm_uuid(device, sys)
        if match is not None and match[1] in groups:
            for each in _slaves(device, sys):
                below = _lvm_uuid(each, sys)
                if (below is None or below[1] not in groups) and not _MAY_HANG.match(each):
                    found[_path(each, sys)] = None
    return tuple(sorted(found))


def _under(name: str, sys: str) -> List[str]:
    """*name* and the devices under it, the nearest first."""
    found = {name: None}
    waiting = [name]
    while waiting and len(found) < _MOST_UNDER:
        for each in _slaves(waiting.pop(0), sys):
            if each not in found:
                found[each] = None
                waiting.append(each)
    return list(found)


def _lvm_uuid(name: str, sys: str) -> Optional[re.Match[str]]:
    return _LVM_UUID.fullmatch(_read(f"{sys}/class/block/{_in_sysfs(name)}/dm/uuid"))


def _devices(sys: str) -> List[str]:
    return [name for name in _names(f"{sys}/class/block")[:_MOST_DEVICES] if name.startswith("dm-")]


def _slaves(name: str, sys: str) -> List[str]:
    return _names(f"{sys}/class/block/{_in_sysfs(name)}/slaves")


def _path(name: str, sys: str) -> str:
    mapped = _read(f"{sys}/class/block/{_in_sysfs(name)}/dm/name")
    return f"/dev/mapper/{mapped}" if mapped else f"/dev/{name}"


def _in_sysfs(name: str) -> str:
    # A "/" of the kernel's name ("cciss/c0d0") is a "!" in sysfs.
    return name.replace("/", "!")


def _names(directory: str) -> List[str]:
    try:
        return sorted(name.replace("!", "/") for name in os.listdir(directory))
    except OSError:
        return []


def _read(path: str) -> str:
    """The text of a file of sysfs, without the end of its line; "" where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST).rstrip("\n")
    except OSError:
        return ""
