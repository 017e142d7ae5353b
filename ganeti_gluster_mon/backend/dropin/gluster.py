"""Stands in for Ganeti's own module ganeti.storage.gluster, under its name and with its names.

It is installed in the place of that module, which dpkg-divert moves aside: ``make install-dropin`` in a lab, the
Debian package elsewhere.
"""

from ganeti_gluster_mon.backend.bdev import GlusterStorage
from ganeti_gluster_mon.backend.filedevice import FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume

__all__ = ["FileDeviceHelper", "GlusterStorage", "GlusterVolume"]
