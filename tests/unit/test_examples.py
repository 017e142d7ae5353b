"""The examples for reboots and upgrades: their commands are taken, and they stop no node that may not be stopped."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
import yaml

from ganeti_gluster_mon import gnt_gluster

EXAMPLES = Path(__file__).parents[2] / "examples"
REBOOT_NODES = EXAMPLES / "unattended-upgrades" / "reboot-nodes"
NEEDRESTART = EXAMPLES / "needrestart" / "glusterd.service"
PLAYBOOK = EXAMPLES / "ansible" / "rolling-reboot.yml"


def commands() -> List[str]:
    """Each command of gnt-gluster in the examples, with names in place of variables."""
    found = []
    for path in (REBOOT_NODES, NEEDRESTART, PLAYBOOK):
        for command in re.findall(r"gnt-gluster ((?:maintenance|ok-to-stop).*)", path.read_text()):
            plain = re.sub(r"\{\{ inventory_hostname \}\}|\$nodes|\"\$\(hostname -f\)\"", "node2", command)
            found.append(plain.partition(";")[0])
    return found


def test_their_commands_are_taken() -> None:
    assert len(commands()) == 5
    for command in commands():
        gnt_gluster.parser().parse_args(shlex.split(command))


def test_the_playbook_does_one_node_at_a_time_and_stops_at_the_first_problem() -> None:
    (play,) = yaml.safe_load(PLAYBOOK.read_text())
    assert (play["serial"], play["max_fail_percentage"], play["any_errors_fatal"]) == (1, 0, True)
    verbs = [str(task) for task in play["tasks"]]
    order = [
        next(n for n, text in enumerate(verbs) if word in text)
        for word in ("ok-to-stop", "start", "reboot_time", "finish")
    ]
    assert order == sorted(order)


@pytest.fixture
def machine(tmp_path: Path) -> Tuple[Path, Dict[str, str]]:
    """A directory with programs that note how they were called."""
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(tmp_path / "log")}
    for name in ("systemctl", "gnt-gluster", "ssh", "hostname"):
        script = tmp_path / name
        status = name.replace("-", "_")
        script.write_text(
            f'#!/bin/sh\necho "{name} $*" >> "$LOG"\n[ {name} != hostname ] || echo node1\nexit ${{{status}:-0}}\n'
        )
        script.chmod(0o755)
    return tmp_path, environment


@pytest.mark.parametrize(("status", "restarted"), [("0", True), ("1", False)])
def test_needrestart_restarts_glusterd_where_the_pool_bears_it(
    machine: Tuple[Path, Dict[str, str]], status: str, restarted: bool
) -> None:
    directory, environment = machine
    subprocess.run([str(NEEDRESTART)], env={**environment, "gnt_gluster": status}, check=True, timeout=30)
    lines = (directory / "log").read_text().splitlines()
    assert "gnt-gluster ok-to-stop node1" in lines
    assert ("systemctl restart glusterd.service" in lines) == restarted


@pytest.mark.parametrize("path", [REBOOT_NODES, NEEDRESTART])
def test_the_scripts_are_scripts(path: Path) -> None:
    assert os.access(path, os.X_OK)
    subprocess.run(["sh", "-n", str(path)], check=True, timeout=30)
