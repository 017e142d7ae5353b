"""`gnt-gluster list-disks --volume, --brick and --node`."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.view import disk_list
from ganeti_gluster_mon.view.pool_view import PoolView
from tests.unit.example_pool import HEALTH, NOW, POOL

VIEW = PoolView(POOL, HEALTH, NOW)

Found = List[Tuple[str, str]]


def listed(*words: str) -> Found:
    rows = disk_list.rows(VIEW)
    assert rows is not None
    arguments = gnt_gluster.parser().parse_args(["list-disks", *words])
    return [
        (row.disk.instance.split(".")[0], row.disk.name) for row in disk_list.narrow(VIEW, rows, arguments)
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], [("web", "disk/0"), ("web", "disk/1"), ("db", "disk/0"), ("db", "disk/1")]),
        (["--volume", "gv0"], [("web", "disk/0")]),
        (["--brick", "node2:/export/b1/gv0"], [("web", "disk/0")]),
        # the bricks of web's second disk are not known: it may lie on each of dist2
        (["--brick", "node1.lab.test:/export/b2/dist2"], [("web", "disk/1")]),
        (["--node", "node3"], [("web", "disk/0"), ("db", "disk/0")]),
        (["--node", "node1", "--volume", "old"], [("db", "disk/0")]),
        (["--node", "node3", "--volume", "dist2"], []),
    ],
)
def test_options_narrow_the_list(words: Sequence[str], found: Found) -> None:
    assert listed(*words) == found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--volume", "gv"], "no volume 'gv'"),
        (["--node", "node9"], "node9 is no node of the pool"),
        (["--brick", "node1:/export/b1/other"], "is no node of the pool and no brick"),
    ],
)
def test_an_unknown_name(words: Sequence[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        listed(*words)
