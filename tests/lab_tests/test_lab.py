"""The lab itself: it does what its tests rely on, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List, Set

import pytest

from tests import conftest
from tests.lab import Disk, Lab, LabError, LabTimeout, Pool, wait_until
from tests.lab.host import REPOSITORY
from tests.lab.namespaces import Namespaces, NotBooted, holders
from tests.lab.process import PROC, all_processes, namespace
from tests.lab.state import StateDirectory
from tests.lab_tests.traces import assert_nothing_runs, namespaces_in_use, namespaces_of, on_machine

lab = pytest.mark.lab

MIB = 1024**2

#: small ones, for labs that store nothing
SMALL = [Disk("b1", 64 * MIB)]


def reaches(pool: Lab, host: int, address: str) -> bool:
    """Whether a host can connect to glusterd at *address*."""
    connect = "import socket, sys; socket.create_connection((sys.argv[1], 24007), 2)"
    return pool.exec(host, ["/usr/bin/python3", "-c", connect, address], check=False).returncode == 0


@pytest.fixture
def prefix() -> Iterator[str]:
    """A prefix for a lab of this test, swept before and after."""
    name = f"ganeti-gluster-test-own-{os.getpid()}"
    yield name
    state = StateDirectory(name)
    if state.path.exists():
        state.end()
        state.remove()


# --- up and down --------------------------------------------------------------------------------------


@lab
def test_what_was_up_is_down_without_a_trace(prefix: str) -> None:
    netns = on_machine("ip", "netns")
    links = on_machine("ip", "-oneline", "address")
    with Lab(prefix, hosts=2, disks=SMALL) as standing:
        spaces = namespaces_of(standing)
        assert spaces <= namespaces_in_use()
        assert len(standing.state.loops()) == 2
        # The machine itself has nothing of it while it stands, either.
        assert on_machine("ip", "netns") == netns
        assert on_machine("ip", "-oneline", "address") == links
        assert str(standing.state.path) not in Path("/proc/self/mountinfo").read_text()
    assert_nothing_runs(standing.state.path, spaces)
    assert not standing.state.path.exists()
    standing.down()  # once more does no harm


@lab
def test_two_labs_have_the_same_addresses_and_nothing_in_common(prefix: str) -> None:
    with Lab(f"{prefix}-a", hosts=2, disks=SMALL) as one, Lab(f"{prefix}-b", hosts=2, disks=SMALL) as other:
        assert not namespaces_of(one) & namespaces_of(other)
        for standing, word in ((one, "one"), (other, "other")):
            standing.exec(2, ["tee", "/root/word"], input=word)
        for standing, word in ((one, "one"), (other, "other")):
            assert standing.exec(1, ["ssh", "node2.lab.test", "cat", "/root/word"]).stdout == word
        one.down()
        assert reaches(other, 1, "10.99.0.2")


@lab
def test_a_prefix_in_use_is_refused(prefix: str) -> None:
    with Lab(prefix, hosts=1, disks=SMALL) as standing:
        second = Lab(prefix, hosts=1, disks=SMALL)
        with pytest.raises(LabError, match="stands already"):
            second.state.claim(timeout=0.1)
        assert standing.host(1).namespaces.running


@lab
def test_a_lab_that_cannot_boot_says_why_and_leaves_nothing(prefix: str) -> None:
    broken = Lab(prefix, hosts=1, disks=[Disk("b1", 4 * MIB, "xfs")])
    with pytest.raises(LabError, match=r"mkfs\.xfs"):
        broken.up()
    assert not broken.state.path.exists()


@lab
def test_a_lab_that_does_not_boot_is_made_once_more(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def ready(namespaces: Namespaces) -> None:
        attempts.append(namespaces)
        if len(attempts) == 1:
            wait_until(lambda: "init.py" in namespaces._boot_state(), "the host to begin its boot", 10)
            raise NotBooted(f"did not boot; {namespaces._boot_state()}")
        real(namespaces)

    real = Namespaces.ready
    monkeypatch.setattr(Namespaces, "ready", ready)
    with (
        pytest.warns(UserWarning, match=r"booted a second time: .*init\.py"),
        Lab(prefix, hosts=1, disks=SMALL) as standing,
    ):
        assert standing.exec(1, ["hostname"]).stdout == "node1.lab.test\n"


CREATOR = """
import signal, sys
from tests.lab import Disk, Lab
lab = Lab(sys.argv[1], hosts=1, disks=[Disk("b1", 64 * 1024 * 1024)])
lab.up()
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def creator(prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has brought up a lab of one host."""
    argv = [sys.executable, "-c", CREATOR, prefix]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def spaces_of_standing(path: Path) -> Set[str]:
    init = holders(path / "node1")[0]
    return {namespace(init.pid, kind) for kind in ("mnt", "net", "pid")}


@lab
def test_killing_the_creator_ends_its_hosts_and_the_next_lab_sweeps_up(
    creator: subprocess.Popen[str], prefix: str
) -> None:
    path = StateDirectory(prefix).path
    spaces = spaces_of_standing(path)
    creator.kill()
    creator.wait()
    wait_until(lambda: not spaces & namespaces_in_use(), "the namespaces of the dead lab gone", 5)
    wait_until(lambda: not StateDirectory(prefix).loops(), "its loop devices gone", 5)
    assert_nothing_runs(path, spaces)
    relic = path / "node1" / "disks" / "b1.img"
    assert relic.exists()
    with Lab(prefix, hosts=1, disks=[Disk("b2", 64 * MIB)]) as standing:
        assert not relic.exists()
        assert "/export/b2" in standing.host(1).mounts()
    assert not path.exists()


@lab
def test_a_terminated_creator_removes_its_directory_too(creator: subprocess.Popen[str], prefix: str) -> None:
    path = StateDirectory(prefix).path
    spaces = spaces_of_standing(path)
    creator.terminate()
    assert creator.wait(timeout=20) == -signal.SIGTERM
    assert_nothing_runs(path, spaces)
    assert not path.exists()


# --- a host -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> Iterator[Pool]:
    """Two hosts with a replica on unequal disks, to be broken at will: each test puts right what it broke."""
    disks = {1: [Disk("b1", 128 * MIB), Disk("x1", 320 * MIB, "xfs")], 2: [Disk("b1", 192 * MIB)]}
    with Pool.first_free(conftest.FAMILY, hosts=2, disks=disks) as pool:
        pool.probe()
        pool.create_volume(
            "r2", pool.bricks("/export/b1/r2"), replica=2, options={"network.ping-timeout": "5"}
        )
        yield pool


@lab
def test_a_host_is_a_machine_of_its_own(pair: Pool) -> None:
    host = pair.host(1)
    assert host.exec(["hostname"]).stdout == "node1.lab.test\n"
    assert pair.exec(1, ["cat", "/etc/machine-id"]).stdout != pair.exec(2, ["cat", "/etc/machine-id"]).stdout
    assert pair.exec(1, ["ssh", "node2", "hostname"]).stdout == "node2.lab.test\n"
    assert reaches(pair, 1, "10.99.0.2")
    assert pair.exec(1, ["ip", "-6", "route", "get", "fd99::2"]).stdout.split()[0] == "fd99::2"
    assert pair.exec(1, ["ssh", "-o", "StrictHostKeyChecking=no", "fd99::2", "hostname"]).stdout.startswith(
        "node2"
    )
    with pytest.raises(LabError, match="no 3"):
        pair.exec(3, ["true"])


@lab
def test_the_disks_are_what_was_ordered(pair: Pool) -> None:
    def size(number: int, path: str) -> int:
        blocks, unit = pair.exec(number, ["stat", "--file-system", "--format=%b %S", path]).stdout.split()
        return int(blocks) * int(unit)

    assert 100 * MIB < size(1, "/export/b1") < 128 * MIB
    assert 150 * MIB < size(2, "/export/b1") < 192 * MIB
    assert pair.host(1).mounts()["/export/x1"] == "xfs"
    assert "/export/x1" not in pair.host(2).mounts()


@lab
def test_what_is_executed_reaches_no_shell(pair: Pool) -> None:
    hostile = "a b'\"\\ $(reboot) ; * \n ü"
    assert pair.exec(1, ["printf", "%s", hostile]).stdout == hostile
    assert pair.exec(1, ["cat"], input=hostile).stdout == hostile
    assert pair.exec(1, ["false"], check=False).returncode == 1
    with pytest.raises(LabError, match="exit status 1"):
        pair.exec(1, ["false"])


@lab
def test_a_deadline_ends_the_whole_family(pair: Pool) -> None:
    family = ["sh", "-c", "echo begun; sleep 4321 & sleep 4321; true"]
    with pytest.raises(LabTimeout, match=r"no end within 2 s\nbegun$"):
        pair.exec(1, family, timeout=2)
    wait_until(lambda: not pair.host(1).find("sleep"), "no sleep left", 2)


@lab
def test_a_signal_reaches_the_program_in_the_host(pair: Pool) -> None:
    trap = "trap 'echo caught; exit 7' TERM; echo ready; while :; do read line; done"
    program = pair.popen(1, ["bash", "-c", trap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    program.terminate()
    assert program.communicate(timeout=5)[0] == "caught\n"
    assert program.returncode == 7


@lab
def test_processes_left_by_queries_are_found(pair: Pool) -> None:
    assert pair.left_running(1) == []
    # A gluster that waits for a command, and a parent that never asks after its dead child.
    gluster = pair.popen(
        1, ["gluster"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    careless = "import os, sys\nif os.fork() == 0: os._exit(0)\nsys.stdin.read()"
    parent = pair.popen(1, ["/usr/bin/python3", "-c", careless], stdin=subprocess.PIPE)
    wait_until(
        lambda: (
            {(p.name, p.state == "Z") for p in pair.left_running(1)}
            == {("gluster", False), ("python3", True)}
        ),
        "a gluster and a zombie",
        5,
    )
    for program in (gluster, parent):
        program.kill()
        program.communicate(timeout=5)
    wait_until(lambda: pair.left_running(1) == [], "nothing left", 5)


@lab
def test_our_command_is_run_inside(pair: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETI_GLUSTER_MON", "/usr/bin/hostname")
    assert pair.run_command(2, ["--fqdn"]).stdout == "node2.lab.test\n"
    monkeypatch.setenv("GANETI_GLUSTER_MON", "/nowhere/ganeti-gluster-mon")
    with pytest.raises(LabError, match="make venv"):
        pair.run_command(2, [])


# --- what can happen to a pool ------------------------------------------------------------------------


@lab
def test_cable_cut_and_joined(pair: Pool) -> None:
    pair.cut(2)
    assert not reaches(pair, 1, "10.99.0.2")
    assert reaches(pair, 2, "10.99.0.2")  # itself it still sees
    pair.join(2)
    assert reaches(pair, 1, "10.99.0.2")
    pair.wait_connected()


def online(pool: Pool, volume: str) -> List[str]:
    """The column Online of the bricks, as gluster shows it on node1."""
    return re.findall(r"^Brick .*? ([YN]) ", pool.gluster("volume", "status", volume), re.MULTILINE)


@lab
def test_brick_killed_and_started(pair: Pool) -> None:
    assert online(pair, "r2") == ["Y", "Y"]
    pair.kill_brick("r2", 2)
    assert pair.brick_processes("r2", 2) == []
    assert online(pair, "r2") == ["Y", "N"]
    with pytest.raises(LabError, match="no brick of r2 runs on node2"):
        pair.kill_brick("r2", 2)
    pair.start_brick("r2", 2)
    assert len(pair.brick_processes("r2", 2, "/export/b1/r2")) == 1
    assert online(pair, "r2") == ["Y", "Y"]


@lab
def test_brick_frozen_and_thawed(pair: Pool) -> None:
    pair.freeze_brick("r2", 2)
    assert [brick.state for brick in pair.brick_processes("r2", 2)] == ["T"]
    assert online(pair, "r2") == ["Y", "Y"]  # so glusterd believes
    pair.thaw_brick("r2", 2)
    assert [brick.state for brick in pair.brick_processes("r2", 2)] != ["T"]
    pair.wait_healed("r2")


@lab
def test_glusterd_killed_frozen_and_started(pair: Pool) -> None:
    bricks = pair.brick_processes("r2", 2)
    pair.kill_glusterd(2)
    assert not pair.host(2).glusterd_listens()
    assert [b.pid for b in pair.brick_processes("r2", 2)] == [b.pid for b in bricks]
    pair.start_glusterd(2)
    pair.wait_connected()
    pair.freeze_glusterd(2)
    with pytest.raises(LabTimeout):
        pair.exec(2, ["gluster", "pool", "list"], timeout=1)
    pair.thaw_glusterd(2)
    assert "node1.lab.test" in pair.exec(2, ["gluster", "pool", "list"]).stdout


@lab
def test_self_heal_daemons_killed_and_started(pair: Pool) -> None:
    pair.kill_self_heal_daemons()
    assert [pair.self_heal_daemons(1), pair.self_heal_daemons(2)] == [[], []]
    pair.start_volume("r2", force=True)
    assert len(pair.self_heal_daemons(1)) == len(pair.self_heal_daemons(2)) == 1


@lab
def test_power_off_and_on_again(pair: Pool) -> None:
    pair.mount(1, "r2", "/mnt/r2")
    pair.exec(2, ["tee", "/root/kept"], input="on disk")
    pair.exec(2, ["touch", "/run/lost"])
    pair.power_off(2)
    with pytest.raises(LabError, match="node2 is not running"):
        pair.exec(2, ["true"])
    # Only after the ping-timeout of five seconds does the volume go on without it.
    pair.exec(1, ["tee", "/mnt/r2/file"], input="written meanwhile", timeout=30)
    pair.power_on(2)
    assert pair.exec(2, ["cat", "/root/kept"]).stdout == "on disk"
    assert pair.exec(2, ["test", "-e", "/run/lost"], check=False).returncode == 1
    pair.wait_connected()
    pair.start_volume("r2", force=True)
    pair.wait_healed("r2")
    assert pair.exec(2, ["cat", "/export/b1/r2/file"]).stdout == "written meanwhile"
    pair.unmount(1, "/mnt/r2")
    assert "/mnt/r2" not in pair.host(1).mounts()


@lab
def test_a_loop_device_of_a_host_ends_with_its_power(pair: Pool) -> None:
    def standing() -> bool:
        backing = (loop.read_text() for loop in Path("/sys/block").glob("loop*/loop/backing_file"))
        return f"{file}\n" in backing

    file = f"/srv/loop-{os.getpid()}"
    pair.exec(1, ["truncate", "--size=1M", file])
    pair.exec(1, ["losetup", "--find", file])
    pair.power_off(2)
    assert standing()
    pair.power_on(2)
    pair.power_off(1)
    wait_until(lambda: not standing(), "the loop device gone", 5)
    assert pair.state.loops(), "those of the other host stand"
    pair.power_on(1)
    pair.wait_connected()
    pair.start_volume("r2", force=True)


@lab
def test_volume_stopped_and_deleted(pair: Pool) -> None:
    pair.create_volume("passing", [(1, "/export/x1/passing")], start=False)
    pair.start_volume("passing")
    assert online(pair, "passing") == ["Y"]
    pair.delete_volume("passing")
    assert pair.gluster("volume", "list").split() == ["r2"]


#: blocks of 4096 bytes, and inodes, of a mount of each volume on disks of 2 GiB: what Gluster itself says
CAPACITY = {
    "gv0": (489946, 131072),
    "arb-vm": (489946, 131072),
    "dist2": (979892, 262144),
    "disp": (979892, 131072),
    "distrep": (979892, 262144),
}


@lab
def test_the_shared_pool_has_a_volume_of_each_kind(lab_pool: Pool) -> None:
    assert set(lab_pool.gluster("volume", "list").split()) == set(CAPACITY)
    assert lab_pool.host(1).mounts()["/mnt/gv0"] == "fuse.glusterfs"
    for volume, (blocks, inodes) in CAPACITY.items():
        if volume != "gv0":
            lab_pool.mount(1, volume, f"/mnt/{volume}")
        output = lab_pool.exec(1, ["stat", "--file-system", "--format=%b %S %c", f"/mnt/{volume}"]).stdout
        assert output.split() == [str(blocks), "4096", str(inodes)], volume
        if volume != "gv0":
            lab_pool.unmount(1, f"/mnt/{volume}")


@lab
def test_a_pool_for_one_test(fresh_pool: Callable[..., Pool]) -> None:
    pool = fresh_pool(hosts=2, disks=SMALL)
    assert pool.exec(2, ["gluster", "pool", "list"]).stdout.count("Connected") == 2


# --- for people ---------------------------------------------------------------------------------------


@lab
def test_the_command_line(prefix: str) -> None:
    def run(*words: str) -> Any:
        argv = [sys.executable, "-m", "tests.lab", words[0], "--prefix", prefix, *words[1:]]
        return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)

    up = run("up", "--hosts", "1", "--ganeti")
    assert up.returncode == 0, up.stderr
    assert "node1.lab.test is up" in up.stderr
    assert run("exec", "node1", "hostname").stdout == "node1.lab.test\n"
    assert run("exec", "1", "--", "sh", "-c", "exit 3").returncode == 3
    assert "gv0" in run("status").stdout
    assert run("exec", "1", "gnt-node", "list", "--no-headers", "-o", "name").stdout == "node1.lab.test\n"
    assert run("off", "1").returncode == 0
    assert run("status").stdout == "node1.lab.test\toff\n"
    assert run("on", "1").returncode == 0
    assert run("exec", "1", "gluster", "volume", "list").stdout == "gv0\n"
    state = StateDirectory(prefix)
    spaces = spaces_of_standing(state.path)
    assert run("down").returncode == 0
    assert_nothing_runs(state.path, spaces)
    assert not state.path.exists()
    assert "no lab" in run("exec", "1", "true").stderr


# --- where no lab can stand ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ci", "user", "verdict"),
    [
        ("", 0, pytest.skip.Exception),
        ("true", 1000, pytest.skip.Exception),
        ("true", 0, pytest.fail.Exception),
    ],
)
def test_a_lab_test_is_skipped_with_a_reason_but_for_root_under_ci_fails(
    ci: str, user: int, verdict: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(conftest, "_obstacles", lambda: ["glusterd is missing (package glusterfs-server)"])
    request.node.add_marker(pytest.mark.lab)
    with pytest.raises(verdict, match="glusterd is missing"):
        conftest.pytest_runtest_setup(request.node)


def test_a_prefix_is_a_plain_name() -> None:
    for hostile in ("", "../etc", "a/b", "a b", "-x", ".", "a" * 64):
        with pytest.raises(LabError):
            StateDirectory(hostile)


def test_a_process_is_read_whatever_its_name() -> None:
    """The kernel puts the name in brackets and escapes nothing."""
    renamed = "import sys; open('/proc/self/comm', 'w').write(') Z 1 ('); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", renamed], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = next(p for p in all_processes() if p.pid == process.pid)
        assert (found.name, found.state in "SR") == (") Z 1 (", True)
        process.communicate(b"")
    assert not (PROC / str(process.pid)).exists()
