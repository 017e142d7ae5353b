"""Process 1 of a host: makes the host's file system its own, then keeps its namespaces alive.

    unshare … python3 init.py DIRECTORY

DIRECTORY/boot.json says what to make; host.py writes it. It runs by itself and imports nothing of the
project, whose place in the file system changes under it. When all is in place it writes "ready" on its
standard output.

With a standard input it lives until that ends, which is when the process that holds the other end dies,
however that comes about; with /dev/null it lives until it is killed. Either way the kernel then ends every
process of the host, drops its mounts, and with them its loop devices and its network.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

#: the host's own temporary file systems: (path, size, mode)
TEMPORARY = (("run", "64m", "755"), ("tmp", "256m", "1777"), ("var/tmp", "64m", "1777"))


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def mount(filesystem: str, source: str, target: Path, options: str = "") -> None:
    target.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", filesystem, *(["-o", options] if options else []), source, str(target))


def attach(image: str) -> str:
    """A loop device on *image*, which we hold: it is free again when we end and it is not mounted.

    losetup(8) cannot say so (LO_FLAGS_AUTOCLEAR); for the structures see linux/loop.h.
    """
    autoclear, get_free, configure = 4, 0x4C82, 0x4C0A
    file = os.open(image, os.O_RDWR)
    info = struct.pack("=5Q4I64s64s32s2Q", *[0] * 5, 0, 0, 0, autoclear, image.encode()[:63], b"", b"", 0, 0)
    while True:
        with open("/dev/loop-control", "rb") as control:
            path = f"/dev/loop{fcntl.ioctl(control, get_free)}"
        loop = os.open(path, os.O_RDWR)
        try:
            fcntl.ioctl(loop, configure, struct.pack("=2I", file, 0) + info + bytes(64))
            return path
        except OSError as error:
            os.close(loop)
            if error.errno != errno.EBUSY:  # else another process was quicker
                raise


def assemble(directory: Path, root: Path, boot: Dict[str, Any]) -> None:
    """Mount everything of the host under *root*, over the file system boot["root"]."""
    layers = f"lowerdir={boot['root']},upperdir={directory}/upper,workdir={directory}/work"
    mount("overlay", "overlay", root, layers)
    mount("proc", "proc", root / "proc")
    mount("sysfs", "sysfs", root / "sys")
    # The devices are the machine's, for fuse and the loops; terminals and shared memory are the host's own.
    run("mount", "--bind", "/dev", str(root / "dev"))
    mount("devpts", "devpts", root / "dev/pts", "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("tmpfs", "tmpfs", root / "dev/shm", "size=64m,mode=1777")
    for path, size, mode in TEMPORARY:
        mount("tmpfs", "tmpfs", root / path, f"size={size},mode={mode}")
    (root / "run/lock").mkdir(mode=0o1777)
    for path, source in boot["shared"].items():
        # A layer below must not change under an overlay, and these may: the code is edited meanwhile.
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", "-o", "ro", source, str(root / path.lstrip("/")))
    for name, image in boot["disks"].items():
        mount("auto", image, root / "export" / name, "loop")
    for name, image in boot["blank"].items():
        link = root / "disks" / name
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(attach(image))


def enter(root: Path) -> None:
    """Make *root* the root, and forget the machine's own file systems."""
    old = root / "run/machine"
    old.mkdir()
    os.chdir(root)
    run("pivot_root", ".", "run/machine")
    os.chdir("/")
    run("umount", "--lazy", "/run/machine")
    os.rmdir("/run/machine")


def settle(boot: Dict[str, Any]) -> None:
    """What a host writes to its own disk when it is installed."""
    for path, keep in boot["emptied"].items():
        Path(path).mkdir(parents=True, exist_ok=True)
        for entry in Path(path).iterdir():
            if entry.name in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    for pattern in boot["removed"]:
        for path in glob.glob(pattern):
            os.unlink(path)
    for pattern, suffix in boot["renamed"].items():
        for path in glob.glob(pattern):
            os.rename(path, f"{path}{suffix}")
    for path, (text, mode) in boot["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)


def keep(tethered: bool) -> None:
    """Live on. Orphans of the host are handed to process 1; ignoring SIGCHLD lets the kernel reap them."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    if tethered:
        while os.read(sys.stdin.fileno(), 1):
            pass
    else:
        while True:
            signal.pause()


def main(directory: Path) -> None:
    boot = json.loads((directory / "boot.json").read_text())
    if boot["hostname"]:
        socket.sethostname(boot["hostname"])
        root = directory / "root"
        assemble(directory, root, boot)
        enter(root)
        if boot["first"]:
            settle(boot)
    run("ip", "link", "set", "lo", "up")
    keep(boot["tethered"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
