"""Ganeti's configuration, as far as it is about Gluster.  Pure.

Read from /var/lib/ganeti/config.data on the master: JSON, written by WConfd whenever something changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from ganeti_gluster_mon.deploy.step import NotSo
from ganeti_gluster_mon.ganeti.ssh import Said

CONFIGURATION = ("cat", "/var/lib/ganeti/config.data")

TEMPLATE = "gluster"
#: where Ganeti 3.0 has its mounts, unless told otherwise
STORAGE_DIRECTORY = "/var/run/ganeti/gluster"
#: Ganeti's own values, where none were set (lib/_constants.py, DISK_DT_DEFAULTS)
_DEFAULTS = {"host": "127.0.0.1", "port": "24007", "volume": "gv0", "access": "kernelspace"}
_PROVIDER = "gluster"


@dataclass(frozen=True)
class Use:
    """A disk of an instance on a volume."""

    instance: str
    volume: str


@dataclass(frozen=True)
class Settings:
    """What Ganeti is told about Gluster."""

    enabled: Tuple[str, ...]
    #: by the cluster's instance policy
    allowed: Tuple[str, ...]
    #: disk parameters of the template: host, port, volume, access
    parameters: Mapping[str, str]
    storage_directory: str
    uses: Tuple[Use, ...]


def settings(said: Said) -> Settings:
    """What is in the configuration.  Raises NotSo where it cannot be read."""
    if said.status:
        raise NotSo(f"Ganeti's configuration cannot be read on the master: {said.words}")
    try:
        whole = json.loads(said.out)
        cluster = whole["cluster"]
        parameters = {**_DEFAULTS, **_texts(cluster["diskparams"].get(TEMPLATE, {}))}
        return Settings(
            enabled=tuple(cluster["enabled_disk_templates"]),
            allowed=tuple(cluster["ipolicy"]["disk-templates"]),
            parameters=parameters,
            storage_directory=cluster.get("gluster_storage_dir") or STORAGE_DIRECTORY,
            uses=tuple(_uses(whole, parameters["volume"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise NotSo(f"Ganeti's configuration cannot be understood: {err!r}") from err


def _uses(whole: Mapping[str, Any], default: str) -> Tuple[Use, ...]:
    """Every disk on Gluster: by the template, on the volume of its node group; by the ext provider, on its own."""
    groups = {
        uuid: str(group.get("diskparams", {}).get(TEMPLATE, {}).get("volume", default))
        for uuid, group in whole["nodegroups"].items()
    }
    found = []
    for instance in whole["instances"].values():
        node = whole["nodes"].get(instance.get("primary_node"), {})
        of_group = groups.get(node.get("group"), default)
        for uuid in instance.get("disks", ()):
            disk = whole["disks"][uuid]
            parameters = disk.get("params") or {}
            if disk["dev_type"] == TEMPLATE:
                found.append(Use(instance["name"], of_group))
            elif disk["dev_type"] == "ext" and parameters.get("provider") == _PROVIDER:
                found.append(Use(instance["name"], str(parameters.get("volume", default))))
    return tuple(dict.fromkeys(found))


def _texts(values: Mapping[str, Any]) -> Dict[str, str]:
    return {name: str(value) for name, value in values.items()}
