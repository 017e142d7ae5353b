"""The snapshots of a volume; a part of the model.  None means *not known*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class VolumeSnapshot:
    """One snapshot of a volume."""

    name: str
    #: the volume that it was taken of
    volume: str
    #: seconds since the epoch
    created_at: Optional[int] = None
    #: whether it can be mounted
    activated: Optional[bool] = None
    #: how many more the volume may have
    remaining: Optional[int] = None
