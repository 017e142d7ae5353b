"""One line for each event that matters, with its facts as fields: ``level=info role=poller event="…" key=value``."""

from __future__ import annotations

import logging
import re
from typing import Mapping

LEVELS = ("debug", "info", "warning", "error")

LOG = logging.getLogger("ganeti_gluster_mon")
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@%+-]+")


class _Fields(logging.Formatter):
    """logfmt, on one line whatever a name holds."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        fields = {"level": record.levelname.lower(), "role": self._role, "event": record.getMessage()}
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return '"' + escaped.replace('"', "'") + '"'


def to_stderr(role: str, level: str) -> None:
    """Write log events to standard error, from *level* upwards; *role* is the role of this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Fields(role))
    LOG.handlers = [handler]
    LOG.setLevel(level.upper())
    LOG.propagate = False


def log_event(level: int, event: str, fields: Mapping[str, object]) -> None:
    """Log *event* with its *fields*."""
    LOG.log(level, "%s", event, extra={"fields": dict(fields)})
