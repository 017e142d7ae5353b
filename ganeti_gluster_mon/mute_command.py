"""The commands `mute` and `unmute`: silence a code of problems for a limited time."""

from __future__ import annotations

import argparse
import re
import sys
import time
from typing import Any, Callable

from ganeti_gluster_mon.command_error import CommandError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_commands(commands: Any, add_state_dir: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the subcommands to *commands*; *add_state_dir* adds the option for the state directory."""
    mute = commands.add_parser(
        "mute",
        help="silence a code of problems for a limited time, on all nodes; without a code: list the mutes",
        description="Problems of the code stay visible, and raise neither the status code, nor the exit status of "
        "`check`, nor gluster_problem.  The daemons pass it on to all nodes.",
    )
    mute.add_argument(
        "code", nargs="?", metavar="CODE", help="as `check` shows it: HEAL_PENDING; with --host also ALL"
    )
    mute.add_argument("--volume", default="", metavar="V", help="problems of this volume only")
    mute.add_argument(
        "--host",
        default="",
        metavar="H",
        help="problems of this host only: its bricks, daemons and peer, by their name in the pool",
    )
    mute.add_argument(
        "--for",
        dest="lasts",
        type=duration,
        default=duration("1h"),
        metavar="TIME",
        help="how long: 30m, 2h, 7d; 90d at most (default: 1h)",
    )
    mute.set_defaults(run=_mute)
    unmute = commands.add_parser("unmute", help="end a mute before its time")
    unmute.add_argument("code", metavar="CODE", help="as `mute` lists it")
    unmute.add_argument("--volume", default="", metavar="V", help="the volume that the mute is for")
    unmute.add_argument("--host", default="", metavar="H", help="the host that the mute is for")
    unmute.set_defaults(run=_unmute)
    for each in (mute, unmute):
        add_state_dir(each)


def duration(text: str) -> float:
    """The seconds that *text*, a number and a unit, stands for.  Raises argparse.ArgumentTypeError."""
    from ganeti_gluster_mon.mutes import LONGEST

    match = re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: a whole number and s, m, h or d; 90d at most"
        )
    return float(seconds)


def _mute(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon import mutes

    if arguments.code is None:
        return _list(arguments.state_dir)
    now = time.time()
    try:
        made = mutes.from_json(
            [
                _code(arguments.code),
                arguments.volume,
                now + arguments.lasts,
                now,
                *filter(None, (arguments.host,)),
            ]
        )
    except ValueError as err:
        raise CommandError(f"cannot mute: {err}") from err
    _keep(made, arguments.state_dir)
    print(_words(made))
    return 0


def _unmute(arguments: argparse.Namespace) -> int:
    from ganeti_gluster_mon import mutes

    code, now = _code(arguments.code), time.time()
    known = mutes.read(arguments.state_dir).entries.get((code, arguments.volume, arguments.host))
    if known is None or known.until <= now:
        of = f" for volume {arguments.volume}" if arguments.volume else ""
        of += f" for host {arguments.host}" if arguments.host else ""
        raise CommandError(f"{code} is not muted{of}: `ganeti-gluster-mon mute` lists what is")
    ended = max(now, known.set_at + 0.001)
    _keep(mutes.Mute(code, arguments.volume, now, ended, arguments.host), arguments.state_dir)
    return 0


def _list(state_directory: str) -> int:
    from ganeti_gluster_mon import mutes

    active = mutes.read(state_directory).active(time.time())
    for each in active:
        print(_words(each))
    if not active:
        print("nothing is muted", file=sys.stderr)
    return 0


def _code(text: str) -> str:
    from ganeti_gluster_mon.health import CODES
    from ganeti_gluster_mon.mutes import ALL

    if text not in CODES and text != ALL:
        raise CommandError(f"there is no code {text!r}; there are: {', '.join(sorted(CODES))}")
    return text


def _keep(made: Any, state_directory: str) -> None:
    from ganeti_gluster_mon import mutes

    try:
        mutes.add([made], state_directory)
    except OSError as err:
        raise CommandError(f"cannot keep the mute in {state_directory}: {err.strerror or err}") from err


def _words(mute: Any) -> str:
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(mute.until))
    host = f" on {mute.host}" if mute.host else ""
    return f"{mute.code:<26} {mute.volume or '(all volumes)':<20} muted until {until}{host}"
