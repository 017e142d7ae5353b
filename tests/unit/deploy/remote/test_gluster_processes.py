"""The processes of Gluster on a node, by their command lines and the kernel's state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import List, Sequence

import pytest

from ganeti_gluster_mon.deploy.remote import gluster_processes, program
from ganeti_gluster_mon.deploy.remote.gluster_processes import named

FUSE = ["/usr/sbin/glusterfs", "--process-name", "fuse", "--volfile-server=node1"]
BRICK = [
    "/usr/sbin/glusterfsd",
    "-s",
    "node1",
    "--volfile-id",
    "gv0.node1.export-b1",
    "--brick-name",
    "/export/b1",
]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (BRICK, "brick /export/b1"),
        ([*FUSE, "--volfile-id=/gv0", "/mnt/gv0"], "mount /mnt/gv0"),
        (["glusterfs", "--volfile-id", "gv0", "/mnt/a b"], "mount /mnt/a b"),
        (["glusterfs", "-s", "localhost", "--volfile-id", "shd/other"], "daemon shd/other"),
        (["glusterfs", "--volfile-id", "gluster/quotad"], "daemon gluster/quotad"),
        (["glusterfs", "--volfile-id", "rebalance/gv0"], "daemon rebalance/gv0"),
        (["glusterfs", "--volfile-id", "rebalance/other"], ""),
        ([*FUSE, "--volfile-id=/other", "/mnt/gv0"], ""),
        ([*FUSE, "--volfile-id=/gv01", "/mnt/gv0"], ""),
        (["glusterfsd", "--volfile-id", "gv01.node1.b", "--brick-name", "/b"], ""),
        (["/usr/sbin/glusterd", "-p", "/run/glusterd.pid"], ""),
        (["vi", "--volfile-id", "gv0"], ""),
        (["glusterfs"], ""),
    ],
)
def test_what_a_process_is(words: Sequence[str], what: str) -> None:
    assert named(words, ["gv0", "gv2"]) == what


def found() -> List[List[object]]:
    argv = program(gluster_processes, "gv0")
    answer = subprocess.run([sys.executable, *argv[1:]], capture_output=True, check=True, timeout=30)
    parsed: List[List[object]] = json.loads(answer.stdout)
    return parsed


def test_the_state_of_a_process_is_the_kernels() -> None:
    """Real processes with the command lines of a brick and of a mount; only the brick is stopped."""
    code = "import sys; print(flush=True); sys.stdin.read()"
    with ExitStack() as running:
        brick, mount = (
            running.enter_context(
                subprocess.Popen(
                    [argv[0], "-c", code, *argv[1:]],
                    executable=os.path.realpath(sys.executable),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for argv in (BRICK, [*FUSE, "--volfile-id=/gv0", "/mnt/gv0"])
        )
        for process in (brick, mount):
            assert process.stdout is not None and process.stdin is not None
            process.stdout.readline()
            running.callback(process.stdin.close)
        running.callback(brick.send_signal, signal.SIGCONT)
        brick.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, brick.pid, os.WSTOPPED | os.WNOWAIT)
        ours = {one[0]: one[1:] for one in found() if one[0] in (brick.pid, mount.pid)}
        assert ours[brick.pid] == ["T", "brick /export/b1"]
        assert ours[mount.pid][1] == "mount /mnt/gv0" and ours[mount.pid][0] in ("S", "R")
        brick.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, brick.pid, os.WCONTINUED | os.WNOWAIT)
        assert [one[1] for one in found() if one[0] == brick.pid] != ["T"]
