"""A program that `gnt-gluster diagnose` runs on each node to collect facts about it; it needs only Python.

``python3 - HOST…`` prints one object of JSON; HOST are the names it should be able to resolve, and to reach.
It uses nothing of this package, which may not be installed there.
"""

from __future__ import annotations

import ast
import errno
import glob
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional

GLUSTERD_PORT = 24007
#: seconds, for a name and for a connection
CONNECT_TIMEOUT = 3.0
#: Debian installs each series of Ganeti in a directory of its own; "default" is the one in use
GANETI = "/usr/share/ganeti"
NODED_PID = "/var/run/ganeti/ganeti-noded.pid"
#: compiled into Gluster, whatever the working directory of glusterd is
STATS = "/var/lib/glusterd/stats"
#: seconds that the start of a process and the change of a file may differ by their clocks
CLOCK_STEP = 2.0
#: seconds since a denial of AppArmor; an older one may be mended
DENIAL_LASTS = 3600.0
#: records of the kernel's log that are read at most; it keeps fewer
MOST_RECORDS = 50000
#: of a message of the kernel's audit
FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')


def main(hosts: List[str]) -> None:
    """Print what is found out, within a few seconds, whatever hangs."""
    began = time.time()
    found: Dict[str, Any] = {"resolved": {}, "reached": {}}
    threads = [threading.Thread(target=look_at, args=(host, found), daemon=True) for host in hosts]
    # a filesystem that hangs must not delay the rest of the report
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
            "backend": bool(glob.glob(GANETI + "/[0-9]*/ganeti/storage/gluster.py.distrib")),
            "ganeti": ganeti_in_use(GANETI),
            "ganeti_installed": ganeti_installed(GANETI),
            "qemu_options": qemu_options(GANETI + "/default/ganeti"),
            "noded_outdated": noded_outdated(GANETI + "/default/ganeti", "/etc/ganeti/share", NODED_PID),
            "stats_writable": others_write(STATS),
            "denials": denials(kernel_log(), lines("/sys/kernel/security/apparmor/profiles") or []),
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
    above = [one for one in points if (path + "/").startswith(one.rstrip("/") + "/")]
    # mount(8) follows symlinks in a mount point
    lacking = [
        one for one in above if len(one) > len(parsed["point"]) and not os.path.ismount(os.path.realpath(one))
    ]
    parsed["not_mounted"] = max(lacking, key=len, default=None)
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


def ganeti_in_use(share: str) -> Optional[str]:
    """The series of Ganeti in use, "3.1"; None where there is none."""
    series = os.path.basename(os.path.realpath(share + "/default"))
    return series if series[:1].isdigit() else None


def ganeti_installed(share: str) -> List[str]:
    """The series of Ganeti that are installed; what a purged one leaves is none."""
    modules = glob.glob(share + "/[0-9]*/ganeti/storage/base.py")
    return sorted(module[len(share) + 1 :].partition("/")[0] for module in modules)


def qemu_options(ganeti: str) -> Optional[bool]:
    """Whether QEMU takes the options that the Ganeti in the directory *ganeti* writes for gluster:// disks.

    None where Ganeti writes none, as 3.0, or where they cannot be examined.
    """
    if os.path.exists(ganeti + "/storage/gluster.py.distrib"):
        return True  # ganeti-gluster-backend repairs them
    try:
        with open(ganeti + "/hypervisor/hv_kvm/kvm_utils.py", encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, ValueError, SyntaxError):
        return None
    wanted = ("FlattenDict", "TranslateBoolToOnOff")
    tree.body = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name in wanted]
    names: Dict[str, Any] = {}
    try:
        exec(compile(tree, "kvm_utils.py", "exec"), names)  # noqa: S102 - Ganeti's own code, of root's
        return bool(names["FlattenDict"]({"server": [{"port": "1"}]}) == {"server.0.port": "1"})
    except Exception:  # whatever another version of Ganeti does
        return None


def noded_outdated(ganeti: str, link: str, pid_file: str) -> Optional[bool]:
    """Whether the node daemon was started before its modules in *ganeti* changed; None where that is not known.

    *link* is what `gnt-cluster upgrade` changes to use another series.
    """
    try:
        changed = max(
            os.stat(ganeti + "/" + name).st_ctime for name in ("_constants.py", "storage/gluster.py")
        )
        if os.path.islink(link):
            changed = max(changed, os.lstat(link).st_ctime)
        pid = int((lines(pid_file) or [""])[0])
        with open(f"/proc/{pid}/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        with open("/proc/stat", "rb") as file:
            (booted,) = [int(line.split()[1]) for line in file if line.startswith(b"btime ")]
    except (OSError, ValueError, IndexError):
        return None
    started = booted + ticks / os.sysconf("SC_CLK_TCK")
    # a file that is to change in the future was written before the clock was set back
    return started + CLOCK_STEP < changed < time.time()


def kernel_log() -> List[str]:
    """The records of /dev/kmsg that AppArmor wrote; [] where it cannot be read."""
    found: List[str] = []
    try:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return found
    try:
        for _ in range(MOST_RECORDS):
            try:
                record = os.read(log, 8192)
            except BrokenPipeError:
                continue  # the record was overwritten meanwhile
            except OSError:
                break  # there are no more
            if not record:
                break
            if b'apparmor="DENIED"' in record:
                found.append(record.decode("utf-8", "replace"))
    finally:
        os.close(log)
    return found


def denials(records: List[str], profiles: List[str]) -> List[Dict[str, str]]:
    """What AppArmor denied QEMU or Gluster lately, by *records* of /dev/kmsg, each once.

    *profiles* are the lines of the kernel's list: one that is not enforced any more denies nothing.
    """
    enforced = {line.rpartition(" (")[0] for line in profiles if line.endswith(" (enforce)")}
    found: List[Dict[str, str]] = []
    for record in records:
        head, _, text = record.partition(";")
        parsed = {match.group(1): match.group(2).strip('"') for match in FIELD.finditer(text)}
        try:
            age = time.monotonic() - int(head.split(",")[2]) / 1e6
        except (IndexError, ValueError):
            continue
        profile, name = parsed.get("profile", ""), parsed.get("name", "")
        family = parsed.get("family", "")
        network = family in ("inet", "inet6") and any(word in profile for word in ("qemu", "kvm", "gluster"))
        if (
            profile not in enforced
            or age > DENIAL_LASTS
            or not ("gluster" in name or "libgf" in name or network)
        ):
            continue
        denial = {"profile": profile, "operation": parsed.get("operation", ""), "what": name or family}
        if denial not in found:
            found.append(denial)
    return found


def others_write(directory: str) -> bool:
    """Whether users other than root can make files in *directory*; False where there is no such directory."""
    try:
        above, mode = os.stat(os.path.dirname(directory)).st_mode, os.stat(directory).st_mode
    except OSError:
        return False
    if not stat.S_ISDIR(mode):
        return False
    # Everybody, or a group: it takes the right to write to the directory, to enter it, and to enter the one above.
    return any(
        mode & write and mode & enter and above & enter
        for write, enter in ((stat.S_IWOTH, stat.S_IXOTH), (stat.S_IWGRP, stat.S_IXGRP))
    )


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
