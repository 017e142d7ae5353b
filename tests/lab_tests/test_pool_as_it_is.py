"""A healthy pool of every kind of volume, and what does it no harm."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Dict, Optional

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import LabTimeout, wait_until
from tests.lab_tests.looking import look

pytestmark = pytest.mark.lab

KINDS = {
    "gv0": ("replicate", 1, 489946, 131072),
    "arb-vm": ("replicate", 1, 489946, 131072),
    "dist2": ("distribute", 2, 979892, 262144),
    "disp": ("disperse", 1, 979892, 131072),
    "distrep": ("distributed-replicate", 2, 979892, 262144),
}


def test_every_kind_of_volume_is_healthy_on_every_host(lab_pool: Pool) -> None:
    for host in (1, 2, 3):
        observed = look(lab_pool, host)
        assert (observed.code, observed.check_status) == (0, 0), observed.message
        assert observed.stderr == ""
        for name, (kind, subvolumes, _, _) in KINDS.items():
            volume = observed.volume(name)
            assert (volume["type"], volume["status"]) == (kind, "healthy")
            assert [each["quorum"] for each in volume["subvolumes"]] == [True] * subvolumes
            assert all(brick["online"] for brick in volume["bricks"])
        peers = observed.reports["gluster"]["data"]["peers"]
        assert [peer["reachable"] for peer in peers] == [True] * 3
        assert sum(peer["local"] for peer in peers) == 1


def test_space_from_bricks_equals_statvfs_of_a_mount(lab_pool: Pool) -> None:
    """Host 2 mounts nothing and reckons; host 1 mounts each volume and asks the kernel."""
    observed = look(lab_pool, 2)
    for name, (_, _, blocks, inodes) in KINDS.items():
        path = f"/mnt/space-{name}"
        lab_pool.mount(1, name, path)
        try:
            figures = lab_pool.exec(1, ["stat", "-f", "-c", "%S %b %f %a %c %d", "--", path]).stdout
        finally:
            lab_pool.unmount(1, path)
        frsize, total, free, _, files, files_free = map(int, figures.split())
        capacity, counted = observed.volume(name)["capacity"], observed.volume(name)["inodes"]
        assert capacity["source"] == "bricks"
        assert (frsize, total, files) == (4096, blocks, inodes)
        assert (capacity["size"], counted["total"]) == (frsize * total, files)
        # logs and indices of a living volume come and go
        assert capacity["used"] == pytest.approx(frsize * (total - free), abs=8 << 20)
        assert counted["free"] == pytest.approx(files_free, abs=64)


def write_blocks(pool: Pool, point: str) -> None:
    """Write a hundred blocks of 4 KiB, one after the other, by a mount of gv0 at *point*."""
    pool.mount(1, "gv0", point)
    try:
        pool.exec(1, ["dd", "if=/dev/zero", f"of={point}/file", "bs=4k", "count=100", "oflag=sync"])
    finally:
        pool.unmount(1, point)


def test_file_operations_are_counted_where_profiling_is_started(lab_pool: Pool) -> None:
    """By Gluster's own table; a frozen brick is not queried for it, since Gluster would wait with the lock held."""

    def series() -> Dict[str, float]:
        text = lab_pool.run_command(1, ["metrics", "--query", "--latency-extremes"]).stdout
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines if 'volume="gv0"' in name}

    def profiled() -> int:
        return int(lab_pool.exec(1, ["grep", "-c", "profile", "/var/log/glusterfs/cmd_history.log"]).stdout)

    assert not any("_fop_" in name for name in series())
    lab_pool.gluster("volume", "profile", "gv0", "start")
    try:
        write_blocks(lab_pool, "/mnt/profile")
        found = series()
        table = lab_pool.gluster("volume", "profile", "gv0", "info", "cumulative")
        (of_node3,) = re.findall(
            r"Brick: node3\.lab\.test:/export/b1/gv0\n(.*?)Data Written", table, re.DOTALL
        )
        latency = r"([0-9.]+) (?:ns|us) +"
        ((average, least, largest, hits),) = re.findall(rf"{latency * 3}([0-9]+) +WRITE\n", of_node3)
        where = 'fop="write",host="node3.lab.test",path="/export/b1/gv0",volume="gv0"'
        assert found[f"gluster_brick_fop_total{{{where}}}"] == int(hits) >= 100
        seconds = found[f"gluster_brick_fop_seconds_total{{{where}}}"]
        assert seconds == pytest.approx(int(hits) * float(average) / 1e9, rel=0.01)
        assert 0.001 < seconds < 60
        for name, nanoseconds in (("min", least), ("max", largest)):
            found_seconds = found[f"gluster_brick_fop_{name}_seconds{{{where}}}"]
            assert found_seconds == pytest.approx(float(nanoseconds) / 1e9, rel=0.01)
        of_brick = 'host="node3.lab.test",path="/export/b1/gv0",volume="gv0"'
        assert found[f"gluster_brick_written_bytes_total{{{of_brick}}}"] >= 100 * 4096
        before = profiled()
        lab_pool.freeze_brick("gv0", 3)
        try:
            assert not any("_fop_" in name for name in series())
        finally:
            lab_pool.thaw_brick("gv0", 3)
        assert profiled() == before
    finally:
        lab_pool.gluster("volume", "profile", "gv0", "stop")
        for option in ("diagnostics.count-fop-hits", "diagnostics.latency-measurement"):
            lab_pool.gluster("volume", "reset", "gv0", option)


def test_file_operations_are_read_from_the_files_of_bricks_without_a_lock(lab_pool: Pool) -> None:
    """Each node reads those of its own bricks, as Gluster's own table has them, until a brick hangs."""
    here = 'host="node3.lab.test",path="/export/b1/gv0",volume="gv0"'
    writes = f'gluster_brick_fop_total{{fop="write",{here}}}'
    written = f"gluster_brick_stats_dump_timestamp_seconds{{{here}}}"

    def series() -> Dict[str, float]:
        text = lab_pool.run_command(3, ["metrics", "--query"]).stdout
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {
            name: float(value)
            for name, value in lines
            if re.match("gluster_brick_(fop|read|written|io_size|stats)_", name)
        }

    def profiled() -> int:
        history = "/var/log/glusterfs/cmd_history.log"
        return int(lab_pool.exec(3, ["grep", "-c", "profile", history], check=False).stdout)

    lab_pool.gluster("volume", "set", "gv0", "diagnostics.stats-dump-interval", "1")
    lab_pool.gluster("volume", "profile", "gv0", "start")
    try:
        write_blocks(lab_pool, "/mnt/dumps")
        queried = profiled()
        wait_until(lambda: series().get(writes, 0) >= 100, "the brick to write what it counted", 20)
        found = series()
        assert profiled() == queried
        assert all('host="node3.lab.test"' in name for name in found)
        table = lab_pool.gluster("volume", "profile", "gv0", "info", "cumulative")
        (mine,) = re.findall(r"Brick: node3\.lab\.test:/export/b1/gv0\n(.*?)Data Written", table, re.DOTALL)
        ((average, hits),) = re.findall(r"([0-9.]+) (?:ns|us) +\S+ \S+ +\S+ \S+ +([0-9]+) +WRITE\n", mine)
        assert found[writes] == int(hits)
        seconds = found[f'gluster_brick_fop_seconds_total{{fop="write",{here}}}']
        assert seconds == pytest.approx(int(hits) * float(average) / 1e9, rel=0.001)
        assert found[f"gluster_brick_written_bytes_total{{{here}}}"] >= 100 * 4096
        lab_pool.freeze_brick("gv0", 3)
        try:
            wait_until(lambda: list(series()) == [written], "what a frozen brick wrote to be stale", 30)
        finally:
            lab_pool.thaw_brick("gv0", 3)
    finally:
        lab_pool.gluster("volume", "profile", "gv0", "stop")
        for option in ("count-fop-hits", "latency-measurement", "stats-dump-interval"):
            lab_pool.gluster("volume", "reset", "gv0", f"diagnostics.{option}")


def test_a_mounted_volume_is_measured_on_its_mount(lab_pool: Pool) -> None:
    volume = look(lab_pool, 1).volume("gv0")
    assert volume["mounted"] is True
    figures = lab_pool.exec(1, ["stat", "-f", "-c", "%S %b %a", "--", "/mnt/gv0"]).stdout
    frsize, total, available = map(int, figures.split())
    assert (volume["capacity"]["source"], volume["capacity"]["size"]) == ("mount", frsize * total)
    assert volume["capacity"]["available"] == pytest.approx(frsize * available, abs=8 << 20)
    assert look(lab_pool, 2).volume("gv0")["mounted"] is False


def test_kernel_names_of_devices_are_those_of_diskstats(lab_pool: Pool) -> None:
    bricks = look(lab_pool, 1).reports["gluster-bricks"]["data"]["bricks"]
    for brick in bricks:
        if brick["host"] == "node1.lab.test":
            assert brick["name"] == os.path.basename(brick["device"])
            assert Path("/sys/block", brick["name"]).exists()
        else:
            assert brick["name"] is None


def test_the_filesystem_under_each_brick_and_the_op_version(lab_pool: Pool) -> None:
    observed = look(lab_pool, 1)
    bricks = observed.volume("gv0")["bricks"]
    assert (observed.code, observed.check_status) == (0, 0), observed.check
    for brick in bricks:
        own = brick["host"] == "node1.lab.test"
        assert (brick["mount"], brick["filesystem_errors"]) == (("/export/b1", 0) if own else (None, None))
    op_version = lab_pool.gluster("volume", "get", "all", "cluster.op-version").split()[-1]
    assert observed.sample("gluster_op_version") == int(op_version)
    assert observed.reports["gluster"]["data"]["max_op_version"] is None


def test_a_file_that_the_scrubber_found_corrupted(lab_pool: Pool) -> None:
    lab_pool.create_volume("rot", lab_pool.bricks("/export/b2/rot"), replica=3)
    try:
        lab_pool.gluster("volume", "bitrot", "rot", "enable")
        lab_pool.gluster("volume", "bitrot", "rot", "signing-time", "10")
        file = "/export/b2/rot/file"

        def signed_on() -> Optional[int]:
            """A host whose brick has a signature of the file."""
            for host in (1, 2, 3):
                names = lab_pool.exec(host, ["getfattr", "-m", ".", file], check=False).stdout
                if "trusted.bit-rot.signature" in names:
                    return host
            return None

        def written_and_signed_on() -> Optional[int]:
            """A brick reports a written file only to a daemon that is connected already: write until one is."""
            lab_pool.exec(1, ["sh", "-c", "echo right > /mnt/rot/file"])
            try:
                return wait_until(signed_on, "the file has a signature", timeout=20, interval=0.5)
            except LabTimeout:
                return None

        lab_pool.mount(1, "rot", "/mnt/rot")
        try:
            # Not each daemon signs what it should, with 11.1: docs/gluster.md.
            host = wait_until(written_and_signed_on, "a written file has a signature", timeout=100)
        finally:
            lab_pool.unmount(1, "/mnt/rot")
        lab_pool.exec(host, ["sh", "-c", f"echo wrong > {file}"])
        lab_pool.gluster("volume", "bitrot", "rot", "scrub", "ondemand")

        def is_found() -> bool:
            scrubs = look(lab_pool, 1).volume("rot")["scrubs"] or []
            return {scrub["host"]: scrub["errors"] for scrub in scrubs} == {
                f"node{each}.lab.test": int(each == host) for each in (1, 2, 3)
            }

        wait_until(is_found, "the scrubber has found the file", interval=0.5)
        observed = look(lab_pool, 1)
        assert observed.code == 4
        assert f"the scrubber found 1 corrupted file on node{host}.lab.test" in observed.message
    finally:
        lab_pool.delete_volume("rot")


def test_processes_of_this_node_say_which_brick_they_serve(lab_pool: Pool) -> None:
    report = look(lab_pool, 1).reports["glusterd"]
    assert report["data"]["status"]["code"] == 0
    processes = report["data"]["processes"]
    names = [process["name"] for process in processes]
    assert names.count("glusterd") == 1
    served = {(each["volume"], each["path"]) for each in processes if each["name"] == "brick"}
    assert ("gv0", "/export/b1/gv0") in served
    assert len(served) == names.count("brick") == 6
    assert all(each["rss"] > 0 and each["uptime"] > 0 for each in processes)


def test_a_stopped_volume_is_no_fault_and_its_bricks_are_not_offline(lab_pool: Pool) -> None:
    lab_pool.create_volume("rest", lab_pool.bricks("/export/b2/rest"), replica=3)
    try:
        lab_pool.stop_volume("rest")
        observed = look(lab_pool)
        assert observed.code == 0, observed.message
        assert (observed.volume("rest")["state"], observed.volume("rest")["status"]) == ("stopped", "stopped")
        assert observed.brick("rest", "node1.lab.test")["online"] is None
        assert not observed.has(
            "gluster_brick_up", volume="rest", host="node1.lab.test", path="/export/b2/rest"
        )
    finally:
        lab_pool.delete_volume("rest")


@pytest.mark.parametrize(
    ("volume", "path"),
    [
        ("_x", "/export/b2/ü€"),
        ("A-b_9", "/export/b2/a&b<c>"),
        ("0", "/export/b2/star*$HOME;x"),
        ("x" * 200, "/export/b2/a,[b]{c}|(d)=%#!@"),
    ],
)
def test_names_with_every_character_gluster_takes(lab_pool: Pool, volume: str, path: str) -> None:
    lab_pool.create_volume(volume, lab_pool.bricks(path, [1, 2]))
    try:
        observed = look(lab_pool)
        assert (observed.code, observed.stderr) == (0, ""), observed.message
        assert [brick["path"] for brick in observed.volume(volume)["bricks"]] == [path, path]
        assert observed.sample("gluster_brick_up", volume=volume, host="node2.lab.test", path=path) == 1
        assert f"{volume}_used" in observed.check or volume in observed.check
    finally:
        lab_pool.delete_volume(volume)


def test_what_was_recorded_replays_to_the_same_reports(lab_pool: Pool) -> None:
    lab_pool.run_command(1, ["record", "/tmp/kept"])
    replayed = [
        json.loads(lab_pool.run_command(host, ["collect", "--verbose", "--replay", "/tmp/kept"]).stdout)
        for host in (1, 1)
    ]
    assert replayed[0] == replayed[1]
    by_name = {report["name"]: report for report in replayed[0]}
    assert by_name["gluster"]["data"]["status"]["code"] == 0
    live = look(lab_pool)
    statuses = {volume["name"]: volume["status"] for volume in by_name["gluster"]["data"]["volumes"]}
    assert statuses == {
        volume["name"]: volume["status"] for volume in live.reports["gluster"]["data"]["volumes"]
    }
    again = lab_pool.run_command(1, ["record", "/tmp/kept"], check=False)
    assert (again.returncode, again.stdout) == (1, "")
    assert "/tmp/kept is there already" in again.stderr
