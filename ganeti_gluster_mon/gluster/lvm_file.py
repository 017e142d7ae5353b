"""The file in which the root program behind `ganeti-gluster-mon lvm` leaves what `lvs` reports, for the poller.

`lvs` needs CAP_SYS_ADMIN and the block devices, which the poller does not have, and waits for a device that hangs.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Optional

from ganeti_gluster_mon import atomic_file, safe_open
from ganeti_gluster_mon.gluster.lvm import LvmReport
from ganeti_gluster_mon.gluster.manifest_values import Malformed, expect, lvm_report, whole_number
from ganeti_gluster_mon.paths import RUN_DIRECTORY

#: the name of the file, in the run directory
LVM_FILE = "lvm.json"
LVM_PATH = os.path.join(RUN_DIRECTORY, LVM_FILE)
_FORMAT_VERSION = 1
#: bytes; a logical volume takes 200
_MOST = 4 << 20


def write_lvm_file(path: str, report: LvmReport, boottime: int) -> None:
    """Write *report*, of the moment *boottime* (CLOCK_BOOTTIME, ns), to *path*.  Raises OSError."""
    content = {"format_version": _FORMAT_VERSION, "boottime": boottime, **asdict(report)}
    atomic_file.write(path, json.dumps(content).encode("ascii") + b"\n", mode=0o600)


def remove_lvm_file(path: str) -> None:
    """Remove the report at *path*, if there is one.  Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def read_lvm_file(path: str = LVM_PATH) -> Optional[LvmReport]:
    """The report at *path*, with its time by the clock of now; None where there is none that can be read."""
    try:
        content: Any = json.loads(safe_open.read(path, _MOST, (0, os.geteuid())))
        content = expect(content, dict, path)
        if content.get("format_version") != _FORMAT_VERSION:
            return None
        # a clock that is never set
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - whole_number(content.get("boottime"), "boottime")
        report = lvm_report(content)
    except (OSError, ValueError, RecursionError, Malformed):
        return None
    return None if age < 0 else replace(report, taken_at=max(0, time.time_ns() - age))
