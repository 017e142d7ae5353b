"""Turns the bytes of one answer of Gluster into the facts of that answer.

Each function takes the answer to one query of `query` as it came, and returns
`Parsed` facts or raises `NoAnswer`; never anything else.  What takes more than one answer
(which bricks are missing in it, how sizes add up) is decided in pool_builder.py.

What cannot be understood is named as a fault.  A value that is wrong becomes None; a record
that lacks what makes it what it is (a volume without a type, a brick without a path) is
left out.
"""

from __future__ import annotations

from ganeti_gluster_mon.gluster.facts import (
    BrickInfo,
    HealCount,
    LocalBrick,
    LocalState,
    LocalVolume,
    NodeStatus,
    VolumeInfo,
    VolumeStatus,
)
from ganeti_gluster_mon.gluster.parse.clients_xml import brick_clients
from ganeti_gluster_mon.gluster.parse.geo_replication_xml import geo_replication
from ganeti_gluster_mon.gluster.parse.get_state import state, state_in_part
from ganeti_gluster_mon.gluster.parse.heal_info_xml import heal_info
from ganeti_gluster_mon.gluster.parse.lvs_json import logical_volumes
from ganeti_gluster_mon.gluster.parse.op_version_xml import max_op_version
from ganeti_gluster_mon.gluster.parse.pool_list_xml import pool_list
from ganeti_gluster_mon.gluster.parse.profile_xml import profile
from ganeti_gluster_mon.gluster.parse.quota_xml import quota_list
from ganeti_gluster_mon.gluster.parse.rebalance_xml import rebalance_status, remove_brick_status
from ganeti_gluster_mon.gluster.parse.snapshot_info_xml import snapshot_info
from ganeti_gluster_mon.gluster.parse.volume_info_xml import volume_info
from ganeti_gluster_mon.gluster.parse.volume_status_xml import volume_status
from ganeti_gluster_mon.gluster.parse.xml_records import readable
from ganeti_gluster_mon.gluster.validation import NoAnswer, Parsed, Refused, Unreadable

__all__ = [
    "BrickInfo",
    "HealCount",
    "LocalBrick",
    "LocalState",
    "LocalVolume",
    "NoAnswer",
    "NodeStatus",
    "Parsed",
    "Refused",
    "Unreadable",
    "VolumeInfo",
    "VolumeStatus",
    "brick_clients",
    "geo_replication",
    "heal_info",
    "logical_volumes",
    "max_op_version",
    "pool_list",
    "profile",
    "quota_list",
    "readable",
    "rebalance_status",
    "remove_brick_status",
    "snapshot_info",
    "state",
    "state_in_part",
    "volume_info",
    "volume_status",
]
