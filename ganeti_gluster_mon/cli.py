# PYTHON_ARGCOMPLETE_OK
"""The command ``ganeti-gluster-mon``: its subcommands.

Modules that only one subcommand needs are imported by that subcommand: a monitoring command is started a thousand
times a day, and loads modules for most of its time.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Optional, Sequence

from ganeti_gluster_mon import __version__, cli_options, commandline, lvm_command, mute_command
from ganeti_gluster_mon.gluster.capture import CaptureError
from ganeti_gluster_mon.mond_setup import front_command as front

if TYPE_CHECKING:
    from ganeti_gluster_mon.gluster.capture import Capture
    from ganeti_gluster_mon.snapshot import Snapshot

PROGRAM = "ganeti-gluster-mon"


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
    cli_options.add_latency_extremes(metrics)
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

    serve = commands.add_parser("serve", help="the daemon: queries Gluster, and answers over HTTP")
    cli_options.add_serve_options(serve)
    serve.set_defaults(run=_serve)

    record = commands.add_parser("record", help="query once and keep Gluster's raw answers in a directory")
    record.add_argument("directory", metavar="DIR", help="a new directory")
    record.add_argument(
        "--anonymize",
        action="store_true",
        help="with other names of hosts, instances, volumes, paths and devices, and other addresses and UUIDs, so that "
        "the capture can be posted in public; it shows the same faults",
    )
    record.set_defaults(run=_record)

    anonymize = commands.add_parser(
        "anonymize", help="copy a capture with other names, as record --anonymize does"
    )
    anonymize.add_argument("directory", metavar="DIR", help="the capture")
    anonymize.add_argument("new", metavar="NEW", help="a new directory")
    anonymize.set_defaults(run=_anonymize)

    front.add_command(commands)

    mute_command.add_commands(commands, cli_options.add_state_dir)
    lvm_command.add_command(commands, cli_options.add_run_dir)

    listing = commands.add_parser("list", help="list the collectors")
    listing.set_defaults(run=_list)

    for each in (collect, metrics, check, serve):
        each.add_argument(
            "--replay", metavar="DIR", help="read the capture in DIR instead of a query of Gluster"
        )
        cli_options.add_threshold_options(each)
    for each in (collect, metrics, check):
        each.add_argument(
            "--query",
            action="store_true",
            help="query Gluster even if the daemon on this node has a fresh snapshot, which takes no lock",
        )
        each.add_argument(
            "--test-writes",
            action="store_true",
            help="query Gluster, and write a small file to each volume that is mounted on this node, and remove it",
        )
        cli_options.add_run_dir(each)
        cli_options.add_state_dir(each)
    for each in (collect, metrics, check, serve, record):
        cli_options.add_query_options(each)
    return parser


def _snapshot(arguments: argparse.Namespace, processes: bool = True, disks: bool = False) -> Snapshot:
    """The pool: the capture of --replay, the daemon's snapshot where it is fresh, or a query of Gluster.

    Raises CaptureError.
    """
    from ganeti_gluster_mon import snapshot

    limits = cli_options.limits(arguments)
    if arguments.replay is not None:
        return snapshot.from_capture(arguments.replay, limits)
    if not (arguments.query or arguments.test_writes):
        known = snapshot.from_daemon(arguments.run_dir, limits, arguments.state_dir)
        if known is not None:
            return known
    current = snapshot.from_gluster(
        cli_options.query_settings(arguments, processes, disks), limits, arguments.state_dir
    )
    if current.error:
        _complain(current.error)
    return current


def _collect(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon import report
    from ganeti_gluster_mon.collectors import collectors

    every = collectors()
    names = list(dict.fromkeys(arguments.collectors)) or list(every)
    for name in names:
        if name not in every:
            print(f"{PROGRAM} collect: no collector {name!r}; there are: {', '.join(every)}", file=sys.stderr)
            return 2
    current = _snapshot(arguments, processes="glusterd" in names, disks="gluster-disks" in names)
    reports = [
        report.make(every[name], current.pool, current.health, current.now, arguments.verbose)
        for name in names
    ]
    print(report.render(reports))
    return 0


def _metrics(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.metrics import pool_metrics
    from ganeti_gluster_mon.metrics.textfile import TextfileError, write_textfile

    current = _snapshot(arguments, disks=True)
    text = pool_metrics.render(
        current.pool,
        current.health,
        current.now,
        duration=current.seconds,
        failures=current.failures,
        latency_extremes=arguments.latency_extremes,
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
        current = _snapshot(arguments, processes=False)
    except CaptureError as err:
        print(f"GLUSTER UNKNOWN - {err}")
        return 3
    result = check(current.pool, current.health, current.limits, arguments.volume)
    print(result.line)
    if arguments.table:
        from ganeti_gluster_mon.table import table

        print(table(current.pool, current.health), end="")
    return result.exit_status


def _serve(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.daemon import run

    options = cli_options.serve_options(arguments)
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
        recorded = cycle.query_gluster(cli_options.query_settings(arguments, processes=True, disks=True))
    except session.GlusterUnavailable as err:
        return _complain(str(err))
    if arguments.anonymize:
        recorded = _without_names(recorded)
    capture.write(recorded, directory)
    print(f"recorded in {directory}", file=sys.stderr)
    return 0


def _anonymize(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.gluster import capture

    new = os.path.abspath(arguments.new)
    capture.must_be_new(new)
    capture.write(_without_names(capture.read(arguments.directory)), new)
    print(f"anonymized in {new}", file=sys.stderr)
    return 0


def _without_names(recorded: Capture) -> Capture:
    from ganeti_gluster_mon.anonymous_capture import without_names

    return without_names(recorded)


def _list(_arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.collectors import STATUS, collectors

    for collector in collectors().values():
        kind = "status" if collector.kind == STATUS else "performance"
        print(f"{collector.name:<18} {collector.category:<8} {kind:<12} {collector.summary}")
    return 0
