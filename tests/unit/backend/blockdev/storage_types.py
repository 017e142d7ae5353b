"""Which of Ganeti's commands report the space of a kind of storage: the design's table, as data.

What belongs to a node has its space in `gnt-node list`, and hail reckons with it.  What is shared belongs to no node:
there the columns are ``?`` and hail leaves it out, for a shared type that claimed to report space would have hail
fail where it had none.  `gnt-node list-storage` reports it all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping


@dataclass(frozen=True)
class StorageType:
    """How Ganeti reports the space of one kind of storage."""

    #: Ganeti's word for it
    name: str
    #: `gnt-node list` shows it: the columns DTotal and DFree
    node_list: bool
    #: `gnt-node list-storage --storage-type NAME` shows it
    list_storage: bool
    #: hail counts it when it places an instance
    hail: bool


_FILE = StorageType("file", node_list=True, list_storage=True, hail=True)
_LVM = StorageType("lvm-vg", node_list=True, list_storage=True, hail=True)
_SHARED_FILE = StorageType("sharedfile", node_list=False, list_storage=True, hail=False)
_GLUSTER = StorageType("gluster", node_list=False, list_storage=True, hail=False)
_EXT = StorageType("ext", node_list=False, list_storage=False, hail=False)
_RADOS = StorageType("rados", node_list=False, list_storage=False, hail=False)
_BLOCK = StorageType("blockdev", node_list=False, list_storage=False, hail=False)
_DISKLESS = StorageType("diskless", node_list=False, list_storage=False, hail=False)

#: by Ganeti's word for the disk template
STORAGE_TYPES: Mapping[str, StorageType] = {
    "file": _FILE,
    "sharedfile": _SHARED_FILE,
    "gluster": _GLUSTER,
    "plain": _LVM,
    "drbd": _LVM,
    "ext": _EXT,
    "rbd": _RADOS,
    "blockdev": _BLOCK,
    "diskless": _DISKLESS,
}
