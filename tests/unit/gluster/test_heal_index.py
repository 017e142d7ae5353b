"""When the heal index of a brick is read, and what its program printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict

import pytest

from ganeti_gluster_mon.gluster import capture, heal_index, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.facts import VolumeInfo

CAPTURES = Path(__file__).parents[2] / "captures"
VOLUME = VolumeInfo("gv0", "u", "started", "replicate", "tcp", (), 3, 0, 0, 0)


def recorded(name: str) -> Capture:
    return capture.read(str(CAPTURES / name))


@pytest.mark.parametrize(
    ("name", "is_read"),
    [("recorded/brick-killed", True), ("recorded/healthy", False), ("glusterfs-11/heal-pending", True)],
)
def test_it_is_read_while_entries_wait(name: str, is_read: bool) -> None:
    found = recorded(name)
    volumes = [
        answer.query[2]
        for answer in found.answers
        if answer.query[:2] == ("volume", "heal") and answer.query[-1] == "summary"
    ]
    assert volumes
    assert any(heal_index.is_read(replace(VOLUME, name=volume), found) for volume in volumes) == is_read


def test_it_is_not_read_where_there_is_nothing_to_be_known() -> None:
    output = b"<totalNumberOfEntries>7</totalNumberOfEntries>"
    found = Capture(recorded_at=1, answers=(Answer(query.heal_summary("gv0"), output),))
    assert heal_index.is_read(VOLUME, found)
    assert not heal_index.is_read(VOLUME, None)
    assert not heal_index.is_read(replace(VOLUME, name="gv1"), found)
    assert not heal_index.is_read(replace(VOLUME, replica_count=1), found)
    assert not heal_index.is_read(replace(VOLUME, replica_count=1, disperse_count=3), found)
    zero = Capture(recorded_at=1, answers=(Answer(query.heal_summary("gv0"), output.replace(b"7", b"00")),))
    assert not heal_index.is_read(VOLUME, zero)


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (b'{"a": 3, "b": 0}\n', {"a": 3, "b": 0}),
        (b"", {}),
        (b'{"a": 3', {}),
        (b"[1]", {}),
        (b'{"a": -1, "b": true, "c": "x", "d": 1.5, "e": 2}', {"e": 2}),
        (b"\xff", {}),
    ],
)
def test_what_cannot_be_read_is_not_known(output: bytes, found: Dict[str, int]) -> None:
    assert heal_index.counts(output) == found
