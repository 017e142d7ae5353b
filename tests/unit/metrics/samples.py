"""The samples in Prometheus' text format, for tests."""

from __future__ import annotations

import dataclasses
from typing import Dict, FrozenSet, List, Tuple

from prometheus_client.parser import text_string_to_metric_families

from ganeti_gluster_mon.gluster.model import Brick, Pool, Subvolume, Volume
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL

WHOLE = render(POOL, HEALTH, NOW, duration=0.125, failures={"timeout": 3, "lock": 0})


Series = Dict[Tuple[str, FrozenSet[Tuple[str, str]]], float]


def series(text: bytes) -> Series:
    """What Prometheus would read; no series may come twice."""
    found: Series = {}
    for family in text_string_to_metric_families(text.decode("utf-8")):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(text: bytes, name: str) -> List[Tuple[Dict[str, str], float]]:
    return [(dict(labels), value) for (each, labels), value in series(text).items() if each == name]


def only(text: bytes, name: str) -> float:
    ((_, value),) = of(text, name)
    return value


def pool_of(bricks: Tuple[Brick, ...], name: str = "gv0") -> Pool:
    volume = Volume(name, "u", "distribute", "started", "tcp", bricks, (Subvolume("distribute", bricks),))
    return dataclasses.replace(POOL, volumes=(volume,))
