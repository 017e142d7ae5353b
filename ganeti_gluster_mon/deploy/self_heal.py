"""What Gluster's self-heal daemons report of a replicated volume.  Pure.

``gluster volume heal V statistics`` and ``… statistics heal-count`` have no XML (Gluster 10 and 11): their text is read
here, as ``cli/src/cli-rpc-ops.c`` of Gluster writes it.  Both are answered by the daemons themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.deploy.gluster_cli import GLUSTER
from ganeti_gluster_mon.ganeti.ssh import CommandResult

_TIMEOUT = "--timeout=5"
_BRICK = re.compile(r"^Brick (\S.*)$")
_NOT_CONNECTED = re.compile(r"^Status: .*not connected", re.IGNORECASE)
_COUNT = re.compile(r"^Number of entries: (\d+)$")
_OF_BRICK = re.compile(r"^Crawl statistics for brick no (\d+)")
_CRAWL = re.compile(r"^Starting time of crawl: (.*)$")
_FULL = re.compile(r"^Type of crawl: FULL$")
_ENDED = re.compile(r"^Ending time of crawl: ")


@dataclass(frozen=True)
class Crawls:
    """Crawls over whole bricks that the daemons remember; they forget them when they start anew."""

    #: those that have come to their end: number of the brick and time of the start, as the daemons write them
    ended: Tuple[str, ...]
    #: whether one is in progress
    running: bool


def heal_count(volume: str) -> Tuple[str, ...]:
    """The command that queries the daemons for the bricks they are connected to."""
    return (*GLUSTER, _TIMEOUT, "volume", "heal", volume, "statistics", "heal-count")


def statistics(volume: str) -> Tuple[str, ...]:
    """The command that queries the daemons for their crawls."""
    return (*GLUSTER, _TIMEOUT, "volume", "heal", volume, "statistics")


def connected(answer: CommandResult) -> Optional[Mapping[str, bool]]:
    """Brick ("HOST:PATH") → whether the daemons are connected to it, from the answer to `heal_count`.

    A brick that the answer has no count of is left out.  None where the daemons did not answer.
    """
    if answer.status:
        return None
    found: Dict[str, bool] = {}
    brick, away = "", False
    for line in answer.stdout.splitlines():
        if match := _BRICK.match(line):
            brick, away = match[1], False
        elif _NOT_CONNECTED.match(line):
            away = True
        elif _COUNT.match(line) and brick:
            found[brick] = not away
    return found


def pending(answer: CommandResult) -> Optional[int]:
    """How many entries the brick with most of them has pending, from the answer to `heal_count`; None: not known."""
    counts = [int(match[1]) for match in map(_COUNT.match, answer.stdout.splitlines()) if match]
    return max(counts) if counts and not answer.status else None


def crawls(answer: CommandResult) -> Optional[Crawls]:
    """The crawls over whole bricks, from the answer to `statistics`; None where the daemons did not answer."""
    if answer.status:
        return None
    ended: List[str] = []
    running = over = False
    brick = start = ""
    for line in answer.stdout.splitlines():
        if match := _OF_BRICK.match(line):
            brick = match[1]
        elif match := _CRAWL.match(line):
            start, over = match[1], False
        elif _ENDED.match(line):
            over = True
        elif _FULL.match(line) and start:
            if over:
                ended.append(f"{brick} {start}")
            else:
                running = True
    return Crawls(tuple(ended), running)
