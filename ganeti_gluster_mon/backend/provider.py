"""What Ganeti's ExtStorage interface asks of a provider, done: a disk is a file of a Gluster volume.

It is the other thin skin, beside bdev.py, over volume.py and filedevice.py.  Each function does one script's work,
raises DiskError, and is safe to repeat.  See ganeti-extstorage-interface(7) and docs/extstorage.md.
"""

from __future__ import annotations

import os
import time
from typing import Callable, Dict, List, Optional

from ganeti_gluster_mon.backend import guests, lease, loop
from ganeti_gluster_mon.backend.bricks import holds, local_bricks
from ganeti_gluster_mon.backend.filedevice import DiskError, FileDeviceHelper
from ganeti_gluster_mon.backend.request import Request
from ganeti_gluster_mon.backend.volume import GlusterVolume
from ganeti_gluster_mon.gluster.model import Mount

#: where Ganeti's text about a disk is kept, on its file: getfattr -n NAME
METADATA = "user.ganeti.info"
#: seconds that udev, or who just attaches the disk, may have a device open when it is to go, and between two looks
_PROBED, _PAUSE = 2.0, 0.02

#: lines for standard output
Lines = List[str]


def volume_of(request: Request) -> GlusterVolume:
    """The volume that *request* is about.  Raises VolumeError for what cannot be one."""
    server, *backup = request.servers
    return GlusterVolume(server, request.port, request.volume, backup)


def uri_of(request: Request) -> str:
    """What QEMU opens the disk by."""
    return volume_of(request).GetKVMMountString(request.path)


def create(request: Request, caller: Optional[int]) -> Lines:
    """Make the disk's file, of exactly the size asked for, where there is none of that name."""
    assert request.size is not None
    with volume_of(request).mounted() as root:
        FileDeviceHelper.CreateFile(root, request.path, request.size, create_folders=True)
    return []


def attach(request: Request, caller: Optional[int]) -> Lines:
    """The path of a block device, and the URI for KVM.

    The device is there until *caller* ends: only open says that the disk will be used.  There is no path where a guest
    on this node has the disk open by its URI, for then nobody needs one, and two who write at once would spoil it.
    """
    uri = uri_of(request)
    if request.userspace and guests.has_open(uri):
        return ["", f"kvm:{uri}"]
    return [_lend(request, lease.until_end_of(caller)), f"kvm:{uri}"]


def open_(request: Request, caller: Optional[int]) -> Lines:
    """Have the device stay: until detach, or until a guest has opened the disk by its URI, where it is to do that.

    Ganeti does not say who wants the disk, an OS script by its path or QEMU.
    """
    if request.userspace:
        uri = uri_of(request)
        if not guests.has_open(uri):
            _lend(request, lease.until_guest_has(uri))
        return []
    volume = volume_of(request)
    with volume.mounted() as root:
        with FileDeviceHelper(root, request.path).opened(os.O_RDWR) as file:
            _, descriptor = loop.lend(file, os.path.join(root, request.path))
        try:
            volume.hold(request.path)
            loop.make_lasting(descriptor)
        finally:
            os.close(descriptor)
    return []


def close(request: Request, caller: Optional[int]) -> Lines:
    """Nothing is to be done: the device goes with detach, which Ganeti calls when it is not needed."""
    volume_of(request)
    return []


def detach(request: Request, caller: Optional[int]) -> Lines:
    """Undo the device, if there is one, and let go of the mount.

    glusterd receives no request.  The bricks do: what is still to be written is written, and the client ends.
    """
    volume = volume_of(request)
    _undo(request, volume)
    volume.release(request.path)
    lease.settle(volume)
    return []


def remove(request: Request, caller: Optional[int]) -> Lines:
    """Remove the disk's file, if there is one, and whatever is left of its device."""
    volume = volume_of(request)
    with volume.mounted() as root:
        _undo(request, volume)
        FileDeviceHelper(root, request.path).Remove()
    volume.release(request.path)
    lease.settle(volume)
    return []


def grow(request: Request, caller: Optional[int]) -> Lines:
    """Give the file exactly the new size, and the device of this node with it."""
    assert request.new_size is not None
    volume = volume_of(request)
    with volume.mounted() as root:
        FileDeviceHelper(root, request.path).GrowTo(request.new_size)
        for device in _devices(request, volume):
            loop.resize(device)
    return []


def setinfo(request: Request, caller: Optional[int]) -> Lines:
    """Keep Ganeti's text with the file: whose disk it is, should one ever have nothing but the volume."""
    assert request.metadata is not None
    with volume_of(request).mounted() as root:
        disk = FileDeviceHelper(root, request.path)
        with disk.opened(os.O_RDWR) as file:
            try:
                os.setxattr(file, METADATA, request.metadata.encode())
            except OSError as err:
                raise DiskError(f"{disk.path}: cannot keep {METADATA}: {err.strerror}") from err
    return []


def verify(request: Request, caller: Optional[int]) -> Lines:
    """See that disks with these parameters can be: the volume answers, and the folder is none that leads elsewhere."""
    with volume_of(request).mounted() as root:
        FileDeviceHelper(root, request.path).Exists()
    return []


def snapshot(request: Request, caller: Optional[int]) -> Lines:
    """Refuse: a copy of the file would not be of one moment, and Gluster's snapshots are of whole volumes."""
    raise DiskError(
        f"{request.path}: Gluster makes snapshots of whole volumes only, not of a disk "
        f"(gluster snapshot create NAME {request.volume}); gnt-backup export takes a stopped instance, or --long-sleep"
    )


#: by the name of the script
ACTIONS: Dict[str, Callable[[Request, Optional[int]], Lines]] = {
    "attach": attach,
    "close": close,
    "create": create,
    "detach": detach,
    "grow": grow,
    "open": open_,
    "remove": remove,
    "setinfo": setinfo,
    "snapshot": snapshot,
    "verify": verify,
}


def _lend(request: Request, term: lease.Term) -> str:
    """The path of the disk's device; "" where it cannot have one, and QEMU does without."""
    volume = volume_of(request)
    try:
        return lease.lend(volume, request.path, term)
    except DiskError:
        bricks = local_bricks(volume.server_addr, volume.volume) if request.userspace else []
        if not any(holds(brick, request.path) for brick in bricks):
            raise
        return ""


def _devices(request: Request, volume: GlusterVolume) -> List[str]:
    """The loop devices of the disk, from whatever server its volume is mounted.  Gluster receives no request."""
    return [device for mount in volume.mounts() for device in loop.on(_backing(request, mount))]


def _backing(request: Request, mount: Mount) -> loop.Backing:
    """The disk's file on *mount*, without its inode number: that needs a request to Gluster."""
    assert mount.device_number is not None  # which every mount has that the kernel lists
    return loop.Backing(os.path.join(mount.path, request.path), mount.device_number)


def _undo(request: Request, volume: GlusterVolume) -> None:
    """Undo the disk's devices.  Raises DiskError where one is in use: it goes then when it is not any more."""
    until = time.monotonic() + _PROBED
    while True:
        devices = []
        own = volume.mount_point
        for mount in volume.mounts():
            backing = _backing(request, mount)
            # The lock of another mount is not waited for without need: its volume may hang.
            if mount.path == own or loop.on(backing):
                with loop.locked(backing.filesystem, backing.path):
                    for device in loop.on(backing):
                        devices.append(device)
                        lease.end_all(device)
                        loop.clear(device)
        if not devices:
            return
        if time.monotonic() > until:
            who = ", ".join(f"{name} ({pid})" for device in devices for pid, name in loop.users(device))
            raise DiskError(
                f"{request.path}: {', '.join(devices)} is in use by {who or 'somebody'}; it goes when that is over"
            )
        time.sleep(_PAUSE)
