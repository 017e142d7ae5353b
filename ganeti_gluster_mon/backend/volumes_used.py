"""The volumes that this node has mounted since it was booted."""

from __future__ import annotations

import logging
from typing import Dict, List
from urllib.parse import unquote

from ganeti_gluster_mon.backend import mount_users
from ganeti_gluster_mon.backend.directory import resolved
from ganeti_gluster_mon.backend.disk_error import VolumeError
from ganeti_gluster_mon.backend.mount import mount_at
from ganeti_gluster_mon.backend.mount_users import MountUsers
from ganeti_gluster_mon.backend.server_address import PORT
from ganeti_gluster_mon.backend.volume import DIRECTORY, GlusterVolume


def volumes_used(directory: str = DIRECTORY, uses: str = mount_users.DIRECTORY) -> List[GlusterVolume]:
    """The volumes that were mounted on this node since it was booted, and the one mounted at *directory* itself."""
    real = resolved(directory)
    found: Dict[GlusterVolume, None] = {}
    for path in mount_users.mount_points_known(uses):
        where, _, rest = path.partition(f"{real}.d/")
        volume, _, server = rest.partition("@")
        host, _, port = server.rpartition(":")
        try:
            candidate = GlusterVolume(unquote(host), port, volume, (), directory, uses)
        except VolumeError:  # not one of our mount points
            continue
        if not where and MountUsers(path, volume, uses).was_used():
            found[candidate] = None
    mount = mount_at(real)
    if mount is not None:
        try:
            found[GlusterVolume(mount.servers[0], PORT, mount.volume, (), directory, uses)] = None
        except VolumeError as err:  # a server or a volume that no disk can have
            logging.info("the mount at %s is left out: %s", real, err)
    return list(found)
