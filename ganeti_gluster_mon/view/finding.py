"""What `gnt-gluster diagnose` reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and what to do about it; "" where the text itself contains it."""

    text: str
    to_do: str = ""
    #: worth knowing, and nothing that is wrong
    note: bool = False
    #: the host that it is about, by Gluster's name; "" for none
    host: str = ""


#: of a node where gnt-node list-storage needs a mount
NO_BACKEND = Finding(
    "Ganeti's own module for Gluster is in use: gnt-node list-storage fails here until the volume was mounted",
    "apt install ganeti-gluster-backend",
    note=True,
)
