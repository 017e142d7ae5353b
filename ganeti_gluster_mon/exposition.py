"""Metrics as text, in Prometheus' own format and as OpenMetrics.

The same bytes as `prometheus_client` writes for gauges, counters and infos (a test compares them), in a third of the
time: a large pool has a hundred thousand samples, and many have the same labels and one of few values.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://openmetrics.io/.
"""

from __future__ import annotations

import functools
from typing import Dict, Iterable, List

from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

_go_string = functools.lru_cache(maxsize=4096)(floatToGoString)

#: labels as text, by the identity of the dictionary that holds them
_Labels = Dict[int, str]


def prometheus_text(families: Iterable[Metric]) -> bytes:
    """*families* in Prometheus' text format, version 0.0.4."""
    lines: List[str] = []
    labels: _Labels = {}
    families = list(families)
    for family in families:
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if family.type == "info" else family.type
        text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
        lines.append(f"# HELP {name} {text}\n# TYPE {name} {kind}\n")
        _add_samples(family, labels, lines)
    return "".join(lines).encode("utf-8")


def openmetrics_text(families: Iterable[Metric]) -> bytes:
    """*families* as OpenMetrics, version 1.0.0."""
    lines: List[str] = []
    labels: _Labels = {}
    families = list(families)
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.documentation)}\n")
        lines.append(f"# TYPE {family.name} {family.type}\n")
        _add_samples(family, labels, lines)
    lines.append("# EOF\n")
    return "".join(lines).encode("utf-8")


def _add_samples(family: Metric, known: _Labels, lines: List[str]) -> None:
    for sample in family.samples:
        # Families that share their labels share the dictionary; they outlive this call, so that it stays what it is.
        labels = known.get(id(sample.labels))
        if labels is None:
            pairs = sorted(sample.labels.items())
            labels = ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])
            labels = known[id(sample.labels)] = f"{{{labels}}}" if labels else ""
        lines.append(f"{sample.name}{labels} {_go_string(sample.value)}\n")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
