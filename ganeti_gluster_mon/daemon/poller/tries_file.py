"""The file of automatic repairs that were tried, in the state directory; see repair_tries.py."""

from __future__ import annotations

import logging
import os

from ganeti_gluster_mon import atomic_file, safe_open
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.repair_tries import (
    FILE,
    MOST_BYTES,
    PERIOD,
    DamagedTries,
    RepairTries,
    decode,
    encode,
)


class TriesFile:
    """The file of tries.  It is root's: what another user put in its place counts as damaged."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, FILE)

    def read(self, now: float) -> RepairTries:
        """The tries that an earlier daemon recorded; of a damaged file none, and none is allowed for an hour."""
        try:
            return decode(safe_open.read(self._path, MOST_BYTES, (0, os.geteuid())))
        except FileNotFoundError:
            return RepairTries()
        except (OSError, DamagedTries) as err:
            why = (err.strerror or str(err)) if isinstance(err, OSError) else str(err)
            log_event(
                logging.ERROR,
                "no automatic repair for an hour",
                {"file": self._path, "why": f"damaged: {why}"},
            )
            return RepairTries(blocked_until=now + PERIOD)

    def write(self, tries: RepairTries) -> None:
        """Keep *tries*, also when the power fails now.  Raises OSError."""
        atomic_file.write(self._path, encode(tries), durable=True)
