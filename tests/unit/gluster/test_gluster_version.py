"""The version of the installed Gluster."""

from __future__ import annotations

from pathlib import Path

from ganeti_gluster_mon.gluster.gluster_version import gluster_version


def test_version(tmp_path: Path) -> None:
    script = tmp_path / "gluster"
    script.write_text("#!/bin/sh\necho 'glusterfs 10.3'\n")
    script.chmod(0o755)
    assert gluster_version(str(script), 5) == "10.3"
    assert gluster_version(str(script), 0.0) == "10.3"  # it is not run again
    script.write_text("#!/bin/sh\nsleep 600\n")
    assert gluster_version(str(script), 0.2) is None
    assert gluster_version("/nowhere/gluster", 5) is None


def test_a_command_that_did_not_answer_in_time_is_run_again(tmp_path: Path) -> None:
    script = tmp_path / "gluster"
    script.write_text(f"#!/bin/sh\n[ -e {tmp_path}/awake ] || sleep 600\necho 'glusterfs 11.1'\n")
    script.chmod(0o755)
    assert gluster_version(str(script), 0.2) is None
    (tmp_path / "awake").touch()
    assert gluster_version(str(script), 5) == "11.1"
