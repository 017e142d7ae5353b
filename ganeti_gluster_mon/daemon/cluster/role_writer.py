"""Writes the role of this node for the poller."""

from __future__ import annotations

import logging
from typing import Optional

from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.spool import ALONE, Spool


class RoleWriter:
    """Writes the role when it changes; an error is logged once, and the next call tries again."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._role: Optional[str] = None
        #: the error that was logged last
        self._logged_error = ""

    def write(self, role: str) -> None:
        """Write *role*: LEAD, FOLLOW or ALONE."""
        if role == self._role:
            return
        try:
            # Each write makes the poller query Gluster at once, so write changes only.
            if self._spool.role() != (None if role == ALONE else role):
                self._spool.write_role(role)
        except OSError as err:
            if str(err) != self._logged_error:
                log_event(logging.ERROR, "cannot write the role", {"why": err})
            self._logged_error = str(err)
        else:
            self._role, self._logged_error = role, ""
