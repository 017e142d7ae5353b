"""A function in a child process with a time limit."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import List


def limited(
    lines: List[str], seconds: float = 10.0, progress: str = "lambda: 0"
) -> subprocess.CompletedProcess[str]:
    """What `run_limited` returns for a function of these *lines*."""
    body = "\n".join(f"    {line}" for line in lines)
    text = (
        "import os, sys, time\nfrom ganeti_gluster_mon.backend import time_limit\n\n"
        f"def act():\n{body}\n\nprint(time_limit.run_limited(act, {seconds}, {progress}))"
    )
    return subprocess.run(
        [sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=30
    )


def test_the_work_of_a_script_has_an_end() -> None:
    began = time.monotonic()
    assert limited(["time.sleep(600)"], 0.2).stdout == "(None, '', '')\n"
    assert time.monotonic() - began < 5


def test_the_work_goes_on_as_long_as_it_makes_progress() -> None:
    lines = ["time.sleep(1.2)", "return 0"]
    assert limited(lines, 0.2, "lambda: time.monotonic()").stdout == "(0, '', '')\n"
    assert limited(lines, 0.2, "lambda: 5").stdout == "(None, '', '')\n"


def test_what_the_work_says_is_passed_on() -> None:
    result = limited(["print('a'); print('b', file=sys.stderr); return 0"])
    assert result.stdout == "(0, 'a\\n', 'b\\n')\n"


def test_a_child_that_is_killed_is_noticed() -> None:
    assert limited(["os.kill(os.getpid(), 9)"]).stdout == "(-9, '', '')\n"


def test_an_unexpected_error_is_one_line_too() -> None:
    assert (
        limited(["raise ValueError('with\\nlines')"]).stdout
        == "(1, '', 'gluster: ValueError: with lines\\n')\n"
    )
