"""The run of `lvs`, with programs in its place, and with the real one."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.lvs_query import FIELDS, LvsUnavailable, query_lvs


def program(directory: Path, script: str) -> str:
    path = directory / "lvs"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def query(directory: Path, script: str, timeout: float = 10.0) -> bytes:
    return query_lvs(["/dev/sda3", "/dev/sdb"], timeout, str(directory / "lock"), program(directory, script))


def test_it_is_run_on_the_named_disks_only_and_takes_no_lock(tmp_path: Path) -> None:
    words = query(tmp_path, 'printf "%s\\n" "$@"; echo warning >&2').decode().splitlines()
    assert words[-2:] == ["--devices", "/dev/sda3,/dev/sdb"]
    assert {"--nolocking", "--reportformat=json", "--units=b", "--nosuffix"} <= set(words)
    assert ",".join(FIELDS) in words
    assert any('hints="none"' in word for word in words)


def test_what_it_reports_counts_whatever_its_exit_status_is(tmp_path: Path) -> None:
    # it is 5 where another volume group cannot be read
    assert query(tmp_path, "echo report; exit 5") == b"report\n"


def test_why_it_fails(tmp_path: Path) -> None:
    with pytest.raises(LvsUnavailable, match=r"^lvs failed: No such field: x y$"):
        query(tmp_path, "echo 'No such field: x' >&2; echo y >&2; exit 3")
    with pytest.raises(LvsUnavailable, match=r"^lvs failed: exit status 3$"):
        query(tmp_path, "exit 3")
    with pytest.raises(LvsUnavailable, match="not-there"):
        query_lvs(["/dev/sda3"], 5.0, str(tmp_path / "lock"), str(tmp_path / "not-there"))
    with pytest.raises(LvsUnavailable, match="cannot lock"):
        query_lvs(["/dev/sda3"], 5.0, str(tmp_path / "no/lock"), "true")


def test_it_ends_at_its_timeout_with_all_that_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(LvsUnavailable, match=r"^lvs has not answered within 0\.3 s"):
        query(tmp_path, f"echo half; echo $$ >{tmp_path}/pid; sleep 60", timeout=0.3)
    assert time.monotonic() - began < 5
    pid = int((tmp_path / "pid").read_text())
    assert not os.path.exists(f"/proc/{pid}")


def test_while_one_hangs_no_other_is_started(tmp_path: Path) -> None:
    # one that hangs keeps what it has inherited; here this process keeps it
    os.mkfifo(tmp_path / "fifo")
    script = f"exec 9<>{tmp_path}/fifo; (setsid sh -c 'read line <{tmp_path}/fifo' &) ; echo report"
    with pytest.raises(LvsUnavailable, match="has not answered"):
        query(tmp_path, script, timeout=0.5)
    with pytest.raises(LvsUnavailable, match="has not ended: a disk may hang"):
        query(tmp_path, f"touch {tmp_path}/started")
    assert not (tmp_path / "started").exists()
    with open(tmp_path / "fifo", "w", encoding="ascii") as fifo:
        fifo.write("end\n")
    deadline = time.monotonic() + 10
    while True:
        try:
            assert query(tmp_path, "echo again") == b"again\n"
            return
        except LvsUnavailable:
            assert time.monotonic() < deadline


def test_endless_output_ends(tmp_path: Path) -> None:
    with pytest.raises(LvsUnavailable, match="more than 8388608 bytes"):
        query(tmp_path, "exec yes")


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("lvs") is None, reason="lvs is not there, or does not run without root"
)
def test_the_real_lvs_takes_the_arguments(tmp_path: Path) -> None:
    output = query_lvs(["/dev/null"], 20.0, str(tmp_path / "lock"))
    assert parse.logical_volumes(output) == parse.Parsed(((), ()))
