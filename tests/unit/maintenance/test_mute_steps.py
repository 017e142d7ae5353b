"""A node is muted by the program that is sent to nodes, in the file that daemons read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Sequence

import pytest

from ganeti_gluster_mon import mutes
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.maintenance import mute_steps
from ganeti_gluster_mon.maintenance.mute_steps import MuteHosts
from ganeti_gluster_mon.mutes import Mute
from tests.unit.deploy.fake_nodes import FAILED, ok

HOSTS = ("10.0.0.2", "node2.example.org")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "state"
    directory.mkdir()
    monkeypatch.setattr(mute_steps, "STATE_DIRECTORY", str(directory))
    return directory


def run(argv: Sequence[str]) -> CommandResult:
    words = [sys.executable if word == "python3" else word for word in argv]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    return CommandResult(done.returncode, done.stdout, done.stderr)


def look(step: MuteHosts) -> Remaining:
    (query,) = step.queries()
    return step.remaining([run(query.argv)])


def do(step: MuteHosts) -> None:
    (command,) = look(step) or ()
    assert run(command.argv).status == 0


def test_a_host_is_muted_for_the_daemon_and_unmuted(state: Path) -> None:
    mutes.add([Mute("PEER_SILENT", "", time.time() + 60, time.time())], str(state))
    until = round(time.time()) + 600
    step = MuteHosts("node1", HOSTS, until)
    do(step)
    assert look(step) is DONE
    known, now = mutes.read(str(state)), time.time()
    for host in HOSTS:
        assert known.is_muted("BRICK_OFFLINE", "gv0", now, f"{host}:/b")
    assert not known.is_muted("BRICK_OFFLINE", "gv0", now, "node1:/b")
    assert not known.is_muted("BRICK_OFFLINE", "gv0", until + 1, f"{HOSTS[0]}:/b")
    assert known.is_muted("PEER_SILENT", "", now)
    end = MuteHosts("node1", HOSTS, 0)
    do(end)
    assert look(end) is DONE
    assert [each.code for each in mutes.read(str(state)).active(time.time())] == ["PEER_SILENT"]


def test_an_end_is_newer_than_the_mute_of_a_node_whose_clock_is_ahead(state: Path) -> None:
    ahead = time.time() + 200
    mutes.add([Mute(mutes.ALL, "", ahead + 600, ahead, HOSTS[1])], str(state))
    do(MuteHosts("node1", HOSTS[1:], 0))
    (entry,) = mutes.read(str(state)).entries.values()
    assert entry.set_at > ahead
    assert not mutes.read(str(state)).is_muted("BRICK_OFFLINE", "gv0", time.time(), f"{HOSTS[1]}:/b")


def test_a_mute_that_ends_too_early_is_made_longer(state: Path) -> None:
    now = round(time.time())
    do(MuteHosts("node1", HOSTS, now + 60))
    do(MuteHosts("node1", HOSTS, now + 600))
    assert look(MuteHosts("node1", HOSTS, now + 300)) is DONE


def test_where_no_daemon_is_installed_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mute_steps, "STATE_DIRECTORY", str(tmp_path / "none"))
    assert look(MuteHosts("node1", HOSTS, round(time.time()) + 60)) is DONE
    assert not (tmp_path / "none").exists()


def test_a_link_in_place_of_the_file_is_not_followed(state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (state / mutes.FILE).symlink_to(victim)
    do(MuteHosts("node1", HOSTS, round(time.time()) + 60))
    assert victim.read_text() == "untouched"
    assert len(mutes.read(str(state)).entries) == 2


@pytest.mark.parametrize(
    "reply", [FAILED, ok("{}"), ok("[]"), ok(json.dumps({"installed": True, "until": 1}))]
)
def test_what_is_not_known_to_be_muted_is_refused(reply: CommandResult) -> None:
    with pytest.raises(PreconditionFailed, match="not known what is muted"):
        MuteHosts("node1", HOSTS, 1).remaining([reply])


@pytest.mark.parametrize(
    "entry",
    [
        "[1, 2, 3, 4]",
        '["ALL", "", null, null, "%s"]',
        '["ALL", "", "x", "y", "%s"]',
        '["ALL", "", NaN, 1, "%s"]',
    ],
)
def test_an_entry_that_is_no_mute_is_left_out(state: Path, entry: str) -> None:
    """An unprivileged process may have written the file."""
    now = time.time()
    good = json.dumps(["PEER_SILENT", "", now + 60, now])
    entry = entry.replace("%s", HOSTS[0])
    (state / "mutes.json").write_text(f'{{"format_version": 1, "mutes": [{entry}, {good}]}}')
    step = MuteHosts("node1", HOSTS, round(now) + 600)
    do(step)
    assert look(step) is DONE
    assert mutes.read(str(state)).is_muted("PEER_SILENT", "", now)
