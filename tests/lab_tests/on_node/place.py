"""Uses a volume's mount, in one of several ways, for tests of many processes that do so at once or are killed.

``place.py VOLUME WAY …``::

    often TIMES    hold and let go of it, for longer and for a moment, again and again; what goes wrong is an error
    killed MOMENT  the same once, and end as by SIGKILL at that moment; exit status 9 if it came to that
    space          size, free space and where from, mounted or not: JSON
    create PATH…   make disks of 4 MiB
    create-killed MOMENT PATH
                   make a disk, and end as by SIGKILL at that moment; exit status 9 if it came to that
    abandon PATH   make the temporary file of a disk, an hour old, and nothing more
    grow PATH…     make them 4 MiB bigger, and reserve that
    sizes PATH…    of the disks, in MiB: JSON
    remove PATH…   remove them
    hang SECONDS   how it is with a mount that may take so long to answer
    server HOST    where it is mounted for a moment by the server HOST
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Iterator, Tuple

from ganeti_gluster_mon.backend import temporary_file
from ganeti_gluster_mon.backend.blockdev.volume_space import space
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, DiskError, FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume

VOLUME = GlusterVolume("127.0.0.1", 24007, sys.argv[1])


def used(name: str) -> None:
    """Each way to use it, once."""
    VOLUME.hold(name)
    with VOLUME.mounted() as root:
        os.listdir(root)
    VOLUME.release(name)


def often(times: str) -> None:
    for _ in range(int(times)):
        used(str(os.getpid()))


def killed(moment: str) -> None:
    # What is between two of these changes nothing that outlives us.
    end_at(
        int(moment),
        (os, "makedirs"),
        (os, "unlink"),
        (os, "rmdir"),
        (fcntl, "flock"),
        (subprocess, "Popen"),
    )
    used("us")


def create_killed(moment: str, path: str) -> None:
    with VOLUME.mounted() as root:
        end_at(int(moment), *((os, name) for name in ("open", "ftruncate", "fsync", "link", "unlink")))
        FileDeviceHelper.CreateFile(root, path, 4, create_folders=True)
        os._exit(0)


def abandon(path: str) -> None:
    folder, base = os.path.split(path)
    with VOLUME.mounted() as root:
        descriptor = os.open(f"{root}/{folder}", os.O_RDONLY)
        _, file = temporary_file.create(descriptor, base)
        os.utime(file, (time.time() - 3600,) * 2)
        os.close(file)
        os.close(descriptor)


def end_at(left: int, *calls: Tuple[Any, str]) -> None:
    """End this process, as by SIGKILL, after *left* calls of these functions of modules."""

    def fatal(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*words: Any, **more: Any) -> Any:
            nonlocal left
            result = function(*words, **more)
            left -= 1
            if left < 0:
                os._exit(9)
            return result

        return called

    for module, name in calls:
        setattr(module, name, fatal(getattr(module, name)))


def print_space() -> None:
    found = space(VOLUME)
    print(json.dumps([found.size, found.available, found.source]))


def create(*paths: str) -> None:
    with VOLUME.mounted() as root:
        for path in paths:
            FileDeviceHelper.CreateFile(root, path, 4, create_folders=True)


def grow(*paths: str) -> None:
    for disk in disks(*paths):
        disk.Grow(4, False, True, reserve=True)


def sizes(*paths: str) -> None:
    print(json.dumps([disk.Size() // MEBIBYTE for disk in disks(*paths)]))


def remove(*paths: str) -> None:
    for disk in disks(*paths):
        disk.Remove()


def disks(*paths: str) -> Iterator[FileDeviceHelper]:
    with VOLUME.mounted() as root:
        for path in paths:
            yield FileDeviceHelper(root, path)


def hang(seconds: str) -> None:
    with GlusterVolume("127.0.0.1", 24007, VOLUME.volume, mount_timeout=float(seconds)).mounted():
        pass


def server(host: str) -> None:
    with GlusterVolume(host, 24007, f"/{VOLUME.volume}").mounted() as root:
        print(root.path)


WAYS: Dict[str, Callable[..., None]] = {
    "often": often,
    "killed": killed,
    "space": print_space,
    "create": create,
    "create-killed": create_killed,
    "abandon": abandon,
    "grow": grow,
    "sizes": sizes,
    "remove": remove,
    "hang": hang,
    "server": server,
}


def main(way: str, *words: str) -> int:
    try:
        WAYS[way](*words)
    except DiskError as err:
        print(err, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[2:]))
