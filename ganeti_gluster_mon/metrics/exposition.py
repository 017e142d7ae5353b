"""Metrics as text, in Prometheus' own format and as OpenMetrics.

The same bytes as `prometheus_client` writes for gauges, counters and infos (a test compares them), in a third of the
time: a large pool has a hundred thousand samples, and many have the same labels and one of few values.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://openmetrics.io/.
"""

from __future__ import annotations

import functools
import math
from typing import Dict, Iterable, List, Tuple

from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

_cached_go_string = functools.lru_cache(maxsize=4096)(floatToGoString)

#: By the identity of a dictionary of labels: the labels as text, and the dictionary itself, which keeps it what it is.
#: Families that share their labels share the dictionary.
_Labels = Dict[int, Tuple[str, Dict[str, str]]]


def prometheus_text(families: Iterable[Metric]) -> bytes:
    """*families* in Prometheus' text format, version 0.0.4."""
    parts: List[bytes] = []
    labels: _Labels = {}
    for family in families:
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if family.type == "info" else family.type
        text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
        parts.append(_part(f"# HELP {name} {text}\n# TYPE {name} {kind}\n", family, labels))
    return b"".join(parts)


def openmetrics_text(families: Iterable[Metric]) -> bytes:
    """*families* as OpenMetrics, version 1.0.0."""
    parts: List[bytes] = []
    labels: _Labels = {}
    for family in families:
        head = f"# HELP {family.name} {_escaped(family.documentation)}\n# TYPE {family.name} {family.type}\n"
        parts.append(_part(head, family, labels))
    parts.append(b"# EOF\n")
    return b"".join(parts)


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


# Names of volumes and hosts are in many labels.
@functools.lru_cache(maxsize=4096)
def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
