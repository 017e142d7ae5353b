"""Changes both files and restarts both daemons; undoes all if clients would get less than before."""

from __future__ import annotations

import difflib
import os
import stat
import time
from contextlib import suppress
from typing import Callable

from ganeti_gluster_mon import atomic_file
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.mond_setup import mond_client, mond_settings, restart
from ganeti_gluster_mon.mond_setup.mond_settings import GANETI, OURS, Files

#: seconds from the start of both daemons to their answers
START_TIMEOUT = 30.0
_PAUSE = 0.2
#: bytes
_LONGEST = 1 << 20

PrintLine = Callable[[str], None]


def read_files() -> Files:
    """Both files; one that is missing is empty.  Raises CommandError."""
    return Files(_read(GANETI), _read(OURS))


def show(before: Files, after: Files, print_line: PrintLine) -> None:
    """Show the changes and the commands."""
    for path, old, new in ((GANETI, before.ganeti, after.ganeti), (OURS, before.ours, after.ours)):
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), path, path, lineterm="", n=1):
            print_line(line)
    for argv in restart.commands():
        print_line(f"# {' '.join(argv)}")


def carry_out(before: Files, after: Files, print_line: PrintLine) -> None:
    """Write the files, restart the daemons, and check that clients get all that they got before.

    Raises CommandError; then everything is as it was.
    """
    mond = mond_settings.mond(before)
    got = mond_client.query_mond(mond.url())
    goal = mond_settings.current_setup(after)
    if not restart.by_systemd() and goal.mond_behind is None and _answers(goal.client_endpoint.url()):
        raise CommandError(
            f"we answer at {goal.client_endpoint.url()}, where mond is to be, and systemd is not process 1 here: "
            "end our daemon, and try again"
        )
    # Where only the administrator can start our daemon, check only that mond listens at its new place.
    expected = goal.client_endpoint if restart.by_systemd() else mond_settings.mond(after)
    try:
        _apply(after)
        _wait_for(expected.url(), got)
    except CommandError as err:
        print_line("putting everything back as it was")
        _apply(before)
        raise CommandError(f"{err}; everything is as it was before") from err


def _answers(url: str) -> bool:
    try:
        mond_client.query_mond(url)
    except mond_client.MondUnavailable:
        return False
    return True


def _apply(files: Files) -> None:
    _write(GANETI, files.ganeti)
    _write(OURS, files.ours)
    for argv in restart.commands():
        restart.run(argv)


def _wait_for(url: str, got: mond_client.MondReports) -> None:
    """Wait until a client gets at *url* what it got before.  Raises CommandError."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            why = "; ".join(mond_client.query_mond(url).missing(got))
        except mond_client.MondUnavailable as err:
            why = str(err)
        if not why:
            return
        if time.monotonic() > deadline:
            raise CommandError(f"mond's clients do not get what they got before: {why}")
        time.sleep(_PAUSE)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_LONGEST)
    except FileNotFoundError:
        return ""
    except OSError as err:
        raise CommandError(f"cannot read {path}: {err.strerror or err}") from err
    return text


def _write(path: str, text: str) -> None:
    """Replace the file, with its mode and owner; a symlink stays one.  Raises CommandError."""
    path = os.path.realpath(path)
    try:
        if _read(path) == text:
            return
        mode, user, group = 0o644, -1, -1
        with suppress(FileNotFoundError):
            before = os.stat(path)
            mode, user, group = stat.S_IMODE(before.st_mode), before.st_uid, before.st_gid
        content = text.encode("utf-8", "surrogateescape")
        atomic_file.write(path, content, durable=True, mode=mode, user=user, group=group)
    except OSError as err:
        raise CommandError(f"cannot write {path}: {err.strerror or err}") from err
