"""The role is written when it changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon.cluster.role_writer import RoleWriter
from ganeti_gluster_mon.daemon.spool import ALONE, FOLLOW, LEAD, Spool


def test_only_changes_are_written(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.prepare()
    roles = RoleWriter(spool)
    roles.write(LEAD)
    before = os.stat(Path(spool.to_poller) / "role")
    roles.write(LEAD)
    RoleWriter(spool).write(LEAD)
    assert os.stat(Path(spool.to_poller) / "role").st_ino == before.st_ino
    roles.write(FOLLOW)
    assert spool.role() == FOLLOW


def test_without_a_secret_no_file_is_needed(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.prepare()
    RoleWriter(spool).write(ALONE)
    assert os.listdir(spool.to_poller) == []


def test_an_error_is_logged_once_and_the_next_call_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganeti_gluster_mon.daemon.log.LOG.propagate", True)
    spool = Spool(str(tmp_path))
    spool.prepare()
    shutil.rmtree(spool.to_poller)
    roles = RoleWriter(spool)
    roles.write(LEAD)
    roles.write(LEAD)
    assert caplog.text.count("cannot write the role") == 1
    os.mkdir(spool.to_poller)
    roles.write(LEAD)
    assert spool.role() == LEAD
