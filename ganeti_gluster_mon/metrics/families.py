"""Families of metrics for Prometheus, of samples by the values of their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

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


#: values of the labels; upper limits, "+Inf" the last, with the number of values up to each; and the sum of all values
LabelledHistogram = Tuple[Sequence[Optional[str]], Sequence[Tuple[str, float]], float]

#: name and help of a gauge
NameAndHelp = Tuple[str, str]
#: values of the labels, and a figure for each gauge; None: not known
LabelledRow = Tuple[Sequence[Optional[str]], Sequence[Optional[float]]]


@dataclass(frozen=True)
class GaugeGroup:
    """Gauges with the same labels, as rows: a row has the figures of one brick, for example.

    `exposition` writes a row at once, for all gauges.  A pass over all bricks for each gauge takes four times as
    long where they do not fit into the processor's cache, and more than twice as long for twice the bricks.
    """

    gauges: Tuple[NameAndHelp, ...]
    labels: Tuple[str, ...]
    #: by the values of the labels: a figure for each gauge; None: no sample
    rows: Mapping[Tuple[str, ...], Tuple[Optional[float], ...]]

    def families(self) -> Iterator[Metric]:
        """Each gauge as a family of prometheus_client, those without a sample left out."""
        labelled = [(dict(zip(self.labels, values)), figures) for values, figures in self.rows.items()]
        for index, (name, text) in enumerate(self.gauges):
            family = GaugeMetricFamily(name, text)
            values = ((labels, figures[index]) for labels, figures in labelled)
            family.samples = [Sample(name, labels, value) for labels, value in values if value is not None]
            if family.samples:
                yield family


#: what a module of metrics makes
AnyFamily = Union[Metric, GaugeGroup]


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
        self, labels: Sequence[str], gauges: Sequence[NameAndHelp], rows: Iterable[LabelledRow]
    ) -> GaugeGroup:
        """The *gauges*, which all have the *labels*; of rows with the same labels the lowest of each figure."""
        known: Dict[Tuple[str, ...], Tuple[Optional[float], ...]] = {}
        for values, figures in rows:
            key = tuple([label(value) for value in values])
            before = known.get(key)
            known[key] = tuple(figures) if before is None else tuple(map(_lower, before, figures))
        return GaugeGroup(tuple(gauges), tuple(labels), known)

    def counter(
        self, name: str, text: str, labels: Sequence[str], samples: Iterable[LabelledValue]
    ) -> Metric:
        """The counter *name*, which ends in "_total"; of samples with the same labels the lowest."""
        family = CounterMetricFamily(name, text)
        family.samples = self._of(name, labels, samples)
        return family

    def histogram(
        self, name: str, text: str, labels: Sequence[str], samples: Iterable[LabelledHistogram]
    ) -> Metric:
        """The histogram *name*; of samples with the same labels the first."""
        family = HistogramMetricFamily(name, text, labels=labels)
        known = set()
        for values, buckets, total in samples:
            key = tuple([label(value) for value in values])
            if key not in known:
                known.add(key)
                family.add_metric(key, buckets, total)
        return family

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


def _once(samples: Iterable[LabelledValue]) -> Dict[Tuple[str, ...], float]:
    """What is known, each set of labels once: Prometheus refuses all of a text that has one twice.

    Two mounts, one over the other, have the same labels.  The worse is exported: the lower figure.
    """
    known: Dict[Tuple[str, ...], float] = {}
    for labels, value in samples:
        if value is not None:
            key = tuple([label(each) for each in labels])
            before = known.get(key)
            known[key] = value if before is None or value < before else before
    return known


def _lower(one: Optional[float], other: Optional[float]) -> Optional[float]:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
