"""The root file system of another release of Debian, which `make lab-root` makes."""

from __future__ import annotations

import fcntl
from pathlib import Path

from tests.lab.waiting import LabError, wait_until

DEBIAN_13 = Path("/var/cache/ganeti-gluster-mon/lab-root-13")
#: seconds that scripts/make-lab-root may take, which `make test` starts in the background
MAKING = 300.0


class ArchiveUnreachable(LabError):
    """The package archive that a root is made of cannot be reached from this machine."""


def made(root: Path, timeout: float = MAKING) -> Path:
    """Wait until *root* is made, if a scripts/make-lab-root is at work on it.

    Raises ArchiveUnreachable where that could not reach the package archive, and LabError where there is no root for
    another reason.
    """
    lock = root.with_name(f"{root.name}.lock")
    if lock.exists():
        with open(lock, "rb") as file:

            def free() -> bool:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            wait_until(free, f"scripts/make-lab-root to make {root}", timeout, 0.5)
    if root.is_dir():
        return root
    unreachable = root.with_name(f"{root.name}.unreachable")
    if unreachable.exists():
        raise ArchiveUnreachable(unreachable.read_text().strip())
    raise LabError(f"{root} is missing: make lab-root DEBIAN=13")
