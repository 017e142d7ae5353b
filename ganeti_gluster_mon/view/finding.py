"""What `gnt-gluster diagnose` reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and what to do about it; "" where the text itself says it."""

    text: str
    to_do: str = ""
    #: worth knowing, and nothing that is wrong
    note: bool = False
