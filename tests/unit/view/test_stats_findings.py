"""Users who can write where bricks write statistics."""

from __future__ import annotations

from typing import List, Mapping, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.view.node_facts import NodeFacts
from ganeti_gluster_mon.view.stats_findings import stats_findings

OPTION = "diagnostics.stats-dump-interval"


def volume(name: str, options: Mapping[str, str], state: str = "started") -> Volume:
    return Volume(name, "uuid", "replicate", state, "tcp", bricks=(), subvolumes=(), options=options)


def found(writable: Optional[bool], *volumes: Volume) -> List[Tuple[str, str, bool]]:
    findings = stats_findings(NodeFacts(stats_writable=writable), volumes)
    return [(each.text, each.to_do, each.note) for each in findings]


def test_a_directory_that_everybody_may_write_to() -> None:
    # files of another format are written to the same directory
    binary = {OPTION: "5", "diagnostics.stats-dump-format": "dict"}
    volumes = [volume("gv0", {OPTION: "30"}), volume("gv1", {}), volume("gv2", binary)]
    assert found(True, *volumes) == [
        (
            "users other than root can write to /var/lib/glusterd/stats: a link there makes Gluster overwrite any file "
            "as root (diagnostics.stats-dump-interval is set for gv0, gv2)",
            "chmod 700 /var/lib/glusterd/stats && rm -rf /var/lib/glusterd/stats/*",
            False,
        )
    ]


@pytest.mark.parametrize("writable", [False, None])
def test_a_directory_of_roots_and_one_that_is_not_known(writable: Optional[bool]) -> None:
    assert found(writable, volume("gv0", {OPTION: "30"})) == []


@pytest.mark.parametrize("options", [{}, {OPTION: "0"}, {OPTION: ""}])
def test_nothing_is_written(options: Mapping[str, str]) -> None:
    assert found(True, volume("gv0", options)) == []


def test_a_volume_that_is_stopped() -> None:
    assert found(True, volume("gv0", {OPTION: "30"}, "stopped")) == []
