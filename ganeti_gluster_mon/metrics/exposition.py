"""Metrics as text, in Prometheus' own format and as OpenMetrics.

The same bytes as `prometheus_client` writes for gauges, counters and infos (a test compares them), in a fraction of
the time: a large pool has a hundred thousand samples, and many have the same labels and one of few values.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://openmetrics.io/.
"""

from __future__ import annotations

import functools
import math
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

from ganeti_gluster_mon.metrics.families import AnyFamily, MetricGroup, SeriesFamily, family_name

#: lines of a family that are kept as texts of their own, which take twice the memory
_MOST_LINES = 2000
#: numbers from this one on have an exponent
_EXPONENT_FROM = 10**6
#: whole numbers below this one are exact as floats
_EXACT_BELOW = 1 << 53


@functools.lru_cache(maxsize=4096)
def _go_string(value: float) -> str:
    """*value*, not 0, as `floatToGoString` of prometheus_client writes it, by shorter ways for what is frequent."""
    if type(value) is int and 0 < value < _EXACT_BELOW:
        if value < _EXPONENT_FROM:
            return f"{value}.0"
        digits = str(value)
        return f"{f'{digits[0]}.{digits[1:]}'.rstrip('0.')}e+0{len(digits) - 1}"
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


#: By the identity of a dictionary of labels: the labels as text, and the dictionary itself, which keeps it what it is.
#: Families that share their labels share the dictionary.
_Labels = Dict[int, Tuple[str, Dict[str, str]]]


#: a family without its head: its name, help and type, and the lines of its samples
_Lines = Tuple[str, str, str, bytes]


#: a family: what begins it in Prometheus' format and in OpenMetrics, and the lines of its samples, which are the same
FamilyText = Tuple[bytes, bytes, bytes]

#: what ends a text of OpenMetrics
OPENMETRICS_END = b"# EOF\n"


def family_texts(families: Iterable[AnyFamily]) -> Iterator[FamilyText]:
    """*families*, one after the other, in both formats: Prometheus' text format 0.0.4 and OpenMetrics 1.0.0."""
    for name, text, kind, lines in _lines(families):
        yield _prometheus_head(name, text, kind), _openmetrics_head(name, text, kind), lines


def prometheus_text(families: Iterable[AnyFamily]) -> bytes:
    """*families* in Prometheus' text format."""
    return b"".join([part for head, _, lines in family_texts(families) for part in (head, lines)])


def openmetrics_text(families: Iterable[AnyFamily]) -> bytes:
    """*families* as OpenMetrics."""
    parts = [part for _, head, lines in family_texts(families) for part in (head, lines)]
    return b"".join([*parts, OPENMETRICS_END])


def _prometheus_head(name: str, text: str, kind: str) -> bytes:
    name += {"counter": "_total", "info": "_info"}.get(kind, "")
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {escaped}\n# TYPE {name} {'gauge' if kind == 'info' else kind}\n".encode()


def _openmetrics_head(name: str, text: str, kind: str) -> bytes:
    return f"# HELP {name} {_escaped(text)}\n# TYPE {name} {kind}\n".encode()


def _lines(families: Iterable[AnyFamily]) -> Iterator[_Lines]:
    labels: _Labels = {}
    for family in families:
        if isinstance(family, MetricGroup):
            yield from _group(family)
        elif isinstance(family, SeriesFamily):
            lines = _series(family)
            if lines:
                yield family_name(family.name, family.kind), family.text, family.kind, lines
        else:
            yield family.name, family.documentation, family.type, _samples(family, labels)


def _group(group: MetricGroup) -> Iterator[_Lines]:
    """The metrics of a group, row by row: each row is in the processor's cache once, not once for each metric."""
    written: List[List[str]] = [[] for _ in group.metrics]
    # A metric writes to its own list.
    metrics = [(name, lines.append) for (name, _), lines in zip(group.metrics, written)]
    order, names = _sorted_labels(group.labels)
    for values, figures in group.rows.items():
        escaped = [_escaped(values[index]) for index in order]
        labels = '",'.join(map(str.__add__, names, escaped))
        for (name, write), value in zip(metrics, figures):
            if value is not None:
                figure = _go_string(value) if value else _zero(value)
                write(f'{name}{{{labels}"}} {figure}\n')
    for (name, text), lines in zip(group.metrics, written):
        if lines:
            yield family_name(name, group.kind), text, group.kind, "".join(lines).encode("utf-8")


def _series(family: SeriesFamily) -> bytes:
    """The lines of a family, row by row: the labels of a row are written as text once, not once for each line."""
    parts: List[bytes] = []
    lines: List[str] = []
    order, names = _sorted_labels(family.labels)
    place = sum(name < family.label for name in family.labels)
    starts = [f"{series.name}{{" for series in family.series]
    own = [
        "" if series.value is None else f'{family.label}="{_escaped(series.value)}"'
        for series in family.series
    ]
    for values, figures in family.rows.items():
        if len(lines) > _MOST_LINES:
            parts.append("".join(lines).encode("utf-8"))
            lines.clear()
        pairs = [f'{name}{_escaped(values[index])}"' for name, index in zip(names, order)]
        before, after = (
            "".join([f"{pair}," for pair in pairs[:place]]),
            "".join(f",{pair}" for pair in pairs[place:]),
        )
        whole = ",".join(pairs)
        for start, label, value in zip(starts, own, figures):
            if value is not None:
                if type(value) is float and 0 < value < _EXPONENT_FROM:
                    figure = repr(value)  # seconds differ from line to line: the cache would only be filled
                else:
                    figure = _go_string(value) if value else _zero(value)
                if label:
                    lines.append(f"{start}{before}{label}{after}}} {figure}\n")
                else:
                    lines.append(f"{start}{whole}}} {figure}\n")
    parts.append("".join(lines).encode("utf-8"))
    return b"".join(parts)


def _sorted_labels(labels: Sequence[str]) -> Tuple[List[int], List[str]]:
    """The places of *labels* in the order of their names, and each of these names with what begins its value."""
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return order, [f'{labels[index]}="' for index in order]


def _samples(family: Metric, known: _Labels) -> bytes:
    """The lines of one family; its samples are not kept, so that a large pool takes little memory."""
    lines: List[str] = []
    for sample in family.samples:
        found = known.get(id(sample.labels))
        if found is None:
            pairs = sorted(sample.labels.items())
            labels = ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])
            found = known[id(sample.labels)] = (f"{{{labels}}}" if labels else "", sample.labels)
        value = sample.value
        lines.append(f"{sample.name}{found[0]} {_go_string(value) if value else _zero(value)}\n")
    return "".join(lines).encode("utf-8")


def _zero(value: float) -> str:
    """0.0 or -0.0, which are equal, so that a cache would take one for the other."""
    return "-0.0" if math.copysign(1, value) < 0 else "0.0"


def _escaped(text: str) -> str:
    # Few have one of these.  A cache would be too small for the bricks of a large pool.
    if "\\" not in text and '"' not in text and "\n" not in text:
        return text
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
