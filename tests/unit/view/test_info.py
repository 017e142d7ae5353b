"""gnt-gluster info."""

from __future__ import annotations

import pytest

from tests.unit.view.test_listing import CAPTURES, run


def test_info_of_a_volume(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "info", "gv0", "--replay", str(CAPTURES / "brick-killed"))
    assert status == 0
    assert "- Volume: gv0\n" in out and "- Volume: disp\n" not in out
    assert "  - gv0: brick node2.lab.test:/export/b1/gv0 is offline, 2 of 3 replicas left\n" in out
    assert "  - node2.lab.test:/export/b1/gv0 (Set: 1, Arbiter: N, Status: offline, " in out
    assert "  Disks: ?\n" in out


def test_where_a_volume_is_replicated_to(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "info", "gv0", "--replay", str(CAPTURES / "geo-replication-faulty"))
    assert status == 0
    assert "  Geo-replication:\n  - node3.lab.test::backup (2 faulty)\n" in out
    assert (
        "  - gv0: geo-replication to node3.lab.test::backup is faulty: not replicated: node1.lab.test:" in out
    )
