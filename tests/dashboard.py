"""The dashboard that is shipped, and what it asks Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator

DASHBOARD = Path(__file__).parents[1] / "examples" / "grafana" / "ganeti-gluster-mon.json"

#: what Grafana puts in the place of its variables when all is chosen
_CHOSEN = {"$job": ".+", "$volume": ".+", "$__rate_interval": "1m"}


def dashboard() -> Dict[str, Any]:
    """As it is imported."""
    return dict(json.loads(DASHBOARD.read_text(encoding="utf-8")))


def queries() -> Iterator[str]:
    """What each panel asks, as Grafana would send it."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for variable, value in _CHOSEN.items():
                query = query.replace(variable, value)
            yield query
