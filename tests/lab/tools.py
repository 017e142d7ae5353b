"""What the lab needs of the machine it stands on."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import List, Mapping

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

#: the same for a cluster on top, see tests.lab.ganeti
GANETI_TOOLS = {
    "gnt-cluster": "ganeti",
    "kvm": "qemu-system-x86",
    "qemu-img": "qemu-utils",
}

#: where an administrator's shell would look
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEVICES = ("/dev/fuse", "/dev/loop-control")


def packages() -> List[str]:
    """The Debian packages of all tools, for apt-get install."""
    return sorted({*TOOLS.values(), *GANETI_TOOLS.values()})


def missing(tools: Mapping[str, str]) -> List[str]:
    """Those of *tools* that are not on this machine, one line each."""
    return [
        f"{tool} is missing (package {package})"
        for tool, package in tools.items()
        if shutil.which(tool, path=PATH) is None
    ]


def obstacles() -> List[str]:
    """Why no lab can stand on this machine, one line each; empty when one can."""
    if os.geteuid() != 0:
        return ["a lab needs root: namespaces, mounts and loop devices"]
    found = missing(TOOLS)
    found += [f"{device} is missing" for device in DEVICES if not os.path.exists(device)]
    if not found:
        trial = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "true"]
        tried = subprocess.run(
            trial, check=False, env={"PATH": PATH}, capture_output=True, text=True, timeout=10
        )
        if tried.returncode:
            found.append(f"namespaces cannot be made here: {tried.stderr.strip()}")
    return found
