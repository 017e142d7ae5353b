"""How a cycle queries: timeouts, and where things are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ganeti_gluster_mon.gluster import disk_files, lvm_file


@dataclass(frozen=True)
class Settings:
    """Timeouts in seconds, and where things are."""

    #: for all queries but those of the heal backlog
    timeout: float = 10.0
    #: for the queries of the heal backlog, counted from when all others are answered
    heal_timeout: float = 20.0
    #: after this time no heal query is begun, and the counts of the other volumes stay as they were
    heal_budget: float = float("inf")
    #: for a peer's glusterd to answer
    peer_timeout: float = 1.0
    #: for a brick to answer; one that does not gets a second chance, twice as long
    brick_timeout: float = 1.0
    #: for statvfs on all mounts
    mount_timeout: float = 2.0
    #: whether a small file is written to each mount
    test_writes: bool = False
    #: bytes of answers in one cycle
    max_output: int = 64 << 20
    #: name or path of the gluster command
    gluster: str = "gluster"
    #: what `lvs` reports about the logical volumes under this node's bricks
    lvm_file: str = lvm_file.LVM_PATH
    #: whether this node's Gluster processes are listed too
    processes: bool = True
    #: lists the files of volumes that are instances' disks; None: the disks are not looked at
    disks: Optional[disk_files.ListDisks] = None
    #: for looking at the disks, on bricks and as a client
    disk_timeout: float = 3.0
    #: for the whole cycle; what is not known by then is not waited for; None: the sum of the others
    deadline: Optional[float] = None
