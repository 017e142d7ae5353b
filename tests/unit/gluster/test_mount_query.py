"""The mounts of this node, where something is urgent."""

from __future__ import annotations

from ganeti_gluster_mon.gluster.model import Mount
from ganeti_gluster_mon.gluster.mount_query import keep_known


def test_where_it_is_urgent_a_mount_without_an_answer_keeps_what_was_known() -> None:
    silent = "no answer from statvfs within 0.5 s"
    before = [
        Mount("gv0", "/a", device_number="0:1", f_blocks=7),
        Mount("gv0", "/b", device_number="0:2", f_blocks=8),
    ]
    current = [
        Mount("gv0", "/a", device_number="0:1", failure=silent),
        Mount("gv0", "/b", device_number="0:3", failure=silent),
        Mount("gv0", "/c", device_number="0:4", f_blocks=9),
    ]
    assert keep_known(current, before) == (before[0], current[1], current[2])
