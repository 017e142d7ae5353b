"""How long a cycle takes with 1,000 volumes, and how old the heal counts become: `python -m tests.bench.many_volumes`.

`gluster` is a stand-in that gives answers made of a recorded one, and takes as long for `heal info` as the real one.
Peers and bricks are not probed: there are none.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Iterable, List
from unittest import mock

from ganeti_gluster_mon.daemon.poller.poller import HEAL_SHARE
from ganeti_gluster_mon.gluster import brick_probe, cycle, heal_order, peer_probe, query, session
from ganeti_gluster_mon.gluster.brick_probe import BrickEndpoint, BrickKey
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.model import Peer
from tests.generate import large_capture
from tests.unit.fake_gluster import SENTINEL

VOLUMES, BRICKS_EACH, CYCLES = 1_000, 3, 8
INTERVAL = 30.0
#: seconds of one `heal info`, measured (docs/gluster.md)
HEAL_INFO = 0.025
#: seconds after which a count is not used any more
STALE = 90.0

_STAND_IN = """#!{python} -SE
import json, sys, time
files = json.loads({files!r})
print("Welcome to gluster prompt, type 'help' to see the available commands.", file=sys.stderr)
for line in sys.stdin:
    line = line.strip()
    if line == "system:: uuid get":
        sys.stdout.write({sentinel!r})
    else:
        if line.startswith("volume heal"):
            time.sleep({heal_info})
        with open(files.get(line, {refusal!r}), encoding="utf-8") as file:
            sys.stdout.write(file.read())
    sys.stdout.flush()
"""
_REFUSAL = "<cliOutput><opRet>-1</opRet><opErrno>0</opErrno><opErrstr>not here</opErrstr></cliOutput>\n"


def stand_in(directory: Path, pool: Capture) -> str:
    """The path of a `gluster` that answers as *pool* was answered."""
    files: Dict[str, str] = {}
    for number, answer in enumerate(pool.answers):
        path = directory / f"answer{number}"
        path.write_bytes(answer.output)
        files[" ".join(answer.query)] = str(path)
    refusal, script = directory / "refusal", directory / "gluster"
    refusal.write_text(_REFUSAL)
    script.write_text(
        _STAND_IN.format(
            python=sys.executable,
            files=json.dumps(files),
            sentinel=SENTINEL,
            heal_info=HEAL_INFO,
            refusal=str(refusal),
        )
    )
    script.chmod(0o755)
    return str(script)


def cycles(settings: cycle.Settings) -> None:
    """Run CYCLES cycles, each with the answers of the one before, and print what they took."""
    previous = None
    seconds: List[float] = []
    counted: List[int] = []
    #: by query, the number of the cycle in which it was run last
    latest: Dict[query.Query, int] = {}
    oldest = 0
    for number in range(CYCLES):
        began = time.monotonic()
        with cycle.Cycle(settings, previous) as running:
            found = running.run_queries()
            answers = running.run_heal_queries()
            seconds.append(time.monotonic() - began)
            new = {answer.query for answer in answers}
            left = [each for each in running.heal_queries if each not in new]
            kept = heal_order.kept_answers(left, previous, heal_order.TURN_TO_COME)
            previous = cycle.with_answers(found, [*answers, *kept])
            assert len(running.heal_queries) == VOLUMES
            assert not any(answer.failure for answer in answers)
        counted.append(len(answers))
        latest.update(dict.fromkeys(new, number))
        if len(latest) == VOLUMES:
            oldest = max(oldest, number - min(latest.values()) + 1)
    line("a cycle", statistics.median(seconds), "s", f"{INTERVAL:g}")
    line("the slowest", max(seconds), "s", f"{INTERVAL:g}")
    line("volumes whose heal backlog is counted in a cycle", statistics.median(counted), "volumes")
    line("the oldest count, when the next one replaces it", oldest * INTERVAL, "s", f"{STALE:g}")


def line(words: str, figure: float, unit: str, most: str = "") -> None:
    print(f"{words:<50} {figure:8.1f} {unit:<8} {most}")


def main() -> None:
    print(f"{VOLUMES} volumes, {VOLUMES * BRICKS_EACH} bricks; heal info {HEAL_INFO * 1e3:g} ms each")
    pool = large_capture(VOLUMES * BRICKS_EACH, BRICKS_EACH)
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(mock.patch.object(session, "check_glusterd"))
        stack.enter_context(mock.patch.object(peer_probe, "probe_peers", peers_answer))
        stack.enter_context(mock.patch.object(brick_probe, "probe_bricks", bricks_answer))
        gluster = stand_in(Path(directory), pool)
        cycles(cycle.Settings(gluster=gluster, processes=False, heal_budget=HEAL_SHARE * INTERVAL))


def peers_answer(peers: Iterable[Peer], *_: object) -> Dict[str, bool]:
    return {peer.hostname: True for peer in peers}


def bricks_answer(endpoints: Iterable[BrickEndpoint], *_: object) -> Dict[BrickKey, bool]:
    return {endpoint.key: True for endpoint in endpoints}


if __name__ == "__main__":
    main()
