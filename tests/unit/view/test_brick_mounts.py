"""What a node reports of its bricks' filesystems, and the findings about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from ganeti_gluster_mon.view import node_program
from ganeti_gluster_mon.view.brick_mounts import brick_mounts, findings

WELL: Dict[str, Any] = {
    "volume": "gv0",
    "path": "/export/brick1/gluster",
    "point": "/export/brick1",
    "type": "xfs",
    "read_only": False,
    "in_fstab": True,
    "id": True,
    "error": None,
}


def reply(**more: Any) -> List[str]:
    bricks = brick_mounts([{**WELL, **more}])
    assert bricks is not None
    return [f"{one.text} | {one.to_do}" for one in findings("node3", bricks)]


@pytest.mark.parametrize("more", [{}, {"point": "/", "in_fstab": False}, {"type": "zfs", "in_fstab": False}])
def test_a_healthy_brick_is_not_mentioned(more: Dict[str, Any]) -> None:
    assert reply(**more) == []


@pytest.mark.parametrize(
    ("more", "text", "to_do"),
    [
        (
            {"id": None, "error": "Input/output error"},
            "cannot be read: Input/output error",
            "replace-brick gv0 node3:/export",
        ),
        (
            {"id": False, "point": "/"},
            "is not there: nothing is mounted",
            "gnt-gluster deploy --volume gv0 node3 mounts",
        ),
        ({"id": False}, "/export/brick1 is mounted, and has it not", "gnt-gluster deploy --volume gv0"),
        (
            {"point": "/", "in_fstab": False, "not_mounted": "/export/brick1"},
            "is on the filesystem of /, and /export/brick1 is not mounted",
            "mount nothing over it: gnt-gluster repair gv0 names",
        ),
        ({"read_only": True}, "is on a filesystem that is read-only: /export/brick1", "xfs_repair"),
        (
            {"in_fstab": False},
            "/etc/fstab has no line for /export/brick1",
            "gnt-gluster deploy --volume gv0 node3 writes it",
        ),
    ],
)
def test_what_is_wrong_has_a_command(more: Dict[str, Any], text: str, to_do: str) -> None:
    (line,) = reply(**more)
    found, _, do = line.partition(" | ")
    assert text in found and to_do in do


@pytest.mark.parametrize("parsed", [None, {}, "x", [1], [{}], [{**WELL, "path": None}][0:0]])
def test_what_cannot_be_understood_is_not_known_or_nothing(parsed: Any) -> None:
    found: Optional[object] = brick_mounts(parsed)
    assert found is None or found == ()


def test_a_node_reports_a_directory_without_the_id(tmp_path: Path) -> None:
    parsed = node_program.brick_facts(
        "gv0", str(tmp_path), "11111111-2222-3333-4444-555555555555", ["/nowhere"]
    )
    assert parsed["id"] is False and parsed["error"] is None and not parsed["in_fstab"]
    gone = node_program.brick_facts("gv0", str(tmp_path / "gone"), "", [parsed["point"]])
    assert gone["id"] is False and gone["in_fstab"] and gone["point"] == parsed["point"]
    assert parsed["not_mounted"] is None and gone["not_mounted"] is None
    point = str(tmp_path / "point")
    lost = node_program.brick_facts("gv0", f"{point}/b", "", ["/", point, str(tmp_path), f"{point}2"])
    assert lost["not_mounted"] == point
    (tmp_path / "root").symlink_to("/")
    linked = node_program.brick_facts("gv0", f"{tmp_path}/root/b", "", [f"{tmp_path}/root"])
    assert linked["not_mounted"] is None
    (tmp_path / "file").touch()
    bad = node_program.brick_facts("gv0", str(tmp_path / "file" / "x"), "", [])
    assert bad["id"] is None and bad["error"] == "Not a directory"
