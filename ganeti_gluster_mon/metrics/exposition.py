"""Metrics as text, in Prometheus' own format and as OpenMetrics.

The same bytes as `prometheus_client` writes for gauges, counters and infos (a test compares them), in a fraction of
the time: a large pool has a hundred thousand samples, and many have the same labels and one of few values.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://openmetrics.io/.
"""

from __future__ import annotations

import functools
import math
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

from ganeti_gluster_mon.metrics.families import AnyFamily, MetricGroup, SeriesFamily, family_name

#: texts that become one part of a family: they and the part fit into the processor's cache
_PART_TEXTS = 1 << 14
#: texts that a line of a family with a label of its own is joined of
_LINE_TEXTS = 6
#: numbers from this one on have an exponent
_EXPONENT_FROM = 10**6
#: whole numbers below this one are exact as floats
_EXACT_BELOW = 1 << 53


@functools.lru_cache(maxsize=4096)
def _go_string(value: float) -> str:
    """*value*, not 0, as `floatToGoString` of prometheus_client writes it, by a shorter way for what is frequent."""
    if type(value) is int and _EXPONENT_FROM <= value < _EXACT_BELOW:
        digits = str(value)
        return f"{f'{digits[0]}.{digits[1:]}'.rstrip('0.')}e+0{len(digits) - 1}"
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


#: By the identity of a dictionary of labels: the labels as text, and the dictionary itself, which keeps it what it is.
#: Families that share their labels share the dictionary.
_Labels = Dict[int, Tuple[str, Dict[str, str]]]


#: the lines of a family, or of a long one a part of them: its name, help and type, and the lines
_Lines = Tuple[str, str, str, bytes]


#: a part of a family: what begins it in Prometheus' format and in OpenMetrics, and the lines of its samples, which are
#: the same.  Only the first part of a family has a beginning
FamilyText = Tuple[bytes, bytes, bytes]

#: what ends a text of OpenMetrics
OPENMETRICS_END = b"# EOF\n"


def family_texts(families: Iterable[AnyFamily]) -> Iterator[FamilyText]:
    """*families*, one after the other, in both formats: Prometheus' text format 0.0.4 and OpenMetrics 1.0.0."""
    latest = None
    for name, text, kind, lines in _lines(families):
        if name == latest:
            yield b"", b"", lines
        else:
            yield _prometheus_head(name, text, kind), _openmetrics_head(name, text, kind), lines
        latest = name


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
            name = family_name(family.name, family.kind)
            for lines in _series(family):
                yield name, family.text, family.kind, lines
        else:
            yield family.name, family.documentation, family.type, _samples(family, labels)


def _group(group: MetricGroup) -> Iterator[_Lines]:
    """The metrics of a group, row by row: each row is in the processor's cache once, not once for each metric."""
    written: List[List[str]] = [[] for _ in group.metrics]
    # A metric writes to its own list.
    metrics = [(name, lines.append) for (name, _), lines in zip(group.metrics, written)]
    order, names = _sorted_labels(group.labels)
    for values, figures in group.rows.items():
        values = _escaped_all(values)
        labels = '",'.join([f"{name}{values[index]}" for name, index in zip(names, order)])
        for (name, write), figure in zip(metrics, _figures(figures)):
            if figure:
                write(f'{name}{{{labels}"}} {figure}\n')
    for (name, text), lines in zip(group.metrics, written):
        if lines:
            yield family_name(name, group.kind), text, group.kind, "".join(lines).encode("utf-8")


def _series(family: SeriesFamily) -> Iterator[bytes]:
    """The lines of a family in parts, row by row: the labels of a row are written as text once, not once for each line.

    The lines of a row are joined of lists, without a step of Python for each line but that for its figure.
    """
    order, names = _sorted_labels(family.labels)
    place = sum(name < family.label for name in family.labels)
    # A comma stands next to the family's own label, since one of the series may lack it.
    comma_before, comma_after = "," if place else "", "" if place or not names else ","
    line_texts = [
        ""
        if series.value is None
        else f'{comma_before}{family.label}="{_escaped(series.value)}"{comma_after}'
        for series in family.series
    ]
    row_texts = [
        text
        for series, own in zip(family.series, line_texts)
        for text in (f"{series.name}{{", "", own, "", "", "\n")
    ]
    count = len(family.series)
    texts: List[str] = []
    for values, figures in family.rows.items():
        values = _escaped_all(values)
        pairs = [f'{name}{values[index]}"' for name, index in zip(names, order)]
        before, after = ",".join(pairs[:place]), ",".join(pairs[place:])
        if before and after:
            after = f",{after}"
        row = row_texts.copy()
        row[1::_LINE_TEXTS] = [before] * count
        row[3::_LINE_TEXTS] = [f"{after}}} "] * count
        row[4::_LINE_TEXTS] = _figures(figures)
        if None in figures:
            for index in range(count):
                if figures[index] is None:
                    row[index * _LINE_TEXTS : (index + 1) * _LINE_TEXTS] = [""] * _LINE_TEXTS
        texts += row
        if len(texts) > _PART_TEXTS:
            yield from _part(texts)
            texts.clear()
    yield from _part(texts)


def _part(texts: Sequence[str]) -> Iterator[bytes]:
    """*texts* as a part of a family, unless no figure is known."""
    lines = "".join(texts)
    if lines:
        yield lines.encode("utf-8")


def _figures(values: Sequence[Optional[float]]) -> List[str]:
    """*values* as text; "" for those that are not known."""
    # The frequent ones without a call: the figures of a thousand bricks' profiles are nearly all different.
    return [
        ""
        if value is None
        else f"{value}.0"
        if type(value) is int and 0 <= value < _EXPONENT_FROM
        else repr(value)
        if type(value) is float and 0 <= value < _EXPONENT_FROM  # repr knows -0.0
        else _figure(value)
        for value in values
    ]


def _figure(value: float) -> str:
    return _go_string(value) if value else _zero(value)


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
        lines.append(f"{sample.name}{found[0]} {_figure(sample.value)}\n")
    return "".join(lines).encode("utf-8")


def _zero(value: float) -> str:
    """0.0 or -0.0, which are equal, so that a cache would take one for the other."""
    return "-0.0" if math.copysign(1, value) < 0 else "0.0"


def _escaped_all(values: Tuple[str, ...]) -> Tuple[str, ...]:
    """*values* of labels, escaped; few have such a character, and one look at all of them finds it."""
    text = "".join(values)
    if "\\" not in text and '"' not in text and "\n" not in text:
        return values
    return tuple(map(_escaped, values))


def _escaped(text: str) -> str:
    # A cache would be too small for the bricks of a large pool.
    if "\\" not in text and '"' not in text and "\n" not in text:
        return text
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
