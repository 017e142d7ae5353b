"""Raises the version of a disperse volume's root: ``root_version VOLUME SECONDS``, on a node with glusterd.

It mounts the volume, makes a directory in its root, and stays for SECONDS (``disperse.other-eager-lock-timeout`` and a
bit more): only then does Gluster's client write the version to the bricks.  It removes the directory and unmounts.
The directory has one name always, so that a second run removes what a killed one has left.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

_NAME = ".ganeti-gluster-mon-version"
#: seconds
_MOUNT = _UNMOUNT = 30.0


def raise_version(volume: str, seconds: float) -> None:
    """Raises OSError or subprocess.SubprocessError."""
    point = tempfile.mkdtemp(prefix="gnt-gluster-", dir="/run")
    try:
        argv = ("glusterfs", "--volfile-server=localhost", f"--volfile-id=/{volume}", point)
        subprocess.run(argv, check=True, timeout=_MOUNT, stdin=subprocess.DEVNULL)
        if not os.path.ismount(point):
            raise OSError(0, "glusterfs did not mount it", volume)
        try:
            directory = os.path.join(point, _NAME)
            os.makedirs(directory, exist_ok=True)
            time.sleep(seconds)  # the client does not report when it has written the version
            os.rmdir(directory)
        finally:
            subprocess.run(
                ("umount", "--lazy", point), check=True, timeout=_UNMOUNT, stdin=subprocess.DEVNULL
            )
    finally:
        os.rmdir(point)


def main() -> None:
    """Do it, or print one line on standard error and end with 1."""
    try:
        raise_version(sys.argv[1], float(sys.argv[2]))
    except (OSError, subprocess.SubprocessError) as err:
        sys.exit(f"volume {sys.argv[1]}: {err}")


if __name__ == "__main__":
    main()
