"""What Ganeti expects of a class of disks, held against ours: run on a node of a cluster, by Ganeti's own Python.

Each function here that begins with ``test_`` is one; a failure is reported on standard error.
"""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import select
import shutil
import signal
import sys
import traceback
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional

sys.path.insert(0, "/usr/share/ganeti/default")

from ganeti import constants, errors, objects, pathutils
from ganeti.storage import bdev, container
from ganeti.storage.gluster import FileDeviceHelper, GetGlusterSpaceInfo, GlusterStorage, GlusterVolume

from ganeti_gluster_mon.backend import mount_users
from ganeti_gluster_mon.backend.blockdev import container as ours
from ganeti_gluster_mon.backend.mount import VolumeMount
from ganeti_gluster_mon.backend.volume import VolumeError

MIB = 1 << 20
DIRECTORY = "/run/ganeti/gluster"
POINT = f"{DIRECTORY}.d/gv0@127.0.0.1:24007"
PATH = "ganeti/contract.0"
PARAMS = {"host": "127.0.0.1", "port": 24007, "volume": "gv0", "access": "userspace"}
KERNEL = {**PARAMS, "access": "kernelspace"}


#: a glusterfs that mounts, and ends
_DIES = """#!/bin/sh
for point; do :; done
mount -i -t fuse.glusterfs -o fd=3,rootmode=40000,user_id=0,group_id=0 /run/none:/gv0 "$point" 3<>/dev/fuse &&
touch /run/dies/mounted
"""


def disk(path: str = PATH, params: Dict[str, Any] = PARAMS) -> Any:
    return GlusterStorage(("loop", path), [], 4, params, {})


def create(path: str = PATH, params: Dict[str, Any] = PARAMS, size: int = 4) -> Any:
    return GlusterStorage.Create(("loop", path), [], size, None, params, False, {}, name=None, uuid="u")


def found(path: str = PATH) -> Any:
    """As Ganeti looks for a disk."""
    wanted = objects.Disk(
        dev_type=constants.DT_GLUSTER,
        logical_id=("loop", path),
        size=4,
        params=PARAMS,
        dynamic_params={},
        uuid="u",
    )
    return bdev.FindDevice(wanted, [])


def mounted() -> List[str]:
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file if " fuse.glusterfs " in line]


@contextmanager
def failing(kind: Any, *words: str) -> Iterator[None]:
    """What is done in the block has to fail, and to say these *words*."""
    message = None
    try:
        yield
    except kind as err:
        message = str(err)
    assert message is not None, f"no {kind.__name__}"
    assert all(word in message for word in words), (words, message)


@contextmanager
def failures_of(*words: str) -> Iterator[List[str]]:
    """The errors of a volume in the block, none or one, which has to contain these *words*."""
    failures: List[str] = []
    try:
        yield failures
    except VolumeError as err:
        failures.append(str(err))
        assert all(word in failures[0] for word in words), failures


@contextmanager
def a_disk(params: Dict[str, Any] = PARAMS) -> Iterator[Any]:
    made = create(params=params)
    try:
        yield made
    finally:
        made.Remove()
    assert mounted() == []


def test_it_is_what_ganeti_uses() -> None:
    assert bdev.DEV_MAP[constants.DT_GLUSTER] is GlusterStorage
    assert GlusterStorage.__module__ == "ganeti_gluster_mon.backend.blockdev.bdev"


def test_a_disk_is_made_found_and_removed() -> None:
    assert found() is None
    with a_disk() as made:
        assert made.attached
        assert made.dev_path == f"{POINT}/{PATH}"
        assert made.unique_id == ("loop", PATH)
        assert made.GetActualSize() == 4 * MIB
        assert made.GetActualDimensions() == (4 * MIB, None)
        assert found() == made
        assert mounted() == []
    assert found() is None
    assert disk().Remove() is False


def test_another_disk_is_not_overwritten() -> None:
    with a_disk() as made:
        made.Grow(1, False, True, False)
        with failing(errors.BlockDeviceError, "volume gv0", "there is such a disk already"):
            create()
        assert made.GetActualSize() == 5 * MIB


def test_it_grows() -> None:
    with a_disk() as made:
        made.Grow(3, True, True, False)
        made.Grow(3, False, False, False)
        assert made.GetActualSize() == 4 * MIB
        made.Grow(3, False, True, False)
        assert made.GetActualSize() == 7 * MIB
        with failing(errors.BlockDeviceError, "cannot grow by -1"):
            made.Grow(-1, False, True, False)
        made.Grow(1, False, True, False)
        assert made.GetActualSize() == 8 * MIB


def test_a_grow_that_is_repeated_does_not_grow_twice() -> None:
    """Ganeti records the size when the job has succeeded: until then each job gives the former one, 4 MiB."""
    with a_disk() as made:
        for _ in range(3):
            again = found()
            for dryrun, backingstore in ((True, True), (False, True), (False, False)):
                again.Grow(3, dryrun, backingstore, False)
            assert made.GetActualSize() == 7 * MIB
        for dryrun in (True, False):
            with failing(errors.BlockDeviceError, "7 MiB already", "grow-disk --absolute", "7m"):
                found().Grow(2, dryrun, True, False)
        assert made.GetActualSize() == 7 * MIB


def test_what_a_running_guest_needs_is_logged() -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    messages: List[str] = []
    handler = Handler()
    logging.getLogger().addHandler(handler)
    try:
        with a_disk() as made:
            made.Grow(1, True, True, False)
            assert messages == []
            made.Grow(1, False, True, False)
            assert [each for each in messages if "5 MiB" in each and "gnt-instance reboot" in each], messages
    finally:
        logging.getLogger().removeHandler(handler)


def test_a_create_mounts_once_and_is_undone_where_it_fails() -> None:
    mount, attach = GlusterVolume.mounted, GlusterStorage.Attach
    mounts: List[str] = []

    def counted(volume: Any) -> Any:
        mounts.append(volume.volume)
        return mount(volume)

    def fails(made: Any) -> bool:
        attach(made)
        raise failure

    GlusterVolume.mounted = counted
    try:
        for params in (PARAMS, KERNEL):
            mounts.clear()
            create(params=params)
            assert mounts == ["gv0"]
            assert disk(params=params).Remove() is True
        for failure in (errors.BlockDeviceError("no"), OSError("no"), KeyboardInterrupt("no")):
            GlusterStorage.Attach = fails
            with failing(type(failure), "no"):
                create()
            GlusterStorage.Attach = attach
            assert found() is None
    finally:
        GlusterVolume.mounted, GlusterStorage.Attach = mount, attach
    assert mounted() == []


def test_a_directory_is_no_disk() -> None:
    volume = disk().volume
    with volume.mounted() as root:
        os.makedirs(f"{root}/{PATH}")
    try:
        assert disk().attached is False
        assert found() is None
        for act in (create, disk().Remove, disk().GetActualSize):
            with failing(errors.BlockDeviceError, "volume gv0", PATH):
                act()
    finally:
        with volume.mounted() as root:
            os.rmdir(f"{root}/{PATH}")


def test_a_full_run_is_one_clear_error() -> None:
    """At whatever file there is no space left below /run: nothing stays mounted."""
    full = "/run/full"
    os.makedirs(full)
    refused = 0
    for inodes in range(2, 20):
        assert os.system(f"mount -t tmpfs -o nr_inodes={inodes} tmpfs {full}") == 0
        try:
            volume = GlusterVolume("127.0.0.1", 24007, "gv0", (), f"{full}/gluster", f"{full}/a/uses")
            with failures_of("volume gv0", "No space left on device") as failures:
                volume.hold(PATH)
                volume.release(PATH)
                with volume.mounted() as root:
                    os.listdir(root)
            assert mounted() == [], inodes
            refused += len(failures)
        finally:
            os.system(f"umount --recursive {full}")
        if not failures:
            break
    os.rmdir(full)
    assert refused > 5, refused
    assert not failures


def test_without_a_free_block_below_run_no_volume_is_blamed() -> None:
    """Empty files can be created, and nothing can be written to them: a mount is checked without that."""
    volume = GlusterVolume("127.0.0.1", 24007, "gv0")
    with a_disk() as made, volume.mounted():
        assert os.system("mount -t tmpfs -o size=4k tmpfs /run/ganeti-gluster-mon") == 0
        try:
            with open("/run/ganeti-gluster-mon/fill", "wb") as file:
                file.write(bytes(4096))
            other = create("ganeti/other.0")
            assert made.GetActualSize() == 4 * MIB
            assert other.Remove() is True
        finally:
            os.system("umount /run/ganeti-gluster-mon")
        assert mounted() == [POINT]
        assert made.GetActualSize() == 4 * MIB
    assert mounted() == []


def test_it_is_renamed_and_replaces_no_other_disk() -> None:
    with a_disk() as made:
        other = create("ganeti/other.0")
        with failing(errors.BlockDeviceError, "already"):
            made.Rename(("loop", "ganeti/other.0"))
        assert other.Remove() is True
        made.Rename(("loop", "ganeti/other.0"))
        assert (made.unique_id, found()) == (("loop", "ganeti/other.0"), None)
        assert found("ganeti/other.0").GetActualSize() == 4 * MIB


def test_what_is_not_there_cannot_be_used() -> None:
    missing = disk()
    assert not missing.attached
    for act in (
        missing.Assemble,
        missing.Open,
        missing.GetActualSize,
        missing.Export,
        missing.Import,
        lambda: missing.Grow(1, False, True, False),
        lambda: missing.Rename(("loop", "ganeti/other.0")),
    ):
        with failing(errors.BlockDeviceError, PATH):
            act()
    assert mounted() == []


def test_what_ganeti_cannot_mean() -> None:
    make = GlusterStorage.Create
    with failing(errors.ProgrammerError):
        make(("loop", PATH), [], 4, None, PARAMS, True, {})
    nonsense: Any
    for nonsense in (None, "loop", ("loop",), ("loop", PATH, 1), []):
        with failing(ValueError, "Invalid configuration"):
            GlusterStorage(nonsense, [], 4, PARAMS, {})
        with failing(ValueError, "Invalid configuration"):
            make(nonsense, [], 4, None, PARAMS, False, {})
    with failing(errors.BlockDeviceError):
        GlusterStorage(("loop", PATH), [object()], 4, PARAMS, {})


def test_nothing_leads_out_of_the_volume() -> None:
    for path in ("../x", "/etc/passwd", "a/../../x", "", "a//b", "x" * 300):
        with failing(errors.BlockDeviceError):
            disk(path)
        with failing(errors.BlockDeviceError):
            create(path)
    for strange in ("ganeti/a b", "ganeti/$(reboot)", "ganeti/ö;'", "ganeti/-rf"):
        made = create(strange)
        assert found(strange).GetActualSize() == 4 * MIB
        assert made.Remove() is True


def test_a_symlink_is_no_disk() -> None:
    os.makedirs("/srv/victim", exist_ok=True)
    with open("/srv/victim/a.0", "w") as file:
        file.write("precious")
    volume = disk().volume
    with volume.mounted() as root:
        os.makedirs(f"{root}/ganeti", exist_ok=True)
        os.symlink("/srv/victim/a.0", f"{root}/{PATH}")
        os.symlink("/srv/victim", f"{root}/way")
    try:
        for path in (PATH, "way/a.0"):
            with failing(errors.BlockDeviceError, "volume gv0", "symlink"):
                disk(path)
            with failing(errors.BlockDeviceError, "volume gv0"):
                create(path)
    finally:
        with volume.mounted() as root:
            os.unlink(f"{root}/{PATH}")
            os.unlink(f"{root}/way")
    with open("/srv/victim/a.0") as file:
        assert file.read() == "precious"


def test_no_disk_is_made_below_the_mount_point() -> None:
    """The mount disappears after it was made, and before its root directory is opened."""
    make = VolumeMount.mount

    def make_and_lose(self: VolumeMount) -> None:
        make(self)
        assert os.system(f"umount --lazy {POINT}") == 0

    VolumeMount.mount = make_and_lose  # type: ignore[method-assign]
    try:
        with failing(errors.BlockDeviceError, "volume gv0", "disappeared"):
            create()
        below = [name for _, _, names in os.walk(f"{DIRECTORY}.d") for name in names]
        assert below == [], below
    finally:
        VolumeMount.mount = make  # type: ignore[method-assign]
    assert found() is None


def test_a_mount_that_disappears_later_does_not_lead_elsewhere() -> None:
    with GlusterVolume("127.0.0.1", 24007, "gv0").mounted() as root:
        assert os.system(f"umount --lazy {POINT}") == 0
        made = FileDeviceHelper.CreateFile(root, PATH, 4, create_folders=True)
        assert made.Exists() is True
        assert os.listdir(POINT) == []
    made = disk()
    assert made.GetActualSize() == 4 * MIB
    assert made.Remove() is True
    assert mounted() == []


def test_why_disks_are_created_by_link_and_unlink() -> None:
    """Gluster has no call that names a file without replacing another one; where it has, create can be simpler."""
    with GlusterVolume("127.0.0.1", 24007, "gv0").mounted() as root:
        with failing(OSError, "Operation not supported"):
            os.open(root.path, os.O_TMPFILE | os.O_RDWR)
        with open(f"{root}/rename", "x"):
            pass
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        try:
            # AT_FDCWD is -100, RENAME_NOREPLACE 1
            assert rename(-100, f"{root}/rename".encode(), -100, f"{root}/renamed".encode(), 1) == -1
            assert ctypes.get_errno() == errno.EINVAL
        finally:
            os.unlink(f"{root}/rename")


def test_hostile_parameters() -> None:
    for change in (
        {"host": "a..b"},
        {"host": "x" * 64 + ".example"},
        {"volume": "$(reboot)"},
        {"volume": "-o"},
        {"volume": "gv0/../x"},
        {"volume": "ö" * 300},
        {"host": "a b"},
        {"host": ""},
        {"host": "127.0.0.1,"},
        {"host": "127.0.0.1;reboot"},
        {"port": "http"},
        {"port": 99999},
    ):
        with failing(errors.BlockDeviceError, "olume"):
            disk(params={**PARAMS, **change})


def test_only_where_the_administrator_allows_it() -> None:
    with open(pathutils.FILE_STORAGE_PATHS_FILE) as file:
        before = file.read()
    try:
        with open(pathutils.FILE_STORAGE_PATHS_FILE, "w") as file:
            file.write("/srv/elsewhere\n")
        with failing(errors.FileStoragePathError, "not acceptable"):
            disk()
        with failing(errors.FileStoragePathError, "not acceptable"):
            create()
    finally:
        with open(pathutils.FILE_STORAGE_PATHS_FILE, "w") as file:
            file.write(before)


def test_qemu_gets_a_uri() -> None:
    with a_disk() as made:
        uri = f"gluster://127.0.0.1:24007/gv0/{PATH}"
        assert made.GetUserspaceAccessUri(constants.HT_KVM) == uri
        with failing(errors.BlockDeviceError, "xen-pvm"):
            made.GetUserspaceAccessUri(constants.HT_XEN_PVM)


def test_in_userspace_nothing_is_mounted() -> None:
    with a_disk() as made:
        made.Assemble()
        made.Assemble()
        made.Open()
        assert mounted() == []
        made.Close()
        made.Shutdown()
        assert (made.dev_path, made.attached, mounted()) == (None, False, [])


def test_by_its_path_it_is_mounted_as_long_as_it_is_in_use() -> None:
    with a_disk(KERNEL) as one:
        other = create("ganeti/other.0", KERNEL)
        for each in (one, other, one):
            each.Assemble()
            each.Open()
            assert os.stat(each.dev_path).st_size == 4 * MIB
        assert mounted() == [POINT]
        one.Shutdown()
        assert mounted() == [POINT], "the other one uses it"
        disk("ganeti/other.0", KERNEL).Close()
        assert mounted() == []
        assert other.Remove() is True


def test_both_ends_of_a_migration_have_it_by_its_path() -> None:
    with a_disk(KERNEL):
        disk(params=KERNEL).Open(exclusive=False)
        assert mounted() == [POINT]
        disk(params=KERNEL).Open(exclusive=True)
        disk(params=KERNEL).Close()
        assert mounted() == []


def test_a_disk_in_use_can_be_removed() -> None:
    made = create(params=KERNEL)
    made.Assemble()
    assert made.Remove() is True
    assert mounted() == []


def test_no_snapshot_of_a_disk() -> None:
    with a_disk() as made:
        with failing(errors.BlockDeviceError, "whole volumes", "gv0"):
            made.Snapshot("s", 4)
        assert made.SetInfo("text") is None
        assert made.SetSyncParams({}) == []
        assert made.PauseResumeSync(True) is True


def test_without_a_daemon_its_copies_are_not_called_degraded() -> None:
    with a_disk() as made:
        for status in (made.GetSyncStatus(), made.CombinedSyncStatus()):
            assert (status.is_degraded, status.sync_percent) == (False, None)
            assert status.ldisk_status == constants.LDS_OKAY
            assert status.dev_path == f"{POINT}/{PATH}"


def test_what_is_wrong_names_the_volume_and_what_to_do() -> None:
    with failing(errors.BlockDeviceError, "volume none", "`gluster volume info none`"):
        disk(params={**PARAMS, "volume": "none"})
    with failing(errors.BlockDeviceError, "volume gv0", "127.0.0.1:1: Connection refused", "glusterd"):
        create(params={**PARAMS, "port": 1})
    with failing(errors.BlockDeviceError, "volume gv0", "/run/none: No such file"):
        create(params={**PARAMS, "host": "/run/none"})
    assert mounted() == []


def test_a_mount_that_died_at_once_is_no_mount() -> None:
    """As glusterfs leaves it now and then when it finds no server: mounted, and without a process."""
    os.makedirs("/run/dies", exist_ok=True)
    with open("/run/dies/glusterfs", "w") as file:
        file.write(_DIES)
    os.chmod("/run/dies/glusterfs", 0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"/run/dies:{before}"
    try:
        with failing(
            errors.BlockDeviceError, "volume gv0 cannot be mounted", "/run/none: No such file", "glusterd"
        ):
            create(params={**PARAMS, "host": "/run/none"})
        assert os.path.exists("/run/dies/mounted")
    finally:
        os.environ["PATH"] = before
        shutil.rmtree("/run/dies")
    assert mounted() == []


def kill_client() -> None:
    """Kill the process behind the volume's mount, and wait until the kernel has noticed."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:  # it has ended
            continue
        if os.path.basename(words[0]) == b"glusterfs" and POINT.encode() in words:
            ended = os.pidfd_open(int(pid))
            os.kill(int(pid), signal.SIGKILL)
            select.select([ended], [], [], 10)
            os.close(ended)
            return
    raise AssertionError("no client")


def test_what_an_os_script_may_have_lost_is_reported_once() -> None:
    """The client is killed while the disk is in use by its path, and no guest has it."""
    lost = ("ganeti/contract.0", "the client of its mount (glusterfs) ended")
    with a_disk(KERNEL) as made:
        made.Assemble()
        with open(made.dev_path, "r+b") as file:
            file.write(b"flushed")
            file.flush()
            os.fsync(file.fileno())
        kill_client()
        made = disk(params=KERNEL)
        with failing(errors.BlockDeviceError, *lost):
            made.Assemble()
        made.Assemble()
        with open(made.dev_path, "rb") as file:
            assert file.read(7) == b"flushed"
        kill_client()
        made = disk(params=KERNEL)
        with failing(errors.BlockDeviceError, *lost):
            made.Shutdown()
        assert mounted() == []
        # What was shut down has lost nothing.
        made = disk(params=KERNEL)
        made.Assemble()
        made.Shutdown()
        assert mounted() == []


def test_another_server_stands_in_and_a_socket_does() -> None:
    for host in ("none.lab.test,127.0.0.1", "/var/run/glusterd.socket"):
        params = {**PARAMS, "host": host}
        volume = disk(params=params).volume
        volume.hold("us")  # glusterfs waits three seconds before it tries the next server
        made = create(params=params)
        assert made.dev_path.startswith(f"{volume.own_mount_point}/")
        assert made.Remove() is True
        volume.release("us")
        assert mounted() == []
        shutil.rmtree(mount_users.DIRECTORY)  # as after a boot


def listed(*fields: str, name: Optional[str] = None) -> List[List[Any]]:
    unit = container.GetStorage(constants.ST_GLUSTER, [DIRECTORY])
    return list(unit.List(name, list(fields)))


def test_list_storage_reports_the_volume_mounted_or_not() -> None:
    fields = (constants.SF_NAME, constants.SF_SIZE, constants.SF_ALLOCATABLE)
    volume = GlusterVolume("127.0.0.1", 24007, "gv0")
    with volume.mounted() as root:
        space = os.statvfs(root)
        size = space.f_blocks * space.f_frsize // MIB
        assert [POINT, size, True] in listed(*fields)
        (row,) = listed(constants.SF_FREE, constants.SF_USED, name=POINT)
        assert abs(space.f_bavail * space.f_frsize // MIB - row[0]) <= 1
        assert 0 < row[1] < size
    assert mounted() == []
    assert [POINT, size, True] in listed(*fields)
    assert [POINT] in listed(constants.SF_NAME, name="gv0")
    assert GetGlusterSpaceInfo(volume)["storage_size"] == size
    assert mounted() == []


def test_list_storage_reports_a_volume_mounted_as_ganetis_own_class_does() -> None:
    os.makedirs(DIRECTORY, exist_ok=True)
    assert os.system(f"mount -t glusterfs 127.0.0.1:/gv0 {DIRECTORY}") == 0
    try:
        assert [DIRECTORY] in listed(constants.SF_NAME)
        with a_disk(KERNEL) as made:
            made.Assemble()
            assert made.dev_path == f"{DIRECTORY}/{PATH}"
            assert mounted() == [DIRECTORY]
            made.Shutdown()
            assert mounted() == [DIRECTORY], "it is not ours to unmount"
            os.system(f"umount {DIRECTORY}")
    finally:
        os.system(f"umount --quiet {DIRECTORY}")


def test_list_storage_lists_the_other_groups_where_one_has_an_invalid_host() -> None:
    def configuration(*hosts: str) -> None:
        groups = {str(n): {"diskparams": {"gluster": {"host": host}}} for n, host in enumerate(hosts)}
        with open("/run/config.data", "w") as file:
            json.dump({"cluster": {"diskparams": {}}, "nodegroups": groups}, file)

    configured = ours.configured_volumes

    def those(directory: str, path: str = "/run/config.data") -> Any:
        return configured(directory, path)

    ours.configured_volumes = those
    try:
        configuration("a..b", "127.0.0.1", "x" * 64 + ".example")
        assert [POINT] in listed(constants.SF_NAME)
        configuration("a..b", "none,,")
        shutil.move("/run/ganeti-gluster-mon/mounts", "/run/mounts")
        with failing(errors.StorageError, "node group", "'a..b' can be neither a host nor a socket"):
            listed(constants.SF_NAME)
    finally:
        if os.path.exists("/run/mounts"):
            shutil.rmtree("/run/ganeti-gluster-mon/mounts", ignore_errors=True)
            shutil.move("/run/mounts", "/run/ganeti-gluster-mon/mounts")
        ours.configured_volumes = configured
        os.unlink("/run/config.data")


def test_list_storage_with_nonsense() -> None:
    with failing(errors.StorageError, "colour"):
        listed("colour")
    with failing(errors.StorageError, "not known"):
        listed(constants.SF_NAME, name="none")
    unit = container.GetStorage(constants.ST_GLUSTER, [DIRECTORY])
    with failing(errors.ProgrammerError):
        unit.Modify("gv0", {constants.SF_ALLOCATABLE: False})


def main() -> int:
    failed = 0
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            try:
                test()
            except Exception:
                failed += 1
                print(f"{name}:\n{traceback.format_exc()}", file=sys.stderr)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
