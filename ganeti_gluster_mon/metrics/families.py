"""Families of metrics for Prometheus, of samples by the values of their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
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

    def counter(
        self, name: str, text: str, labels: Sequence[str], samples: Iterable[LabelledValue]
    ) -> Metric:
        """The counter *name*, which ends in "_total"; of samples with the same labels the lowest."""
        family = CounterMetricFamily(name, text)
        family.samples = self._of(name, labels, samples)
        return family

    def info(self, name: str, text: str, labels: Mapping[str, Optional[str]]) -> Metric:
        """The info *name*, which ends in "_info": always 1."""
        family = InfoMetricFamily(name[: -len("_info")], text)
        family.add_metric((), {key: label(value) for key, value in labels.items()})
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


def gauge_of_labels(
    name: str, text: str, samples: Iterable[Tuple[Dict[str, str], Optional[float]]]
) -> Metric:
    """The gauge *name* of samples that have each set of labels once, ready for Prometheus."""
    family = GaugeMetricFamily(name, text)
    family.samples = [Sample(name, labels, value) for labels, value in samples if value is not None]
    return family


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
