"""``make demo`` on real hosts, to its end and interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from tests.lab.host import REPOSITORY
from tests.lab.process import all_processes

pytestmark = pytest.mark.lab


def start() -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DEMO"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(shown: str) -> List[str]:
    """The directory the demo named, if it is still there, and what runs in it."""
    named = re.search(r"booting 3 hosts in (\S+)", shown)
    assert named, shown
    directory = Path(named[1])
    running = [str(found) for found in all_processes() if any(str(directory) in word for word in found.argv)]
    return running + [str(directory)] * directory.exists()


def test_the_answers_change_with_the_pool_and_nothing_is_left() -> None:
    with start() as running:
        shown, _ = running.communicate(timeout=120)
    assert running.returncode == 0, shown
    before, _, rest = shown.partition("demo: killing the brick of gv0 on node2")
    broken, _, after = rest.partition("demo: starting it again")
    assert "GLUSTER OK" in before
    assert (
        "GLUSTER CRITICAL - gv0: brick node2.lab.test:/export/b1/gv0 is offline, 2 of 3 replicas left"
        in broken
    )
    assert re.search(r"^gv0 +degraded ", broken, re.MULTILINE)
    assert '"online": false' in broken
    assert 'gluster_brick_up{host="node2.lab.test",path="/export/b1/gv0",volume="gv0"} 0.0' in broken
    assert "GLUSTER OK" in after
    assert left_behind(shown) == []


@pytest.mark.usefixtures("hangup_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["lab.test is up", "as node1 sees it"])
def test_interrupted_it_leaves_nothing(number: signal.Signals, moment: str) -> None:
    with start() as running:
        assert running.stdout is not None
        shown = ""
        for line in running.stdout:
            shown += line
            if moment in line:
                break
        running.send_signal(number)
        running.send_signal(number)  # impatient people press Ctrl-C twice
        shown += running.stdout.read()
        assert running.wait(timeout=60) == 128 + number, shown
    assert shown.endswith("demo: interrupted; nothing is left\n"), shown
    assert left_behind(shown) == []
