"""deploy for a volume that exists: compared with the request, and its mounts repaired."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, List, Mapping, Optional, Sequence

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.redeploy import _nodes_of, _options, _without_brick, differences
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from tests.unit.deploy.fake_nodes import cluster, volume, volume_info

NODES = [f"node{n}.example.org" for n in range(1, 7)]


def info(options: Optional[Mapping[str, str]] = None, **more: Any) -> VolumeInfo:
    found = gluster_cli.volume(volume_info(volume("gv0", [f"{node}:/b" for node in NODES[:3]])), "gv0")
    assert found is not None
    return replace(found, options={"features.shard": "on"} if options is None else options, **more)


def queried(*words: str, there: Optional[VolumeInfo] = None, nodes: int = 6) -> List[str]:
    arguments = gnt_gluster.parser().parse_args(["deploy", "--device", "/dev/vdb", *words])
    named = [f"{name}.example.org" for name in arguments.nodes]
    return differences(arguments, info() if there is None else there, named, cluster(nodes))


@pytest.mark.parametrize(
    "words",
    [(), ("--replica", "3"), ("node1", "node2"), ("--access", "kernelspace"), ("node1", "node2", "node3")],
)
def test_what_is_equal_or_was_not_requested_is_no_difference(words: Sequence[str]) -> None:
    assert queried(*words) == []


@pytest.mark.parametrize(
    ("words", "parsed"),
    [
        (
            ("--disperse", "3"),
            "not disperse 3 redundancy 1: .*create-volume NAME --disperse 3 --redundancy 1; or",
        ),
        (("--arbiter",), "not replica 3 arbiter 1: .*create-volume NAME --replica 3 --arbiter; or delete"),
        (("--distribute",), "not distribute: .*create-volume NAME --distribute; .*destroy-volume gv0"),
        (("--replica", "2"), "gv0 is replica 3 on 3 bricks, not replica 2: "),
        (("--no-shard",), "keeps files in shards .*never changed .*create-volume NAME --no-shard"),
        (
            ("node1", "node4"),
            r"node4.example.org has no brick of gv0, which is on node1.*2 more nodes are needed: "
            r"gnt-gluster expand-volume gv0 node4.example.org NODE NODE --device DEVICE",
        ),
        (
            ("node4", "node5", "node6"),
            "have no brick of gv0, .*; to add some: gnt-gluster expand-volume gv0 node4",
        ),
    ],
)
def test_a_difference_is_refused_and_says_what_would_do(words: Sequence[str], parsed: str) -> None:
    (line,) = queried(*words)
    assert re.search(parsed, line), line


def test_a_volume_without_shards_is_what_no_shard_asks_for() -> None:
    assert queried("--no-shard", there=info({"features.shard": "off"})) == []
    assert queried("--no-shard", there=info({})) == []
    # one that no guest has used yet is set up to its end
    assert queried("--no-shard", there=info({"features.shard": "on"}, state="created")) == []


def test_options_that_differ_are_named_and_kept() -> None:
    group = {"features.shard": "on", "network.remote-dio": "disable", "cluster.shd-max-threads": "8"}
    same = info({**group, "cluster.server-quorum-type": "server"})
    assert _options(same, group, ()) == []
    (line,) = _options(info({**group, "network.remote-dio": "enable"}), group, ())
    assert "network.remote-dio is enable, not disable" in line
    assert line.endswith("gluster volume set gv0 network.remote-dio disable")
    (line,) = _options(info({**group, "features.shard": "off", "network.remote-dio": "x"}), group, ())
    assert "features.shard" not in line  # which must never be set later


def test_nodes_without_a_brick_are_listed_with_what_is_missing() -> None:
    there = info()
    hosts = _nodes_of(there, cluster(4))
    first, second = _without_brick(cluster(4), there, hosts, NODES[:3], False)
    assert first.startswith(
        "node4.example.org has no brick of gv0: bricks are added in sets of 3 nodes, so 2 more"
    )
    assert second.startswith("node4.example.org may run instances and is not in the pool: ")
    assert second.endswith("gnt-gluster add-node node4.example.org")
    assert _without_brick(cluster(3), there, _nodes_of(there, cluster(3)), NODES[:3], False) == []


# --- mounts ---------------------------------------------------------------------------------------------


# --- Ganeti ---------------------------------------------------------------------------------------------
