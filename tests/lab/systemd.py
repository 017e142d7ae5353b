"""systemd on a host of the lab: real units, started by real maintainer scripts, next to the host's own process 1.

It is process 1 of one more PID namespace within the host's, with a cgroup of its own; network, files and names are
the host's.  It answers processes in that namespace only: what talks to it is run by exec() here.

What Debian has it do to a machine's kernel and disks at boot is masked: here they are the machine's own.
"""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Any, Optional, Sequence, Type

from tests.lab.host import Host
from tests.lab.namespaces import InsideProcess
from tests.lab.process import kill
from tests.lab.waiting import LabError, wait_until

#: makes the cgroup $1, and runs systemd as its process 1
_START = r"""
set -eu
mkdir -p /run/lab-cgroup
mount -t cgroup2 none /run/lab-cgroup
mkdir -p "/run/lab-cgroup/$1"
echo $$ >"/run/lab-cgroup/$1/cgroup.procs"
umount /run/lab-cgroup
# what is mounted on the host later is visible in there, too
mount --make-rshared /
exec unshare --cgroup --pid --fork --mount --propagation slave --kill-child sh -euc '
  mount -t proc proc /proc
  mount -t cgroup2 none /sys/fs/cgroup
  exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=lab.target \
    --log-level=warning --show-status=0
'
"""

_END = r"""
mount -t cgroup2 none /run/lab-cgroup
[ ! -e "/run/lab-cgroup/$1" ] || find "/run/lab-cgroup/$1" -depth -type d -exec rmdir {} +
status=$?
umount /run/lab-cgroup
exit $status
"""

#: everything that a boot would start but the journal is masked, and what our own units wait for is there
_PREPARE = r"""
set -eu
# the machine may forbid services, for itself
rm -f /usr/sbin/policy-rc.d
cd /etc/systemd/system
for unit in /lib/systemd/system/*.wants/* /etc/systemd/system/*.wants/*; do
  case "${unit##*/}" in
    *journal* | gluster*) ;;
    *) ln -sfn /dev/null "${unit##*/}" ;;
  esac
done
printf '[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\nAllowIsolate=yes\n' >lab.target
ln -sfn /dev/null systemd-remount-fs.service
systemd-tmpfiles --create --prefix=/run/log --prefix=/run/systemd 2>/dev/null || true
"""

#: the host has two that are called so at most, systemd and what it starts for a moment; it is the older one
_ENTER = (
    "sh",
    "-c",
    'exec nsenter --target "$(pgrep --oldest --exact systemd)" --pid --mount --cgroup -- "$@"',
    "sh",
)


class Systemd:
    """A context manager: systemd runs on *host* while it is in use, and ends with everything it started."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._group = f"ganeti-gluster-lab-{host.directory.parent.name}-{host.name}"
        self._process: Optional[InsideProcess] = None

    def __enter__(self) -> Systemd:
        self.host.exec(["bash", "-c", _PREPARE])
        self._process = self.host.popen(["sh", "-c", _START, "sh", self._group], stdin=subprocess.DEVNULL)

        def up() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise LabError(f"systemd of {self.host.name} ended with {self._process.returncode}")
            return self.state("lab.target") == "active"

        try:
            wait_until(up, f"systemd of {self.host.name}", 30, 0.1)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        _type: Optional[Type[BaseException]],
        _error: Optional[BaseException],
        _at: Optional[TracebackType],
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self._process is not None
        program = self._process.program()
        if program:
            kill(program)  # it is unshare, whose --kill-child ends the namespace
        self._process.wait(20)
        self.host.exec(["rm", "-rf", "/run/systemd/system", "/run/systemd/private"])
        wait_until(
            lambda: self.host.exec(["sh", "-c", _END, "sh", self._group], check=False).returncode == 0,
            f"systemd of {self.host.name} to be gone",
            20,
            0.1,
        )

    def exec(self, argv: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
        """Run *argv* on the host where systemd sees it; see Namespaces.exec for check, timeout, input and env."""
        return self.host.exec([*_ENTER, *argv], **more)

    def ctl(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """``systemctl WORDS``; see Namespaces.exec for check and timeout."""
        return self.exec(["systemctl", "--no-pager", *words], **more)

    def state(self, unit: str) -> str:
        """active, inactive, failed, activating …; "" while systemd does not answer."""
        return self.ctl("show", "--property=ActiveState", "--value", unit, check=False).stdout.strip()

    def status(self, unit: str) -> str:
        """What ``systemctl status`` prints, with the lines of its log."""
        return self.ctl("status", "--full", "--lines=20", unit, check=False).stdout
