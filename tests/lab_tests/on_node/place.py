"""Uses a volume's mount, in one of several ways, for tests of many who do so at once or are killed: ``place.py WAY …``.

``often TIMES``   hold and let go of it, for a moment and for longer, again and again; what goes wrong is an error
``killed MOMENT`` the same once, and end as by SIGKILL at that moment; exit status 9 if it came to that
``space``         the size and free space that are told, mounted or not: JSON
``create PATH``   make a disk of 4 MiB
``grow PATH``     make it 4 MiB bigger
``hang SECONDS``  how it is with a mount that may take so long to answer
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from typing import Any, Callable, Dict

from ganeti_gluster_mon.backend.filedevice import DiskError, FileDeviceHelper
from ganeti_gluster_mon.backend.space import space
from ganeti_gluster_mon.backend.volume import GlusterVolume

VOLUME = GlusterVolume("127.0.0.1", 24007, os.environ.get("VOLUME", "gv0"))


def used(name: str) -> None:
    """Each way to use it, once."""
    VOLUME.hold(name)
    with VOLUME.mounted() as root:
        os.listdir(root)
    VOLUME.release(name)
    with VOLUME.mounted() as root:
        os.listdir(root)


def often(times: str) -> None:
    for _ in range(int(times)):
        used(str(os.getpid()))


def killed(moment: str) -> None:
    left = int(moment)

    def fatal(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*words: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            result = function(*words, **more)
            left -= 1
            if left < 0:
                os._exit(9)
            return result

        return called

    for module, name in (
        (os, "makedirs"),
        (os, "unlink"),
        (os, "rmdir"),
        (fcntl, "flock"),
        (subprocess, "Popen"),
    ):
        setattr(module, name, fatal(getattr(module, name)))
    used("us")


def tell_space() -> None:
    told = space(VOLUME)
    print(json.dumps([told.size, told.available, told.source]))


def create(path: str) -> None:
    with VOLUME.mounted() as root:
        FileDeviceHelper.CreateFile(root, path, 4, create_folders=True)


def grow(path: str) -> None:
    with VOLUME.mounted() as root:
        FileDeviceHelper(root, path).Grow(4, False, True, reserve=True)


def hang(seconds: str) -> None:
    with GlusterVolume("127.0.0.1", 24007, VOLUME.volume, patience=float(seconds)).mounted():
        pass


WAYS: Dict[str, Callable[..., None]] = {
    "often": often,
    "killed": killed,
    "space": tell_space,
    "create": create,
    "grow": grow,
    "hang": hang,
}


def main(way: str, *words: str) -> int:
    try:
        WAYS[way](*words)
    except DiskError as err:
        print(err, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
