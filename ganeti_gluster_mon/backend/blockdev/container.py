"""`gnt-node list-storage --storage-type gluster`: a row for each volume that Ganeti uses on this node.

Ganeti queries noded with the directory for Gluster only, and its own class for that calls statvfs on it: where no
volume is mounted there, that is /run.  So ours takes its place in the table of ganeti.storage.container, when the
drop-in is loaded; nothing else of Ganeti is changed.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Dict, List, Optional, Tuple

from ganeti import constants, errors, pathutils
from ganeti.storage import container

from ganeti_gluster_mon.backend.blockdev.bdev import volume_of
from ganeti_gluster_mon.backend.blockdev.volume_space import space
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, DiskError
from ganeti_gluster_mon.backend.status_file import known_volumes
from ganeti_gluster_mon.backend.volume import PORT, GlusterVolume
from ganeti_gluster_mon.backend.volumes_used import volumes_used

_SIZES = (constants.SF_SIZE, constants.SF_USED, constants.SF_FREE)
#: Ganeti's sign of what is not known
_UNKNOWN = "?"


class GlusterContainer(container.FileStorage):
    """Volumes as storage units; a unit's name is the path where the volume is mounted, or would be."""

    def __init__(self, paths: List[str]) -> None:
        """*paths*: Ganeti's directory for Gluster, and nothing else."""
        super().__init__(paths)
        self._directories = paths

    def List(self, name: Optional[str], fields: List[str]) -> List[List[Any]]:
        """The values of *fields* (Ganeti's SF_*; sizes in MiB) for each volume, or for the one called *name*.

        Raises StorageError, also where no volume is known, which is not the same as none.
        """
        volumes = [each for directory in self._directories for each in _volumes(directory)]
        if name is not None and name not in self._directories:
            volumes = [each for each in volumes if name in (each.mount_point, each.volume)]
        if not volumes:
            raise errors.StorageError(
                "it is not known which Gluster volume is used: this node has used none since it was booted, is no "
                "candidate for the master, and no daemon of ganeti-gluster-mon knows any"
            )
        return _rows(volumes, fields)


def _rows(volumes: List[GlusterVolume], fields: List[str]) -> List[List[Any]]:
    """A row for each volume.  Raises StorageError if there would be nothing in any of them."""
    rows, whys = [], []
    for volume in volumes:
        values: Dict[str, Any] = {constants.SF_NAME: volume.mount_point, constants.SF_ALLOCATABLE: True}
        try:
            volume_status = space(volume)
        except DiskError as err:
            whys.append(str(err))
            logging.warning("%s", err)
            values.update(dict.fromkeys(_SIZES, _UNKNOWN))
        else:
            figures = (volume_status.size, volume_status.used, volume_status.available)
            values.update(zip(_SIZES, (figure // MEBIBYTE for figure in figures)))
        try:
            rows.append([values[field] for field in fields])
        except KeyError as err:
            raise errors.StorageError(f"Unknown field: {err.args[0]!r}") from None
    if len(whys) == len(volumes):
        raise errors.StorageError("; ".join(whys))
    return rows


def _volumes(directory: str) -> List[GlusterVolume]:
    """The volumes of the cluster's configuration, and those that this node has used since it was booted.

    Where there are none of either, those that the collector sees on this node's pool.  Raises StorageError where
    every node group has parameters of which there can be no volume.
    """
    configured, invalid = configured_volumes(directory)
    for why in invalid:
        logging.warning("%s", why)
    # One that was used by way of another server, and is not mounted any more, is the configured one all the same.
    names = {volume.volume for volume in configured}
    used = (each for each in volumes_used(directory) if each.volume not in names or each.is_mounted())
    found = dict.fromkeys((*configured, *used))
    if not found and invalid:
        raise errors.StorageError("; ".join(invalid))
    if not found:
        found = dict.fromkeys(
            GlusterVolume("127.0.0.1", PORT, name, (), directory) for name in known_volumes()
        )
    # A volume that was mounted from one server and is configured with another one is one row.
    by_mount_point: Dict[str, GlusterVolume] = {}
    for volume in found:
        by_mount_point.setdefault(volume.mount_point, volume)
    return [volume for _, volume in sorted(by_mount_point.items())]


def configured_volumes(
    directory: str, path: str = pathutils.CLUSTER_CONF_FILE
) -> Tuple[List[GlusterVolume], List[str]]:
    """The volumes that the cluster and its node groups name in their disk parameters, and what is invalid there.

    Only the master and its candidates have the file.
    """
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        cluster = config["cluster"]["diskparams"].get(constants.DT_GLUSTER, {})
        groups = [
            (group.get("name"), group.get("diskparams", {}).get(constants.DT_GLUSTER, {}))
            for group in config["nodegroups"].values()
        ]
    except (OSError, ValueError, KeyError, AttributeError):
        return [], []
    defaults = constants.DISK_DT_DEFAULTS[constants.DT_GLUSTER]
    volumes, invalid = [], []
    for name, parameters in groups:
        try:
            volumes.append(volume_of({**defaults, **cluster, **parameters}, directory))
        except errors.BlockDeviceError as err:
            invalid.append(f"disk parameters of node group {name}: {err}")
    return volumes, invalid
