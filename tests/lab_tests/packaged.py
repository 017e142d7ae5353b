"""The Debian packages, built once, and hosts of a lab that they are installed on."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import pytest

from tests.lab import Cluster
from tests.lab.host import REPOSITORY, Host
from tests.lab.lab import default_root
from tests.lab.process import PROC

MON, BACKEND = "ganeti-gluster-mon", "ganeti-gluster-backend"
UNITS = ("ganeti-gluster-mon-poller.service", "ganeti-gluster-mon-web.service")
#: what an installation must not leave anything in, nor take anything from
WATCHED = (
    "/etc",
    "/usr",
    "/lib",
    "/opt",
    "/srv",
    "/var/lib",
    "/var/log/ganeti",
    "/var/spool",
    "/export",
    "/run",
)
#: of those, what belongs to dpkg, apt, and other processes that run meanwhile
_NOT_OURS = (
    r"/var/lib/(dpkg|apt|systemd|glusterd|ganeti|prometheus|private)|/run|/export/[^/]*/[^/]*/\.glusterfs"
    r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock|/usr/share/man/.*index.db|/var/cache/man"
)


def build(directory: Path) -> Dict[str, Path]:
    """Build the packages into *directory*: name → file."""
    subprocess.run([str(REPOSITORY / "scripts/build-deb"), str(directory)], check=True, timeout=240)
    return packages_in(directory)


def packages_in(directory: Path) -> Dict[str, Path]:
    return {path.name.partition("_")[0]: path for path in directory.glob("*.deb")}


def built(factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """The packages, built once for all processes of a run of the tests: name → file."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each worker has a directory of its own in that of the run
    directory = base / "dist"
    with open(base / "dist.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # for as long as a build takes, which has a timeout
        if not directory.exists():
            build(base / "dist.new")
            (base / "dist.new").rename(directory)
    return packages_in(directory)


def bring(host: Host, files: Sequence[Path]) -> List[str]:
    """Copy *files* to the host; their paths there."""
    there = []
    for file in files:
        shutil.copy(file, PROC / str(host.namespaces.pid) / "root/root" / file.name)
        there.append(f"/root/{file.name}")
    return there


#: reads as an administrator's command does
APT_INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends")


def snapshot(host: Host) -> List[str]:
    """Every file and directory there is where a package could leave something, and every user."""
    argv = [
        "find",
        *WATCHED,
        "-xdev",
        "-regextype",
        "posix-extended",
        "-regex",
        f"({_NOT_OURS})(/.*)?",
        "-prune",
    ]
    found = host.exec([*argv, "-o", "-name", "__pycache__", "-prune", "-o", "-print"], check=False).stdout
    return sorted([*found.splitlines(), *host.exec(["getent", "passwd"]).stdout.splitlines()])


def changed(package: Path, target: Path, fields: Dict[str, str]) -> Path:
    """*package* with other *fields* in its control file, as *target*: a version that there is not yet."""
    work = target.parent / f"{target.name}.d"
    run = {"check": True, "timeout": 60, "capture_output": True}
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(work)], **run)  # type: ignore[call-overload]
    control = work / "DEBIAN/control"
    lines = [
        f"{name}: {fields.get(name, value.strip())}" if separator and not line.startswith(" ") else line
        for line in control.read_text().splitlines()
        for name, separator, value in (line.partition(":"),)
    ]
    control.write_text("".join(f"{line}\n" for line in lines))
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", str(work), str(target)], **run)  # type: ignore[call-overload]
    shutil.rmtree(work)
    return target


def ganeti_release(root: Optional[Path] = None) -> str:
    """The release of Ganeti, "3.0" or "3.1", that the root of the hosts has: *root*, or else that of all labs."""
    found = ((root or default_root()) / "usr/share/ganeti").glob("[0-9].*")
    return sorted(path.name for path in found)[-1]


#: makes, of the installed ganeti-$2, the package of version $1 as /root/$1.deb
_REPACK = r"""
set -eu
work=/var/tmp/repack.$1
module=/usr/share/ganeti/$2/ganeti/storage/gluster.py
mkdir -p "$work/DEBIAN"
sed -n 's,^/\(..*\),\1,p' /var/lib/dpkg/info/ganeti-$2.list \
  | tar --create --no-recursion --directory / --files-from - | tar --extract --directory "$work"
# what is moved aside comes from where it was moved to
[ ! -e "$module.distrib" ] || cp -p "$module.distrib" "$work$module"
for script in preinst postinst prerm postrm; do
  file=/var/lib/dpkg/info/ganeti-$2.$script
  [ ! -e "$file" ] || cp -p "$file" "$work/DEBIAN/$script"
done
dpkg-query --status ganeti-$2 | sed -e '/^Status:/d' -e "s/^Version:.*/Version: $1/" >"$work/DEBIAN/control"
dpkg-deb -Znone --build --root-owner-group "$work" "/root/$1.deb" >/dev/null
rm -r "$work"
"""


def ganeti_of_version(cluster: Cluster, node: int, version: str) -> str:
    """The installed package of Ganeti as one of that *version*: the file's path on the node."""
    cluster.run(node, "bash", "-c", _REPACK, "sh", version, ganeti_release())
    return f"/root/{version}.deb"
