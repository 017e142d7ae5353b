"""Decides what is good and what is bad.  The only place that decides.

Reports, metrics, `check`, alerts, the page and Ganeti's sync status use the results and the
thresholds of this package.  They make no decision of their own.

A value that is not known is never good: it is a problem of severity UNKNOWN, with its reason.
One module for each concern: peers, bricks, healing, space, tasks, services, disks, node,
knowledge.
"""

from ganeti_gluster_mon.health.codes import CODES
from ganeti_gluster_mon.health.disks import (
    DISK_STATUSES,
    DiskHealth,
    GuestStatuses,
    SubvolumeRedundancy,
    evaluate_disk,
    evaluate_guests,
    subvolume_redundancy,
)
from ganeti_gluster_mon.health.evaluate import STATUSES, Health, VolumeHealth, evaluate, with_stuck
from ganeti_gluster_mon.health.guests import affected_guests, guests_text
from ganeti_gluster_mon.health.messages import MessagePart, grouped, message, message_parts
from ganeti_gluster_mon.health.node import evaluate_node
from ganeti_gluster_mon.health.problem import (
    CRITICAL,
    HEALING,
    OK,
    UNKNOWN,
    Limits,
    Problem,
    worst,
    worst_first,
)
from ganeti_gluster_mon.health.remedies import REMEDIES, Remedy, common_fix, host_of, remedy_of

__all__ = [
    "CODES",
    "CRITICAL",
    "DISK_STATUSES",
    "HEALING",
    "OK",
    "REMEDIES",
    "STATUSES",
    "UNKNOWN",
    "DiskHealth",
    "GuestStatuses",
    "Health",
    "Limits",
    "MessagePart",
    "Problem",
    "Remedy",
    "SubvolumeRedundancy",
    "VolumeHealth",
    "affected_guests",
    "common_fix",
    "evaluate",
    "evaluate_disk",
    "evaluate_guests",
    "evaluate_node",
    "grouped",
    "guests_text",
    "host_of",
    "message",
    "message_parts",
    "remedy_of",
    "subvolume_redundancy",
    "with_stuck",
    "worst",
    "worst_first",
]
