"""The daemon's status file, as the storage backend reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.backend.status_file import known_volumes, volume_status
from ganeti_gluster_mon.daemon.web.storage_status import storage_status
from tests.unit.backend.blockdev.test_redundancy import (
    DEGRADED,
    NOT_DEGRADED,
    copies,
    now,
    of,
    pool,
    publish_status,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "storage.json"


def test_what_is_old_is_not_believed(source: Path) -> None:
    degraded = pool(copies(True, False, True))
    for age, expected in ((0, DEGRADED), (290, DEGRADED), (310, NOT_DEGRADED), (-10, NOT_DEGRADED)):
        publish_status(source, degraded, at=now() - age * 10**9)
        assert of(source) == expected, age


GOOD: Dict[str, Any] = json.loads(
    storage_status(pool(copies(True, True, True, pending=2), pending=2), {"gv0": 8}, 0)[0]
)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "storage.json"


@given(data=st.data())
def test_nonsense_is_nothing_known(damaged: Path, data: st.DataObject) -> None:
    """The web process, which writes it, has connections from the network."""
    content = json.loads(json.dumps({**GOOD, "boottime": now()}))
    gv0 = ("volumes", "gv0")
    brick = (*gv0, "subvolumes", 0, "bricks", 0)
    at = data.draw(st.sampled_from([(), gv0[:1], gv0, (*gv0, "subvolumes", 0), brick]))
    place: Any = content
    for step in at:
        place = place[step]
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    damaged.write_text(json.dumps(content))
    found = of(damaged)
    assert found.percent is None or 0 <= found.percent <= 100
    assert all(name.isascii() for name in known_volumes(str(damaged)))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100000, b'{"format_version": 2}']
)
def test_what_is_no_digest(source: Path, content: bytes) -> None:
    source.write_bytes(content)
    assert volume_status("127.0.0.1", "gv0", str(source)) is None
    assert known_volumes(str(source)) == []


def test_no_link_nor_pipe_is_followed(source: Path, tmp_path: Path) -> None:
    publish_status(tmp_path / "elsewhere", pool(copies(True, False, True)))
    source.symlink_to(tmp_path / "elsewhere")
    assert of(source) == NOT_DEGRADED
    source.unlink()
    os.mkfifo(source)
    assert of(source) == NOT_DEGRADED
