"""The options of ``ganeti-gluster-mon``, and the settings that they stand for."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, FrozenSet, Optional, Tuple

from ganeti_gluster_mon import commandline
from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.gluster.lvm_file import LVM_FILE
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.paths import RUN_DIRECTORY, STATE_DIRECTORY
from ganeti_gluster_mon.repair_tries import ACTIONS
from ganeti_gluster_mon.report import warn

if TYPE_CHECKING:
    from ganeti_gluster_mon.daemon import run

#: seconds of a deadline that are left for the evaluation and the end of `gluster`
_REST = 0.5


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`."""
    parser.add_argument(
        "--listen",
        type=_address,
        default=":1816",
        metavar="ADDR:PORT",
        help="address to listen on; [ADDR]:PORT for IPv6, :PORT for every address, @ganeti:PORT for those that Ganeti "
        "knows this node by, and loopback (default: %(default)s)",
    )
    parser.add_argument(
        "--secret-file",
        type=os.path.abspath,
        metavar="FILE",
        help="a secret that all nodes have, so that one node queries Gluster for all (default: Ganeti's hmac.key)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        type=_absolute_path,
        metavar="FILE",
        help="TLS, passwords and headers, in the format of Prometheus' exporters; read again on SIGHUP",
    )
    parser.add_argument(
        "--web.allowed-hosts",
        dest="allowed_hosts",
        type=_host_names,
        default=(),
        metavar="NAMES",
        help="more names that clients may call this node by, separated by commas, each with or without a wildcard "
        "(always allowed: addresses, names without a dot, and the names of this node, the cluster and its nodes)",
    )
    parser.add_argument(
        "--front",
        metavar="MOND_URL",
        help="stand in front of mond, which listens at MOND_URL, and pass its reports on: http://127.0.0.1:1816",
    )
    parser.add_argument(
        "--interval",
        type=commandline.seconds,
        default=30.0,
        metavar="S",
        help="seconds from one query to the next, if nothing happens (default: %(default)g)",
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="the user of the web process (default: ganeti-gluster-mon)",
    )
    parser.add_argument(
        "--auto-repair",
        type=_repair_actions,
        default=frozenset(),
        metavar="ACTIONS",
        help="what the leader's poller repairs by itself, separated by commas: start-brick (a brick whose process "
        "died), self-heal (a self-heal daemon that does not run) (default: nothing)",
    )
    add_latency_extremes(parser)
    add_run_dir(parser)
    add_state_dir(parser)
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="what to log, on standard error (default: %(default)s)",
    )
    parser.add_argument(
        "--role",
        choices=("poller", "web"),
        help="run one process only: the poller, as root, or the web process",
    )


def add_latency_extremes(parser: argparse.ArgumentParser) -> None:
    """Add --latency-extremes."""
    parser.add_argument(
        "--latency-extremes",
        action="store_true",
        help="export the shortest and the longest file operation of each kind on each profiled brick, too: up to 38 "
        "samples of a brick",
    )


def add_run_dir(parser: argparse.ArgumentParser) -> None:
    """Add --run-dir."""
    parser.add_argument(
        "--run-dir",
        default=RUN_DIRECTORY,
        metavar="DIR",
        help="the spool: the files that the two processes hand to each other (default: %(default)s)",
    )


def add_state_dir(parser: argparse.ArgumentParser) -> None:
    """Add --state-dir."""
    parser.add_argument(
        "--state-dir",
        default=STATE_DIRECTORY,
        metavar="DIR",
        help="the state: since when problems exist, and mutes (default: %(default)s)",
    )


def add_threshold_options(parser: argparse.ArgumentParser) -> None:
    """Add the thresholds of free space."""
    group = parser.add_argument_group("thresholds")
    group.add_argument(
        "--warning-free",
        type=_percent,
        default=Limits.warning_free,
        metavar="N%",
        help="warn when a volume has no more than this free, of bytes or of inodes (default: 20%%)",
    )
    group.add_argument(
        "--critical-free",
        type=_percent,
        default=Limits.critical_free,
        metavar="N%",
        help="an administrator is needed when no more than this is free (default: 10%%)",
    )


def add_query_options(parser: argparse.ArgumentParser) -> None:
    """Add the limits of a query of Gluster."""
    group = parser.add_argument_group("queries of Gluster")
    for flag, default, words in (
        ("--timeout", Settings.timeout, "for all queries but those of the heal backlog"),
        ("--heal-timeout", Settings.heal_timeout, "for the queries of the heal backlog"),
        ("--peer-timeout", Settings.peer_timeout, "for a peer's glusterd to answer"),
        ("--brick-timeout", Settings.brick_timeout, "for a brick to answer"),
        ("--mount-timeout", Settings.mount_timeout, "for statvfs on the mounted volumes"),
        ("--disk-timeout", Settings.disk_timeout, "to find the disks of instances"),
    ):
        group.add_argument(
            flag,
            type=commandline.seconds,
            default=default,
            metavar="S",
            help=f"timeout in seconds {words} (default: %(default)g)",
        )
    group.add_argument(
        "--max-output",
        type=_mebibytes,
        default=Settings.max_output,
        metavar="MIB",
        help="MiB of answers that are read in one cycle (default: 64)",
    )
    group.add_argument(
        "--gluster",
        default=Settings.gluster,
        metavar="PATH",
        help="the gluster command (default: %(default)s)",
    )


def _percent(text: str) -> float:
    try:
        number = float(text[:-1] if text.endswith("%") else text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0% to 100%")
    return number


def _address(text: str) -> str:
    from ganeti_gluster_mon.daemon.web.listen import ListenError, parse

    try:
        parse(text)
    except ListenError as err:
        raise argparse.ArgumentTypeError(str(err)) from None
    return text


def _absolute_path(text: str) -> Path:
    # Absolute at once: the process changes to / later, and reads the file again on a reload.
    return Path(os.path.abspath(text))


def _host_names(text: str) -> Tuple[str, ...]:
    from ganeti_gluster_mon.daemon.web import allowed_hosts

    try:
        return tuple(allowed_hosts.parse(text))
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from None


def _repair_actions(text: str) -> FrozenSet[str]:
    """The actions in *text*, separated by commas or blanks; "" for none."""
    words = text.replace(",", " ").split()
    for word in words:
        if word not in ACTIONS:
            raise argparse.ArgumentTypeError(
                f"{word!r} is nothing that can be repaired automatically: name {' or '.join(ACTIONS)}"
            )
    return frozenset(words)


def _mebibytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of MiB from 1 to 4096")
    return int(text) << 20


def limits(arguments: argparse.Namespace, stale_after: float = Limits.stale_after) -> Limits:
    """The thresholds that *arguments* give."""
    if arguments.warning_free < arguments.critical_free:
        warn("--warning-free is less than --critical-free: no warning will come before it is critical")
    return Limits(
        warning_free=arguments.warning_free, critical_free=arguments.critical_free, stale_after=stale_after
    )


def query_settings(arguments: argparse.Namespace, processes: bool, disks: bool) -> Settings:
    """The settings of a query; *processes* and *disks*: whether they are looked at."""
    from ganeti_gluster_mon.ganeti.configuration import Reader

    deadline: Optional[float] = getattr(arguments, "deadline", None)
    return Settings(
        timeout=arguments.timeout,
        heal_timeout=arguments.heal_timeout,
        peer_timeout=arguments.peer_timeout,
        brick_timeout=arguments.brick_timeout,
        mount_timeout=arguments.mount_timeout,
        max_output=arguments.max_output,
        gluster=arguments.gluster,
        lvm_file=os.path.join(os.path.abspath(getattr(arguments, "run_dir", RUN_DIRECTORY)), LVM_FILE),
        processes=processes,
        disks=Reader().disks if disks else None,
        disk_timeout=arguments.disk_timeout,
        test_writes=getattr(arguments, "test_writes", False),
        deadline=None if deadline is None else max(1.0, deadline - running_seconds() - _REST),
    )


def running_seconds() -> float:
    """Seconds for which this process has been running: on a busy machine the imports alone may take one."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
        # proc(5): the 22nd field, in clock ticks after boot; the second field, in parentheses, may hold spaces
        started = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


def serve_options(arguments: argparse.Namespace) -> run.Options:
    """The options of `serve` by its parsed command line."""
    from ganeti_gluster_mon.daemon import run
    from ganeti_gluster_mon.daemon.spool import STALE_CYCLES

    return run.Options(
        settings=query_settings(arguments, processes=True, disks=True),
        limits=limits(arguments, stale_after=STALE_CYCLES * arguments.interval),
        listen=arguments.listen,
        secret_file=arguments.secret_file,
        web_config=arguments.web_config,
        allowed_hosts=arguments.allowed_hosts,
        front=arguments.front,
        interval=arguments.interval,
        user=arguments.user,
        run_directory=os.path.abspath(arguments.run_dir),
        state_directory=os.path.abspath(arguments.state_dir),
        log_level=arguments.log_level,
        auto_repair=arguments.auto_repair,
        latency_extremes=arguments.latency_extremes,
        words=tuple(arguments.words),
    )
