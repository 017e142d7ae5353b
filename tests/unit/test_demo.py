"""``make demo`` without hosts: the same from captures, and it says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import demo
from tests.lab import LabError

REPOSITORY = Path(__file__).parents[2]

#: Debian's user that owns nothing
NOBODY = 65534


def replayed(**more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.demo"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        **more,
    )


def without_replay() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "DEMO"}


def other_users_can_read_this() -> bool:
    """Whether this repository and its Python are open to others; in root's home they are not."""
    argv = ["test", "-r", __file__, "-a", "-x", sys.executable]
    return (
        subprocess.run(argv, check=False, user=NOBODY, group=NOBODY, extra_groups=[], timeout=10).returncode
        == 0
    )


@pytest.mark.slow
def test_a_replay_says_so_and_shows_how_the_answers_change() -> None:
    shown = replayed(env={**without_replay(), "DEMO": "replay"})
    assert "demo: DEMO=replay: no hosts are made\n" in shown.stderr
    healthy, _, broken = shown.stdout.partition("--replay recorded/brick-killed")
    brick = 'gluster_brick_up{host="node2.lab.test",path="/export/b1/gv0",volume="gv0"}'
    for before, after in (
        ('"status": {"code": 0,', '"status": {"code": 4,'),
        ("GLUSTER OK", "GLUSTER CRITICAL - gv0: brick node2.lab.test:/export/b1/gv0 is offline"),
        ("gv0      healthy", "gv0      degraded"),
        (f"{brick} 1.0", f"{brick} 0.0"),
    ):
        assert (before in healthy, after in healthy) == (True, False)
        assert (before in broken, after in broken) == (False, True)
    assert max(map(len, shown.stdout.splitlines())) < 240


@pytest.mark.slow
def test_without_root_it_is_a_replay_and_says_why() -> None:
    if os.geteuid() == 0 and not other_users_can_read_this():
        pytest.skip(f"{REPOSITORY} is closed to others, so no other user can run what is in it")
    more = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    shown = replayed(env=without_replay(), **more)
    assert "no hosts can be made here (a lab needs root" in shown.stderr
    assert "so this is a replay" in shown.stderr
    assert "GLUSTER CRITICAL" in shown.stdout


def test_a_report_is_shortened_to_what_is_wrong() -> None:
    def volume(name: str, status: str, online: Any) -> dict[str, Any]:
        brick = {"host": "h", "path": f"/{name}", "online": online, "heal_pending": None, "size": 1}
        heal = {"pending": 3, "split_brain": 0, "possibly_healing": 0}
        return {
            "name": name, "type": "replicate", "status": status, "subvolumes": [], "heal": heal, "bricks": [brick]
        }  # fmt: skip

    problem = {"code": "BRICK_OFFLINE", "severity": 4, "volume": "ill", "text": "offline", "guests": None}
    status = {"code": 4, "message": "…", "problems": [problem]}
    volumes = [volume("fine", "healthy", True), volume("ill", "degraded", False)]
    text = demo.shortened(json.dumps({"data": {"status": status, "volumes": volumes}}))
    assert '{"name": "fine", "type": "replicate", "status": "healthy", …}' in text
    assert '"host": "h", "path": "/ill", "online": false, "heal_pending": null, …}' in text
    assert '"heal": {"pending": 3, "split_brain": 0}' in text
    assert "/fine" not in text


def test_volumes_that_are_not_known_are_none() -> None:
    text = demo.shortened(
        json.dumps({"data": {"status": {"code": 2, "message": "?", "problems": []}, "volumes": None}})
    )
    assert '"code": 2' in text


def test_a_command_that_says_nothing_is_a_failure() -> None:
    def crash(words: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(list(words), 1, "", "Traceback …")

    with pytest.raises(LabError, match="exit status 1\nTraceback"):
        demo.show(crash, ["check"], str)


def test_a_reader_that_goes_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.demo"],
            cwd=REPOSITORY,
            env={**without_replay(), "DEMO": "replay"},
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr
