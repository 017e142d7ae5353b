"""Stands in for Ganeti's own module ganeti.storage.gluster, under its name and with its names.

It is installed in the place of that module, which dpkg-divert moves aside: ``make install-dropin`` in a lab, the
Debian package elsewhere.
"""

import logging
import os

import ganeti
from ganeti import constants
from ganeti.storage import container

from ganeti_gluster_mon.backend.blockdev import kvm_blockdev
from ganeti_gluster_mon.backend.blockdev.bdev import GetGlusterSpaceInfo, GlusterStorage
from ganeti_gluster_mon.backend.blockdev.container import GlusterContainer
from ganeti_gluster_mon.backend.file_device import FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume

__all__ = ["FileDeviceHelper", "GetGlusterSpaceInfo", "GlusterStorage", "GlusterVolume"]

# What `gnt-node list-storage` calls: Ganeti has no other way to register another class.
container._STORAGE_TYPES[constants.ST_GLUSTER] = GlusterContainer

# Ganeti 3.1 has a module that makes QEMU's options of a disk's URI; 3.0 has none, and gives QEMU the URI.
if any(os.path.exists(os.path.join(path, "hypervisor/hv_kvm/kvm_utils.py")) for path in ganeti.__path__):
    from ganeti.hypervisor.hv_kvm import kvm_utils

    for name in kvm_blockdev.repair(kvm_utils):
        logging.debug(
            "ganeti.hypervisor.hv_kvm.kvm_utils.%s is replaced: it is wrong for gluster:// disks", name
        )
