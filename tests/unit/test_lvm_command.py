"""`ganeti-gluster-mon lvm`, with a program in the place of `lvs` and a tree like sysfs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ganeti_gluster_mon import cli, lvm_command
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.daemon.spool import Spool
from ganeti_gluster_mon.gluster.lvm import LvmPool
from ganeti_gluster_mon.gluster.lvm_file import read_lvm_file
from ganeti_gluster_mon.lvm_command import report_lvm
from tests.unit.gluster.test_device_stack import THIN, sysfs
from tests.unit.gluster.test_lvs_query import program

ANSWER = Path(__file__).parent / "answers/lvs-thin.json"


def run_directory(top: Path, *volumes: Any) -> Path:
    """A run directory with a capture of bricks on *volumes*, the kernel's names of logical volumes."""
    directory = top / "run"
    (directory / "captures/1").mkdir(parents=True, exist_ok=True)
    if not (directory / "current").is_symlink():
        (directory / "current").symlink_to("captures/1")
    manifest = {"filesystems": [{"brick": "/b", "logical_volume": name} for name in volumes]}
    (directory / "captures/1/manifest.json").write_text(json.dumps(manifest))
    return directory


def report(top: Path, directory: Path, script: str, timeout: float = 10.0) -> None:
    tree = {**THIN, "dm-8": THIN["dm-3"]}
    sys = top / "sys" if (top / "sys").exists() else Path(sysfs(top / "sys", tree))
    report_lvm(str(directory), timeout, program(top, script), str(sys))


def test_the_volumes_under_bricks_and_the_pools_of_their_groups(tmp_path: Path) -> None:
    directory = run_directory(tmp_path, "dm-8", None)
    report(tmp_path, directory, f"cat {ANSWER}; echo $@ >{tmp_path}/arguments")
    found = read_lvm_file(str(directory / "lvm.json"))
    assert found is not None
    assert [(volume.device, volume.name, volume.pool) for volume in found.volumes] == [
        ("dm-8", "ct-template", "data")
    ]
    assert found.pools == (LvmPool("pve", "data", "thin", 343177953280, 97.33, 3.75),)
    disks = "--devices /dev/cciss/c0d0p1,/dev/mapper/mpatha,/dev/sda3\n"
    assert (tmp_path / "arguments").read_text().endswith(disks)


def test_where_no_brick_is_on_lvm_nothing_is_run_or_written(tmp_path: Path) -> None:
    directory = run_directory(tmp_path, "dm-8")
    report(tmp_path, directory, f"cat {ANSWER}")
    assert (directory / "lvm.json").exists()
    run_directory(tmp_path, None)
    report(tmp_path, directory, f"touch {tmp_path}/started")
    assert not (tmp_path / "started").exists()
    assert not (directory / "lvm.json").exists()


def test_without_a_daemon_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lvm", "--run-dir", str(tmp_path / "none")]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_first_capture_of_a_poller_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = run_directory(tmp_path, "dm-8")
    (directory / "current").rename(directory / "later")
    looks = []

    def publish(_seconds: float) -> None:
        looks.append(1)
        if len(looks) == 3:
            (directory / "later").rename(directory / "current")

    monkeypatch.setattr(time, "sleep", publish)
    report(tmp_path, directory, f"cat {ANSWER}")
    assert (looks, (directory / "lvm.json").exists()) == ([], False)  # no poller runs
    with Spool(str(directory)).poller_running():
        report(tmp_path, directory, f"cat {ANSWER}")
    assert (len(looks), (directory / "lvm.json").exists()) == (3, True)


def test_a_poller_that_publishes_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lvm_command, "CAPTURE_TIMEOUT", 0.1)
    with Spool(str(tmp_path)).poller_running():
        report_lvm(str(tmp_path), 1.0)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo nonsense", "cannot understand lvs: no report of lvs"),
        ("echo denied >&2; exit 5", "lvs failed: denied"),
        ("sleep 60", "lvs has not answered within 0.3 s"),
    ],
)
def test_a_failure_leaves_the_last_report_which_gets_old(tmp_path: Path, script: str, why: str) -> None:
    directory = run_directory(tmp_path, "dm-8")
    report(tmp_path, directory, f"cat {ANSWER}")
    before = (directory / "lvm.json").read_bytes()
    with pytest.raises(CommandError, match=why):
        report(tmp_path, directory, script, timeout=0.3)
    assert (directory / "lvm.json").read_bytes() == before


def test_a_volume_whose_disks_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no disk is known below dm-77: is it still active"):
        report(tmp_path, run_directory(tmp_path, "dm-77"), "true")


@pytest.mark.parametrize("content", ["", "[]", '{"filesystems": 3}', '{"filesystems": [3]}', "[" * 100_000])
def test_a_capture_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = run_directory(tmp_path)
    (directory / "captures/1/manifest.json").write_text(content)
    assert cli.main(["lvm", "--run-dir", str(directory)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ganeti-gluster-mon: cannot read {directory}/current/manifest.json: ")
    assert error.count("\n") == 1
