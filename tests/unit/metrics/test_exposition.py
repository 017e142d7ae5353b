"""Our text of metrics is that of prometheus_client, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.metrics.exposition import family_texts, openmetrics_text, prometheus_text
from ganeti_gluster_mon.metrics.families import MetricGroup, Series, SeriesFamily
from ganeti_gluster_mon.metrics.pool_metrics import PoolMetrics
from tests.unit.example_pool import HEALTH, NOW, POOL

REPORTS = sorted((Path(__file__).parents[2] / "captures" / "reports").iterdir())


words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.floats() | st.integers(0, 2**63) | st.booleans()


class Given(Collector):
    def __init__(self, families: List[Metric]) -> None:
        self.families = families

    def collect(self) -> List[Metric]:
        return self.families


def same(families: List[Metric]) -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Given(families))
    assert prometheus_text(families) == generate_latest(registry)
    assert openmetrics_text(families) == openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]


@given(
    rows=st.dictionaries(
        st.tuples(words, words), st.tuples(numbers | st.none(), numbers | st.none()), max_size=5
    ),
    text=words,
)
def test_a_group_is_written_as_its_families(
    rows: dict[tuple[str, ...], tuple[Optional[float], ...]], text: str
) -> None:
    group = MetricGroup((("g", text), ("h", text)), ("b", "a"), rows)
    families = list(group.families())
    same(families)
    assert prometheus_text([group]) == prometheus_text(families)
    assert openmetrics_text([group]) == openmetrics_text(families)


def _series(name: str) -> Tuple[Series, ...]:
    """Samples of a family; one lacks the family's own label."""
    return (Series(name, "x"), Series(name, 'y"\\\n'), Series(name), Series(name, ""))


@given(
    rows=st.dictionaries(st.tuples(words, words), st.tuples(*[numbers | st.none()] * 4), max_size=5),
    kind=st.sampled_from(["gauge", "counter"]),
    text=words,
)
def test_counters_of_a_group_and_series_are_written_as_their_families(
    rows: dict[tuple[str, ...], tuple[Optional[float], ...]], kind: str, text: str
) -> None:
    group = MetricGroup((("g_total", text), ("h_total", text)), ("b", "a"), rows, kind)
    # the family's own label is the first, between the others, and the last
    own = [
        SeriesFamily("f_total", text, kind, ("d", "b"), label, _series("f_total"), rows)
        for label in ("a", "c", "e")
    ]
    every: List[Union[MetricGroup, SeriesFamily]] = [group, *own]
    for made in every:
        families = list(made.families())
        same(families)
        assert prometheus_text([made]) == prometheus_text(families)
        assert openmetrics_text([made]) == openmetrics_text(families)


def test_the_example() -> None:
    same(list(PoolMetrics(POOL, HEALTH, NOW, 0.125, {"timeout": 3}, True).collect()))


@pytest.mark.parametrize("directory", REPORTS, ids=lambda path: path.name)
def test_reports(directory: Path) -> None:
    pool = build_pool(capture.read(str(directory)))
    metrics = PoolMetrics(pool, evaluate(pool, Limits(), pool.taken_at), pool.taken_at)
    same(list(metrics.collect()))
    assert prometheus_text(metrics.families()) == prometheus_text(metrics.collect())


@given(text=words, values=st.lists(st.tuples(words, words, numbers), max_size=5))
def test_any_label_and_any_value(text: str, values: list[tuple[str, str, float]]) -> None:
    gauge = GaugeMetricFamily("g", text, labels=("b", "a"))
    counter = CounterMetricFamily("c", text, labels=("a",))
    info = InfoMetricFamily("i", text)
    for one, other, value in values:
        gauge.add_metric((one, other), value)
        counter.add_metric((one,), value)
        info.add_metric((), {"a": one, "b": other})
    same([gauge, counter, info])


@pytest.mark.parametrize(
    "value", [1, 17, 999_999, 1_000_000, 1_000_001, 10**15, 2**63, -3, 0.5, 1e6, 123456.75, True]
)
def test_whole_numbers_are_written_as_floats(value: float) -> None:
    family = GaugeMetricFamily("g", "")
    family.add_metric((), value)
    same([family])


def test_a_long_family_is_written_in_parts_with_one_head() -> None:
    rows: Dict[Tuple[str, ...], Tuple[Optional[float], ...]] = {
        (f"brick{number}",): (number, None, 1.5, True) for number in range(10_000)
    }
    family = SeriesFamily("f_total", "what it counts", "counter", ("b",), "x", _series("f_total"), rows)
    parts = list(family_texts([family]))
    assert len(parts) > 5
    assert [bool(head) for head, _, _ in parts] == [True] + [False] * (len(parts) - 1)
    assert prometheus_text([family]) == prometheus_text(family.families())
    assert openmetrics_text([family]) == openmetrics_text(family.families())


def test_a_family_without_a_figure_has_no_head() -> None:
    unknown: Dict[Tuple[str, ...], Tuple[Optional[float], ...]] = {("brick",): (None,) * 4}
    family = SeriesFamily("f", "", "gauge", ("b",), "x", _series("f"), unknown)
    assert list(family_texts([family])) == []
