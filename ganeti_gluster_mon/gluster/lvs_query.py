"""Runs `lvs` once, with a timeout, on disks that are named to it.

It opens no other device: a loop device whose file is on a volume that hangs would make it wait for ever.  It takes no
lock of LVM, so that neither an administrator's command waits for it nor it for that command: at worst a report that is
read while LVM changes something is wrong until the next one.  It writes no hints for other commands.
"""

from __future__ import annotations

import os
import selectors
import time
from typing import Dict, Sequence

from ganeti_gluster_mon.gluster import worker_lock
from ganeti_gluster_mon.gluster.child import Child, read
from ganeti_gluster_mon.text import one_line

FIELDS = (
    "vg_name",
    "vg_size",
    "vg_free",
    "lv_name",
    "lv_kernel_minor",
    "lv_attr",
    "lv_size",
    "pool_lv",
    "data_lv",
    "data_percent",
    "metadata_percent",
)
ARGUMENTS = (
    "--all",
    "--nolocking",
    "--reportformat=json",
    "--units=b",
    "--nosuffix",
    "--config",
    'devices { hints="none" ignore_suspended_devices=1 } log { report_command_log=0 }',
    "--options",
    ",".join(FIELDS),
)
#: bytes of its answer, and of its messages
_MOST_BYTES = 8 << 20


class LvsUnavailable(Exception):
    """`lvs` cannot be run, or does not answer; str() is one line for an administrator."""


def query_lvs(disks: Sequence[str], timeout: float, lock_path: str, program: str = "lvs") -> bytes:
    """What *program* reports about the volume groups on *disks*, within *timeout* seconds, as JSON.

    While one that was started earlier has not ended, which holds the lock at *lock_path*, no other is started.
    Raises LvsUnavailable.
    """
    try:
        lock = worker_lock.acquire(lock_path)
    except OSError as err:
        raise LvsUnavailable(f"cannot lock {lock_path}: {err.strerror or err}") from err
    if lock is None:
        raise LvsUnavailable("an lvs that was started earlier has not ended: a disk may hang")
    # LVM warns of each descriptor that it inherits.
    argv = ["env", "LVM_SUPPRESS_FD_WARNINGS=1", program, *ARGUMENTS, "--devices", ",".join(disks)]
    try:
        child = Child(argv, keep=(lock,))
    except OSError as err:
        raise LvsUnavailable(f"cannot run lvs: {err.strerror or err}") from err
    finally:
        os.close(lock)
    try:
        output = _read_all(child, timeout)
    finally:
        code = child.end()
    if code and not output["stdout"]:
        why = one_line(output["stderr"].decode("utf-8", "replace").strip(), 300)
        raise LvsUnavailable(f"lvs failed: {why or f'exit status {code}'}")
    return output["stdout"]


def _read_all(child: Child, timeout: float) -> Dict[str, bytes]:
    """What *child* wrote to its end.  Raises LvsUnavailable."""
    until = time.monotonic() + timeout
    output = {"stdout": b"", "stderr": b""}
    with selectors.DefaultSelector() as selector:
        for name in output:
            selector.register(getattr(child, name), selectors.EVENT_READ, name)
        while selector.get_map():
            ready = selector.select(max(0.0, until - time.monotonic()))
            if not ready:
                raise LvsUnavailable(f"lvs has not answered within {timeout:g} s: a disk may hang")
            for key, _ in ready:
                more = read(key.fd, 1 << 16)
                if more == b"":
                    selector.unregister(key.fd)
                output[key.data] += more or b""
                if len(output[key.data]) > _MOST_BYTES:
                    raise LvsUnavailable(f"lvs reports more than {_MOST_BYTES} bytes")
    # It has closed its output; it may not have ended yet.
    _wait(child, until)
    return output


def _wait(child: Child, until: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(child.ended, selectors.EVENT_READ)
        selector.select(max(0.0, until - time.monotonic()))
