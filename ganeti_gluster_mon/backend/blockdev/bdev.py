"""Ganeti's block device for the gluster disk template, by composition: a volume, and a file in it.

It stands in for ganeti.storage.gluster (see dropin/gluster.py).  What is another than there:

* With access=userspace QEMU reaches the disk itself.  Nothing is mounted to assemble it; only what is done with the
  file (creation, OS scripts, wiping, import and export; and looking whether it is there, on a node that has no brick
  with it) mounts the volume, and it is unmounted after.
* Each volume has a mount point of its own, mounts are counted by use, and never made by a shell.
* The disk reports when it is degraded or being healed, by the collector's last report.
* Rename works.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, Callable, Optional, Set, Tuple, TypeVar

from ganeti import constants, errors, objects, ssconf
from ganeti.storage import base, filestorage

from ganeti_gluster_mon.backend import dead_mount, flush, qemu_monitor
from ganeti_gluster_mon.backend.blockdev.called_from import GUESTS, WRITERS, called_from
from ganeti_gluster_mon.backend.blockdev.reaper import unmount_after_this_process
from ganeti_gluster_mon.backend.blockdev.redundancy import redundancy
from ganeti_gluster_mon.backend.blockdev.volume_space import space
from ganeti_gluster_mon.backend.data_loss import report_loss
from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, DiskError, FileDeviceHelper, check_path
from ganeti_gluster_mon.backend.local_bricks import holds, local_bricks
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError

T = TypeVar("T")

#: what is unmounted when this process ends: each process that noded forks has its own
_ENDS: Set[Tuple[int, GlusterVolume]] = set()


def volume_of(params: Any, directory: Optional[str] = None) -> GlusterVolume:
    """The volume that a disk's parameters name; ``host`` may name backup servers too: ``node1,node2``.

    *directory*: Ganeti's for Gluster, where it differs from that of this node.  Raises BlockDeviceError.
    """
    server, *backup = str(params[constants.GLUSTER_HOST]).split(",")
    where = ssconf.SimpleStore().GetGlusterStorageDir() if directory is None else directory
    return _translate_errors(
        lambda: GlusterVolume(
            server, params[constants.GLUSTER_PORT], params[constants.GLUSTER_VOLUME], backup, where
        )
    )


class GlusterStorage(base.BlockDev):
    """A disk that is a file of a Gluster volume; its unique_id is (driver, path in the volume)."""

    #: MiB, as Ganeti has recorded it
    size: int

    def __init__(
        self,
        unique_id: Any,
        children: Any,
        size: int,
        params: Any,
        dyn_params: Any,
        root: Optional[Directory] = None,
        **kwargs: Any,
    ) -> None:
        """*root*: the root directory of the mounted volume, where the caller has it open for as long as this runs."""
        if children:
            base.ThrowError("Invalid setup for a Gluster disk: it has children")
        self.driver, self.path = _unique_id(unique_id)
        super().__init__(unique_id, children, size, params, dyn_params, **kwargs)
        self.volume = volume_of(params)
        self.userspace = params.get(constants.LDP_ACCESS) == constants.DISK_USERSPACE
        self._assembled = False
        self.dev_path: Optional[str] = None
        self._root = root
        try:
            self.Attach()
        finally:
            self._root = None

    # --- is it there -----------------------------------------------------------------------------

    def Attach(self, **kwargs: Any) -> bool:
        """Look whether the disk is there.  Raises BlockDeviceError where that cannot be found out."""
        bricks = local_bricks(self.volume.server_addr, self.volume.volume) if self.userspace else []
        # A brick of this node that has it saves a mount; where none has it, other bricks may.
        self.attached = any(holds(brick, self.path) for brick in bricks) or bool(
            self._on_file(lambda file: file.Exists())
        )
        self.dev_path = os.path.join(_translate_errors(lambda: self.volume.path_of(self.path)), self.path)
        if self.attached and self.userspace and called_from(WRITERS):
            self._keep()
        return self.attached

    def GetActualSize(self) -> int:
        """The size in bytes."""
        return self._on_file(lambda file: file.Size())

    def GetSyncStatus(self) -> Any:
        """Whether all copies of the disk's data are there and the same, by the collector's last report."""
        volume_status = redundancy(self.volume, self.path)
        return objects.BlockDevStatus(
            dev_path=self.dev_path,
            major=self.major,
            minor=self.minor,
            sync_percent=volume_status.percent,
            estimated_time=None,
            is_degraded=volume_status.degraded,
            ldisk_status=constants.LDS_OKAY,
        )

    # --- in use ----------------------------------------------------------------------------------

    def Assemble(self) -> None:
        """Make the disk ready: by its path the volume stays mounted until Shutdown, for QEMU nothing is needed."""
        if not self.attached:
            base.ThrowError("%s: there is no such disk in volume %s", self.path, self.volume.volume)
        _translate_errors(lambda: report_loss(self.volume, self.path))
        if self.userspace:
            _translate_errors(self.volume.check_server)
            # QEMU may be given the disk without another call, where it is added to a running guest.
            self._flush_for_guest()
        else:
            self._hold()
        self._assembled = True

    def Shutdown(self) -> None:
        """The disk is not in use any more."""
        self.Close()
        self.dev_path = None
        self.attached = False
        self._assembled = False
        _translate_errors(lambda: report_loss(self.volume, self.path))

    def Open(self, force: bool = False, exclusive: Optional[bool] = None) -> None:
        """Make the disk ready for users of its path: an OS script, or QEMU where the guest has no other access.

        It is mounted as long as this process of Ganeti's lives, and what that started.  Not so for a disk just
        assembled; and for a migration, where *exclusive* is set, it is mounted until Close, unless QEMU does without.
        """
        if not self.attached:
            base.ThrowError("%s: there is no such disk in volume %s", self.path, self.volume.volume)
        if exclusive is not None and not self.userspace:
            self._hold()
        if self._assembled or exclusive is not None or self.volume.holds(self.path):
            return
        if self.userspace and called_from(GUESTS):
            self._flush_for_guest()
        else:
            self._keep()

    def Close(self) -> None:
        """The disk is no longer used here; a migration calls this on the node that the guest has left."""
        _translate_errors(lambda: self.volume.release(self.path))
        self._forget_use()

    def Import(self) -> Any:
        """The command that writes to the disk what it reads."""
        self._keep()
        return super().Import()

    def Export(self) -> Any:
        """The command that reads the disk."""
        self._keep()
        return super().Export()

    def _keep(self) -> None:
        """Have it mounted as long as this process lives, and Ganeti copies disks."""
        if not self.attached:
            base.ThrowError("%s: there is no such disk in volume %s", self.path, self.volume.volume)
        # The process that unmounts it is started first: it waits for the end of this one, however that ends.
        if (os.getpid(), self.volume) not in _ENDS:
            _translate_errors(lambda: unmount_after_this_process(self.volume))
            _ENDS.add((os.getpid(), self.volume))
        self._use_at(_translate_errors(self.volume.keep))

    def _hold(self) -> None:
        """Have the volume mounted until Shutdown or Close."""
        self._use_at(_translate_errors(lambda: self.volume.hold(self.path)))

    def _use_at(self, mount_point: str) -> None:
        """The disk may be written to by the mount there."""
        _translate_errors(lambda: self.volume.mark_unsynced(self.path, mount_point))
        _translate_errors(lambda: self.volume.note_use(self.path, mount_point))
        self.dev_path = os.path.join(mount_point, self.path)

    def _flush_for_guest(self) -> None:
        """Have all data that was written by the disk's path on the bricks, and nothing that could still write to it.

        Nothing is mounted where the disk was not written to by its path since the volume was mounted.
        """
        if self.volume.may_be_unsynced(self.path):
            self._on_file(flush.flush_file_for_guest)
        self._forget_use()

    def _forget_use(self) -> None:
        for records in self.volume.records():
            dead_mount.forget_use(records, self.path)

    # --- change ----------------------------------------------------------------------------------

    def Remove(self) -> bool:
        """Remove the file; False if there was none."""
        removed = self._on_file(lambda file: file.Remove())
        _translate_errors(lambda: self.volume.release(self.path))
        for records in self.volume.records():
            dead_mount.forget(records, self.path)
        return removed

    def Rename(self, new_id: Any) -> None:
        """Give the file another name in the same volume, where nothing has that name."""
        _, path = _unique_id(new_id)
        self._on_file(lambda file: file.Move(path))
        self.path, self.unique_id = path, new_id
        self.dev_path = os.path.join(_translate_errors(lambda: self.volume.path_of(path)), path)

    def Grow(self, amount: int, dryrun: bool, backingstore: bool, excl_stor: Any) -> None:
        """Grow the file to the size that Ganeti has recorded and *amount* MiB more.

        Ganeti records the new size when all calls of the job have succeeded.  So a job that is repeated after it
        failed requests the same size again, and the file does not grow twice.
        """
        if amount < 0:
            base.ThrowError("%s: it cannot grow by %s MiB", self.path, amount)
        target = self.size + amount
        simulated = dryrun or not backingstore  # there is no other layer
        if simulated:
            self._on_file(lambda file: file.GrowTo(target, dryrun=True))
            return
        uri = self.volume.GetKVMMountString(self.path)
        self._on_file(lambda file: qemu_monitor.grow(file, target, uri))
        self.size = target
        if not _ganeti_resizes_running_guests():
            logging.warning(
                "%s has %d MiB now; this version of Ganeti does not tell QEMU: an instance that is running sees the "
                "new size after `gnt-instance reboot`, or after block_resize on its QEMU monitor",
                self.path,
                target,
            )

    def Snapshot(self, snap_name: str, snap_size: int) -> Any:
        """Refuse: a copy of the file would not be of one moment, and Gluster's snapshots are of whole volumes."""
        base.ThrowError(
            "%s: Gluster makes snapshots of whole volumes only (gluster snapshot create NAME %s), not of a disk",
            self.path,
            self.volume.volume,
        )

    def SetInfo(self, text: str) -> None:
        """There is no place for it."""

    # --- for QEMU --------------------------------------------------------------------------------

    def GetUserspaceAccessUri(self, hypervisor: str) -> str:
        """What KVM opens instead of a path."""
        if hypervisor != constants.HT_KVM:
            base.ThrowError(
                "Hypervisor %s cannot open Gluster by itself: set access to kernelspace", hypervisor
            )
        return self.volume.GetKVMMountString(self.path)

    @classmethod
    def Create(
        cls,
        unique_id: Any,
        children: Any,
        size: int,
        spindles: Any,
        params: Any,
        excl_stor: bool,
        dyn_params: Any,
        **kwargs: Any,
    ) -> GlusterStorage:
        """Make a disk of *size* MiB."""
        if excl_stor:
            raise errors.ProgrammerError("Gluster disk requested with exclusive_storage")
        _, path = _unique_id(unique_id)
        volume = volume_of(params)
        _accept(volume, path)

        def make(root: Directory) -> GlusterStorage:
            # Thin, as Ganeti's own: else an instance whose disks together exceed the volume could not move here.
            file = FileDeviceHelper.CreateFile(root, path, size, create_folders=True)
            try:
                return cls(unique_id, children, size, params, dyn_params, root=root, **kwargs)
            except BaseException:
                _remove_after_error(file)
                raise

        return _translate_errors(lambda: _while_mounted(volume, make))

    def _on_file(self, act: Callable[[FileDeviceHelper], T]) -> T:
        """The result of *act*, called with the file of the disk while the volume is mounted."""
        _accept(self.volume, self.path)

        def on_file(root: Directory) -> T:
            return act(FileDeviceHelper(root, self.path))

        if self._root is not None:
            return on_file(self._root)
        return _translate_errors(lambda: _while_mounted(self.volume, on_file))


def _while_mounted(volume: GlusterVolume, act: Callable[[Directory], T]) -> T:
    """The result of *act*, called with the root directory of *volume* while that is mounted.  Raises DiskError."""
    with volume.mounted() as root:
        try:
            return act(root)
        except VolumeError:
            raise
        except DiskError as err:
            raise VolumeError(f"volume {volume.volume}: {err}") from err


def _ganeti_resizes_running_guests() -> bool:
    """Whether this version of Ganeti has QEMU see the new size of a disk: 3.1 has, 3.0 has not."""
    # Not by an import: ganeti.backend imports this module.
    return hasattr(sys.modules.get("ganeti.backend"), "ResizeDisk")


def _remove_after_error(file: FileDeviceHelper) -> None:
    """Remove *file*, which was just created, because what was to be done next failed."""
    try:
        file.Remove()
    except DiskError as err:
        logging.warning(
            "its create failed, and it could not be removed: %s; `gnt-gluster diagnose` lists it", err
        )


def _accept(volume: GlusterVolume, path: str) -> None:
    """Raises errors.FileStoragePathError where the administrator has not allowed Gluster's directory for disks."""
    filestorage.CheckFileStoragePathAcceptance(os.path.join(volume.directory, path))


def _translate_errors(act: Callable[[], T]) -> T:
    """The result of *act*.  Raises BlockDeviceError of Ganeti instead of DiskError."""
    try:
        return act()
    except DiskError as err:
        raise errors.BlockDeviceError(str(err)) from err


def _unique_id(unique_id: Any) -> Tuple[str, str]:
    """The driver and the path.  Raises ValueError, and BlockDeviceError for a path that leads out of the volume."""
    if not isinstance(unique_id, (tuple, list)) or len(unique_id) != 2:
        raise ValueError(f"Invalid configuration data {unique_id!r}")
    driver, path = unique_id
    _translate_errors(lambda: check_path(str(path)))
    return str(driver), str(path)


def GetGlusterSpaceInfo(volume: GlusterVolume) -> Any:
    """Size and free space of *volume* in MiB, in the form of Ganeti's storage reports; see space.py."""
    volume_status = _translate_errors(lambda: space(volume))
    return {
        "type": constants.ST_GLUSTER,
        "name": volume.volume,
        "storage_size": volume_status.size // MEBIBYTE,
        "storage_free": volume_status.available // MEBIBYTE,
    }
