"""What ``gnt-gluster repair`` does about a problem, by its code.  Pure.

docs/maintenance.md has it as a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

#: it repairs the problem, or guides to the end of it
REPAIRS = "repairs"
#: Gluster repairs the problem, and the command does not wait
BY_ITSELF = "by itself"
#: it names the command that repairs the problem, which an administrator has to choose
NAMES = "names"
#: a warning, of which it says nothing
SILENT = "silent"


@dataclass(frozen=True)
class RepairScope:
    """What the command does about the problems of a code."""

    #: REPAIRS, BY_ITSELF, NAMES or SILENT
    kind: str
    #: for an administrator: what it does, or why it does not do more
    words: str


_SPACE = "what is to be deleted or added is your choice"
_SPREAD = "data is moved, which takes hours"
_SETTING = "a setting of yours"

SCOPES: Mapping[str, RepairScope] = {
    "SUBVOLUME_QUORUM_LOST": RepairScope(REPAIRS, "mounts and starts its bricks"),
    "SPLIT_BRAIN": RepairScope(
        REPAIRS, "names files and copies; `--discard-copy` gives one up, and keeps it aside"
    ),
    "BITROT_CORRUPTED": RepairScope(NAMES, "the copy has to be looked at first"),
    "BRICK_UNREACHABLE": RepairScope(NAMES, "the network, or a firewall"),
    "BRICK_OFFLINE": RepairScope(
        REPAIRS, "mounts its filesystem, starts its process; names `replace-brick` for a dead disk"
    ),
    "BRICK_HANGS": RepairScope(
        REPAIRS, "lets a process go on that a signal has stopped; else names `restart-brick`"
    ),
    "BRICK_FILESYSTEM": RepairScope(NAMES, "the disk may be dead, and a new one has to be named"),
    "BRICK_FILESYSTEM_NOT_MOUNTED": RepairScope(
        REPAIRS,
        "names `replace-brick --wipe`, which heals it anew; mounts what was unmounted under a running brick",
    ),
    "BRICK_HOST_NOT_IN_POOL": RepairScope(NAMES, "another node has to be named"),
    "BRICK_CONTRADICTED": RepairScope(NAMES, "guests may use the brick that is ended"),
    "GLUSTERD_DOWN": RepairScope(REPAIRS, "restarts glusterd"),
    "GLUSTERD_HANGS": RepairScope(REPAIRS, "restarts glusterd"),
    "PEER_DISCONNECTED": RepairScope(
        REPAIRS, "restarts a glusterd that does not answer on a node that does; names what a dead node needs"
    ),
    "PEER_SILENT": RepairScope(
        REPAIRS, "restarts a glusterd that does not answer on a node that does; names what a dead node needs"
    ),
    "PEER_REJECTED": RepairScope(NAMES, "which configuration is right is not known"),
    "VOLUME_FULL": RepairScope(NAMES, _SPACE),
    "SUBVOLUME_FULL": RepairScope(NAMES, _SPREAD),
    "ARBITER_FULL": RepairScope(NAMES, "a larger disk has to be named"),
    "THIN_POOL_FULL": RepairScope(NAMES, _SPACE),
    "QUOTA_EXCEEDED": RepairScope(NAMES, _SETTING),
    "INODES_SHORT": RepairScope(NAMES, _SPACE),
    "HEAL_DAEMON_OFF": RepairScope(NAMES, _SETTING),
    "HEAL_DAEMON_DOWN": RepairScope(REPAIRS, "starts it; ends one that glusterd has lost track of before"),
    "HEAL_STUCK": RepairScope(REPAIRS, "names the entries; a round of healing, then a full heal"),
    "HEAL_PENDING": RepairScope(BY_ITSELF, "the self-heal daemons heal it"),
    "DAEMON_DOWN": RepairScope(REPAIRS, "starts it"),
    "GEO_REPLICATION_FAULTY": RepairScope(NAMES, "the secondary side is not ours"),
    "REBALANCE_FAILED": RepairScope(NAMES, _SPREAD),
    "REMOVE_BRICK_UNCOMMITTED": RepairScope(NAMES, "a commit gives the bricks up"),
    "REBALANCE_FAILURES": RepairScope(NAMES, _SPREAD),
    "REBALANCE_RUNNING": RepairScope(BY_ITSELF, "it comes to its end"),
    "MOUNT_CONTRADICTS_BRICKS": RepairScope(NAMES, "an option of the volume is set"),
    "MOUNT_HANGS": RepairScope(REPAIRS, "starts bricks, lets processes go on that a signal has stopped"),
    "MOUNT_NOT_WRITABLE": RepairScope(NAMES, "the cause is another problem, or the network"),
    "ANSWERS_STALE": RepairScope(NAMES, "it queries Gluster itself"),
    "GLUSTER_TOO_OLD": RepairScope(NAMES, "an upgrade"),
    "NOT_KNOWN": RepairScope(NAMES, "nothing is done on a volume whose state is not known"),
    "CLIENT_PARTLY_CONNECTED": RepairScope(
        BY_ITSELF, "the client connects again, unless the network forbids it"
    ),
    "GEO_REPLICATION_FAILURES": RepairScope(SILENT, "the files have to be looked at"),
    "GEO_REPLICATION_BEHIND": RepairScope(SILENT, "it goes on"),
    "GEO_REPLICATION_STOPPED": RepairScope(SILENT, "an administrator may have stopped it"),
    "SNAPSHOT_LIMIT": RepairScope(SILENT, _SPACE),
    "CLIENT_TOO_OLD": RepairScope(SILENT, "an upgrade"),
    "OP_VERSION_LOW": RepairScope(SILENT, "it cannot be taken back"),
    "OPTION_ENDANGERS_GUESTS": RepairScope(SILENT, _SETTING),
    "VOLUME_NEARLY_FULL": RepairScope(NAMES, _SPACE),
    "SUBVOLUME_NEARLY_FULL": RepairScope(NAMES, _SPREAD),
    "QUOTA_SOFT_EXCEEDED": RepairScope(SILENT, _SETTING),
}

#: codes of the problems that it repairs, or guides to the end of
REPAIRED = frozenset(code for code, scope in SCOPES.items() if scope.kind == REPAIRS)
