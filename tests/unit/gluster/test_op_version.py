"""The op-version of the pool."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster.op_version import may_be_higher, op_version


def test_glusterd_has_stored_it(tmp_path: Path) -> None:
    file = tmp_path / "glusterd.info"
    assert op_version(str(file)) is None
    file.write_text("UUID=9e202376-c9d2-4c92-aa4c-1a1746513476\noperating-version=100000\n")
    assert op_version(str(file)) == 100000
    file.write_text("UUID=9e202376-c9d2-4c92-aa4c-1a1746513476\noperating-version=nonsense\n")
    assert op_version(str(file)) is None


@pytest.mark.parametrize(
    ("current", "version", "expected"),
    [
        (100000, "10.3", False),
        (90000, "10.3", True),
        (100000, "11.1", True),
        (110000, "11.1", False),
        (31202, "3.12.2", False),
        (31202, "4.1", True),
        (None, "10.3", False),
        (90000, None, False),
        (90000, "nonsense", False),
    ],
)
def test_whether_it_may_be_higher(current: Optional[int], version: Optional[str], expected: bool) -> None:
    assert may_be_higher(current, version) is expected
