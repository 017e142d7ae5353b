"""Families of metrics for Prometheus, of samples by the values of their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.samples import Sample

from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health

#: values of the labels, and the figure; None: not known
LabelledValue = Tuple[Sequence[Optional[str]], Optional[float]]


@dataclass(frozen=True)
class Scrape:
    """What the metrics are made of."""

    pool: Pool
    health: Health
    #: ns since the epoch: the health was evaluated at this moment
    now: int
    #: seconds that the cycle took; None: not known
    duration: Optional[float]
    #: failed cycles since the start, by reason
    failures: Mapping[str, int]
    #: whether this node queries the whole pool; None where no node leads
    leader: Optional[bool]
    #: whether the least and the largest latency of file operations are exported
    latency_extremes: bool = False


#: name and help of a metric
NameAndHelp = Tuple[str, str]
#: values of the labels, and a figure for each metric or series; None: not known
LabelledRow = Tuple[Sequence[Optional[str]], Sequence[Optional[float]]]
#: by the values of the labels: a figure for each metric or series; None: no sample
Rows = Mapping[Tuple[str, ...], Tuple[Optional[float], ...]]

_FAMILIES: Mapping[str, Callable[[str, str], Metric]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


def family_name(metric: str, kind: str) -> str:
    """The name of the family of *metric*: that of a counter lacks "_total"."""
    return metric[: -len("_total")] if kind == "counter" else metric


@dataclass(frozen=True)
class MetricGroup:
    """Gauges, or counters, with the same labels, as rows: a row has the figures of one brick, for example.

    `exposition` writes a row at once, for all metrics.  A pass over all bricks for each metric takes four times as
    long where they do not fit into the processor's cache, and more than twice as long for twice the bricks.
    """

    metrics: Tuple[NameAndHelp, ...]
    labels: Tuple[str, ...]
    rows: Rows
    #: "gauge" or "counter"; names of counters end in "_total"
    kind: str = "gauge"

    def families(self) -> Iterator[Metric]:
        """Each metric as a family of prometheus_client, those without a sample left out."""
        labelled = [(dict(zip(self.labels, values)), figures) for values, figures in self.rows.items()]
        for index, (name, text) in enumerate(self.metrics):
            family = _FAMILIES[self.kind](name, text)
            values = ((labels, figures[index]) for labels, figures in labelled)
            family.samples = [Sample(name, labels, value) for labels, value in values if value is not None]
            if family.samples:
                yield family


@dataclass(frozen=True)
class Series:
    """One of the samples that a family has for each row."""

    #: of the sample: that of the family, or, of a histogram, with "_bucket", "_count" or "_sum"
    name: str
    #: of the family's own label; None: the sample does not have it
    value: Optional[str] = None


@dataclass(frozen=True)
class SeriesFamily:
    """A family with several samples for each row, which differ in one more label: buckets of a histogram, or states.

    `exposition` writes the labels of a row once.
    """

    name: str
    text: str
    #: "gauge", "counter" or "histogram"; the name of a counter ends in "_total"
    kind: str
    labels: Tuple[str, ...]
    #: the one more: "le", "status"
    label: str
    series: Tuple[Series, ...]
    rows: Rows

    def families(self) -> Iterator[Metric]:
        """The family as one of prometheus_client, unless it has no sample."""
        family = _FAMILIES[self.kind](self.name, self.text)
        for values, figures in self.rows.items():
            labels = dict(zip(self.labels, values))
            for series, figure in zip(self.series, figures):
                if figure is not None:
                    own = {} if series.value is None else {self.label: series.value}
                    family.samples.append(Sample(series.name, {**labels, **own}, figure))
        if family.samples:
            yield family


#: what a module of metrics makes
AnyFamily = Union[Metric, MetricGroup, SeriesFamily]


class Families:
    """Makes the families of one scrape.

    Samples of several families with the same labels share the dictionary of the labels: a large pool has a hundred
    thousand samples, and `exposition` writes the labels of each dictionary once.
    """

    def __init__(self) -> None:
        #: by the names of the labels, then by their values
        self._shared: Dict[Tuple[str, ...], Dict[Tuple[str, ...], Dict[str, str]]] = {}

    def gauge(self, name: str, text: str, labels: Sequence[str], samples: Iterable[LabelledValue]) -> Metric:
        """The gauge *name*; of samples with the same labels the lowest."""
        family = GaugeMetricFamily(name, text)
        family.samples = self._of(name, labels, samples)
        return family

    def group(
        self,
        labels: Sequence[str],
        metrics: Sequence[NameAndHelp],
        rows: Iterable[LabelledRow],
        kind: str = "gauge",
    ) -> MetricGroup:
        """The *metrics*, which all have the *labels*; of rows with the same labels the lowest of each figure.

        *kind*: "gauge" or "counter".
        """
        return MetricGroup(tuple(metrics), tuple(labels), _lowest(rows), kind)

    def each(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        label: str,
        values: Sequence[str],
        rows: Iterable[LabelledRow],
        kind: str = "gauge",
    ) -> SeriesFamily:
        """The metric *name* with a figure for each of *values* of *label* in each row.

        Of rows with the same labels the lowest of each figure.  *kind*: "gauge" or "counter".
        """
        series = tuple(Series(name, value) for value in values)
        return SeriesFamily(name, text, kind, tuple(labels), label, series, _lowest(rows))

    def counter(
        self, name: str, text: str, labels: Sequence[str], samples: Iterable[LabelledValue]
    ) -> Metric:
        """The counter *name*, which ends in "_total"; of samples with the same labels the lowest."""
        family = CounterMetricFamily(name, text)
        family.samples = self._of(name, labels, samples)
        return family

    def histogram(
        self, name: str, text: str, labels: Sequence[str], limits: Sequence[str], rows: Iterable[LabelledRow]
    ) -> SeriesFamily:
        """The histogram *name*; of rows with the same labels the first.

        A row has the number of values up to each of *limits*, the last of which is "+Inf", and the sum of all values.
        """
        series = (
            *(Series(f"{name}_bucket", limit) for limit in limits),
            Series(f"{name}_count"),
            Series(f"{name}_sum"),
        )
        known: Dict[Tuple[str, ...], Tuple[Optional[float], ...]] = {}
        for values, figures in rows:
            *counts, total = figures
            known.setdefault(_key(values), (*counts, counts[-1], total))
        return SeriesFamily(name, text, "histogram", tuple(labels), "le", series, known)

    def info(self, name: str, text: str, labels: Mapping[str, Optional[str]]) -> Metric:
        """The info *name*, which ends in "_info": always 1."""
        family = InfoMetricFamily(name[: -len("_info")], text)
        family.add_metric((), {key: label(value) for key, value in labels.items()})
        return family

    def infos(
        self, name: str, text: str, labels: Sequence[str], each: Iterable[Sequence[Optional[str]]]
    ) -> Metric:
        """The info *name*, which ends in "_info", with the values of *labels* of several things: always 1."""
        family = InfoMetricFamily(name[: -len("_info")], text)
        family.samples = self._of(name, labels, ((values, 1) for values in each))
        return family

    def _of(self, name: str, names: Sequence[str], samples: Iterable[LabelledValue]) -> List[Sample]:
        shared = self._shared.setdefault(tuple(names), {})
        made = []
        for values, figure in _once(samples).items():
            labels = shared.get(values)
            if labels is None:
                labels = shared[values] = dict(zip(names, values))
            made.append(Sample(name, labels, figure))
        return made


def label(value: Optional[str]) -> str:
    """*value* as a label; to Prometheus an empty one is none at all."""
    if value is not None and value.isascii():
        return value
    # Names that are not UTF-8 reach us with surrogates in them, which cannot be written as UTF-8.
    return (value or "").encode("utf-8", "backslashreplace").decode("utf-8")


def _key(values: Sequence[Optional[str]]) -> Tuple[str, ...]:
    """*values* as labels; most are ASCII, which is found for all of them at once."""
    if None not in values and "".join(values).isascii():  # type: ignore[arg-type]
        return tuple(values)  # type: ignore[arg-type]
    return tuple([label(value) for value in values])


def _once(samples: Iterable[LabelledValue]) -> Dict[Tuple[str, ...], float]:
    """What is known, each set of labels once: Prometheus refuses all of a text that has one twice.

    Two mounts, one over the other, have the same labels.  The worse is exported: the lower figure.
    """
    known: Dict[Tuple[str, ...], float] = {}
    for labels, value in samples:
        if value is not None:
            key = _key(labels)
            before = known.get(key)
            known[key] = value if before is None or value < before else before
    return known


def _lowest(rows: Iterable[LabelledRow]) -> Rows:
    """*rows* by the values of their labels."""
    known: Dict[Tuple[str, ...], Tuple[Optional[float], ...]] = {}
    for values, figures in rows:
        key = _key(values)
        before = known.get(key)
        known[key] = tuple(figures) if before is None else tuple(map(_lower, before, figures))
    return known


def _lower(one: Optional[float], other: Optional[float]) -> Optional[float]:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
