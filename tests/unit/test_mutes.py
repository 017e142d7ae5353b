"""Mutes: commands, their file, and what comes from other nodes."""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
from pathlib import Path

import pytest

from ganeti_gluster_mon import cli, mutes
from ganeti_gluster_mon.check import check
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.mutes import Mute, Mutes
from ganeti_gluster_mon.snapshot import Snapshot
from tests.unit.example_pool import HEALTH, NOW, POOL

T = 1_795_000_000.0


def mute(code: str, volume: str = "", lasts: float = 60.0, at: float = T) -> Mute:
    return Mute(code, volume, at + lasts, at)


def of(*entries: Mute) -> Mutes:
    return Mutes({each.key: each for each in entries})


def test_a_mute_holds_for_its_code_its_volume_and_its_time() -> None:
    known = of(mute("HEAL_PENDING", "gv0"), mute("PEER_SILENT"))
    assert known.is_muted("HEAL_PENDING", "gv0", T + 59)
    assert not known.is_muted("HEAL_PENDING", "gv0", T + 60)
    assert not known.is_muted("HEAL_PENDING", "gv1", T)
    assert known.is_muted("PEER_SILENT", "", T)
    assert of(mute("HEAL_PENDING")).is_muted("HEAL_PENDING", "gv1", T)


def test_a_mute_of_a_host_holds_for_what_is_on_it_alone() -> None:
    known = of(Mute(mutes.ALL, "", T + 60, T, "node2"))
    for subject in ("node2", "node2:/export/b1/gv0", "Quota Daemon on node2"):
        assert known.is_muted("BRICK_OFFLINE", "gv0", T, subject), subject
        assert not known.is_muted("BRICK_OFFLINE", "gv0", T + 60, subject), subject
    for subject in ("", "node22", "node22:/b", "node1:/node2", "node2.example.org", "replica set 2"):
        assert not known.is_muted("BRICK_OFFLINE", "gv0", T, subject), subject
    one = of(Mute("BRICK_OFFLINE", "gv0", T + 60, T, "node2"))
    assert one.is_muted("BRICK_OFFLINE", "gv0", T, "node2:/b")
    assert not one.is_muted("BRICK_HANGS", "gv0", T, "node2:/b")
    assert not one.is_muted("BRICK_OFFLINE", "gv1", T, "node2:/b")


def test_a_mute_of_a_host_is_with_the_others_in_the_file(tmp_path: Path) -> None:
    assert run(tmp_path, "mute", "ALL", "--host", "node2", "--for", "2h") == 0
    assert run(tmp_path, "mute", "PEER_SILENT") == 0
    known = mutes.read(str(tmp_path / "state"))
    assert set(known.entries) == {("ALL", "", "node2"), ("PEER_SILENT", "", "")}
    assert run(tmp_path, "unmute", "ALL") == 1
    assert run(tmp_path, "unmute", "ALL", "--host", "node2") == 0
    left = mutes.read(str(tmp_path / "state")).active(time.time())
    assert [each.code for each in left] == ["PEER_SILENT"]


def test_in_whatever_order_entries_come_all_nodes_know_the_same() -> None:
    chance = random.Random(14)
    entries = [
        mute(code, volume, chance.choice([0.0, 60.0, 600.0]), T + chance.randrange(5))
        for code in ("A", "B")
        for volume in ("", "gv0")
        for _ in range(4)
    ]
    digests = set()
    for _ in range(20):
        chance.shuffle(entries)
        known = mutes.NONE
        for entry in entries:
            known = known.merged([entry], T)
        digests.add(known.digest)
    assert len(digests) == 1


def test_an_entry_of_the_future_is_not_taken_and_old_ones_go() -> None:
    assert mutes.NONE.merged([mute("A", at=T + 3600)], T) == mutes.NONE
    assert of(mute("A")).merged([], T + 60 + mutes.KEPT).entries == {}
    assert of(mute("A")).merged([], T + mutes.KEPT).entries != {}
    many = [mute(f"A{'B' * (number // 26)}{chr(65 + number % 26)}", at=T + number) for number in range(200)]
    assert len(mutes.NONE.merged(many, T + 300).entries) == mutes.MOST


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["HEAL_PENDING", "gv0", T],
        ["heal", "gv0", T, T],
        ["HEAL_PENDING", "gv0 x", T, T],
        ["HEAL_PENDING", 1, T, T],
        ["HEAL_PENDING", "gv0", True, T],
        ["HEAL_PENDING", "gv0", float("nan"), T],
        ["HEAL_PENDING", "gv0", T + 1e9, T],
        ["HEAL_PENDING\n", "gv0", T, T],
        ["HEAL_PENDING", "gv0", T, T, ""],
        ["HEAL_PENDING", "gv0", T, T, "a b"],
        ["HEAL_PENDING", "gv0", T, T, "node2", "more"],
        ["ALL", "gv0", T, T],
    ],
)
def test_what_is_no_mute_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        mutes.from_json(value)


def run(tmp_path: Path, *words: str) -> int:
    return cli.main([*words, "--state-dir", str(tmp_path / "state")])


def test_the_file_is_written_where_another_user_owns_the_directory(tmp_path: Path) -> None:
    """Nothing that this user puts there is followed or overwritten elsewhere."""
    state = tmp_path / "state"
    state.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (state / mutes.FILE).symlink_to(victim)
    (state / f".{mutes.FILE}.{os.getpid()}").symlink_to(victim)
    mutes.add([mute("HEAL_PENDING", at=time.time())], str(state))
    assert victim.read_text() == "untouched"
    assert not (state / mutes.FILE).is_symlink()
    assert list(mutes.read(str(state)).entries) == [("HEAL_PENDING", "", "")]


def test_a_lock_that_is_held_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutes, "LOCK_TIMEOUT", 0.1)
    state = tmp_path / "state"
    state.mkdir()
    held = os.open(state, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        assert run(tmp_path, "mute", "HEAL_PENDING") == 1
        assert "cannot keep the mute" in capsys.readouterr().err
    finally:
        os.close(held)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"[" * 100_000, b'{"format_version": 1, "mutes": [1]}']
)
def test_a_file_that_is_nonsense_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / mutes.FILE).write_bytes(content)
    assert mutes.read(str(tmp_path)) == mutes.NONE


def test_a_check_shows_what_is_muted_and_is_not_raised_by_it() -> None:
    codes = {problem.code for problem in HEALTH.problems}
    moment = NOW / 1e9
    silenced = of(*(mute(code, at=moment, lasts=60) for code in codes))
    from ganeti_gluster_mon.history import History

    snapshot = Snapshot(POOL, HEALTH, NOW).annotated(History(), silenced)
    result = check(snapshot.pool, snapshot.health, Limits())
    assert result.exit_status == 0
    for code in codes:
        assert f"[{code}]" in result.line
    assert "muted: " in result.line
    assert check(POOL, HEALTH, Limits()).exit_status == 2
    assert check(snapshot.pool, snapshot.health, Limits(), "gv0").exit_status == 0
    assert json.loads(json.dumps([mutes.to_json(each) for each in silenced.entries.values()]))
