"""The command `ganeti-gluster-mon lvm`, which a timer of systemd runs: leaves what `lvs` reports for the poller.

It runs `lvs` only where a brick of this node is on LVM, by what the poller has published of the bricks' filesystems.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any, Callable, List

from ganeti_gluster_mon import commandline
from ganeti_gluster_mon.command_error import CommandError

#: bytes of the manifest of a capture
_MOST = 64 << 20
#: seconds to wait for the first capture of a poller that was just started, and between two looks
CAPTURE_TIMEOUT, _PAUSE = 15.0, 0.25


def add_command(commands: Any, add_run_dir: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the subcommand to *commands*; *add_run_dir* adds the option for the run directory."""
    lvm = commands.add_parser(
        "lvm",
        help="report the logical volumes under this node's bricks to the daemon; its timer runs this",
        description="Runs `lvs` as root, once, on the disks under the bricks of this node, and leaves what it reports "
        "for the poller, which has not the rights that `lvs` needs.  Does nothing where no brick is on LVM.",
    )
    lvm.add_argument(
        "--timeout",
        type=commandline.seconds,
        default=10.0,
        metavar="S",
        help="timeout in seconds for `lvs` (default: %(default)g)",
    )
    add_run_dir(lvm)
    lvm.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    report_lvm(arguments.run_dir, arguments.timeout)
    return 0


def report_lvm(run_directory: str, timeout: float, program: str = "lvs", sys: str = "/sys") -> None:
    """Write the report for the poller; where no brick is on LVM, remove it.  Raises CommandError."""
    from ganeti_gluster_mon.gluster import device_stack, lvm_file, lvs_query, parse
    from ganeti_gluster_mon.gluster.lvm import LvmReport

    path = os.path.join(run_directory, lvm_file.LVM_FILE)
    try:
        volumes = _volumes_under_bricks(run_directory)
        if not volumes:
            lvm_file.remove_lvm_file(path)
            return
        disks = device_stack.physical_volumes(volumes, sys)
        if not disks:
            raise CommandError(f"no disk is known below {', '.join(volumes)}: is it still active?")
        taken_at, boottime = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        output = lvs_query.query_lvs(disks, timeout, os.path.join(run_directory, "lvs.lock"), program)
        found, pools = parse.logical_volumes(output).facts
        under = tuple(each for each in found if each.device in volumes)
        groups = {each.vg for each in under}
        report = LvmReport(taken_at, under, tuple(pool for pool in pools if pool.vg in groups))
        lvm_file.write_lvm_file(path, report, boottime)
    except lvs_query.LvsUnavailable as err:
        raise CommandError(str(err)) from err
    except parse.NoAnswer as err:
        raise CommandError(f"cannot understand lvs: {err}") from err
    except OSError as err:
        raise CommandError(f"{run_directory}: {err.strerror or err}") from err


def _volumes_under_bricks(run_directory: str) -> List[str]:
    """The kernel's names of the logical volumes under this node's bricks, by the poller's last capture.

    None where there is no capture.  Raises CommandError.
    """
    from ganeti_gluster_mon import safe_open
    from ganeti_gluster_mon.daemon.spool import CURRENT, Spool
    from ganeti_gluster_mon.gluster.capture import MANIFEST

    path = os.path.join(run_directory, CURRENT, MANIFEST)
    spool, until = Spool(run_directory), time.monotonic() + CAPTURE_TIMEOUT
    # After a boot: else how full the pools are would be known a minute later.
    while not os.path.exists(path) and spool.is_poller_running() and time.monotonic() < until:
        time.sleep(_PAUSE)
    try:
        filesystems = json.loads(safe_open.read(path, _MOST)).get("filesystems", [])
        names = {each.get("logical_volume") for each in filesystems}
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as err:
        raise CommandError(f"cannot read {path}: {err}") from err
    return sorted(name for name in names if isinstance(name, str))
