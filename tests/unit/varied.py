"""Variations of captures: other names of hosts, and two pools made one."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Callable, Dict, List, Tuple

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.query import Query

_UUID = re.compile(rb"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])")
#: queries about the whole pool, whose answers can be merged
_WHOLE = (query.VOLUME_INFO, query.POOL_LIST, query.VOLUME_STATUS_DETAIL, query.VOLUME_STATUS)
#: queries about one volume
_OF_A_VOLUME = {"heal", "quota", "rebalance"}


def host_names(capture: Capture) -> List[str]:
    """The names of all hosts in *capture*, longest first."""
    pool = build_pool(capture)
    names = {peer.hostname for peer in pool.peers or ()} | {capture.node or "localhost"}
    names |= {brick.host for volume in pool.volumes or () for brick in volume.bricks}
    return sorted(names - {"localhost"}, key=lambda name: (-len(name), name))


def with_hosts(capture: Capture, rename: Callable[[int, str], str]) -> Capture:
    """*capture* with each host called what *rename* makes of its number and name."""
    new = {name: rename(number, name) for number, name in enumerate(host_names(capture))}
    pattern = re.compile(
        rb"(?<![\w.:-])(?:" + b"|".join(re.escape(name.encode()) for name in new) + rb")(?![\w.-])"
    )

    def renamed(text: bytes) -> bytes:
        return pattern.sub(lambda match: new[match[0].decode()].encode(), text)

    return replace(
        capture,
        node=new.get(capture.node or "", capture.node),
        answers=tuple(replace(answer, output=renamed(answer.output)) for answer in capture.answers),
        reachable={new.get(host, host): answers for host, answers in capture.reachable.items()},
        hosts_answering={new.get(host, host): answers for host, answers in capture.hosts_answering.items()},
        bricks_answering={
            (new.get(host, host), path): answers for (host, path), answers in capture.bricks_answering.items()
        },
        geo_replications=tuple(
            replace(
                session,
                workers=tuple(
                    replace(worker, host=new.get(worker.host, worker.host)) for worker in session.workers
                ),
            )
            for session in capture.geo_replications
        ),
    )


def _distinct(capture: Capture) -> Capture:
    """*capture* with hosts, uuids and volumes that no other capture has."""
    capture = with_hosts(capture, lambda _, name: f"second-{name}")
    names = [volume.name for volume in build_pool(capture).volumes or ()]
    node = (capture.node or "second").encode()

    def changed(answer: Answer) -> Answer:
        output = _UUID.sub(
            lambda match: str(uuid.uuid5(uuid.NAMESPACE_OID, match[0].decode())).encode(), answer.output
        )
        for name in names:
            for element in (b"name", b"volName"):
                old = b"<%s>%s</%s>" % (element, name.encode(), element)
                output = output.replace(old, b"<%s>%s-2</%s>" % (element, name.encode(), element))
        if answer.query == query.POOL_LIST:
            output = re.sub(
                rb"<hostname>localhost</hostname>(\s*)(<connected>1</connected>)",
                rb"<hostname>" + node + rb"</hostname>\1\2<stateStr>Peer in Cluster</stateStr>",
                output,
            )
        else:
            output = re.sub(rb"<(path|nodeName)>localhost</", rb"<\1>" + node + b"</", output)
        renamed: Query = tuple(f"{word}-2" if word in names else word for word in answer.query)
        return replace(answer, query=renamed, output=output)

    return replace(
        capture,
        answers=tuple(map(changed, capture.answers)),
        mounts=tuple(replace(mount, volume=f"{mount.volume}-2") for mount in capture.mounts),
        geo_replications=tuple(
            replace(session, volume=f"{session.volume}-2") for session in capture.geo_replications
        ),
    )


def _content(output: bytes, element: bytes) -> Tuple[bytes, bytes, bytes]:
    """What stands before, in and behind the content of *element*."""
    before, begin, rest = output.partition(b"<%s>" % element)
    inside, end, behind = rest.rpartition(b"</%s>" % element)
    assert begin and end, output[:300]
    return before + begin, re.sub(rb"<count>\d+</count>", b"", inside), end + behind


def _together(one: bytes, two: bytes, element: bytes) -> bytes:
    before, inside, behind = _content(one, element)
    both = inside + _content(two, element)[1]
    if b"<volInfo>" in one:
        both += b"<count>%d</count>" % both.count(b"<typeStr>")
    return before + both + behind


def merged(one: Capture, two: Capture) -> Capture:
    """One pool with the volumes, hosts and faults of both, queried on the node of *one*."""
    two = _distinct(two)
    others = {answer.query: answer for answer in two.answers}
    answers = []
    for answer in one.answers:
        if answer.query in _WHOLE:
            element = b"peerStatus" if answer.query == query.POOL_LIST else b"volumes"
            other = others[answer.query]
            answers.append(replace(answer, output=_together(answer.output, other.output, element)))
    for answer in (*one.answers, *two.answers):
        if answer.query[1] in _OF_A_VOLUME:
            answers.append(answer)
    old = [each.gluster_version for each in (one, two) if (each.gluster_version or "").startswith("3.")]
    probes: Dict[str, Dict[object, bool]] = {}
    for name in ("reachable", "hosts_answering", "bricks_answering"):
        probes[name] = {**getattr(one, name), **getattr(two, name)}
    return replace(
        one,
        answers=tuple(answers),
        mounts=(*one.mounts, *two.mounts),
        geo_replications=(*one.geo_replications, *two.geo_replications),
        gluster_version=old[0] if old else one.gluster_version,
        **probes,  # type: ignore[arg-type]
    )
