"""What the commands of this package have in common: how they are started, fail and end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType
from typing import Callable, NoReturn, Optional, Sequence

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster.capture import CaptureError

#: the environment variable that names the file a service has its words from, see systemd/
ARGS_FROM = "GANETI_GLUSTER_MON_ARGS_FROM"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """One line, exit status 2."""
        self.exit(2, f"{self.prog}: {origin()}{message} (try {self.prog} --help)\n")


def origin() -> str:
    """The file that the arguments are from, to begin an error with; "" if they were typed."""
    file = os.environ.get(ARGS_FROM)
    return f"ARGS in {file}: " if file else ""


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """What *parser* makes of *words*, but for a shell that wants them completed: it is answered, and that is all."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    return parser.parse_args(words)


def seconds(text: str) -> float:
    """*text* as a number of seconds, for an argument; raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return number


def run(program: str, command: Callable[[], int]) -> int:
    """Run *command*, which is all of what *program* does; returns the exit status.

    What cannot be done is one line and 1.  A SIGTERM leaves by way of every ``finally``, so that what was
    started is ended, too.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        status = command()
        sys.stdout.flush()
        return status
    except (CommandError, CaptureError) as err:
        print(f"{program}: {err}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # the reader (head, less) has gone, which is no error; nothing may be flushed to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _terminate(_signal: int, _frame: Optional[FrameType]) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
