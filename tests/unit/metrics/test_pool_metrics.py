"""Prometheus' text of a pool, and the textfile."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Dict, FrozenSet, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ganeti_gluster_mon import metrics
from ganeti_gluster_mon.gluster.model import Brick, Mount, Peer, Pool, Process, Subvolume, Volume
from ganeti_gluster_mon.health import STATUSES, Health, VolumeHealth
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, NOW, POOL, same_as_golden

#: every metric of the contract with its labels
CONTRACT = {
    "gluster_up": "",
    "gluster_leader": "",
    "gluster_build_info": "version gluster_version",
    "gluster_collect_duration_seconds": "",
    "gluster_collect_timestamp_seconds": "",
    "gluster_collect_failures_total": "reason",
    "gluster_status_code": "collector",
    "gluster_problem": "code volume",
    "gluster_peer_connected": "peer",
    "gluster_volume_status": "volume status",
    "gluster_volume_bricks": "volume",
    "gluster_volume_bricks_online": "volume",
    "gluster_volume_size_bytes": "volume",
    "gluster_volume_used_bytes": "volume",
    "gluster_volume_available_bytes": "volume",
    "gluster_volume_files": "volume",
    "gluster_volume_files_free": "volume",
    "gluster_subvolume_bricks": "volume subvolume",
    "gluster_subvolume_bricks_online": "volume subvolume",
    "gluster_subvolume_quorum": "volume subvolume",
    "gluster_subvolume_bricks_to_spare": "volume subvolume",
    "gluster_volume_heal_pending_entries": "volume",
    "gluster_volume_heal_split_brain_entries": "volume",
    "gluster_self_heal_daemon_up": "volume host",
    "gluster_daemon_up": "daemon host volume",
    "gluster_volume_task": "volume task status",
    "gluster_brick_up": "volume host path",
    "gluster_brick_size_bytes": "volume host path",
    "gluster_brick_free_bytes": "volume host path",
    "gluster_brick_files": "volume host path",
    "gluster_brick_files_free": "volume host path",
    "gluster_heal_pending_entries": "volume host path",
    "gluster_heal_split_brain_entries": "volume host path",
    "gluster_mount_up": "volume path",
    "gluster_process_cpu_seconds_total": "name volume path",
    "gluster_process_resident_memory_bytes": "name volume path",
}

WHOLE = render(POOL, HEALTH, NOW, duration=0.125, failures={"timeout": 3, "lock": 0})

Series = Dict[Tuple[str, FrozenSet[Tuple[str, str]]], float]


def series(text: bytes) -> Series:
    """What Prometheus would read; no series may come twice."""
    found: Series = {}
    for family in text_string_to_metric_families(text.decode("utf-8")):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(text: bytes, name: str) -> List[Tuple[Dict[str, str], float]]:
    return [(dict(labels), value) for (each, labels), value in series(text).items() if each == name]


def only(text: bytes, name: str) -> float:
    ((_, value),) = of(text, name)
    return value


def test_the_whole_text() -> None:
    same_as_golden("metrics.prom", WHOLE.decode("utf-8"))


def test_every_metric_of_the_contract_is_there_and_no_other() -> None:
    found = {name: " ".join(sorted(dict(labels))) for name, labels in series(WHOLE)}
    assert found == {name: " ".join(sorted(labels.split())) for name, labels in CONTRACT.items()}


@pytest.mark.parametrize("name", CONTRACT)
def test_one_search_for_a_metric_finds_where_it_is_made(name: str) -> None:
    modules = Path(metrics.__file__).parent.glob("*.py")
    assert [module.name for module in modules if f'"{name}"' in module.read_text(encoding="utf-8")]


def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "promtool (Debian: prometheus) is needed"
        pytest.skip("promtool (Debian: prometheus) is not installed")
    for text in (WHOLE, render(NOTHING, NOTHING_HEALTH, NOW, leader=None)):
        done = subprocess.run(
            [promtool, "check", "metrics"],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            check=False,
        )
        assert (done.stdout.decode(), done.returncode) == ("", 0)


def test_what_is_unknown_has_no_sample() -> None:
    text = render(NOTHING, NOTHING_HEALTH, NOW, leader=None)
    assert {name for name, _ in series(text)} == {
        "gluster_up",
        "gluster_build_info",
        "gluster_collect_timestamp_seconds",
        "gluster_status_code",
        "gluster_problem",
    }
    assert only(text, "gluster_up") == 0
    assert {labels["collector"]: value for labels, value in of(text, "gluster_status_code")} == {
        "gluster": 2,
        "glusterd": 2,
    }


def test_of_a_volume_little_is_known_of_little_is_said() -> None:
    assert {name for name, labels in series(WHOLE) if ("volume", "old") in labels} == {
        "gluster_volume_status",
        "gluster_volume_bricks",
    }


def test_one_status_holds() -> None:
    for volume, holds in (("gv0", "degraded"), ("dist2", "healthy"), ("old", "stopped")):
        told = {
            labels["status"]: value
            for labels, value in of(WHOLE, "gluster_volume_status")
            if labels["volume"] == volume
        }
        assert told == {status: float(status == holds) for status in STATUSES}


@pytest.mark.parametrize(("leader", "told"), [(True, [({}, 1.0)]), (False, [({}, 0.0)]), (None, [])])
def test_leader(leader: bool | None, told: object) -> None:
    assert of(render(POOL, HEALTH, NOW, leader=leader), "gluster_leader") == told


#: what the pool's series are told by: the leader alone
OF_THE_POOL = (
    "gluster_problem",
    "gluster_volume_",
    "gluster_subvolume_",
    "gluster_self_heal_",
    "gluster_daemon_",
    "gluster_peer_",
)


def test_a_follower_tells_of_itself_only() -> None:
    own, whole = series(render(POOL, HEALTH, NOW, leader=False)), series(render(POOL, HEALTH, NOW))
    told_by_the_leader = {
        (name, labels)
        for name, labels in whole
        if name.startswith(OF_THE_POOL)
        or ("host", "node2.lab.test") in labels
        or ("host", "node3.lab.test") in labels
    }
    assert told_by_the_leader
    assert set(own) == set(whole) - told_by_the_leader
    assert {
        labels["host"] for labels, _ in of(render(POOL, HEALTH, NOW, leader=False), "gluster_brick_up")
    } == {"node1.lab.test"}


def test_where_nobody_leads_each_node_tells_all() -> None:
    alone, leading = (series(render(POOL, HEALTH, NOW, leader=leader)) for leader in (None, True))
    assert {name for name, _ in leading} - {name for name, _ in alone} == {"gluster_leader"}
    assert len(leading) == len(alone) + 1


def test_a_follower_that_does_not_know_its_uuid_has_no_bricks() -> None:
    for peers in (None, (), tuple(dataclasses.replace(peer, local=False) for peer in POOL.peers or ())):
        pool = dataclasses.replace(POOL, peers=peers)
        text = render(pool, HEALTH, NOW, leader=False)
        assert of(text, "gluster_brick_up") == []
        assert of(text, "gluster_mount_up") != []
    nobodys = pool_of((Brick("gv0", "h", "/b", uuid=None, online=True),))
    assert of(render(nobodys, HEALTH, NOW, leader=False), "gluster_brick_up") == []


def test_a_single_command_leads() -> None:
    assert only(render(POOL, HEALTH, NOW), "gluster_leader") == 1


def test_failures_are_counted_by_reason() -> None:
    assert of(WHOLE, "gluster_collect_failures_total") == [
        ({"reason": "timeout"}, 3.0),
        ({"reason": "lock"}, 0.0),
    ]
    assert of(render(POOL, HEALTH, NOW), "gluster_collect_failures_total") == []


@pytest.mark.parametrize(
    ("connected", "reachable", "told"),
    [
        (True, True, [1.0]),
        (True, None, [1.0]),
        (True, False, [0.0]),  # glusterd has not noticed yet
        (False, True, [0.0]),
        (False, None, [0.0]),
        (None, False, [0.0]),
        (None, True, []),
        (None, None, []),
    ],
)
def test_peer(connected: bool | None, reachable: bool | None, told: List[float]) -> None:
    pool = Pool(NOW, peers=(Peer("node2", "u", connected=connected, reachable=reachable),))
    assert [value for _, value in of(render(pool, HEALTH, NOW), "gluster_peer_connected")] == told


def test_subvolumes_are_told_of_by_the_names_gluster_gives_them() -> None:
    told = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_bricks_to_spare")}
    assert told == {"gv0-replicate-0": 0, "dist2-client-0": 0, "dist2-client-1": 0}
    quorum = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_quorum")}
    assert quorum == dict.fromkeys(told, 1)


def test_processes_that_do_the_same_are_added_up() -> None:
    pool = Pool(
        NOW,
        processes=(
            Process("brick", 1, 9.0, 1.5, 100, "gv0", "/b"),
            Process("brick", 2, 9.0, 0.25, 50, "gv0", "/b"),
            Process("brick", 3, 9.0, 4.0, 7, "gv0", "/c"),
        ),
    )
    text = render(pool, HEALTH, NOW)
    brick = {"name": "brick", "volume": "gv0"}
    assert of(text, "gluster_process_cpu_seconds_total") == [
        ({**brick, "path": "/b"}, 1.75),
        ({**brick, "path": "/c"}, 4.0),
    ]
    assert [value for _, value in of(text, "gluster_process_resident_memory_bytes")] == [150.0, 7.0]


def test_two_mounts_one_over_the_other_are_one_series_and_the_worse_one() -> None:
    answered = Mount("gv0", "/mnt/a", f_blocks=1)
    for mounts in ((answered, Mount("gv0", "/mnt/a")), (Mount("gv0", "/mnt/a"), answered)):
        assert of(render(Pool(NOW, mounts=mounts), HEALTH, NOW), "gluster_mount_up") == [
            ({"volume": "gv0", "path": "/mnt/a"}, 0.0)
        ]


def pool_of(bricks: Tuple[Brick, ...], name: str = "gv0") -> Pool:
    volume = Volume(name, "u", "distribute", "started", "tcp", bricks, (Subvolume("distribute", bricks),))
    return dataclasses.replace(POOL, volumes=(volume,))


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=3, max_size=3))
def test_hostile_labels_come_back_as_they_were(names: List[str]) -> None:
    volume, host, path = names
    text = render(pool_of((Brick(volume, host, path, online=True),), volume), HEALTH, NOW)
    assert of(text, "gluster_brick_up") == [({"volume": volume, "host": host, "path": path}, 1.0)]


def test_promtool_reads_hostile_labels() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "promtool (Debian: prometheus) is needed"
        pytest.skip("promtool (Debian: prometheus) is not installed")
    text = render(pool_of((Brick("gv0", 'a"b\\', "/b\n} 1\r\0\t☃\udcff", online=True),)), HEALTH, NOW)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_names_that_are_not_utf_8_are_told_apart() -> None:
    bricks = tuple(Brick("gv0", "h", os.fsdecode(b"/b" + end), online=True) for end in (b"\xff", b"\xfe"))
    assert [labels["path"] for labels, _ in of(render(pool_of(bricks), HEALTH, NOW), "gluster_brick_up")] == [
        "/b\\udcff",
        "/b\\udcfe",
    ]


def test_a_thousand_bricks_are_no_matter() -> None:
    bricks = tuple(
        Brick(
            "gv0",
            f"node{i}",
            "/export/b1/gv0",
            online=True,
            size=i,
            free=i,
            inodes_total=i,
            inodes_free=i,
            heal_pending=i,
            split_brain=i,
        )
        for i in range(1000)
    )
    judged = Health(0, "", (), {"gv0": VolumeHealth("healthy", 0)})
    pool = pool_of(bricks)
    before = time.process_time()
    text = render(pool, judged, NOW)
    seconds = time.process_time() - before
    assert len(of(text, "gluster_brick_up")) == 1000
    assert seconds < 1  # it takes a tenth of that


def test_mutes_are_exported_by_each_node() -> None:
    """Alerts on a node's own mount look at the mutes of that node."""
    muted = dataclasses.replace(
        HEALTH, problems=tuple(dataclasses.replace(problem, muted=True) for problem in HEALTH.problems)
    )
    text = render(POOL, muted, NOW, leader=False).decode()
    assert 'gluster_problem_muted{code="BRICK_OFFLINE",volume="gv0"} 1.0' in text
    assert "gluster_problem{" not in text
