"""The transcript in README.md: some commands, and what they print for the shipped captures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
CAPTURES = Path(__file__).parent / "captures" / "recorded"

COMMANDS = (
    "check --table --replay brick-frozen",
    "collect gluster --replay brick-frozen",
    "check --replay peer-cut",
    "metrics --replay brick-killed | grep -e brick_up -e pending | grep gv0",
)

_MARKED = re.compile(r"(<!-- transcript:begin -->\n```console\n).*?(```\n<!-- transcript:end -->)", re.DOTALL)


def transcript() -> str:
    """The commands and what they print, as in a terminal; performance data is cut for the width of a page."""
    shown = []
    for words in COMMANDS:
        command, _, filters = words.partition(" | ")
        ran = subprocess.run(
            [sys.executable, "-m", "ganeti_gluster_mon", *command.split()],
            check=False,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CAPTURES,
            env={"PYTHONPATH": str(README.parent), "PATH": "/usr/bin:/bin"},
            timeout=60,
        )
        output = ran.stdout
        if filters:
            output = subprocess.run(
                ["sh", "-c", filters], input=output, check=True, stdout=subprocess.PIPE, text=True, timeout=60
            ).stdout
        shown.append(f"$ ganeti-gluster-mon {words}\n{without_performance_data(output)}")
    return "\n".join(shown)


def without_performance_data(line: str) -> str:
    """The check's line as a person reads it: what follows the bar is for machines."""
    return re.sub(r" \| '.*", " | …", line)


def with_transcript(readme: str) -> str:
    """*readme* with the transcript of this very code."""
    written, count = _MARKED.subn(lambda marks: marks[1] + transcript() + marks[2], readme)
    if count != 1:
        raise ValueError(f"{README} has no place for the transcript")
    return written
