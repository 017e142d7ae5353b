"""The commands of ``gnt-gluster maintenance``: what they take."""

from __future__ import annotations

import argparse
import re
from typing import Any

from ganeti_gluster_mon import commandline
from ganeti_gluster_mon.mute_command import duration

_NODE = "a node, by its name or an unmistakable beginning of it"


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    """Add them to *commands*, the subparsers of ``gnt-gluster``."""
    maintenance = commands.add_parser(
        "maintenance",
        help="stop a node for a reboot or an upgrade without harm to guests, and bring it back",
        description="A node in maintenance is recorded as a tag of the cluster.  Other commands that change "
        "the pool are refused meanwhile, for they may start bricks.",
    )
    verbs = maintenance.add_subparsers(metavar="VERB", required=True, parser_class=commandline.Parser)
    start = verbs.add_parser(
        "start",
        help="migrate instances away from a node, and stop its bricks; refused unless ok-to-stop says yes",
    )
    start.add_argument("node", metavar="NODE", help=_NODE)
    _add_start(start)
    _add_common(start)
    start.set_defaults(run=_start)

    finish = verbs.add_parser(
        "finish", help="start the bricks of a node, wait until they are healed, and undrain it"
    )
    finish.add_argument("node", metavar="NODE", help=_NODE)
    _add_common(finish)
    finish.set_defaults(run=_finish)

    status = verbs.add_parser(
        "status", help="say which nodes are in maintenance, and what they lack to finish"
    )
    status.add_argument("--json", action="store_true", help="a JSON object; null for what is not known")
    status.set_defaults(run=_status)

    rolling = verbs.add_parser(
        "run",
        help="for one node after the other: start, run a command, wait until the node is back, finish",
        description="The command runs on this node, without a shell.  {} in its arguments stands for the node, and so "
        "does GNT_NODE in its environment.  It stops at the first problem.",
        usage="%(prog)s [options] NODE… -- COMMAND [ARGUMENT…]",
    )
    _add_start(rolling)
    rolling.add_argument(
        "--wait-for-reboot",
        action="store_true",
        help="the command reboots the node: after it, wait until the node has booted again",
    )
    rolling.add_argument(
        "--timeout",
        type=_timeout,
        default=_timeout("30m"),
        metavar="TIME",
        help="how long the command may take, and how long the node may take to be back: 90s, 30m, 2h (default: 30m)",
    )
    rolling.add_argument(
        "-v", "--verbose", action="store_true", help="name each step, also those that are done already"
    )
    rolling.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="NODE… -- COMMAND…",
        help="the nodes, in the order in which they are stopped, and the command",
    )
    rolling.set_defaults(run=_run, dry_run=False, force=False)


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="lasts",
        type=duration,
        metavar="TIME",
        help="how long problems of the node are muted: 30m, 2h, 1d (default: 2h)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--migrate",
        action="store_true",
        default=True,
        help="migrate the running instances of the node to others (default)",
    )
    where.add_argument(
        "--no-migrate",
        dest="migrate",
        action="store_false",
        help="leave instances where they are; they end when the node is shut down",
    )
    parser.add_argument(
        "--target-node", metavar="NODE", help="migrate to this node (default: Ganeti's allocator chooses)"
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="print the commands that would be run, and run none of them"
    )
    parser.add_argument("-f", "--force", action="store_true", help="ask nothing")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="name each step, also those that are done already"
    )


def _timeout(text: str) -> float:
    if not re.fullmatch(r"\d{1,9}[smhd]", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: a whole number and s, m, h or d")
    return duration(text)


def _start(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.maintenance import rolling_maintenance

    return rolling_maintenance.start(arguments)


def _finish(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.maintenance import rolling_maintenance

    return rolling_maintenance.finish(arguments)


def _status(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.maintenance import maintenance_status

    return maintenance_status.run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.maintenance import rolling_maintenance

    return rolling_maintenance.run(arguments)
