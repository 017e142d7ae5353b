"""Content negotiation by the Accept and Accept-Encoding headers (RFC 9110, section 12.5)."""

from __future__ import annotations

from typing import Dict

from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics import exposition as openmetrics


def gzip(accept_encoding: str) -> bool:
    """Whether the response may be compressed: ``gzip;q=0`` forbids it, also after ``*``."""
    qualities = _qualities(accept_encoding)
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def html(accept: str) -> bool:
    """Whether the client is a browser: it names HTML, and prefers it to JSON.

    curl, Prometheus and htools send ``*/*`` or nothing, and get the same as from mond.
    """
    qualities = _qualities(accept)
    wanted = max(qualities.get("text/html", 0.0), qualities.get("application/xhtml+xml", 0.0))
    return wanted > 0 and wanted >= qualities.get("application/json", 0.0)


def open_metrics(accept: str) -> bool:
    """Whether the client requests OpenMetrics, as Prometheus' client library decides it."""
    return bool(choose_encoder(accept)[1] == openmetrics.CONTENT_TYPE_LATEST)


def _qualities(header: str) -> Dict[str, float]:
    """The quality of each value, from 0 to 1; one that cannot be parsed is 0."""
    qualities = {}
    for choice in header.lower().split(","):
        value, *parameters = (part.strip() for part in choice.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        qualities[value] = quality
    return qualities
