"""Hostile environments for the ExtStorage scripts and the hooks, and hostile words for ssh."""

from __future__ import annotations

import os
import random
import shlex
from typing import Dict, List

from ganeti_gluster_mon.backend.extstorage import provider, request
from ganeti_gluster_mon.backend.file_device import DiskError
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.ganeti.ssh import Nodes, NodeUnavailable
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.hooks.space_request import ADD, GROW, MODIFY, RECREATE, space_requests
from tests.fuzz.captures import one_line
from tests.fuzz.values import TEXTS

_SCRIPT = {
    "VOL_NAME": "u.ext.disk0",
    "VOL_SIZE": "64",
    "VOL_NEW_SIZE": "128",
    "VOL_METADATA": "text",
    "EXTP_VOLUME": "gv0",
}
_SCRIPT_NAMES = [
    *_SCRIPT,
    *("VOL_UUID", "VOL_CNAME", "VOL_SNAPSHOT_NAME", "EXTP_SERVERS", "EXTP_PORT", "EXTP_DIRECTORY"),
    *("EXTP_ACCESS", "EXTP_PROVIDER", "EXTP_volume", "EXTP_", "EXTP_X"),
]
_HOOK = {
    "GANETI_INSTANCE_NAME": "web1",
    "GANETI_INSTANCE_PRIMARY": "node1",
    "GANETI_INSTANCE_DISK_TEMPLATE": "gluster",
    "GANETI_INSTANCE_DISK_COUNT": "1",
    "GANETI_INSTANCE_DISK0_SIZE": "1024",
    "GANETI_DISK": "0",
    "GANETI_AMOUNT": "1024",
    "GANETI_ABSOLUTE": "False",
}
_HOOK_NAMES = [
    *_HOOK,
    *("GANETI_INSTANCE_DISK0_NAME", "GANETI_INSTANCE_DISK0_UUID", "GANETI_INSTANCE_DISK1_SIZE"),
    *("GANETI_NODE_NAME", "GANETI_OP_TARGET", "GANETI_MASTER", "GANETI_CLUSTER"),
]


def _word(chance: random.Random) -> str:
    word = chance.choice(TEXTS)
    return chance.choice(TEXTS) + word if chance.random() < 0.3 else word


def extstorage(chance: random.Random) -> str:
    """One call of an ExtStorage script; raises AssertionError where a name leads anywhere but to its own file."""
    environment: Dict[str, str] = dict(_SCRIPT)
    for _ in range(chance.choice([1, 1, 2, 3])):
        environment[chance.choice(_SCRIPT_NAMES)] = _word(chance)
    try:
        read = request.read(chance.choice(sorted(provider.ACTIONS)), environment)
        volume = provider.volume_of(read)
        uri, mount_point = volume.GetKVMMountString(read.path), volume.own_mount_point
    except DiskError as err:
        one_line(str(err))
        return "refused"
    assert not any(part in ("", ".", "..") for part in read.path.split("/")), read.path
    assert "://" in uri and not any(letter in uri for letter in "\n\r\0 ,'\"\\`$;|&<>"), uri
    assert ".." not in mount_point.split("/") and "\n" not in mount_point, mount_point
    assert os.path.dirname(mount_point).endswith("/gluster.d"), mount_point
    for server in (volume.server_addr, *volume.backup_servers):
        assert not server.startswith("-") and "\n" not in server and "," not in server, server
    return "accepted"


_DISK = DiskFile("web1", "disk/0", "gv0", "ganeti/u.0", 1 << 30, "node1", "gluster", "127.0.0.1")
_PARAMETERS = DiskParameters("default", "127.0.0.1", 24007, "gv0", "userspace")
_CONFIGURATION = Configuration(("gluster",), ("gluster",), (_PARAMETERS,), (_DISK,))


def hook(chance: random.Random) -> str:
    """One call of the space guard's parser by hostile GANETI_* variables and a hostile job."""
    environment: Dict[str, str] = {**_HOOK, "GANETI_OP_CODE": chance.choice([ADD, GROW, MODIFY, RECREATE])}
    for _ in range(chance.choice([1, 1, 2, 4])):
        environment[chance.choice([*_HOOK_NAMES, "GANETI_OP_CODE"])] = _word(chance)
    job: Dict[str, object] = {
        name: chance.choice(
            [
                *(_word(chance), [["add", -1, {"size": _word(chance), "volume": _word(chance)}]]),
                *([{"provider": "gluster", "volume": _word(chance)}], [_word(chance)], {}, None, 1 << 70),
            ]
        )
        for name in ("disks", "disk_template", "disk", "amount", "absolute", "hvparams")
        if chance.random() < 0.5
    }
    try:
        wanted = space_requests(environment, chance.choice([None, job]), _CONFIGURATION)
    except CommandError as err:
        one_line(str(err))
        return "refused"
    assert all(isinstance(each.more, int) and each.more >= 0 for each in wanted)
    return "accepted" if wanted else "not about Gluster"


_NODES = Nodes(None, own="me")


def ssh(chance: random.Random) -> str:
    """One command line for ssh; raises AssertionError where a word would be another there."""
    node = chance.choice(TEXTS) + chance.choice(["", chance.choice(TEXTS)])
    words: List[str] = [chance.choice(TEXTS) for _ in range(3)]
    try:
        argv = _NODES.ssh(node, words)
    except NodeUnavailable as err:
        one_line(str(err)[:200])
        return "refused"
    assert shlex.split(argv[-1])[-3:] == words, (argv, words)
    assert argv[-2] == f"root@{node}" and not node.startswith("-")
    return "accepted"
