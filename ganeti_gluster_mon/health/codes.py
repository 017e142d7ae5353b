"""The stable codes of problems.

A code never changes its meaning; new codes may come.  docs/runbook.md has a section for each.
"""

from __future__ import annotations

from typing import Mapping

#: By code: how the message names several problems of that kind.  ``{n}`` is their number, ``{kind}`` what they
#: have in common, ``{names}`` their subjects, which follow the text where it has no ``{names}``.  The order is that
#: of the message: of two problems of one severity, that with the earlier code comes first.
CODES: Mapping[str, str] = {
    "SUBVOLUME_QUORUM_LOST": "{n} subvolumes have lost quorum: no access to their files",
    "SPLIT_BRAIN": "{n} volumes have entries in split-brain",
    "BITROT_CORRUPTED": "{n} times the scrubber found corrupted files",
    "BRICK_UNREACHABLE": "{n} bricks cannot be reached",
    "BRICK_OFFLINE": "{n} bricks are offline",
    "BRICK_HANGS": "{n} bricks hang (the process runs and does not answer)",
    "BRICK_FILESYSTEM": "the filesystems of {n} bricks have errors",
    "BRICK_FILESYSTEM_NOT_MOUNTED": "{n} bricks run and their filesystems are not mounted",
    "BRICK_HOST_NOT_IN_POOL": "{n} bricks are on hosts that are not in the pool",
    "BRICK_CONTRADICTED": "{n} bricks are offline by `volume status`, and `heal info` reaches them",
    "GLUSTERD_DOWN": "{n} times: {kind}",
    "GLUSTERD_HANGS": "{n} times: {kind}",
    "PEER_DISCONNECTED": "{n} peers are disconnected",
    "PEER_SILENT": "{n} peers do not answer on port 24007 (glusterd still counts them as connected)",
    "PEER_REJECTED": "{n} peers are not full members of the pool",
    "VOLUME_FULL": "{n} volumes are full or nearly full",
    "SUBVOLUME_FULL": "{n} subvolumes are full or nearly full",
    "ARBITER_FULL": "{n} arbiter bricks are full or nearly full",
    "THIN_POOL_FULL": "the thin pools under {n} bricks are full or nearly full",
    "QUOTA_EXCEEDED": "{n} quota limits are exceeded",
    "INODES_SHORT": "{n} volumes or bricks have few inodes free",
    "HEAL_DAEMON_OFF": "{n} volumes: {kind}",
    "HEAL_DAEMON_DOWN": "no self-heal daemon on {names}",
    "HEAL_STUCK": "{n} volumes have entries to be healed, and healing does not go on",
    "HEAL_PENDING": "{n} volumes have entries to be healed",
    "DAEMON_DOWN": "{n} daemons do not run",
    "GEO_REPLICATION_FAULTY": "{n} sessions: {kind}",
    "REBALANCE_FAILED": "{n} volumes: {kind}",
    "REMOVE_BRICK_UNCOMMITTED": "{n} volumes: {kind}",
    "REBALANCE_FAILURES": "{n} volumes: {kind}",
    "REBALANCE_RUNNING": "{n} volumes: {kind}",
    "MOUNT_CONTRADICTS_BRICKS": "{n} mounts contradict the bricks",
    "MOUNT_HANGS": "{n} mounts do not answer",
    "MOUNT_NOT_WRITABLE": "no file can be written to {n} mounts",
    "ANSWERS_STALE": "{n} times: {kind}",
    "GLUSTER_TOO_OLD": "{n} times: {kind}",
    "NOT_KNOWN": "{n} volumes: {kind}",
    "CLIENT_PARTLY_CONNECTED": "{n} clients are not connected to all bricks of a subvolume",
    "GEO_REPLICATION_FAILURES": "{n} sessions: {kind}",
    "GEO_REPLICATION_BEHIND": "{n} sessions: {kind}",
    "GEO_REPLICATION_STOPPED": "{n} sessions: {kind}",
    "SNAPSHOT_LIMIT": "{n} volumes have nearly as many snapshots as they may have",
    "CLIENT_TOO_OLD": "{n} volumes have clients that are older than the op-version of the pool",
    "OP_VERSION_LOW": "{n} times: {kind}",
    "OPTION_ENDANGERS_GUESTS": "{n} volumes: {kind}",
    "VOLUME_NEARLY_FULL": "{n} volumes have little space free",
    "SUBVOLUME_NEARLY_FULL": "{n} subvolumes have little space free",
    "QUOTA_SOFT_EXCEEDED": "{n} quota soft limits are exceeded",
}

RANK: Mapping[str, int] = {code: rank for rank, code in enumerate(CODES)}
