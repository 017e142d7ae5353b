"""What each stage from answers to content costs, by the number of bricks: `python -m tests.bench.stages`.

Stages: parse the answers, build the model from what they hold, evaluate its health, render the metrics.
"content" is all that the daemon serves: metrics in two formats and reports, packed.  The last two columns
set building, evaluating and rendering, without and with parsing, against one pass of expat without handlers
over the same answers, in the same run; the best of several rounds.  In the second table the heal backlog of
each volume is not known: the worst case for the evaluation.
"""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from typing import Callable, Dict, Sequence, Tuple
from xml.parsers import expat

from ganeti_gluster_mon.daemon.web.content import render
from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.metrics import pool_metrics
from tests.generate import large_capture

BRICKS = (3_000, 6_000, 12_000, 24_000)
ROUNDS = 4
LIMITS = Limits()


def bare(answers: Sequence[Answer]) -> None:
    """Expat alone, over all answers."""
    for answer in answers:
        if answer.output:
            expat.ParserCreate().Parse(answer.output, True)


def parse_all(answers: Sequence[Answer]) -> None:
    """What `build_pool` parses, and no more."""
    for answer in answers:
        if answer.failure is not None:
            continue
        if answer.query == query.VOLUME_INFO:
            parse.volume_info(answer.output)
        elif answer.query == query.POOL_LIST:
            parse.pool_list(answer.output)
        elif answer.query[1] == "status":
            parse.volume_status(answer.output)
        else:
            parse.heal_info(answer.output)


def seconds(work: Callable[[], object]) -> float:
    """Seconds of processor time: the machine may do something else meanwhile."""
    gc.collect()
    begin = time.process_time()
    work()
    return time.process_time() - begin


def stages(capture: Capture) -> Dict[str, float]:
    """Seconds of each stage, the best of ROUNDS."""
    pool = build_pool(capture)
    now = capture.recorded_at
    health = evaluate(pool, LIMITS, now)
    works: Tuple[Tuple[str, Callable[[], object]], ...] = (
        ("expat", lambda: bare(capture.answers)),
        ("parse", lambda: parse_all(capture.answers)),
        ("build_pool", lambda: build_pool(capture)),
        ("evaluate", lambda: evaluate(pool, LIMITS, now)),
        ("render", lambda: pool_metrics.render(pool, health, now)),
        ("content", lambda: render(pool, health, now).reports.all),
    )
    best: Dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, work in works:
            best[name] = min(best.get(name, float("inf")), seconds(work))
    best["build"] = best["build_pool"] - best["parse"]
    return best


def without_heal(capture: Capture) -> Capture:
    """*capture* with no answer about healing."""
    answers = tuple(
        replace(answer, output=b"", failure="no answer within 20 s") if answer.query[1] == "heal" else answer
        for answer in capture.answers
    )
    return replace(capture, answers=answers)


def table(title: str, change: Callable[[Capture], Capture]) -> None:
    print(f"{title}, ms")
    columns = ("expat", "parse", "build", "evaluate", "render", "content")
    print("  bricks" + "".join(f"{name:>10}" for name in columns) + "  b+e+r/expat  with parse")
    for bricks in BRICKS:
        took = stages(change(large_capture(bricks)))
        total = took["build"] + took["evaluate"] + took["render"]
        figures = "".join(f"{took[name] * 1e3:>10.0f}" for name in columns)
        print(
            f"{bricks:>8}{figures}{total / took['expat']:>13.1f}{(total + took['parse']) / took['expat']:>12.1f}"
        )


def main() -> None:
    table("from answers to content", lambda capture: capture)
    table("the same, heal backlog of each volume not known", without_heal)


if __name__ == "__main__":
    main()
