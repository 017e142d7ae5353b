"""The commands of ``gnt-gluster`` that look and change nothing."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any, Dict, Optional, Set

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.commandline import seconds
from ganeti_gluster_mon.health import UNKNOWN
from ganeti_gluster_mon.paths import RUN_DIRECTORY
from ganeti_gluster_mon.text import one_line
from ganeti_gluster_mon.view.brick_list import BRICKS
from ganeti_gluster_mon.view.disk_list import DISKS
from ganeti_gluster_mon.view.listing import (
    Listing,
    NoSuchField,
    TableFormat,
    as_json,
    chosen,
    filtered,
    lines,
    selected,
    table,
)
from ganeti_gluster_mon.view.node_list import NODES
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.row_filter import BadFilter, is_filter, row_filter
from ganeti_gluster_mon.view.volume_list import VOLUMES

LISTINGS: Dict[str, Listing[Any]] = {listing.name: listing for listing in (VOLUMES, NODES, BRICKS, DISKS)}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to *commands*, the subparsers of ``gnt-gluster``."""
    for listing in LISTINGS.values():
        _add_list(commands, listing)
    fields = commands.add_parser("list-fields", help="list what the lists can show, with what it means")
    fields.add_argument(
        "listing",
        nargs="?",
        choices=tuple(LISTINGS),
        default=VOLUMES.name,
        help="of which list (default: list)",
    )
    _add_table(fields)
    fields.set_defaults(run=_list_fields)
    info = commands.add_parser("info", help="show all there is to know of volumes")
    info.add_argument("volumes", nargs="*", metavar="VOLUME", help="which (default: all)")
    _add_units(info, "h")
    add_source(info)
    info.set_defaults(run=_info)
    ok_to_stop = commands.add_parser(
        "ok-to-stop",
        help="report whether nodes or bricks may be stopped now; exit 1 if not, or if it is not known",
    )
    ok_to_stop.add_argument(
        "names", nargs="+", metavar="NODE|BRICK", help="what would be stopped, all of it at a time"
    )
    ok_to_stop.add_argument("--json", action="store_true", help="a JSON object; null for what is not known")
    ok_to_stop.add_argument("--replay", metavar="DIR", help="read the capture in DIR, nothing else")
    ok_to_stop.set_defaults(run=_ok_to_stop, query=True, run_dir=RUN_DIRECTORY)
    impact = commands.add_parser(
        "impact", help="show which volumes and instances would be affected if nodes or bricks failed now"
    )
    impact.add_argument("names", nargs="+", metavar="NODE|BRICK", help="what would fail, all of it at a time")
    impact.add_argument("--json", action="store_true", help="a JSON object; null for what is not known")
    add_source(impact)
    impact.set_defaults(run=_impact)
    diagnose = commands.add_parser(
        "diagnose",
        help="list what is wrong with Gluster, Ganeti's settings and the nodes, and what to do; exit 1 if anything is",
    )
    diagnose.add_argument(
        "nodes", nargs="*", metavar="NODE", help="list only what is wrong there (default: everything)"
    )
    diagnose.add_argument(
        "--timeout",
        type=seconds,
        default=20.0,
        metavar="S",
        help="seconds for each node; all nodes are queried at the same time (default: %(default)g)",
    )
    diagnose.set_defaults(run=_diagnose)


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser], listing: Listing[Any]) -> None:
    command = commands.add_parser(
        listing.name,
        help=listing.summary,
        epilog="Fields: " + ", ".join(field.name for field in listing.fields) + ".",
    )
    command.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"only this {listing.what}; with * and ? in it, all that are like it; or a filter",
    )
    listing.add_options(command)
    command.add_argument(
        "-F",
        "--filter",
        action="store_true",
        help="take NAME as a filter, in the language of Ganeti's lists: -F 'status != \"healthy\" and bricks > 3'",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="FIELDS",
        help=f"fields, separated by commas, or all; with + before them, added to {','.join(listing.default)}",
    )
    command.add_argument(
        "--json",
        action="store_true",
        help="a JSON list of objects; sizes in bytes, null for what is not known",
    )
    _add_table(command)
    _add_units(command, None)
    command.add_argument(
        "-v", "--verbose", action="store_true", help="show (nodata) for ?, and (unavail) for -"
    )
    add_source(command)
    command.set_defaults(run=functools.partial(_list, listing))


def _add_table(command: argparse.ArgumentParser) -> None:
    command.add_argument("--no-headers", action="store_true", help="no titles over the columns")
    command.add_argument("--separator", metavar="TEXT", help="put TEXT between fields, and no columns")


def _add_units(command: argparse.ArgumentParser, default: Any) -> None:
    command.add_argument(
        "--units",
        choices=("h", "m", "g", "t"),
        default=default,
        help="sizes in MiB, GiB or TiB, or in what fits (default: h, with --separator m)",
    )


def add_source(command: argparse.ArgumentParser) -> None:
    """Add the options that select the source of the pool; see pool_source."""
    group = command.add_argument_group("where it is from")
    group.add_argument("--replay", metavar="DIR", help="read the capture in DIR, nothing else")
    group.add_argument(
        "--query",
        action="store_true",
        help="query Gluster even if the daemon on this node has a fresh snapshot, which takes no lock",
    )
    group.add_argument(
        "--run-dir",
        default=RUN_DIRECTORY,
        metavar="DIR",
        help="where the daemon leaves what it knows (default: %(default)s)",
    )


def _list(listing: Listing[Any], arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.view import pool_source

    by_filter = arguments.filter or is_filter(arguments.names)
    try:
        fields = chosen(listing, arguments.output)
        if by_filter:
            if len(arguments.names) != 1:
                raise BadFilter("-F takes one filter, in quotes")
            row_filter(arguments.names[0], listing.fields)
    except (NoSuchField, BadFilter) as err:
        print(f"gnt-gluster {listing.name}: {err}", file=sys.stderr)
        return 2
    view = pool_source.load(arguments)
    every = listing.rows(view)
    if every is None:
        raise CommandError(f"not known which there are: {listing.unknown(view)}")
    names = arguments.names
    every = listing.narrow(view, every, arguments)
    rows = filtered(listing, every, names[0]) if by_filter else selected(listing, every, names)
    about = {name for row in rows for name in listing.volumes(row)} if arguments.names else None
    _report_unknown(view, about)
    if arguments.json:
        print(as_json(fields, rows))
        return 0
    table_format = TableFormat(
        not arguments.no_headers, arguments.separator, arguments.units, arguments.verbose
    )
    for line in lines(fields, rows, table_format):
        print(line)
    return 0


def _report_unknown(view: PoolView, volumes: Optional[Set[str]] = None) -> None:
    """Why there is a ``?``, once and not in the table; of the pool, and of these *volumes* (None: of all)."""
    for problem in view.health.problems:
        if volumes is not None and problem.volume and problem.volume not in volumes:
            continue
        if problem.severity == UNKNOWN:
            print(f"gnt-gluster: {one_line(problem.text)}", file=sys.stderr)


def _list_fields(arguments: argparse.Namespace) -> int:
    fields = LISTINGS[arguments.listing].fields
    rows = [(field.name, field.kind.value, field.title, field.doc) for field in fields]
    table_format = TableFormat(not arguments.no_headers, arguments.separator)
    for line in table(("Name", "Type", "Title", "Description"), rows, (False,) * 4, table_format):
        print(line)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.view import info, pool_source

    view = pool_source.load(arguments)
    _report_unknown(view, set(arguments.volumes) or None)
    for line in info.lines(view, arguments.volumes, arguments.units):
        print(line)
    return 0


def _ok_to_stop(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.view import ok_to_stop_command

    return ok_to_stop_command.run(arguments)


def _impact(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.view import impact_command

    return impact_command.run(arguments)


def _diagnose(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.view import diagnose_command

    return diagnose_command.run(arguments.timeout, arguments.nodes)
