"""All that is served about one picture of the pool, made once when the picture changes.

A scrape then costs sending bytes, whatever Gluster does at that moment.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from ganeti_gluster_mon import report
from ganeti_gluster_mon.collectors import collectors
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.prometheus import PoolMetrics

JSON = "application/json"
#: below this many bytes, packing a body costs more than it saves
_WORTH_PACKING = 1400
#: of zlib's nine: three quarters of what the best saves, in a fifth of its time
_LEVEL = 3


@dataclass(frozen=True)
class Body:
    """One answer, ready to be sent."""

    content_type: str
    plain: bytes
    #: None where it is not worth it
    gzipped: Optional[bytes] = None


@dataclass(frozen=True)
class Reports:
    """Every report, by (category, name), and all of them in one list."""

    single: Mapping[Tuple[str, str], Body]
    all: Body


@dataclass(frozen=True)
class Rendered:
    """Everything that is served about one picture."""

    #: ns since the epoch, when it was made
    now: int
    #: mond's: name, category, kind
    listing: Tuple[Tuple[str, str, int], ...]
    #: without and with ?verbose=1
    terse: Reports
    verbose: Reports
    metrics: Body
    openmetrics: Body


def render(
    pool: Pool,
    health: Health,
    now: int,
    duration: Optional[float] = None,
    failures: Optional[Mapping[str, int]] = None,
    leader: Optional[bool] = None,
) -> Rendered:
    """Render *pool* as *health* judges it at *now*; see `PoolMetrics` for the rest."""
    registry = CollectorRegistry()
    registry.register(PoolMetrics(pool, health, now, duration, failures, leader))
    return Rendered(
        now=now,
        listing=tuple((each.name, each.category, each.kind) for each in collectors().values()),
        terse=_reports(pool, health, now, verbose=False),
        verbose=_reports(pool, health, now, verbose=True),
        metrics=body(CONTENT_TYPE_LATEST, generate_latest(registry)),
        openmetrics=body(openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(registry)),  # type: ignore[no-untyped-call]
    )


def body(content_type: str, plain: bytes) -> Body:
    """*plain* as a body, packed too where that is worth it."""
    worth = len(plain) >= _WORTH_PACKING
    return Body(content_type, plain, gzip.compress(plain, _LEVEL, mtime=0) if worth else None)


def _reports(pool: Pool, health: Health, now: int, verbose: bool) -> Reports:
    single: Dict[Tuple[str, str], Body] = {}
    texts: List[str] = []
    for each in collectors().values():
        text = json.dumps(report.make(each, pool, health, now, verbose))
        texts.append(text)
        single[(each.category, each.name)] = body(JSON, text.encode("ascii"))
    return Reports(single, body(JSON, f"[{', '.join(texts)}]".encode("ascii")))
