"""Stands in for Ganeti's own module ganeti.storage.gluster, under its name and with its names.

It is installed in the place of that module, which dpkg-divert moves aside: ``make install-dropin`` in a lab, the
Debian package elsewhere.
"""

from ganeti import constants
from ganeti.storage import container

from ganeti_gluster_mon.backend.bdev import GetGlusterSpaceInfo, GlusterStorage
from ganeti_gluster_mon.backend.container import GlusterContainer
from ganeti_gluster_mon.backend.filedevice import FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume

__all__ = ["FileDeviceHelper", "GetGlusterSpaceInfo", "GlusterStorage", "GlusterVolume"]

# What `gnt-node list-storage` asks: Ganeti has no other way to tell it of another class.
container._STORAGE_TYPES[constants.ST_GLUSTER] = GlusterContainer
