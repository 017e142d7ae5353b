"""The directory of a lab: claimed by one process at a time, swept of what a dead one left.

The claim is a lock on the directory. The kernel gives it back however its holders die, so a lab whose claim
can be had is dead, and what is left of it may be cleared away.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Optional

from tests.lab.namespaces import end
from tests.lab.tools import PATH
from tests.lab.waiting import LabError, LabTimeout, wait_until

#: on a disk, since the file systems of the hosts grow here, and kept over a power-off of a host
BASE = Path("/var/tmp")

PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}\Z")


class StateDirectory:
    """BASE/PREFIX, and everything on the machine that belongs to it."""

    def __init__(self, prefix: str, base: Path = BASE) -> None:
        if not PREFIX.match(prefix):
            raise LabError(f"not a prefix for a lab (letters, digits and -): {prefix!r}")
        self.path = base / prefix
        self._lock: Optional[int] = None

    @property
    def lock(self) -> int:
        """The descriptor of the claim. A process that inherits it holds the claim too."""
        assert self._lock is not None, "not claimed"
        return self._lock

    def claim(self, timeout: float = 5.0) -> None:
        """Make the directory ours, empty. What is ours already stays so.

        Raises LabError when a lab of that name stands. One whose process was just killed is still dying for
        an instant, hence *timeout*, in seconds.
        """
        try:
            wait_until(self.try_claim, f"{self.path.name} free", timeout)
        except LabTimeout:
            raise LabError(f"a lab {self.path.name} stands already ({self.path})") from None
        self.sweep()

    def try_claim(self) -> bool:
        """Claim the directory if it is not claimed; return whether it is ours now."""
        if self._lock is None:
            self._lock = self._try_lock()
        return self._lock is not None

    def _try_lock(self) -> Optional[int]:
        self.path.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have been removed, and even made anew, between the two calls.
            if os.fstat(descriptor).st_ino == os.stat(self.path).st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def end(self) -> None:
        """End what runs of the lab, by whatever it was started. Nothing of another lab is touched."""
        for directory in self._members():
            end(directory)

    def sweep(self) -> None:
        """End what still runs of the lab, and empty the directory."""
        self.end()
        try:
            wait_until(lambda: not self.loops(), "its loop devices free", 10)
        except LabTimeout:
            # A process outside the lab keeps them in use; let them go as soon as that ends.
            for device in self.loops():
                subprocess.run(["losetup", "--detach", device], env={"PATH": PATH}, check=True, timeout=10)
        for entry in self._members():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def remove(self) -> None:
        """Sweep, remove the directory and give the claim back."""
        self.claim()
        self.path.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def loops(self) -> Dict[str, str]:
        """The loop devices that stand on a file of this lab: device → file."""
        found = {}
        for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                file = backing.read_text().rstrip("\n")
            except OSError:
                continue  # let go while we looked
            if file.startswith(f"{self.path}/"):
                found[f"/dev/{backing.parts[3]}"] = file
        return found

    def _members(self) -> list[Path]:
        return sorted(self.path.iterdir()) if self.path.exists() else []
