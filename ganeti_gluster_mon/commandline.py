"""What the commands of this package have in common: how they are started, fail and end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType
from typing import Callable, NoReturn, Optional

from ganeti_gluster_mon.failure import CannotDo
from ganeti_gluster_mon.gluster.capture import CaptureError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """One line, exit status 2."""
        self.exit(2, f"{self.prog}: {message} (try {self.prog} --help)\n")


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
    except (CannotDo, CaptureError) as err:
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
