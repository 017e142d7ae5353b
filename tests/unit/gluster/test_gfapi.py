"""libgfapi, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ganeti_gluster_mon.gluster import gfapi

PROGRAM = "from ganeti_gluster_mon.gluster import gfapi\nimport time\ndef act():\n    {}\ngfapi.run(act, {})"


def run(body: str, longest: int = 30) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(body, longest)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)


def test_without_the_library_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gfapi, "_LIBRARY", "libno-such-library.so.0")
    with pytest.raises(gfapi.Unavailable, match="apt install libgfapi0"):
        gfapi.volume("gv0", {})


@pytest.mark.parametrize("status", [0, 3])
def test_the_process_ends_with_the_status_and_its_output(status: int) -> None:
    done = run(f"print('x'); return {status}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "x\n", "")


def test_a_volume_that_is_not_available_is_one_line_and_1() -> None:
    done = run("raise gfapi.Unavailable('no such volume')")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no such volume\n")


def test_it_ends_by_itself() -> None:
    assert run("time.sleep(600)", longest=1).returncode == -14
