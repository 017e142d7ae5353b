"""The directories of the daemon."""

from __future__ import annotations

#: the files that the processes of the daemon hand to each other, see daemon/spool.py
RUN_DIRECTORY = "/run/ganeti-gluster-mon"
#: what survives a reboot: since when problems exist, and mutes
STATE_DIRECTORY = "/var/lib/ganeti-gluster-mon"
