"""Restarts mond and our own daemon, by systemd or by Ganeti's daemon-util."""

from __future__ import annotations

import os
import subprocess
from typing import List, Sequence

from ganeti_gluster_mon.command_error import CommandError

#: Ganeti's own tool: it uses systemd where Ganeti has units, and else start-stop-daemon
DAEMON_UTIL = "/usr/lib/ganeti/daemon-util"
MOND = "ganeti-mond"
UNITS = ("ganeti-gluster-mon-poller.service", "ganeti-gluster-mon-web.service")
#: there while systemd is process 1, by sd_booted(3)
_BOOTED = "/run/systemd/system"
#: seconds; Ganeti gives a daemon 30 to end
RESTART_TIMEOUT = 90.0


def by_systemd() -> bool:
    """Whether systemd starts our daemon; else only the administrator knows how."""
    return os.path.isdir(_BOOTED)


def commands() -> List[List[str]]:
    """The commands that restart both daemons.  Each may get the other's port: both stop before one starts."""
    mond = [[DAEMON_UTIL, "stop", MOND], [DAEMON_UTIL, "start", MOND]]
    if not by_systemd():
        return mond
    return [["systemctl", "stop", *UNITS], *mond, ["systemctl", "start", *UNITS]]


def run(argv: Sequence[str]) -> None:
    """Run a command to its end.  Raises CommandError with its output."""
    shown = " ".join(argv)
    try:
        ran = subprocess.run(
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RESTART_TIMEOUT,
        )
    except OSError as err:
        raise CommandError(f"cannot run {shown}: {err.strerror or err}") from err
    except subprocess.TimeoutExpired:
        raise CommandError(f"{shown} has not ended within {RESTART_TIMEOUT:g} s") from None
    if ran.returncode:
        output = " ".join((ran.stderr or ran.stdout).split()) or "no output"
        raise CommandError(f"{shown} failed with exit status {ran.returncode}: {output}")
