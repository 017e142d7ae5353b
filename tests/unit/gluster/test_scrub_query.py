"""When the status of the scrubbers is queried, by a `gluster` that gives a recorded answer."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.gluster.scrub_query import query_scrubs

RECORDED = Path(__file__).parents[1] / "answers/scrub-status-corrupted.txt"
VOLUME = parse.VolumeInfo(
    "gv0", "u", "started", "replicate", "tcp", (), 3, 0, 0, 0, options={"features.bitrot": "on"}
)


@pytest.fixture
def gluster(tmp_path: Path) -> str:
    """Writes down its arguments, then prints the recorded answer, or what is in the file "answer"."""
    script = tmp_path / "gluster"
    script.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/log\n'
        f"if [ -e {tmp_path}/hangs ]; then exec sleep 60; fi\nexec cat {RECORDED}\n"
    )
    script.chmod(0o755)
    return str(script)


def queries(gluster: str) -> list[str]:
    log = Path(gluster).parent / "log"
    return log.read_text().splitlines() if log.exists() else []


def found(
    gluster: str, volume: parse.VolumeInfo = VOLUME, previous: Optional[Capture] = None, timeout: float = 20.0
) -> tuple[ScrubStatus, ...]:
    return query_scrubs(gluster, [volume], "node1", time.monotonic() + timeout, previous)


def kept(seconds_ago: float) -> Capture:
    scrub = ScrubStatus("gv0", "node1", time.time_ns() - round(seconds_ago * 1e9), errors=5)
    return Capture(recorded_at=1, answers=(), scrubs=(scrub,))


def test_a_volume_with_bitrot_is_queried(gluster: str) -> None:
    assert [(one.host, one.errors) for one in found(gluster)] == [
        ("node1", 1),
        ("node3.lab.test", 0),
        ("node2.lab.test", 0),
    ]
    assert queries(gluster) == ["--mode=script volume bitrot gv0 scrub status"]


@pytest.mark.parametrize(
    "changes", [{"options": {}}, {"options": {"features.bitrot": "off"}}, {"state": "stopped"}]
)
def test_another_volume_is_not(gluster: str, changes: dict[str, object]) -> None:
    assert found(gluster, replace(VOLUME, **changes)) == () and queries(gluster) == []  # type: ignore[arg-type]


def test_a_new_status_is_kept_and_an_old_one_queried_again(gluster: str) -> None:
    assert [one.errors for one in found(gluster, previous=kept(200))] == [5]
    assert queries(gluster) == []
    assert found(gluster, previous=kept(400))[0].errors == 1
    assert len(queries(gluster)) == 1


def test_a_query_that_hangs_ends_in_time_and_the_last_status_stays_for_a_while(gluster: str) -> None:
    (Path(gluster).parent / "hangs").touch()
    began = time.monotonic()
    assert [one.errors for one in found(gluster, previous=kept(400), timeout=0.3)] == [5]
    assert found(gluster, previous=kept(2000), timeout=0.3) == found(gluster, timeout=0.3) == ()
    assert time.monotonic() - began < 10


def test_a_gluster_that_is_not_there(tmp_path: Path) -> None:
    assert found(str(tmp_path / "none")) == ()
