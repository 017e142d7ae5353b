"""Builds the answers of a large pool from real ones: `python -m tests.generate 12000 > answer.xml`.

Every node is one that Gluster itself wrote, with another path; every volume has another
name.  Nothing else is changed, so the answer has the shape, the indentation and the share of
dead weight of a real one.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Mapping

from ganeti_gluster_mon.gluster import capture, parse, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture

UUID = "1a2b3c4d-0000-4000-8000-000000000001"
CAPTURE = Path(__file__).parent / "captures" / "healthy" / "node1" / "volume-status-detail.xml"
#: eight replica sets of three
BRICKS_A_VOLUME = 24

_NODE = re.compile(rb" *<node>.*?</node>\n", re.DOTALL)
_VOLUME = re.compile(rb" *<volume>.*</volume>\n", re.DOTALL)
_PATH = re.compile(rb"<path>[^<]*</path>")
_BRICK_NAME = re.compile(rb"<brickName>[^<]*</brickName>")
_PROFILE = CAPTURE.with_name("profile-gv0.xml")
#: the options that `volume profile V start` sets
_PROFILED = {"diagnostics.count-fop-hits": "on", "diagnostics.latency-measurement": "on"}


def volume_status_detail(bricks: int, each: int = BRICKS_A_VOLUME) -> bytes:
    """The answer to `volume status all detail` of a pool with that many *bricks*, 9 MB for 12,000.

    *each*: bricks of a volume.
    """
    answer = CAPTURE.read_bytes()
    nodes = _NODE.findall(answer)
    volumes = []
    for number, first in enumerate(range(0, bricks, each)):
        listed = range(first, min(first + each, bricks))
        path = b"<path>/export/b%d/vol%04d</path>"
        volumes.append(
            b"      <volume>\n        <volName>vol%04d</volName>\n        <nodeCount>%d</nodeCount>\n"
            % (number, len(listed))
            + b"".join(_PATH.sub(path % (place, number), nodes[place % len(nodes)]) for place in listed)
            + b"      </volume>\n"
        )
    # By a function: in a replacement text backslashes would mean something.
    return _VOLUME.sub(lambda _: b"".join(volumes), answer, count=1)


def large_capture(bricks: int, each: int = BRICKS_A_VOLUME, profile: bool = False) -> Capture:
    """A capture of a pool with that many *bricks* in replica sets of three, *each* of a volume.

    With *profile* each volume is profiled.
    """
    whole = capture.read(str(CAPTURE.parent))
    status = volume_status_detail(bricks, each)
    parsed = parse.volume_status(status).facts
    infos, plain, of_volumes = [], [], []
    for volume in parsed:
        infos.append(_info(volume, _PROFILED if profile else {}))
        plain.append(_plain(volume))
        of_volumes.append(Answer(query.heal_summary(volume.volume), _heal(volume)))
        if profile:
            of_volumes.append(Answer(query.profile(volume.volume), _profile(volume)))
    answers = (
        Answer(
            query.VOLUME_INFO,
            _cli(f"<volInfo><volumes>{''.join(infos)}<count>{len(infos)}</count></volumes></volInfo>"),
        ),
        whole.answer(query.POOL_LIST),
        Answer(query.VOLUME_STATUS_DETAIL, status),
        Answer(query.VOLUME_STATUS, _cli(f"<volStatus><volumes>{''.join(plain)}</volumes></volStatus>")),
        *of_volumes,
    )
    return replace(
        whole, answers=tuple(answer for answer in answers if answer is not None), mounts=(), processes=None
    )


def _cli(body: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>\n<opRet>0</opRet>\n'
    return f"{head}<opErrno>0</opErrno>\n<opErrstr/>\n{body}\n</cliOutput>\n".encode()


def _info(volume: parse.VolumeStatus, options: Mapping[str, str]) -> str:
    listed = "".join(
        f"<option><name>{name}</name><value>{value}</value></option>\n" for name, value in options.items()
    )
    bricks = "".join(
        f'<brick uuid="{node.uuid}">{node.hostname}:{node.path}<name>{node.hostname}:{node.path}</name>'
        f"<hostUuid>{node.uuid}</hostUuid><isArbiter>0</isArbiter></brick>\n"
        for node in volume.nodes
    )
    return (
        f"<volume><name>{volume.volume}</name><id>{UUID}</id><status>1</status><statusStr>Started</statusStr>"
        f"<brickCount>{len(volume.nodes)}</brickCount><replicaCount>3</replicaCount><arbiterCount>0</arbiterCount>"
        "<disperseCount>0</disperseCount><redundancyCount>0</redundancyCount>"
        "<typeStr>Distributed-Replicate</typeStr><transport>0</transport>"
        f"<bricks>{bricks}</bricks><optCount>{len(options)}</optCount><options>{listed}</options></volume>\n"
    )


def _plain(volume: parse.VolumeStatus) -> str:
    nodes = "".join(
        f"<node><hostname>{node.hostname}</hostname><path>{node.path}</path><peerid>{node.uuid}</peerid>"
        f"<status>1</status><port>{node.port}</port><ports><tcp>{node.port}</tcp><rdma>N/A</rdma></ports>"
        f"<pid>{node.pid}</pid></node>\n"
        for node in volume.nodes
    )
    hosts = {node.uuid: node.hostname for node in volume.nodes}
    nodes += "".join(
        f"<node><hostname>Self-heal Daemon</hostname><path>{name}</path><peerid>{uuid}</peerid><status>1</status>"
        "<port>N/A</port><ports><tcp>N/A</tcp><rdma>N/A</rdma></ports><pid>99</pid></node>\n"
        for uuid, name in hosts.items()
    )
    count = len(volume.nodes) + len(hosts)
    return (
        f"<volume><volName>{volume.volume}</volName><nodeCount>{count}</nodeCount>{nodes}<tasks/></volume>\n"
    )


def _profile(volume: parse.VolumeStatus) -> bytes:
    """What each brick of the recorded volume had counted, for as many bricks of *volume*."""
    head, *bricks = _PROFILE.read_bytes().split(b"    <brick>\n")
    tail = bricks[-1].partition(b"    </brick>\n")[2]
    counted = [brick.partition(b"    </brick>\n")[0] for brick in bricks]
    name = b"<brickName>%s:%s</brickName>"
    return (
        head.replace(b"<volname>gv0<", b"<volname>%s<" % volume.volume.encode())
        + b"".join(
            b"    <brick>\n"
            + _BRICK_NAME.sub(
                name % (node.hostname.encode(), node.path.encode()), counted[place % len(counted)]
            )
            + b"    </brick>\n"
            for place, node in enumerate(volume.nodes)
        )
        + tail
    )


def _heal(volume: parse.VolumeStatus) -> bytes:
    bricks = "".join(
        f'<brick hostUuid="{node.uuid}"><name>{node.hostname}:{node.path}</name><status>Connected</status>'
        "<totalNumberOfEntries>0</totalNumberOfEntries>"
        "<numberOfEntriesInHealPending>0</numberOfEntriesInHealPending>"
        "<numberOfEntriesInSplitBrain>0</numberOfEntriesInSplitBrain>"
        "<numberOfEntriesPossiblyHealing>0</numberOfEntriesPossiblyHealing></brick>\n"
        for node in volume.nodes
    )
    return _cli(f"<healInfo><bricks>{bricks}</bricks></healInfo>")


if __name__ == "__main__":
    sys.stdout.buffer.write(volume_status_detail(int(sys.argv[1])))
