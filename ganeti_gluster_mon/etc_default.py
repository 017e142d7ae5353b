"""/etc/default/ganeti-gluster-mon, as the hooks read it: systemd and a shell read the same lines."""

from __future__ import annotations

import re
import shlex
from typing import Dict

from ganeti_gluster_mon.command_error import CommandError

PATH = "/etc/default/ganeti-gluster-mon"
#: bytes that are read of it
_MOST = 64 << 10


class WrongSetting(CommandError):
    """A setting cannot be understood; one line that names the file and the setting."""


def text(path: str = PATH) -> str:
    """The content of the file; "" if there is none.  Raises CommandError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_MOST)
    except FileNotFoundError:
        return ""
    except OSError as err:
        raise CommandError(f"cannot read {path}: {err.strerror}") from err


def assignments(content: str) -> Dict[str, str]:
    """The NAME=value lines of *content*; other lines are ignored.  Raises WrongSetting."""
    found = {}
    for line in content.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and re.fullmatch(r"[A-Z_]+", name):
            try:
                found[name] = " ".join(shlex.split(value, comments=True))
            except ValueError as err:
                raise WrongSetting(f"{PATH}: {name}: {err}") from err
    return found
