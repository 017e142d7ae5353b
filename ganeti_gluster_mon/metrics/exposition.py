"""Metrics as text, in Prometheus' own format and as OpenMetrics.

The same bytes as `prometheus_client` writes for gauges, counters and infos (a test compares them), in a fraction of
the time: a large pool has a hundred thousand samples, and many have the same labels and one of few values.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://openmetrics.io/.
"""

from __future__ import annotations

import functools
import math
from typing import Callable, Dict, Iterable, List, Tuple

from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

from ganeti_gluster_mon.metrics.families import AnyFamily, GaugeGroup

_cached_go_string = functools.lru_cache(maxsize=4096)(floatToGoString)

#: By the identity of a dictionary of labels: the labels as text, and the dictionary itself, which keeps it what it is.
#: Families that share their labels share the dictionary.
_Labels = Dict[int, Tuple[str, Dict[str, str]]]


#: the lines above the samples: by name, help and type of the family
_Head = Callable[[str, str, str], str]


def prometheus_text(families: Iterable[AnyFamily]) -> bytes:
    """*families* in Prometheus' text format, version 0.0.4."""
    return b"".join(_parts(families, _prometheus_head))


def openmetrics_text(families: Iterable[AnyFamily]) -> bytes:
    """*families* as OpenMetrics, version 1.0.0."""
    return b"".join([*_parts(families, _openmetrics_head), b"# EOF\n"])


def _prometheus_head(name: str, text: str, kind: str) -> str:
    name += {"counter": "_total", "info": "_info"}.get(kind, "")
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {escaped}\n# TYPE {name} {'gauge' if kind == 'info' else kind}\n"


def _openmetrics_head(name: str, text: str, kind: str) -> str:
    return f"# HELP {name} {_escaped(text)}\n# TYPE {name} {kind}\n"


def _parts(families: Iterable[AnyFamily], head: _Head) -> List[bytes]:
    parts: List[bytes] = []
    labels: _Labels = {}
    for family in families:
        if isinstance(family, GaugeGroup):
            parts.extend(_group(family, head))
        else:
            parts.append(_part(head(family.name, family.documentation, family.type), family, labels))
    return parts


def _group(group: GaugeGroup, head: _Head) -> List[bytes]:
    """The gauges of a group, row by row: each row is in the processor's cache once, not once for each gauge."""
    written: List[List[str]] = [[] for _ in group.gauges]
    # A gauge writes to its own list.
    gauges = [(name, lines.append) for (name, _), lines in zip(group.gauges, written)]
    order = sorted(range(len(group.labels)), key=group.labels.__getitem__)
    names = [f'{group.labels[index]}="' for index in order]
    for values, figures in group.rows.items():
        escaped = [_escaped(values[index]) for index in order]
        labels = '",'.join(map(str.__add__, names, escaped))
        for (name, write), value in zip(gauges, figures):
            if value is not None:
                figure = _cached_go_string(value) if value else _zero(value)
                write(f'{name}{{{labels}"}} {figure}\n')
    return [
        "".join([head(name, text, "gauge"), *lines]).encode("utf-8")
        for (name, text), lines in zip(group.gauges, written)
        if lines
    ]


def _part(head: str, family: Metric, known: _Labels) -> bytes:
    """One family; its samples are not kept, so that a large pool takes little memory."""
    lines = [head]
    for sample in family.samples:
        found = known.get(id(sample.labels))
        if found is None:
            pairs = sorted(sample.labels.items())
            labels = ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])
            found = known[id(sample.labels)] = (f"{{{labels}}}" if labels else "", sample.labels)
        value = sample.value
        lines.append(f"{sample.name}{found[0]} {_cached_go_string(value) if value else _zero(value)}\n")
    return "".join(lines).encode("utf-8")


def _zero(value: float) -> str:
    """0.0 or -0.0, which are equal, so that a cache would take one for the other."""
    return "-0.0" if math.copysign(1, value) < 0 else "0.0"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
