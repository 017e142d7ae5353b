"""Gluster's processes: command lines as they are, and real processes under Gluster's names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional

import psutil
import pytest

from ganeti_gluster_mon.gluster.model import Process
from ganeti_gluster_mon.gluster.processes import identify, processes

BRICK = (
    "/usr/sbin/glusterfsd -s node1.lab.test --volfile-id gv0.node1.lab.test.export-b1-gv0 "
    "-p /var/run/gluster/vols/gv0/node1.lab.test-export-b1-gv0.pid "
    "-S /var/run/gluster/bee81c8537c10008.socket "
    "--brick-name /export/b1/gv0 -l /var/log/glusterfs/bricks/export-b1-gv0.log "
    "--xlator-option *-posix.glusterd-uuid=b7d24dec-f057-4c5d-b727-2cecd55642f5 --process-name brick "
    "--brick-port 60266 --xlator-option gv0-server.listen-port=60266"
).split()
SELF_HEAL = (
    "/usr/sbin/glusterfs -s localhost --volfile-id shd/gv0 -p /var/run/gluster/shd/gv0/gv0-shd.pid "
    "-l /var/log/glusterfs/glustershd.log -S /var/run/gluster/f7aea020c1e4e6f1.socket "
    "--xlator-option *replicate*.node-uuid=b7d24dec-f057-4c5d-b727-2cecd55642f5 --process-name glustershd "
    "--client-pid=-6"
).split()
MOUNT = (
    "/usr/sbin/glusterfs --process-name fuse --volfile-server=node1.lab.test --volfile-id=gv0 /mnt/a".split()
)


@pytest.mark.parametrize(
    ("program", "argv", "found"),
    [
        ("glusterd", ["glusterd"], ("glusterd", None, None)),
        (
            "glusterd",
            "/usr/sbin/glusterd -p /var/run/glusterd.pid --log-level INFO".split(),
            ("glusterd", None, None),
        ),
        ("glusterfsd", BRICK, ("brick", "gv0", "/export/b1/gv0")),
        ("glusterfsd", [*BRICK, "--brick-mux"], ("brick", None, None)),
        ("glusterfs", SELF_HEAL, ("self-heal", None, None)),
        ("glusterfs", MOUNT, ("mount", "gv0", "/mnt/a")),
        (
            "glusterfs",
            "/usr/sbin/glusterfs --process-name fuse --volfile-server=node2 --volfile-server=node1 "
            "--volfile-id=/gv0 /mnt/b".split(),
            ("mount", "gv0", "/mnt/b"),
        ),
        (
            "glusterfs",
            [
                *"/usr/sbin/glusterfs --process-name fuse.vm --volfile-id=/gv0 --subdir-mount=/sub".split(),
                "/mnt/a b",
            ],
            ("mount", "gv0", "/mnt/a b"),
        ),
        (
            "glusterfs",
            "/usr/sbin/glusterfs -s localhost --volfile-id gluster/quotad --process-name quotad".split(),
            ("quotad", None, None),
        ),
        (
            "glusterfs",
            "/usr/sbin/glusterfs -s localhost --volfile-id rebalance/gv0 --process-name rebalance".split(),
            ("rebalance", "gv0", None),
        ),
        (
            "glusterfsd",
            "/usr/sbin/glusterfsd -s localhost --volfile-id snapd/gv0 --process-name snapd".split(),
            ("snapd", "gv0", None),
        ),
        ("glusterfs", ["glusterfs", "--volfile-id"], ("glusterfs", None, None)),
        ("glusterfsd", [], ("brick", None, None)),
        ("glusterfs", [], ("glusterfs", None, None)),
    ],
)
def test_command_lines(program: str, argv: List[str], found: object) -> None:
    assert identify(program, argv) == found


@contextmanager
def running(
    directory: Path, argv: List[str], *before: str, work: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """A real process by the name of argv[0]; it says a line when it is there, and ends with its stdin."""
    program = directory / os.path.basename(argv[0])
    program.write_text(f"#!/bin/sh\n{work}\necho $$\nread line\n")
    program.chmod(0o755)
    child = subprocess.Popen(
        [*before, str(program), *argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline()
        yield child
    finally:
        child.stdin.close()
        child.kill()
        child.wait(timeout=10)
        child.stdout.close()


def found(pid: int) -> Optional[Process]:
    every = processes()
    assert every is not None
    return next((process for process in every if process.pid == pid), None)


def test_a_brick(tmp_path: Path) -> None:
    before = time.monotonic()
    with running(tmp_path, BRICK) as child:
        process = found(child.pid)
        assert process is not None
        assert (process.name, process.volume, process.path) == ("brick", "gv0", "/export/b1/gv0")
        assert process.state in ("running", "sleeping")
        # jiffies: the kernel reports the start to a hundredth of a second
        assert 0 <= process.uptime <= time.monotonic() - before + 0.02
        assert process.rss > 4096
        assert 0 <= process.cpu_seconds < 10
    assert found(child.pid) is None


def test_processor_time_is_user_and_system(tmp_path: Path) -> None:
    work = "i=0; while [ $i -lt 50000 ]; do : >/dev/null; i=$((i + 1)); done"  # opens cost system time
    with running(tmp_path, MOUNT, work=work) as child:
        times = psutil.Process(child.pid).cpu_times()
        assert times.user > 0
        assert times.system > 0
        process = found(child.pid)
        assert process is not None
        assert process.cpu_seconds == times.user + times.system


def test_a_process_that_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path, BRICK) as child:
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        process = found(child.pid)
        assert process is not None
        assert (process.path, process.state) == ("/export/b1/gv0", "stopped")


def test_a_zombie(tmp_path: Path) -> None:
    with running(tmp_path, BRICK) as child:
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        process = found(child.pid)
        assert process is not None
        assert (process.name, process.path, process.state) == ("brick", None, "zombie")


def test_a_path_that_is_not_utf_8(tmp_path: Path) -> None:
    path = os.fsdecode(b"/mnt/\xff it's")
    with running(tmp_path, [*MOUNT[:-1], path]) as child:
        process = found(child.pid)
        assert process is not None
        assert process.path == path


def test_names_that_only_look_alike(tmp_path: Path) -> None:
    for name in ("gluster", "glusterfsdx", "qemu-glusterfs"):
        with running(tmp_path, [name, *BRICK[1:]]) as child:
            assert found(child.pid) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="another PID namespace takes root")
def test_another_namespaces_processes_are_not_ours(tmp_path: Path) -> None:
    with running(tmp_path, ["glusterfsd"], "unshare", "--pid", "--fork", "--kill-child") as child:
        (inner,) = psutil.Process(child.pid).children()
        assert inner.name() == "glusterfsd"
        assert found(inner.pid) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a /proc of one's own takes root")
@pytest.mark.parametrize("hidepid", [1, 2])
def test_where_others_processes_are_hidden_they_are_not_known(hidepid: int) -> None:
    script = "from ganeti_gluster_mon.gluster.processes import processes; print(processes())"
    mount = f"mount -t proc -o hidepid={hidepid} proc /proc"
    as_other_user = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f"{mount}; {as_other_user}", "sh", sys.executable, "-c", script],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout.decode(), done.stderr.decode()) == ("None\n", "")


def test_processes_that_come_and_go_do_no_harm(tmp_path: Path) -> None:
    program = tmp_path / "glusterfsd"
    program.write_text("#!/bin/sh\nsleep 0.02\n")
    program.chmod(0o755)
    enough = threading.Event()

    def churn() -> None:
        while not enough.is_set():
            subprocess.run([str(program), *BRICK[1:]], check=True, timeout=30)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        found = 0
        deadline = time.monotonic() + 120
        while found < 5 and time.monotonic() < deadline:
            every = processes()
            assert every is not None
            found += sum(process.path == "/export/b1/gv0" for process in every)
        assert found >= 5
    finally:
        enough.set()
        thread.join(timeout=30)
