"""What the lab needs of the machine it stands on."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import List

#: each program the lab runs, and the Debian package that brings it
TOOLS = {
    "gluster": "glusterfs-server",
    "glusterd": "glusterfs-server",
    "glusterfs": "glusterfs-server",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "setfattr": "attr",
    "fusermount3": "fuse3",
    "mount": "mount",
    "losetup": "mount",
    "pivot_root": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}

#: where an administrator's shell would look
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEVICES = ("/dev/fuse", "/dev/loop-control")


def packages() -> List[str]:
    """The Debian packages of all tools, for apt-get install."""
    return sorted(set(TOOLS.values()))


def obstacles() -> List[str]:
    """Why no lab can stand on this machine, one line each; empty when one can."""
    if os.geteuid() != 0:
        return ["a lab needs root: namespaces, mounts and loop devices"]
    found = [
        f"{tool} is missing (package {package})"
        for tool, package in TOOLS.items()
        if shutil.which(tool, path=PATH) is None
    ]
    found += [f"{device} is missing" for device in DEVICES if not os.path.exists(device)]
    if not found:
        trial = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "true"]
        tried = subprocess.run(
            trial, check=False, env={"PATH": PATH}, capture_output=True, text=True, timeout=10
        )
        if tried.returncode:
            found.append(f"namespaces cannot be made here: {tried.stderr.strip()}")
    return found
