"""The scripts that Ganeti runs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ganeti_gluster_mon.backend.extstorage import provider
from ganeti_gluster_mon.backend.extstorage.request import PARAMETERS
from tests.unit.backend.extstorage.test_provider import GIVEN, NAME
from tests.unit.test_makefile import make

SCRIPTS = Path(provider.__file__).parent / "gluster"


def run(action: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(Path(__file__).parents[4]), **environment}
    argv = [sys.executable, str(SCRIPTS / action), *words]
    return subprocess.run(argv, env=env, check=False, capture_output=True, text=True, timeout=30)


def test_there_is_a_script_for_each_action_and_nothing_else() -> None:
    assert {path.name for path in SCRIPTS.iterdir()} == {*provider.ACTIONS, "parameters.list"}
    for action in provider.ACTIONS:
        mode = (SCRIPTS / action).stat().st_mode
        assert stat.S_IMODE(mode) & 0o111 == 0o111
        assert (SCRIPTS / action).read_text().startswith("#!/usr/bin/python3\n")


def test_they_can_be_installed_by_hand(tmp_path: Path) -> None:
    make("install-provider", f"DESTDIR={tmp_path}")
    installed = tmp_path / "usr/share/ganeti/extstorage/gluster"
    for path in SCRIPTS.iterdir():
        assert (installed / path.name).read_bytes() == path.read_bytes()
        assert os.access(installed / path.name, os.X_OK) == (path.name in provider.ACTIONS)
    added = tmp_path / "usr/lib/python3/dist-packages/ganeti-gluster-mon.pth"
    assert added.read_text() == f"{Path(__file__).parents[4]}\n"


def test_each_parameter_is_described() -> None:
    lines = (SCRIPTS / "parameters.list").read_text().splitlines()
    assert tuple(line.split(None, 1)[0] for line in lines) == PARAMETERS
    assert all(len(line.split(None, 1)) == 2 for line in lines)


@pytest.mark.parametrize("action", sorted(provider.ACTIONS))
def test_usage_is_shown(action: str) -> None:
    result = run(action, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: {action} ")
    if action != "verify":
        called = run(action, "one")
        assert (called.returncode, called.stdout) == (2, "")
        assert called.stderr.startswith(f"usage: {action} ")


@pytest.mark.parametrize("action", sorted(provider.ACTIONS))
def test_what_is_wrong_is_reported_in_one_line(action: str) -> None:
    for environment in ({}, {"VOL_NAME": "$(x)", "EXTP_VOLUME": "gv0", "EXTP_ACCESS": "both"}):
        result = run(action, **environment)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"gluster {action}: ")
        assert result.stderr.count("\n") == 1


def test_a_snapshot_is_refused_honestly() -> None:
    refused = run("snapshot", VOL_SNAPSHOT_NAME=f"{NAME}.snap", VOL_SNAPSHOT_SIZE="64", **GIVEN)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "whole volumes" in refused.stderr and "--long-sleep" in refused.stderr


def test_the_scripts_start_fast() -> None:
    """No more is imported than the work needs."""
    code = "import ganeti_gluster_mon.backend.extstorage.provider, sys; print(' '.join(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()
    assert not {"psutil", "tornado", "jinja2", "prometheus_client", "asyncio", "ganeti"} & set(modules)
