"""Writes a small file to a mounted volume and removes it, after a query by another program; a program of its own.

Usage: ``write_test.py DIRECTORY PROGRAM ARGUMENT…``.  PROGRAM runs first and writes its answer to standard output.
A line follows: "written", "not written: REASON", or "read-only" where the mount takes no writes by its own options.
It does not follow while the write hangs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Sequence


def main(directory: str, argv: Sequence[str]) -> int:
    """Returns the exit status of *argv*."""
    status = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawnp(argv[0], list(argv), os.environ), 0)[1])
    if status == 0:
        print(_result(directory), flush=True)
    return status


def _result(directory: str) -> str:
    # another node may test at the same time
    name = f".ganeti-gluster-mon.write-test.{os.uname().nodename}"
    try:
        if os.statvfs(directory).f_flag & os.ST_RDONLY:
            return "read-only"
        within = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=within)  # of a test that was killed
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=within)
        try:
            os.write(file, b"ganeti-gluster-mon\n")
            os.fsync(file)  # without it the client may keep it for itself
        finally:
            os.unlink(name, dir_fd=within)
        os.close(file)
    except OSError as err:
        return f"not written: {err.strerror}"
    return "written"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
