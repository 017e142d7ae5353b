"""The space of a volume, for Ganeti."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganeti_gluster_mon.backend.blockdev.volume_space import space
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from ganeti_gluster_mon.gluster.model import Capacity
from tests.unit.backend.blockdev.test_redundancy import copies, now, pool, publish_status
from tests.unit.backend.test_status_file import GOOD


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "storage.json"


def test_space_as_the_collector_reckoned_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be mounted."""
    monkeypatch.setenv("PATH", str(tmp_path))
    publish_status(source, pool(copies(True, True, True)))
    mine = GlusterVolume("127.0.0.1", 1, "gv0", (), str(tmp_path / "gluster"), str(tmp_path / "uses"))
    assert space(mine, str(source)) == Capacity(1000, 400, 600, "bricks")


@pytest.mark.parametrize("figure", [None, "1000", -1, True, 1.5])
def test_space_that_is_not_known_is_no_figure(
    source: Path, tmp_path: Path, figure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    content = json.loads(json.dumps({**GOOD, "boottime": now()}))
    content["volumes"]["gv0"]["size"] = figure
    source.write_text(json.dumps(content))
    mine = GlusterVolume("127.0.0.1", 1, "gv0", (), str(tmp_path / "gluster"), str(tmp_path / "uses"))
    with pytest.raises(VolumeError, match="cannot be mounted"):
        space(mine, str(source))
