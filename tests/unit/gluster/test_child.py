"""A child process in a session of its own."""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager
from typing import Iterator, Tuple

import psutil
import pytest

from ganeti_gluster_mon.gluster import child
from ganeti_gluster_mon.gluster.child import ENVIRONMENT, Child

#: seconds; only a test that fails waits so long
LONG = 30.0


@contextmanager
def started(*argv: str, **more: object) -> Iterator[Child]:
    process = Child(argv, **more)  # type: ignore[arg-type]
    try:
        yield process
    finally:
        process.end()


def whole(descriptor: int) -> bytes:
    """What comes until the end of the pipe."""
    content = b""
    while True:
        assert select.select([descriptor], [], [], LONG)[0]
        part = child.read(descriptor, 65536)
        if part == b"":
            return content
        content += part or b""


def test_it_gets_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_OF_A_TEST", "x")
    with started("sh", "-c", "env; pwd; echo $$ $(ps -o sid= $$)") as process:
        lines = whole(process.stdout).decode().split("\n")
        assert {f"{name}={value}" for name, value in ENVIRONMENT.items()} <= set(lines)
        assert not any("LD_PRELOAD_OF_A_TEST" in line for line in lines)
        assert "/" in lines
        pid, session = lines[-2].split()
        assert pid == session == str(process.pid)


def test_standard_input_is_empty_or_a_pipe() -> None:
    with started("cat") as process:
        assert whole(process.stdout) == b"" and process.stdin == -1
    with started("cat", talk=True) as process:
        os.write(process.stdin, b"hello")
        assert select.select([process.stdout], [], [], LONG)[0]
        assert child.read(process.stdout, 99) == b"hello"


def test_nothing_to_read_is_none_and_the_end_is_empty() -> None:
    with started("cat", talk=True) as process:
        assert child.read(process.stdout, 99) is None


def test_its_whole_group_ends() -> None:
    with started("sh", "-c", "sleep 600 & echo $!; wait") as process:
        assert select.select([process.stdout], [], [], LONG)[0]
        grandchild = psutil.Process(int(child.read(process.stdout, 99) or b""))
        assert process.end() == -signal.SIGKILL
        assert process.over()
        # It is an orphan now, and reaped by another process.
        grandchild.wait(LONG)


@pytest.mark.parametrize(("words", "status"), [("exit 3", 3), ("kill -TERM $$", -15), ("exit 0", 0)])
def test_the_status_of_one_that_ended_by_itself(words: str, status: int) -> None:
    with started("sh", "-c", words) as process:
        assert select.select([process.ended], [], [], LONG)[0]
        assert process.over()
        assert (process.end(), process.end()) == (status, status)


def test_it_inherits_the_descriptors_that_are_named_and_no_others() -> None:
    kept, other = os.open("/dev/null", os.O_RDONLY), os.dup(0)
    os.set_inheritable(other, True)
    try:
        with started("sh", "-c", "ls /proc/$$/fd", keep=[kept]) as process:
            descriptors = set(map(int, whole(process.stdout).split()))
            assert kept in descriptors and other not in descriptors
    finally:
        os.close(kept)
        os.close(other)


def test_a_program_that_is_missing() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        Child(["no-such-program-here"])
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_descriptor_and_no_zombie_is_left() -> None:
    before = len(os.listdir("/proc/self/fd"))
    pids: Tuple[int, ...] = ()
    for _ in range(5):
        with started("sleep", "600", talk=True) as process:
            pids += (process.pid,)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not any(map(psutil.pid_exists, pids))
