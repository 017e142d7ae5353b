"""A program that `gnt-gluster diagnose` runs on each node to collect facts about it; it needs only Python.

``python3 - HOST…`` prints one object of JSON; HOST are the names it should be able to resolve, and to reach.
It uses nothing of this package, which may not be installed there.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional

GLUSTERD_PORT = 24007
#: seconds, for a name and for a connection
CONNECT_TIMEOUT = 3.0


def main(hosts: List[str]) -> None:
    """Print what is found out, within a few seconds, whatever hangs."""
    began = time.time()
    found: Dict[str, Any] = {"resolved": {}, "reached": {}}
    threads = [threading.Thread(target=look_at, args=(host, found), daemon=True) for host in hosts]
    # a filesystem that hangs must not keep the rest from being told
    threads.append(threading.Thread(target=look_at_bricks, args=(found,), daemon=True))
    for thread in threads:
        thread.start()
    found.update(
        {
            "time": began,
            "name": os.uname().nodename,
            "gluster": version(),
            "glusterd": glusterd(),
            "uuid": glusterd_info().get("UUID"),
            "operating_version": glusterd_info().get("operating-version"),
            "storage_paths": lines("/etc/ganeti/file-storage-paths"),
            "qemu_gluster": bool(glob.glob("/usr/lib/*/qemu/block-gluster.so")),
            "fuse_client": shutil.which("glusterfs") is not None,
            "fuse_device": os.path.exists("/dev/fuse"),
            "backend": bool(glob.glob("/usr/share/ganeti/[0-9]*/ganeti/storage/gluster.py.distrib")),
            "provider": any(
                os.path.exists(directory + "/gluster/attach")
                for directory in (
                    "/srv/ganeti/extstorage",
                    "/usr/local/lib/ganeti/extstorage",
                    "/usr/lib/ganeti/extstorage",
                    "/usr/share/ganeti/extstorage",
                )
            ),
        }
    )
    deadline = time.monotonic() + 3 * CONNECT_TIMEOUT
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    # A copy: a thread that is late may still add to it.
    print(
        json.dumps({key: dict(value) if isinstance(value, dict) else value for key, value in found.items()})
    )


def look_at(host: str, found: Dict[str, Any]) -> None:
    """Which addresses *host* has here, and whether its glusterd takes a connection."""
    try:
        parsed = socket.getaddrinfo(host, GLUSTERD_PORT, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        found["resolved"][host] = []
        return
    found["resolved"][host] = sorted({address[4][0] for address in parsed})
    reached = False
    for family, kind, protocol, _, address in parsed:
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(CONNECT_TIMEOUT)
            if connection.connect_ex(address) == 0:
                reached = True
                break
    found["reached"][host] = reached


def look_at_bricks(found: Dict[str, Any]) -> None:
    """This node's own bricks, by glusterd's files, and the filesystem that each is on."""
    uuid = glusterd_info().get("UUID")
    table = [line.split() for line in lines("/etc/fstab") or []]
    points = [fields[1] for fields in table if len(fields) > 2 and not fields[0].startswith("#")]
    bricks = []
    for info in glob.glob("/var/lib/glusterd/vols/*/info"):
        volume = values(info)
        for file in glob.glob(os.path.dirname(info) + "/bricks/*"):
            brick = values(file)
            if brick.get("uuid") == uuid and volume.get("status") == "1" and brick.get("path"):
                name = os.path.basename(os.path.dirname(info))
                bricks.append(brick_facts(name, brick["path"], volume.get("volume-id", ""), points))
    found["bricks"] = bricks


def brick_facts(volume: str, path: str, volume_id: str, points: List[str]) -> Dict[str, Any]:
    """Where a brick is, and whether it can be read: "id" is whether it has the id of its volume."""
    parsed: Dict[str, Any] = {"volume": volume, "path": path, "point": "/", "type": "", "read_only": False}
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            point = words[4].replace("\\040", " ")
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(parsed["point"]):
                after = words[words.index("-") + 1 :]
                options = [*words[5].split(","), *after[2].split(",")]
                parsed.update(point=point, type=after[0], read_only="ro" in options)
    parsed["in_fstab"] = parsed["point"] in points
    try:
        own = os.getxattr(path, "trusted.glusterfs.volume-id").hex()
        parsed.update(id=own == volume_id.replace("-", ""), error=None)
    except OSError as err:
        absent = err.errno in (errno.ENOENT, errno.ENODATA)
        parsed.update(id=False if absent else None, error=None if absent else err.strerror)
    return parsed


def values(path: str) -> Dict[str, str]:
    """The lines NAME=VALUE of a file of glusterd's."""
    parsed = (line.partition("=") for line in lines(path) or [])
    return {name: value for name, equals, value in parsed if equals}


def version() -> Optional[str]:
    """Gluster's version, "10.3"; None where its command is not there, or does not answer."""
    try:
        parsed = subprocess.run(
            ["gluster", "--version"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=CONNECT_TIMEOUT,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    words = parsed.decode("utf-8", "replace").split()
    return words[1] if len(words) > 1 else None


def glusterd() -> bool:
    """Whether glusterd listens for its own command."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_TIMEOUT)
        return connection.connect_ex("/var/run/glusterd.socket") == 0


def glusterd_info() -> Dict[str, str]:
    """glusterd's own id and the version it works by, as it keeps them."""
    return values("/var/lib/glusterd/glusterd.info")


def lines(path: str) -> Optional[List[str]]:
    """The lines of a file, without blanks; None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file.read(65536).splitlines() if line.strip()]
    except OSError:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    # Not the way out that waits for a thread in the resolver.
    os._exit(0)
