"""The whole way from a capture to a verdict, with one answer of a healthy pool damaged.

Whatever is done to an answer: no exception comes out, and the pool is never called healthy,
unless nothing was lost that is read.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Iterator, Tuple

import pytest

from ganeti_gluster_mon import report
from ganeti_gluster_mon.check import check
from ganeti_gluster_mon.collectors import collectors
from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import OK, Limits, evaluate
from ganeti_gluster_mon.metrics import pool_metrics
from tests import mutate

pytestmark = pytest.mark.corpus

CAPTURES = Path(__file__).parents[1] / "captures"
LIMITS = Limits()

#: elements that Gluster itself leaves out where it has nothing to report, so that their absence is no fault, and the
#: number of snapshots: health says nothing where it is not known
LEFT_OUT = tuple(
    f"without <{name}>"
    for name in ("inodesFree", "device", "fsName", "mntOptions", "fopStats", "fop", "snapshotCount")
)


#: mutants of each kind that are tried on an answer: many by `make soak`
FEW, MANY = 25, 80


def answers() -> Iterator[Tuple[str, int]]:
    for where in ("healthy/node1", "recorded/healthy"):
        for number, answer in enumerate(capture.read(str(CAPTURES / where)).answers):
            yield pytest.param(where, number, id=f"{where} {' '.join(answer.query)}")  # type: ignore[misc]


def reordered(answer: Answer) -> Iterator[mutate.Mutant]:
    """Elements that changed places: what comes out may be a pool like any other, only not this one."""
    yield from mutate.sample(list(mutate.swapped(answer.output)), 80)


def mutants(answer: Answer, most: int) -> Iterator[mutate.Mutant]:
    output = answer.output
    yield from mutate.truncated(output, most)
    for kind in (mutate.dropped, mutate.doubled, mutate.misnumbered):
        yield from mutate.sample(list(kind(output)), most)
    yield from mutate.damaged(output, most // 2)
    yield from mutate.followed(output)
    yield mutate.Mutant("nothing at all", b"")
    yield mutate.Mutant("the answer to another query", b"<cliOutput><opRet>0</opRet><x/></cliOutput>")


@pytest.mark.parametrize("most", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("where", "number"), answers())
def test_a_damaged_answer_is_never_healthy(where: str, number: int, most: int) -> None:
    whole = capture.read(str(CAPTURES / where))
    pool = build_pool(whole)
    assert evaluate(pool, LIMITS, whole.recorded_at).code == OK
    tried = 0
    for mutant in mutants(whole.answers[number], most):
        built = build_pool(with_output(whole, number, mutant.output))
        health = evaluate(built, LIMITS, whole.recorded_at)
        assert health.code != OK or built == pool or mutant.what.startswith(LEFT_OUT), mutant.what
        assert health.message
        tried += 1
    assert tried > most // 2


@pytest.mark.parametrize(("where", "number"), answers())
def test_every_report_of_a_damaged_answer_can_be_rendered(where: str, number: int) -> None:
    whole = capture.read(str(CAPTURES / where))
    damaged = [*mutants(whole.answers[number], MANY), *reordered(whole.answers[number])]
    for mutant in mutate.sample(damaged, 16):
        built = build_pool(with_output(whole, number, mutant.output))
        health = evaluate(built, LIMITS, whole.recorded_at)
        for collector in collectors().values():
            made = report.make(
                collector, built, health, whole.recorded_at, verbose=True, on_failure=pytest.fail
            )
            json.loads(report.render([made]))
        pool_metrics.render(built, health, whole.recorded_at)
        line = check(built, health, LIMITS).line
        assert "\n" not in line


def with_output(whole: Capture, number: int, output: bytes) -> Capture:
    damaged = replace(whole.answers[number], output=output)
    return replace(whole, answers=(*whole.answers[:number], damaged, *whole.answers[number + 1 :]))
