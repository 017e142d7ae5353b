"""Prometheus' text of a pool, and the textfile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon import metrics
from ganeti_gluster_mon.gluster.model import Brick
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, NOW, POOL, same_as_golden
from tests.unit.metrics.samples import WHOLE, of, only, pool_of, series

#: every metric of the contract with its labels
CONTRACT = {
    "gluster_up": "",
    "gluster_leader": "",
    "gluster_build_info": "version gluster_version",
    "gluster_collect_duration_seconds": "",
    "gluster_collect_timestamp_seconds": "",
    "gluster_collect_failures_total": "reason",
    "gluster_auto_repairs_total": "volume action result",
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
    "gluster_subvolume_size_bytes": "volume subvolume",
    "gluster_subvolume_used_bytes": "volume subvolume",
    "gluster_subvolume_available_bytes": "volume subvolume",
    "gluster_volume_heal_pending_entries": "volume",
    "gluster_volume_heal_split_brain_entries": "volume",
    "gluster_self_heal_daemon_up": "volume host",
    "gluster_daemon_up": "daemon host volume",
    "gluster_volume_task": "volume task status",
    "gluster_rebalance_files": "volume host",
    "gluster_rebalance_bytes": "volume host",
    "gluster_rebalance_lookups": "volume host",
    "gluster_rebalance_failures": "volume host",
    "gluster_rebalance_skipped": "volume host",
    "gluster_quota_hard_limit_bytes": "volume path",
    "gluster_quota_soft_limit_bytes": "volume path",
    "gluster_quota_used_bytes": "volume path",
    "gluster_brick_fop_total": "volume host path fop",
    "gluster_brick_fop_seconds_total": "volume host path fop",
    "gluster_brick_stats_dump_timestamp_seconds": "volume host path",
    "gluster_brick_read_bytes_total": "volume host path",
    "gluster_brick_io_size_bytes": "volume host path operation",
    "gluster_brick_written_bytes_total": "volume host path",
    "gluster_disk_status": "instance disk volume status",
    "gluster_disk_at_risk": "instance disk volume",
    "gluster_disk_heal_pending_entries": "instance disk volume",
    "gluster_disk_size_bytes": "instance disk volume",
    "gluster_disk_allocated_bytes": "instance disk volume",
    "gluster_brick_up": "volume host path",
    "gluster_brick_size_bytes": "volume host path",
    "gluster_brick_clients": "volume host path",
    "gluster_op_version": "",
    "gluster_max_op_version": "",
    "gluster_volume_heal_counted_timestamp_seconds": "volume",
    "gluster_volume_snapshots": "volume",
    "gluster_volume_snapshots_activated": "volume",
    "gluster_volume_snapshots_remaining": "volume",
    "gluster_volume_snapshot_oldest_timestamp_seconds": "volume",
    "gluster_scrub_corrupted_files": "volume host",
    "gluster_scrub_scrubbed_files": "volume host",
    "gluster_scrub_skipped_files": "volume host",
    "gluster_scrub_completed_timestamp_seconds": "volume host",
    "gluster_geo_replication_worker_status": "volume secondary host path status",
    "gluster_geo_replication_last_synced_timestamp_seconds": "volume secondary host path",
    "gluster_geo_replication_pending_changes": "volume secondary host path type",
    "gluster_geo_replication_failures": "volume secondary host path",
    "gluster_geo_replication_checkpoint_completed_timestamp_seconds": "volume secondary host path",
    "gluster_geo_replication_queried_timestamp_seconds": "volume secondary",
    "gluster_brick_info": "volume host path device kernel_name filesystem mount",
    "gluster_brick_filesystem_errors": "volume host path",
    "gluster_brick_filesystem_mounted": "volume host path",
    "gluster_log_messages_total": "process level",
    "gluster_log_skipped_bytes_total": "process",
    "gluster_log_directory_bytes": "",
    "gluster_brick_lvm_info": "volume host path vg lv pool",
    "gluster_lvm_lv_size_bytes": "host vg lv",
    "gluster_lvm_vg_size_bytes": "host vg",
    "gluster_lvm_vg_free_bytes": "host vg",
    "gluster_lvm_timestamp_seconds": "host vg",
    "gluster_lvm_pool_size_bytes": "host vg pool type",
    "gluster_lvm_pool_data_ratio": "host vg pool type",
    "gluster_lvm_pool_metadata_ratio": "host vg pool type",
    "gluster_brick_free_bytes": "volume host path",
    "gluster_brick_files": "volume host path",
    "gluster_brick_files_free": "volume host path",
    "gluster_heal_pending_entries": "volume host path",
    "gluster_heal_split_brain_entries": "volume host path",
    "gluster_mount_up": "volume path",
    "gluster_mount_writable": "volume path",
    "gluster_process_cpu_seconds_total": "name volume path",
    "gluster_process_resident_memory_bytes": "name volume path",
    "gluster_process_uptime_seconds": "name volume path",
}


def test_the_whole_text() -> None:
    same_as_golden("metrics.prom", WHOLE.decode("utf-8"))


def test_every_metric_of_the_contract_is_there_and_no_other() -> None:
    found = {
        re.sub("_(bucket|count|sum)$", "", name): " ".join(sorted(set(dict(labels)) - {"le"}))
        for name, labels in series(WHOLE)
    }
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


def test_of_a_volume_little_is_known_of_little_is_reported() -> None:
    assert {name for name, labels in series(WHOLE) if ("volume", "old") in labels} == {
        "gluster_volume_status",
        "gluster_volume_bricks",
        "gluster_disk_status",
    }


#: prefixes of the pool's series, which the leader alone exports
OF_THE_POOL = (
    "gluster_problem",
    "gluster_volume_",
    "gluster_subvolume_",
    "gluster_self_heal_",
    "gluster_daemon_",
    "gluster_disk_",
    "gluster_quota_",
    "gluster_brick_fop_",
    "gluster_brick_io_",
    "gluster_brick_read_bytes",
    "gluster_brick_written_bytes",
    "gluster_rebalance_",
    "gluster_peer_",
    "gluster_scrub_",
    "gluster_geo_replication_",
    "gluster_op_version",
    "gluster_max_op_version",
)


def test_a_follower_reports_itself_only() -> None:
    own, whole = series(render(POOL, HEALTH, NOW, leader=False)), series(render(POOL, HEALTH, NOW))
    of_the_leader = {
        (name, labels)
        for name, labels in whole
        if name.startswith(OF_THE_POOL)
        or ("host", "node2.lab.test") in labels
        or ("host", "node3.lab.test") in labels
    }
    assert of_the_leader
    assert set(own) == set(whole) - of_the_leader
    assert {
        labels["host"] for labels, _ in of(render(POOL, HEALTH, NOW, leader=False), "gluster_brick_up")
    } == {"node1.lab.test"}


def test_where_no_node_leads_each_node_reports_all() -> None:
    alone, leading = (series(render(POOL, HEALTH, NOW, leader=leader)) for leader in (None, True))
    assert {name for name, _ in leading} - {name for name, _ in alone} == {"gluster_leader"}
    assert len(leading) == len(alone) + 1


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


def test_names_that_are_not_utf_8_are_distinct() -> None:
    bricks = tuple(Brick("gv0", "h", os.fsdecode(b"/b" + end), online=True) for end in (b"\xff", b"\xfe"))
    assert [labels["path"] for labels, _ in of(render(pool_of(bricks), HEALTH, NOW), "gluster_brick_up")] == [
        "/b\\udcff",
        "/b\\udcfe",
    ]
