"""The lock for changes: real processes and real locks, one file per node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import change_lock as locking
from ganeti_gluster_mon.deploy.apply import PlanRefused
from ganeti_gluster_mon.deploy.change_lock import ChangeLock, Locked, LockedHost, LockLost, Owner
from ganeti_gluster_mon.ganeti.ssh import Nodes, NodeUnavailable

NODES = ("node1", "node2", "node3")
OWNER = Owner("root", "node2", 4711, "gnt-gluster deploy --device /dev/vdb", "2026-11-26 03:40:12 +0000")


class Here(Nodes):
    """Every node is this machine, with a lock file of its own; those *away* cannot be reached."""

    def __init__(self, directory: Path, away: Sequence[str] = ()) -> None:
        super().__init__(None, "here")
        self.directory, self.away = directory, away
        self.started: List[subprocess.Popen[bytes]] = []

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        if node in self.away:
            raise NodeUnavailable(f"{node}: ssh: No route to host")
        words = [str(self.directory / node) if word == locking.PATH else word for word in argv]
        self.started.append(super().start("here", words))
        return self.started[-1]


def lock(host: Here, nodes: Sequence[str] = NODES, owner: Owner = OWNER) -> ChangeLock:
    return ChangeLock(host, nodes, owner)


def end(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)


def test_a_second_command_is_refused_and_names_the_holder_of_the_lock(tmp_path: Path) -> None:
    with lock(Here(tmp_path)):
        with pytest.raises(Locked) as refused, lock(Here(tmp_path)):
            pass
        assert str(refused.value) == (
            "gnt-gluster deploy --device /dev/vdb is running: started by root on node2 at 2026-11-26 03:40:12 +0000, "
            "process 4711; only one command changes the pool at a time: try again when it has ended"
        )
    with lock(Here(tmp_path)):
        pass


def test_a_node_that_both_reach_is_enough_to_exclude(tmp_path: Path) -> None:
    with lock(Here(tmp_path, away=["node1"])) as first:
        assert first.unreachable == {"node1": "node1: ssh: No route to host"}
        second = Here(tmp_path, away=["node3"])
        with pytest.raises(Locked), lock(second):
            pass
        # and what it had locked until then is released
        with lock(Here(tmp_path, away=["node2", "node3"])):
            pass


def test_without_any_node_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanRefused, match="No route to host"), lock(Here(tmp_path, away=NODES)):
        pass


def test_a_lock_that_cannot_be_taken_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "node2").symlink_to(tmp_path / "elsewhere")
    reason = r"node2: cannot lock .*/node2: Too many levels of symbolic links"
    with pytest.raises(PlanRefused, match=reason), lock(Here(tmp_path)):
        pass
    assert not (tmp_path / "elsewhere").exists()


_TAKES = """
import json, sys
from pathlib import Path
from tests.unit.deploy.test_change_lock import Here, lock
with lock(Here(Path(sys.argv[1]))):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_it_is_released_when_its_owner_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _TAKES, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "locked\n"
        with pytest.raises(Locked), lock(Here(tmp_path)):
            pass
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    deadline = time.monotonic() + 10
    while True:
        try:
            with lock(Here(tmp_path)):
                return
        except Locked:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_without_heartbeats_it_is_released_and_the_owner_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "SILENCE", 0.2)
    host = Here(tmp_path)
    with lock(host) as first:
        for holder in host.started:
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        with lock(Here(tmp_path)):
            pass
        with pytest.raises(LockLost, match="the connection to node1, node2, node3 was lost"):
            first.check()


@pytest.mark.slow
def test_heartbeats_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "SILENCE", 2.0)
    monkeypatch.setattr(locking, "_HEARTBEAT", 0.1)
    host = Here(tmp_path)
    with lock(host) as first:
        with pytest.raises(subprocess.TimeoutExpired):
            host.started[0].wait(timeout=3.0)
        first.check()


def test_commands_are_run_while_it_is_held_on_half_of_the_nodes(tmp_path: Path) -> None:
    host = Here(tmp_path)
    with lock(host) as held:
        guarded = LockedHost(host, held)
        end(host.started[0])
        assert guarded.run("here", ["touch", str(tmp_path / "a")]).status == 0
        end(host.started[1])
        with pytest.raises(LockLost):
            guarded.run("here", ["touch", str(tmp_path / "b")])
        assert guarded.query("here", [["true"]])[0].status == 0
    assert (tmp_path / "a").exists() and not (tmp_path / "b").exists()


def test_of_many_at_once_one_has_it_at_a_time(tmp_path: Path) -> None:
    inside: List[int] = []

    def take(number: int) -> Tuple[int, int]:
        try:
            with lock(Here(tmp_path)):
                inside.append(number)
                others = len(inside)
                time.sleep(0.1)
                inside.remove(number)
                return others, 0
        except Locked:
            return 0, 1

    with ThreadPoolExecutor(max_workers=6) as pool:
        results = list(pool.map(take, range(6)))
    assert max(others for others, _ in results) == 1
    assert sum(refused for _, refused in results) >= 1


def test_the_owner_is_the_user_that_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    owner = Owner.current("node1", ["/usr/sbin/gnt-gluster", "deploy", "--device", "/dev/a b"])
    assert (owner.user, owner.host, owner.pid) == ("anna", "node1", os.getpid())
    assert owner.command == "gnt-gluster deploy --device '/dev/a b'"
