"""Metrics of this node's mounts and processes."""

from __future__ import annotations

from ganeti_gluster_mon.gluster.model import Mount, Pool, Process
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW
from tests.unit.metrics.samples import of


def test_processes_that_do_the_same_are_added_up() -> None:
    pool = Pool(
        NOW,
        processes=(
            Process("brick", 1, 9.0, 1.5, 100, "gv0", "/b"),
            Process("brick", 2, 5.0, 0.25, 50, "gv0", "/b"),
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
    assert [value for _, value in of(text, "gluster_process_uptime_seconds")] == [5.0, 9.0]


def test_whether_a_file_could_be_written_where_that_is_tested() -> None:
    mounts = tuple(
        Mount("gv0", f"/mnt/{writable}", f_blocks=1, writable=writable) for writable in (True, False, None)
    )
    assert of(render(Pool(NOW, mounts=mounts), HEALTH, NOW), "gluster_mount_writable") == [
        ({"volume": "gv0", "path": "/mnt/True"}, 1.0),
        ({"volume": "gv0", "path": "/mnt/False"}, 0.0),
    ]


def test_two_mounts_one_over_the_other_are_one_series_and_the_worse_one() -> None:
    answered = Mount("gv0", "/mnt/a", f_blocks=1)
    for mounts in ((answered, Mount("gv0", "/mnt/a")), (Mount("gv0", "/mnt/a"), answered)):
        assert of(render(Pool(NOW, mounts=mounts), HEALTH, NOW), "gluster_mount_up") == [
            ({"volume": "gv0", "path": "/mnt/a"}, 0.0)
        ]
