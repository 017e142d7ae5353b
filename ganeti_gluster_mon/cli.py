# PYTHON_ARGCOMPLETE_OK
"""The command ``ganeti-gluster-mon``: what it takes, and who does it.

Modules that only one subcommand needs are imported by that subcommand: a monitoring command
is started a thousand times a day, and most of its time is loading.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Sequence, Tuple

from ganeti_gluster_mon import __version__, commandline, mute_command
from ganeti_gluster_mon.gluster.capture import CaptureError
from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.mond_setup import front_command as front

if TYPE_CHECKING:
    from ganeti_gluster_mon.daemon import run
    from ganeti_gluster_mon.snapshot import Snapshot

PROGRAM = "ganeti-gluster-mon"

#: seconds of a deadline that are left for the evaluation and the end of `gluster`
_REST = 0.5


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line *argv* (without the program's name); returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    return commandline.run(PROGRAM, lambda: _run(words))


def _run(words: Sequence[str]) -> int:
    arguments = commandline.parse(_parser(), words)
    arguments.words = words[1:]
    return int(arguments.run(arguments))


def _complain(text: str) -> int:
    print(f"{PROGRAM}: {text}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = commandline.Parser(
        prog=PROGRAM,
        description="GlusterFS under Ganeti: the state of the pool as Ganeti reports, metrics and a check.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=commandline.Parser)

    collect = commands.add_parser("collect", help="print reports as JSON, as Ganeti's monitoring daemon does")
    collect.add_argument(
        "collectors", nargs="*", metavar="COLLECTOR", help="which (default: all); see `list`"
    )
    collect.add_argument("--verbose", action="store_true", help="everything, not only the status")
    collect.set_defaults(run=_collect)

    metrics = commands.add_parser("metrics", help="print the pool as Prometheus metrics")
    metrics.add_argument(
        "--textfile", metavar="PATH", help="write them to PATH for node_exporter, atomically"
    )
    metrics.set_defaults(run=_metrics)

    check = commands.add_parser("check", help="a Nagios/Icinga plugin: one line, exit 0, 1, 2 or 3")
    check.add_argument("--volume", metavar="V", help="this volume only")
    check.add_argument("--table", action="store_true", help="add a table of the volumes, for people")
    check.add_argument(
        "--deadline",
        type=commandline.seconds,
        default=8.0,
        metavar="S",
        help="seconds for a query of Gluster in all; what is missing then is reported as not known "
        "(default: %(default)g: NRPE gives up after 10)",
    )
    check.set_defaults(run=_check)

    serve = commands.add_parser("serve", help="the daemon: asks Gluster, and answers over HTTP")
    _add_serving(serve)
    serve.set_defaults(run=_serve)

    record = commands.add_parser("record", help="ask once and keep Gluster's raw answers in a directory")
    record.add_argument("directory", metavar="DIR", help="a new directory")
    record.set_defaults(run=_record)

    front.add_command(commands)

    mute_command.add_commands(commands, _add_state_dir)

    listing = commands.add_parser("list", help="list the collectors")
    listing.set_defaults(run=_list)

    for each in (collect, metrics, check, serve):
        each.add_argument("--replay", metavar="DIR", help="read the capture in DIR instead of asking Gluster")
        _add_limits(each)
    for each in (collect, metrics, check):
        each.add_argument(
            "--query",
            action="store_true",
            help="query Gluster even if the daemon on this node has a fresh snapshot, which takes no lock",
        )
        _add_run_dir(each)
        _add_state_dir(each)
    for each in (collect, metrics, check, serve, record):
        _add_asking(each)
    return parser


def _add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        type=_address,
        default=":1816",
        metavar="ADDR:PORT",
        help="where to answer; [ADDR]:PORT for IPv6, :PORT for every address, @ganeti:PORT for those that Ganeti "
        "knows this node by, and loopback (default: %(default)s)",
    )
    parser.add_argument(
        "--secret-file",
        type=os.path.abspath,
        metavar="FILE",
        help="a secret that all nodes have, so that one asks Gluster for all (default: Ganeti's hmac.key)",
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
        help="stand in front of mond, which listens there, and pass its reports on: http://127.0.0.1:1816",
    )
    parser.add_argument(
        "--interval",
        type=commandline.seconds,
        default=30.0,
        metavar="S",
        help="seconds from one asking to the next, when nothing happens (default: %(default)g)",
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="the user that the web process becomes (default: ganeti-gluster-mon)",
    )
    _add_run_dir(parser)
    _add_state_dir(parser)
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


def _add_run_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run-dir",
        default="/run/ganeti-gluster-mon",
        metavar="DIR",
        help="the spool: the files that the two processes hand to each other (default: %(default)s)",
    )


def _add_state_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir",
        default="/var/lib/ganeti-gluster-mon",
        metavar="DIR",
        help="where since when problems exist, and mutes, are kept (default: %(default)s)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is too little")
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


def _add_asking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("asking Gluster")
    for flag, default, words in (
        ("--timeout", Settings.timeout, "for all queries but those of the heal backlog"),
        ("--heal-timeout", Settings.heal_timeout, "for the queries of the heal backlog"),
        ("--peer-timeout", Settings.peer_timeout, "for a peer's glusterd to answer"),
        ("--brick-timeout", Settings.brick_timeout, "for a brick to answer"),
        ("--mount-timeout", Settings.mount_timeout, "for statvfs on the mounted volumes"),
        ("--disk-timeout", Settings.disk_timeout, "for looking where instances' disks are"),
    ):
        group.add_argument(
            flag,
            type=commandline.seconds,
            default=default,
            metavar="S",
            help=f"seconds {words} (default: %(default)g)",
        )
    group.add_argument(
        "--max-output",
        type=_mebibytes,
        default=Settings.max_output,
        metavar="MIB",
        help="MiB of answers taken in one cycle (default: 64)",
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


def _mebibytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of MiB from 1 to 4096")
    return int(text) << 20


def _snapshot(arguments: argparse.Namespace, processes: bool = True, disks: bool = False) -> Snapshot:
    """The pool: the capture of --replay, the daemon's snapshot where it is fresh, or a query of Gluster.

    Raises CaptureError.
    """
    from ganeti_gluster_mon import snapshot

    limits = _limits(arguments)
    if arguments.replay is not None:
        return snapshot.from_capture(arguments.replay, limits)
    if not arguments.query:
        known = snapshot.from_daemon(arguments.run_dir, limits, arguments.state_dir)
        if known is not None:
            return known
    seen = snapshot.from_gluster(_settings(arguments, processes, disks), limits, arguments.state_dir)
    if seen.error:
        _complain(seen.error)
    return seen


def _limits(arguments: argparse.Namespace, stale_after: float = Limits.stale_after) -> Limits:
    if arguments.warning_free < arguments.critical_free:
        _complain("--warning-free is less than --critical-free: no warning will come before it is critical")
    return Limits(
        warning_free=arguments.warning_free, critical_free=arguments.critical_free, stale_after=stale_after
    )


def _settings(arguments: argparse.Namespace, processes: bool, disks: bool) -> Settings:
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
        processes=processes,
        disks=Reader().disks if disks else None,
        disk_timeout=arguments.disk_timeout,
        deadline=None if deadline is None else max(1.0, deadline - _running() - _REST),
    )


def _running() -> float:
    """Seconds for which this process has been running: on a busy machine the imports alone may take one."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
        # proc(5): the 22nd field, in clock ticks after boot; the second field, in parentheses, may hold spaces
        started = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


def _collect(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon import report
    from ganeti_gluster_mon.collectors import collectors

    every = collectors()
    names = list(dict.fromkeys(arguments.collectors)) or list(every)
    for name in names:
        if name not in every:
            print(f"{PROGRAM} collect: no collector {name!r}; there are: {', '.join(every)}", file=sys.stderr)
            return 2
    seen = _snapshot(arguments, processes="glusterd" in names, disks="gluster-disks" in names)
    reports = [
        report.make(every[name], seen.pool, seen.health, seen.now, arguments.verbose) for name in names
    ]
    print(report.render(reports))
    return 0


def _metrics(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.metrics import pool_metrics
    from ganeti_gluster_mon.metrics.textfile import TextfileError, write_textfile

    seen = _snapshot(arguments)
    text = pool_metrics.render(
        seen.pool,
        seen.health,
        seen.now,
        duration=seen.seconds,
        failures=seen.failures,
    )
    if arguments.textfile is None:
        sys.stdout.buffer.write(text)
        return 0
    try:
        write_textfile(arguments.textfile, text)
    except TextfileError as err:
        return _complain(str(err))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.check import check

    try:
        seen = _snapshot(arguments, processes=False)
    except CaptureError as err:
        print(f"GLUSTER UNKNOWN - {err}")
        return 3
    result = check(seen.pool, seen.health, seen.limits, arguments.volume)
    print(result.line)
    if arguments.table:
        from ganeti_gluster_mon.table import table

        print(table(seen.pool, seen.health), end="")
    return result.exit_status


def serve_options(arguments: argparse.Namespace) -> run.Options:
    """The options of `serve` by its parsed command line."""
    from ganeti_gluster_mon.daemon import run
    from ganeti_gluster_mon.daemon.spool import STALE_CYCLES

    return run.Options(
        settings=_settings(arguments, processes=True, disks=True),
        limits=_limits(arguments, stale_after=STALE_CYCLES * arguments.interval),
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
        words=tuple(arguments.words),
    )


def _serve(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.daemon import run

    options = serve_options(arguments)
    try:
        if arguments.replay is not None:
            return run.serve_capture(options, arguments.replay)
        if arguments.role == "poller":
            return run.run_poller(options)
        if arguments.role == "web":
            return run.run_web_process(options)
        return run.run_daemon(options)
    except run.CannotServe as err:
        _complain(commandline.origin() + str(err))
        return err.status


def _record(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.gluster import capture, cycle, session

    directory = os.path.abspath(arguments.directory)
    try:
        capture.must_be_new(directory)
        capture.write(cycle.query_gluster(_settings(arguments, processes=True, disks=True)), directory)
    except session.GlusterUnavailable as err:
        return _complain(str(err))
    print(f"recorded in {directory}", file=sys.stderr)
    return 0


def _list(_arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.collectors import STATUS, collectors

    for collector in collectors().values():
        kind = "status" if collector.kind == STATUS else "performance"
        print(f"{collector.name:<18} {collector.category:<8} {kind:<12} {collector.summary}")
    return 0
