"""``make demo``: a pool of three hosts on this machine, a brick that dies, and what is said of it.

Without root, or with DEMO=replay, the same from the captures that are shipped.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Callable, Sequence

from tests.lab.lab import command
from tests.lab.pool import Pool
from tests.lab.tools import obstacles
from tests.lab.waiting import LabError

CAPTURES = Path(__file__).parent / "captures"
PREFIX = "ganeti-gluster-demo"

#: runs ganeti-gluster-mon with these words, and gives what it printed
Run = Callable[[Sequence[str]], str]


def say(line: str) -> None:
    print(f"demo: {line}", file=sys.stderr, flush=True)


def show(run: Run, words: Sequence[str], only: str = "") -> None:
    """Show a command as an administrator would type it, and what it says; *only* the lines with that in them."""
    shown = f" | grep {only}" if only else ""
    print(f"\n$ ganeti-gluster-mon {shlex.join(words)}{shown}")
    for line in run(words).splitlines():
        if only in line:
            print(line)
    sys.stdout.flush()


def tour(run: Run, more: Sequence[str] = ()) -> None:
    """What the three commands say of the pool as it is."""
    show(run, ["collect", "gluster", *more])
    show(run, ["check", "--table", *more])
    show(run, ["metrics", *more], only="gluster_brick_up{")


def replay() -> None:
    """The tour through the shipped captures: a healthy pool, and one with a dead brick."""

    def run(words: Sequence[str]) -> str:
        ran = subprocess.run(
            [str(command()), *words], check=False, stdout=subprocess.PIPE, text=True, timeout=60, cwd=CAPTURES
        )
        return ran.stdout

    say("from the capture of a healthy pool, recorded on real hosts")
    tour(run, ["--replay", "recorded/healthy"])
    say("the same pool after the brick of node2 was killed")
    tour(run, ["--replay", "recorded/brick-killed"])


def live() -> None:
    """The tour on a pool that is made for it."""
    say("making a pool of three hosts in namespaces; it is gone when this ends")
    with Pool.first_free(PREFIX, progress=say) as pool:

        def run(words: Sequence[str]) -> str:
            return pool.run_command(1, words, check=False).stdout

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
        show(run, ["check"])
        say("taking the hosts down")
    say("nothing is left")


def main() -> int:
    hindered = obstacles()
    try:
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
    except KeyboardInterrupt:
        say("interrupted; nothing is left")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
