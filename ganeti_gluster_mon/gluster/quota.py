"""A limit on a directory of a volume; a part of the model.  None means *not known*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class QuotaLimit:
    """One row of `volume quota V list`; bytes."""

    path: str
    hard_limit: Optional[int]
    soft_limit: Optional[int]
    used: Optional[int]
    available: Optional[int]
    #: whether the hard limit is reached
    exceeded: Optional[bool]
    #: whether the soft limit is
    soft_exceeded: Optional[bool] = None
