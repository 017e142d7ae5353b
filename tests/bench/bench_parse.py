"""How long reading a large answer takes, compared with expat alone: `python -m tests.bench.bench_parse`.

Three passes over the same bytes, in turn, the best of several rounds each: expat with no
handlers at all, expat with three handlers in Python that do nothing, and ours.  Peak memory
is that of a process of its own, in addition to what it had with the answer loaded.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from typing import Callable
from xml.parsers import expat

from ganeti_gluster_mon.gluster import parse
from tests.generate import volume_status_detail
from tests.hostile import peak_memory

BRICKS = 12_000
ROUNDS = 7


def bare(answer: bytes) -> None:
    """Expat alone."""
    expat.ParserCreate().Parse(answer, True)


def empty_handlers(answer: bytes) -> None:
    """Expat, and the calls into Python that any reader in Python pays for."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: None
    parser.EndElementHandler = lambda name: None
    parser.CharacterDataHandler = lambda text: None
    parser.Parse(answer, True)


def ours(answer: bytes) -> None:
    """All facts of the answer."""
    parsed = parse.volume_status(answer)
    if parsed.faults or sum(len(status.nodes) for status in parsed.facts) != BRICKS:
        raise AssertionError(f"not read rightly: {parsed.faults}")


def seconds(work: Callable[[bytes], None], answer: bytes) -> float:
    gc.collect()
    begin = time.perf_counter()
    work(answer)
    return time.perf_counter() - begin


def main() -> None:
    answer = volume_status_detail(BRICKS)
    if sys.argv[1:] == ["memory"]:
        print(peak_memory(lambda: parse.volume_status(answer)))
        return
    works = (bare, empty_handlers, ours)
    best = {work: float("inf") for work in works}
    for _ in range(ROUNDS):
        for work in works:
            best[work] = min(best[work], seconds(work, answer))
    memory = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_parse", "memory"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"`volume status all detail` of {BRICKS} bricks, {len(answer) / 1e6:.1f} MB")
    print(f"{'':24} {'ms':>6} {'x bare':>7} {'x empty':>8}")
    for work in works:
        took = best[work]
        name = work.__name__.replace("_", " ")
        print(f"{name:24} {took * 1e3:6.0f} {took / best[bare]:7.2f} {took / best[empty_handlers]:8.2f}")
    print(f"peak memory in addition to the answer: {float(memory.stdout):.0f} MB")


if __name__ == "__main__":
    main()
