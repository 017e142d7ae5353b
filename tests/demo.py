"""``make demo``: a pool of three hosts on this machine, a brick that dies, and what is reported.

Without root, or with DEMO=replay, the same from the captures that are shipped.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, NoReturn, Optional, Sequence

from tests.lab.lab import command
from tests.lab.pool import Pool
from tests.lab.tools import obstacles
from tests.lab.waiting import LabError
from tests.transcript import without_performance_data

CAPTURES = Path(__file__).parent / "captures"
PREFIX = "ganeti-gluster-demo"

#: what ends a demo early: Ctrl-C, a kill, a terminal that was closed
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: of each brick of gv0: is it up, and how much waits to be healed
METRICS = 'gluster_(brick_up|heal_pending_entries).*"gv0"'

#: runs ganeti-gluster-mon with these words
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class Interrupted(BaseException):
    """A signal ends the demo; carries its number."""


def say(line: str) -> None:
    with suppress(
        OSError
    ):  # a terminal that was closed hears nothing, and is no reason to leave hosts behind
        print(f"demo: {line}", file=sys.stderr, flush=True)


# --- what is shown ------------------------------------------------------------------------------------


def shortened(report: str) -> str:
    """The report of `gluster` on a screen; … stands for what is left out: most of what is well."""
    data = json.loads(report)["data"]
    lines = [
        '{"name": "gluster", …, "data": {',
        f'  "status": {_some(data["status"], "code", "message")}, "problems": [',
        *(
            f"    {_some(problem, 'code', 'severity', 'volume', 'text')}, …}}"
            for problem in data["status"]["problems"]
        ),
        "  ]},",
        '  "volumes": [',
    ]
    for volume in data["volumes"] or ():
        head = _some(volume, "name", "type", "status")
        if volume["status"] in ("healthy", "stopped"):
            lines.append(f"    {head}, …}}")
        else:
            heal = (
                {key: volume["heal"][key] for key in ("pending", "split_brain")} if volume["heal"] else None
            )
            subvolumes = _some(volume, "subvolumes")[1:]
            lines.append(f'    {head}, {subvolumes}, "heal": {json.dumps(heal)}, …, "bricks": [')
            lines += [
                f"      {_some(brick, 'host', 'path', 'online', 'heal_pending')}, …}}"
                for brick in volume["bricks"]
            ]
            lines.append("    ]}")
    return "\n".join([*lines, "  ], …}}"])


def _some(thing: Dict[str, Any], *keys: str) -> str:
    """The *keys* of a JSON object, which stays open for more."""
    return "{" + ", ".join(f'"{key}": {json.dumps(thing[key])}' for key in keys)


def show(run: Run, words: Sequence[str], edit: Callable[[str], str], note: str = "") -> None:
    """Show a command as an administrator would type it, and what it says after *edit*.

    Raises LabError, with its own words, when it says nothing: then it failed, however bad the pool may be.
    """
    print(f"\n$ ganeti-gluster-mon {shlex.join(words)}{note}", flush=True)
    ran = run(words)
    if not ran.stdout:
        raise LabError(f"ganeti-gluster-mon {shlex.join(words)}: exit status {ran.returncode}\n{ran.stderr}")
    print(edit(ran.stdout.rstrip("\n")), flush=True)


def tour(run: Run, more: Sequence[str] = ()) -> None:
    """What the three commands say of the pool as it is."""
    show(run, ["collect", "gluster", "--verbose", *more], shortened, "   # shortened")
    show(run, ["check", "--table", *more], without_performance_data)
    show(run, ["metrics", *more], _of_gv0, f" | grep -E {shlex.quote(METRICS)}")


def _of_gv0(metrics: str) -> str:
    return "\n".join(line for line in metrics.splitlines() if re.search(METRICS, line))


# --- the two ways -------------------------------------------------------------------------------------


def replay() -> None:
    """The tour through the shipped captures: a healthy pool, and one with a dead brick."""

    def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        argv = [str(command()), *words]
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60, cwd=CAPTURES)

    say("from the capture of a healthy pool, recorded on real hosts")
    tour(run, ["--replay", "recorded/healthy"])
    say("the same pool after the brick of gv0 on node2 was killed")
    tour(run, ["--replay", "recorded/brick-killed"])


def live() -> None:
    """The tour on a pool that is made for it."""
    say("making a pool of three hosts in namespaces; it is gone when this ends")
    with Pool.first_free(PREFIX, progress=say) as pool:

        def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
            return pool.run_command(1, words, check=False)

        pool.probe()
        pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
        pool.create_volume("scratch", pool.bricks("/export/b2/scratch", [1, 2]))
        say("as node1 sees it:")
        tour(run)
        say("killing the brick of gv0 on node2, and writing a file")
        pool.kill_brick("gv0", 2)
        pool.mount(1, "gv0", "/mnt")
        pool.exec(1, ["cp", "/etc/services", "/mnt/"])
        tour(run)
        say("starting it again, and waiting until it is healed")
        pool.start_brick("gv0", 2)
        pool.wait_healed("gv0")
        show(run, ["check"], without_performance_data)
        say("taking the hosts down")
    say("nothing is left")


def _interrupt(number: int, _frame: Optional[FrameType]) -> NoReturn:
    """End by way of every ``finally``; once, since a second Ctrl-C would cut short the taking down."""
    for each in INTERRUPTIONS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


def handle_interruptions() -> None:
    """From now on, whatever wants to end this program raises Interrupted in it."""
    for each in INTERRUPTIONS:
        if signal.getsignal(each) != signal.SIG_IGN:  # nohup's wish is respected
            signal.signal(each, _interrupt)


def main() -> int:
    try:
        hindered = obstacles()
        if os.environ.get("DEMO") == "replay":
            say("DEMO=replay: no hosts are made")
            replay()
        elif hindered:
            say(f"no hosts can be made here ({'; '.join(hindered)}), so this is a replay")
            replay()
        else:
            live()
    except LabError as error:
        say(str(error))
        return 1
    except BrokenPipeError:
        # the reader (head, less) has closed the pipe; nothing may be flushed to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say("the output is closed; nothing is left")
    except Interrupted as error:
        say("interrupted; nothing is left")
        return 128 + int(error.args[0])
    return 0


if __name__ == "__main__":
    handle_interruptions()
    sys.exit(main())
