"""Answers of a node's commands, as they were given by util-linux 2.38, xfsprogs 6.1 and attr 2.5 on Debian 12."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ganeti_gluster_mon.deploy.block_devices import Device, understand
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.ganeti.ssh import CommandResult

BLANK_LSBLK = """{
   "blockdevices": [
      {
         "path": "/dev/loop39",
         "type": "loop",
         "size": 1073741824,
         "maj:min": "7:39",
         "ro": false,
         "serial": null,
         "wwn": null,
         "mountpoints": [
             null
         ]
      }
   ]
}
"""
BLANK_WIPEFS = """{
   "signatures": [

   ]
}
"""
EXT4_WIPEFS = """{
   "signatures": [
      {
         "device": "loop15",
         "offset": "0x438",
         "type": "ext4",
         "uuid": "8af90372-58c9-4d24-b692-3ea7908275c9",
         "label": null
      }
   ]
}
"""
NO_DEVICE = CommandResult(
    32, '{\n   "blockdevices": [\n\n   ]\n}\n', "lsblk: /dev/nope: not a block device\n"
)
FAILED = CommandResult(1, "", "")


def ok(text: str = "") -> CommandResult:
    return CommandResult(0, text, "")


def lsblk(**more: Any) -> CommandResult:
    """lsblk's answer for a disk of 1 GiB, changed by *more*; maj_min for what has a colon."""
    disk: Dict[str, Any] = json.loads(BLANK_LSBLK)["blockdevices"][0]
    disk.update({name.replace("_", ":"): value for name, value in more.items()})
    return ok(json.dumps({"blockdevices": [disk]}))


def child(path: str, kind: str, mounts: Sequence[Optional[str]] = (None,), **more: Any) -> Dict[str, Any]:
    return {
        "path": path,
        "type": kind,
        "size": 1,
        "maj:min": "8:1",
        "ro": False,
        "mountpoints": list(mounts),
        **more,
    }


def wipefs(*signatures: str, uuid: Optional[str] = None) -> CommandResult:
    """wipefs' answer: the types of what it found."""
    found: List[Dict[str, Any]] = [
        {"device": "sdb", "offset": "0x0", "type": one, "uuid": uuid, "label": None} for one in signatures
    ]
    return ok(json.dumps({"signatures": found}))


def targets(*mount_points: str) -> CommandResult:
    """findmnt's answer: what is mounted where."""
    return ok(json.dumps({"filesystems": [{"target": one} for one in mount_points]}))


def device(listed: CommandResult, wiped: CommandResult) -> Device:
    found, fault = understand("/dev/vdb", listed, wiped)
    assert found is not None, fault
    return found


def cluster(count: int, **more: Any) -> Cluster:
    """A cluster of node1.example.org and on; *more* is the cluster's."""
    nodes = tuple(Node(f"node{n}.example.org", f"192.0.2.{n}", f"192.0.2.{n}") for n in range(1, count + 1))
    parsed: Dict[str, Any] = {
        "name": "cluster.example.org",
        "master": nodes[0].name,
        "nodes": nodes,
        "instances": (),
        "tags": (),
        "gluster_storage_dir": "/var/run/ganeti/gluster",
        "file_storage_dir": None,
        "shared_file_storage_dir": None,
        "release": "3.0.2",
    }
    return Cluster(**{**parsed, **more})


def pool_list(
    own: str,
    *others: str,
    state: str = "Peer in Cluster",
    connected: Mapping[str, bool] = MappingProxyType({}),
    states: Mapping[str, str] = MappingProxyType({}),
) -> CommandResult:
    """``gluster pool list --xml`` of a node; members are named by their uuid's last letters."""
    peers = "".join(
        f"<peer><uuid>{uuid(name)}</uuid><hostname>{name}</hostname>"
        f"<connected>{int(connected.get(name, True))}</connected>"
        f"<state>3</state><stateStr>{states.get(name, state)}</stateStr></peer>"
        for name in others
    )
    return _xml(
        f"<peerStatus>{peers}<peer><uuid>{uuid(own)}</uuid><hostname>localhost</hostname>"
        f"<connected>1</connected></peer></peerStatus>"
    )


def uuid(name: str) -> str:
    """Of the glusterd of a node."""
    digits = "".join(c for c in name if c.isdigit()) or "0"
    return f"00000000-0000-0000-0000-{int(digits):012d}"


def volume_info(*volumes: str) -> CommandResult:
    return _xml(f"<volInfo><volumes>{''.join(volumes)}<count>{len(volumes)}</count></volumes></volInfo>")


def volume(
    name: str, bricks: Sequence[str], status: int = 1, kind: str = "Replicate", replica: int = 3
) -> str:
    """A volume in ``gluster volume info --xml``."""
    parsed = "".join(
        f"<brick uuid='{uuid(one.partition(':')[0])}'>{one}<name>{one}</name>"
        f"<hostUuid>{uuid(one.partition(':')[0])}</hostUuid><isArbiter>0</isArbiter></brick>"
        for one in bricks
    )
    state = {0: "Created", 1: "Started", 2: "Stopped"}[status]
    return (
        f"<volume><name>{name}</name><id>11111111-2222-3333-4444-555555555555</id><status>{status}</status>"
        f"<statusStr>{state}</statusStr><snapshotCount>0</snapshotCount><brickCount>{len(bricks)}</brickCount>"
        f"<distCount>1</distCount><replicaCount>{replica}</replicaCount><arbiterCount>0</arbiterCount>"
        f"<disperseCount>0</disperseCount><redundancyCount>0</redundancyCount><type>2</type>"
        f"<typeStr>{kind}</typeStr><transport>0</transport><bricks>{parsed}</bricks><optCount>0</optCount>"
        f"<options/></volume>"
    )


def _xml(section: str) -> CommandResult:
    return ok(
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput><opRet>0</opRet><opErrno>0</opErrno>'
        f"<opErrstr/>{section}</cliOutput>\n"
    )
