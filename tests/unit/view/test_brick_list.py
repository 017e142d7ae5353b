"""gnt-gluster list-bricks."""

from __future__ import annotations

from tests.unit.view.test_listing import shown


def test_the_bricks() -> None:
    assert shown(
        "list-bricks", "brick", "subvolume", "arbiter", "status", "pid", "free", "heal", "kernel_name"
    ) == [
        "Brick                           Set Arbiter Status  PID Free Heal Disk",
        "node1.lab.test:/export/b2/dist2   1 N       online  120 319M    - ?",
        "node2.lab.test:/export/b2/dist2   2 N       online  121 319M    - ?",
        "node1.lab.test:/export/b1/gv0     1 N       online   89 1.8G    7 dm-3",
        "node2.lab.test:/export/b1/gv0     1 N       offline   -    -    ? ?",
        "node3.lab.test:/export/b1/gv0     1 Y       online   91    ?    6 ?",
        "node1.lab.test:/export/b2/old     1 N       stopped   -    -    - -",
        "node2.lab.test:/export/b2/old     1 N       stopped   -    -    - -",
        "node3.lab.test:/export/b2/old     1 N       stopped   -    -    - -",
    ]
