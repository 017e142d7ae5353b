"""The actions of Ganeti's ExtStorage interface: a disk is a file of a Gluster volume.

Like bdev.py it is thin, over volume.py and file_device.py.  Each function does one script's work,
raises DiskError, and is safe to repeat.  See ganeti-extstorage-interface(7) and docs/extstorage.md.
"""

from __future__ import annotations

import os
import sys
from typing import Callable, Dict, List, Optional

from ganeti_gluster_mon.backend import dead_mount, flush, loop, qemu_monitor, qemu_processes
from ganeti_gluster_mon.backend.blockdev import kvm_blockdev
from ganeti_gluster_mon.backend.data_loss import report_loss
from ganeti_gluster_mon.backend.extstorage import guest_watch, lease
from ganeti_gluster_mon.backend.extstorage.request import Request
from ganeti_gluster_mon.backend.file_device import DiskError, FileDeviceHelper
from ganeti_gluster_mon.backend.local_bricks import holds, local_bricks
from ganeti_gluster_mon.backend.volume import GlusterVolume

#: where Ganeti's text about a disk is kept, on its file: getfattr -n NAME
METADATA = "user.ganeti.info"

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
    """Make the disk's file, of exactly the requested size, where there is none of that name."""
    assert request.size is not None
    _must_start_guests(request)
    with volume_of(request).mounted() as root:
        FileDeviceHelper.CreateFile(root, request.path, request.size, create_folders=True)
    return []


def attach(request: Request, caller: Optional[int]) -> Lines:
    """The path of a block device, and the URI for KVM.

    The device is there until *caller* ends: only open means that the disk will be used.  There is no path where a guest
    on this node has the disk open by its URI: no program needs one then, and two that write would damage the disk.
    With userspace access all data that was written by a path on this node is on the bricks when it returns.
    """
    volume, uri = volume_of(request), uri_of(request)
    if request.userspace and qemu_processes.has_open(uri):
        _remove_leftover(request, volume)
        return ["", f"kvm:{uri}"]
    device = _unless_only_qemu_can(
        request, volume, lambda: lease.lend(volume, request.path, caller, flushed=request.userspace)
    )
    return [device, f"kvm:{uri}"]


def open_(request: Request, caller: Optional[int]) -> Lines:
    """Have the device stay until detach; with userspace access only until a guest has opened the disk by its URI.

    Ganeti does not report what opens the disk, an OS script by its path or QEMU.  So with userspace access QEMU may
    open the disk as soon as this returns: all data is on the bricks, and no process, mount or device can write to it by
    the path.  Raises DiskError where one can.
    """
    volume = volume_of(request)
    _must_start_guests(request)
    report_loss(volume, request.path)
    if not request.userspace:
        lease.make_lasting(volume, request.path, without_writers=False)
        return []
    uri = uri_of(request)
    # A live migration gives the disk to QEMU alone.
    if request.exclusive and not qemu_processes.has_open(uri):
        _unless_only_qemu_can(request, volume, lambda: _open_until_guest_has(request, volume, uri, caller))
    return []


def _open_until_guest_has(request: Request, volume: GlusterVolume, uri: str, caller: Optional[int]) -> str:
    # The watcher comes first: if this process is killed, the device does not outlive the start of the guest.
    guest_watch.start(volume, request.path, uri, caller)
    lease.make_lasting(volume, request.path, without_writers=True)
    return ""


def close(request: Request, caller: Optional[int]) -> Lines:
    """Nothing is to be done: the device goes with detach, which Ganeti calls when it is not needed."""
    volume_of(request)
    return []


def detach(request: Request, caller: Optional[int]) -> Lines:
    """Remove the device, if there is one, and unmount the volume if no other disk needs it.

    What was written to the device is on the bricks when it returns.  Without a device Gluster receives no request.
    """
    guest_watch.stop(uri_of(request))
    volume = volume_of(request)
    guest_watch.remove_device(volume, request.path)
    report_loss(volume, request.path)
    return []


def remove(request: Request, caller: Optional[int]) -> Lines:
    """Remove the disk's file, if there is one, and whatever is left of its device."""
    volume = volume_of(request)
    guest_watch.stop(uri_of(request))
    with volume.mounted() as root:
        lease.undo(volume, request.path, flushed=False)
        FileDeviceHelper(root, request.path).Remove()
    for records in volume.records():
        dead_mount.forget(records, request.path)
    volume.release(request.path)
    lease.unmount_if_idle(volume)
    return []


def grow(request: Request, caller: Optional[int]) -> Lines:
    """Give the file exactly the new size, and the device of this node with it."""
    assert request.new_size is not None
    volume = volume_of(request)
    with volume.mounted() as root:
        qemu_monitor.grow(FileDeviceHelper(root, request.path), request.new_size, uri_of(request))
        for device in lease.devices(volume, request.path):
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


def _must_start_guests(request: Request) -> None:
    """Raises DiskError where no guest could start with the disk, for a defect of the installed Ganeti."""
    if request.userspace and kvm_blockdev.unrepaired():
        raise DiskError(
            "userspace access does not work with the Ganeti of this node, whose options for gluster:// disks QEMU "
            "refuses: apt-get install ganeti-gluster-backend on every node, which repairs it, or use access=kernelspace"
        )


def _unless_only_qemu_can(request: Request, volume: GlusterVolume, act: Callable[[], str]) -> str:
    """What *act* gives; "" where it fails, and QEMU can open the disk all the same: this node has a brick with it.

    Not so where data may be on its way to the bricks: QEMU could read what was there before.  Raises DiskError.
    """
    try:
        return act()
    except flush.FlushError:
        raise
    except DiskError:
        bricks = local_bricks(volume.server_addr, volume.volume) if request.userspace else []
        if not any(holds(brick, request.path) for brick in bricks):
            raise
        if volume.may_be_unsynced(request.path) or flush.devices_named(
            os.path.join(volume.mount_point, request.path)
        ):
            raise
        return ""


def _remove_leftover(request: Request, volume: GlusterVolume) -> None:
    """Remove a device that the guest does not need: its watcher was killed."""
    if flush.devices_named(os.path.join(volume.mount_point, request.path)):
        try:
            guest_watch.remove_device(volume, request.path)
        except DiskError as err:
            # The guest has its disk; the message names the process that uses the device.
            print(f"warning: {err}", file=sys.stderr)
