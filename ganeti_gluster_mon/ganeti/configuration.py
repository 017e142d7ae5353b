"""Ganeti's configuration, ``config.data``, as far as Gluster is concerned: settings and instances' disks.

The master and its candidates have the file, JSON in the form of Ganeti's lib/objects.py (version 3.0 here); on other
nodes there is none.  It is input like any other: what is not as it should be is left out, and never harms the rest.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.query import VOLUME_NAME

FILE = "/var/lib/ganeti/config.data"
GLUSTER, EXT = "gluster", "ext"
#: our ExtStorage provider
PROVIDER = "gluster"
#: how instances reach their disks: QEMU opens gluster://, or a mount is used
USERSPACE, KERNELSPACE = "userspace", "kernelspace"
#: where it has its disks, by default
FOLDER = "ganeti"
#: the default server that disks get their volume from
HOST = "127.0.0.1"
MEBIBYTE = 1 << 20
#: bytes; a thousand instances take 3 MB
_MOST = 256 << 20


class NoConfiguration(CommandError):
    """The configuration is not on this node, or cannot be read; str() is one line."""


@dataclass(frozen=True)
class DiskParameters:
    """Where Ganeti puts disks of the template gluster, for the nodes of one group."""

    group: str
    #: volfile server and its port
    host: str
    port: int
    volume: str
    #: "userspace" or "kernelspace"
    access: str


@dataclass(frozen=True)
class Configuration:
    """What Ganeti's configuration contains about Gluster."""

    #: templates that may be used for new disks
    enabled_disk_templates: Tuple[str, ...]
    #: templates that the cluster's instance policy allows
    allowed_disk_templates: Tuple[str, ...]
    #: by group of nodes
    parameters: Tuple[DiskParameters, ...]
    disks: Tuple[DiskFile, ...]
    #: node → the group it is in
    groups: Mapping[str, str] = field(default_factory=dict)
    #: names, without a directory, of the files or devices of all disks, also of those that no instance has at present
    disk_names: FrozenSet[str] = frozenset()
    #: "userspace", "kernelspace": how instances reach their disks of our ExtStorage provider
    ext_access: FrozenSet[str] = frozenset()

    def parameters_of(self, group: Optional[str]) -> Optional[DiskParameters]:
        """Those of *group*; of the only one if there is only one."""
        for each in self.parameters:
            if each.group == group or len(self.parameters) == 1:
                return each
        return None


def parse_configuration(data: Any) -> Configuration:
    """The configuration in *data*, parsed JSON.  Raises NoConfiguration where it is none."""
    cluster = _mapping(data, "cluster")
    if not cluster or not _mapping(data, "nodes"):
        raise NoConfiguration("it is not Ganeti's configuration: it has no cluster or no nodes")
    return Configuration(
        enabled_disk_templates=_texts(cluster, "enabled_disk_templates"),
        allowed_disk_templates=_texts(_mapping(cluster, "ipolicy"), "disk-templates"),
        parameters=tuple(
            _parameters(str(group.get("name")), cluster, group) for group in _mappings(data, "nodegroups")
        ),
        disks=tuple(sorted(_disks(data), key=lambda disk: disk.instance)),
        groups=dict(_groups(data)),
        disk_names=frozenset(_names(_mappings(data, "disks"))),
        ext_access=frozenset(_ext_access(_mappings(data, "disks"))),
    )


def _names(disks: Any) -> Iterator[str]:
    """The last part of each *disks*' logical id, a path or a name, and of their children's."""
    for disk in disks if isinstance(disks, list) else ():
        if not isinstance(disk, dict):
            continue
        logical_id = disk.get("logical_id")
        if isinstance(logical_id, list) and logical_id and _is_text(logical_id[-1]):
            yield logical_id[-1].rpartition("/")[2]
        yield from _names(disk.get("children"))


def _disks(data: Any) -> Iterator[DiskFile]:
    """The instances' disks that are files of a Gluster volume."""
    disks, nodes, groups = (_mapping(data, name) for name in ("disks", "nodes", "nodegroups"))
    cluster = _mapping(data, "cluster")
    for instance in _mappings(data, "instances"):
        node = _mapping(nodes, instance.get("primary_node"))
        group = _mapping(groups, node.get("group"))
        references = instance.get("disks")
        for number, reference in enumerate(references if isinstance(references, list) else ()):
            disk = _mapping(disks, reference) if isinstance(reference, str) else {}
            found = _file(disk, _parameters("", cluster, group))
            size = disk.get("size")
            if found is None or not _is_text(instance.get("name")):
                continue
            yield DiskFile(
                instance=instance["name"],
                name=f"disk/{number}",
                volume=found[0],
                path=found[1],
                server=found[2],
                size=size * MEBIBYTE
                if isinstance(size, int) and not isinstance(size, bool) and size >= 0
                else None,
                node=node["name"] if _is_text(node.get("name")) else None,
                template=disk["dev_type"],
            )


def _ext_access(disks: List[Dict[str, Any]]) -> Iterator[str]:
    for disk in disks:
        logical_id = disk.get("logical_id")
        ours = isinstance(logical_id, list) and logical_id[:1] == [PROVIDER]
        if disk.get("dev_type") == EXT and ours:
            yield str(_mapping(disk, "params").get("access", KERNELSPACE))


def _groups(data: Any) -> Iterator[Tuple[str, str]]:
    groups = _mapping(data, "nodegroups")
    for node in _mappings(data, "nodes"):
        name, group = node.get("name"), _mapping(groups, node.get("group")).get("name")
        if isinstance(name, str) and isinstance(group, str):
            yield name, group


def _file(disk: Mapping[str, Any], parameters: DiskParameters) -> Optional[Tuple[str, str, str]]:
    """The volume, path and server of *disk*; None where it is no file of a Gluster volume."""
    kind, logical_id = disk.get("dev_type"), disk.get("logical_id")
    if not isinstance(logical_id, list) or len(logical_id) != 2 or not all(map(_is_text, logical_id)):
        return None
    own = _mapping(disk, "params")
    if kind == GLUSTER:
        volume, path = own.get("volume", parameters.volume), logical_id[1]
        server = parameters.host
    elif kind == EXT and logical_id[0] == PROVIDER:
        volume, path = own.get("volume"), f"{own.get('directory', FOLDER)}/{logical_id[1]}"
        server = server_of(own)
    else:
        return None
    inside = path and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path
    if not isinstance(volume, str) or not VOLUME_NAME.match(volume) or not inside:
        return None
    return volume, os.path.normpath(path), server


def server_of(parameters: Mapping[str, Any]) -> str:
    """The first of the servers of a disk of our provider, by its *parameters*."""
    servers = parameters.get("servers")
    return servers.split()[0] if isinstance(servers, str) and servers.split() else HOST


def _parameters(name: str, cluster: Mapping[str, Any], group: Mapping[str, Any]) -> DiskParameters:
    """Ganeti fills what a group does not set with the cluster's values."""
    values = {
        "host": HOST,
        "port": 24007,
        "volume": "gv0",
        "access": KERNELSPACE,
        **_mapping(_mapping(cluster, "diskparams"), GLUSTER),
        **_mapping(_mapping(group, "diskparams"), GLUSTER),
    }
    port = values["port"]
    return DiskParameters(
        group=name,
        host=str(values["host"]),
        port=port if isinstance(port, int) else 0,
        volume=str(values["volume"]),
        access=str(values["access"]),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _texts(within: Mapping[str, Any], key: str) -> Tuple[str, ...]:
    value = within.get(key)
    return tuple(filter(_is_text, value if isinstance(value, list) else ()))


def _mapping(within: Any, key: Any) -> Dict[str, Any]:
    """What *within* has under *key*, if both are objects; else an empty one."""
    value = within.get(key) if isinstance(within, dict) and isinstance(key, str) else None
    return value if isinstance(value, dict) else {}


def _mappings(within: Any, key: str) -> List[Dict[str, Any]]:
    return [value for value in _mapping(within, key).values() if isinstance(value, dict)]


class Reader:
    """Reads the configuration when it has changed, and remembers it until then: at rest, one stat(2)."""

    def __init__(self, path: str = FILE) -> None:
        self._path = path
        self._version: Tuple[int, ...] = ()
        self._last: Optional[Configuration] = None

    def configuration(self) -> Configuration:
        """As it is now.  Raises NoConfiguration."""
        try:
            with open(self._path, "rb", opener=safe_open.opener) as file:
                status = os.fstat(file.fileno())
                version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if self._last is None or version != self._version:
                    self._last = parse_configuration(json.loads(file.read(_MOST)))
                    self._version = version
        except FileNotFoundError:
            raise NoConfiguration(self._missing()) from None
        except OSError as err:
            raise NoConfiguration(f"cannot read {self._path}: {err.strerror}") from err
        except (ValueError, RecursionError) as err:
            raise NoConfiguration(f"{self._path} is not JSON: {err}") from err
        return self._last

    def _missing(self) -> str:
        if os.path.exists(os.path.join(os.path.dirname(self._path), "ssconf_node_list")):
            return "Ganeti's configuration is on the master and its candidates only, and this node is neither"
        return "this is no node of a Ganeti cluster"

    def disks(self) -> Tuple[DiskFile, ...]:
        """The instances' disks on Gluster volumes, as configured.  Raises NoConfiguration."""
        return self.configuration().disks
