"""``ganeti-gluster-mon front enable|disable|status``: the daemon in mond's place on this node."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ganeti_gluster_mon import commandline
from ganeti_gluster_mon.command_error import CommandError

if TYPE_CHECKING:
    from ganeti_gluster_mon.mond_setup.mond_settings import Files

#: mond is there while we are where it was; 1816 is ours until we are started again
_BEHIND = 1817


def add_command(commands: argparse._SubParsersAction[commandline.Parser]) -> None:
    """Add ``front`` and what it can do."""
    front = commands.add_parser(
        "front", help="put the daemon in front of Ganeti's monitoring daemon on this node, or remove it"
    )
    what = front.add_subparsers(metavar="ACTION", required=True, parser_class=commandline.Parser)
    enable = what.add_parser("enable", help="take mond's place; mond runs on, on a loopback port")
    enable.add_argument(
        "--mond-port",
        type=_port,
        default=_BEHIND,
        metavar="PORT",
        help="where mond goes, on 127.0.0.1 (default: %(default)s)",
    )
    enable.set_defaults(run=_enable)
    disable = what.add_parser("disable", help="put mond back in its place")
    disable.set_defaults(run=_disable)
    for each in (enable, disable):
        each.add_argument("--dry-run", action="store_true", help="only show the changes and the commands")
    status = what.add_parser(
        "status", help="the setup, and what mond's clients get; exit 1 if that is less than mond has"
    )
    status.set_defaults(run=_status)


def _enable(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.mond_setup import change, mond_settings, restart

    before = change.read_files()
    after = mond_settings.enabled(before, arguments.mond_port)
    if not _apply_or_show(before, after, arguments.dry_run):
        return 0
    front = mond_settings.current_setup(after)
    assert front.mond_behind is not None
    clients = front.client_endpoint.listen
    print(f"mond is at {front.mond_behind.url()}; ganeti-gluster-mon answers its clients at {clients}")
    _print_how_to_start(restart.by_systemd())
    return 0


def _disable(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.mond_setup import change, mond_settings, restart

    before = change.read_files()
    after = mond_settings.disabled(before)
    if not _apply_or_show(before, after, arguments.dry_run):
        return 0
    print(f"mond is at {mond_settings.current_setup(after).client_endpoint.listen} again")
    _print_how_to_start(restart.by_systemd())
    return 0


def _status(_arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon.collectors import collectors
    from ganeti_gluster_mon.mond_setup import change, mond_client, mond_settings

    front = mond_settings.current_setup(change.read_files())
    got = mond_client.query_mond(front.client_endpoint.url())
    ours = {name for name, _, _ in got.reports if name in collectors()}
    if front.mond_behind is None:
        if ours:
            raise CommandError(
                f"not in front, by the files; but we answer at {front.client_endpoint.url()}: restart the daemon"
            )
        print(
            f"not in front: mond answers at {front.client_endpoint.listen} itself, with {len(got.reports)} reports"
        )
        return 0
    if not ours:
        raise CommandError(
            f"in front, by the files; but it is mond that answers at {front.client_endpoint.url()}"
        )
    behind = mond_client.query_mond(front.mond_behind.url())
    lost = got.missing(behind)
    if lost:
        raise CommandError(f"in front, but clients do not get what mond has: {'; '.join(lost)}")
    print(
        f"in front at {front.client_endpoint.listen}, mond behind at {front.mond_behind.url()}: "
        f"{len(behind.reports)} reports of mond's, {len(ours)} of ours"
    )
    return 0


def _apply_or_show(before: Files, after: Files, dry_run: bool) -> bool:
    """Change *before* to *after*, or show the change; True if something was changed."""
    from ganeti_gluster_mon.mond_setup import change

    if before == after:
        print("nothing to do")
    elif dry_run:
        change.show(before, after, print)
    else:
        _must_be_root()
        change.carry_out(before, after, print)
        return True
    return False


def _print_how_to_start(by_systemd: bool) -> None:
    if not by_systemd:
        print("systemd is not process 1 here: start our daemon again yourself, with the new ARGS")


def _must_be_root() -> None:
    if os.geteuid() != 0:
        raise CommandError("this changes /etc/default, and needs root")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)
