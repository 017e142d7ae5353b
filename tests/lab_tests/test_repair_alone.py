"""gnt-gluster repair alone, from a fresh shell: each fault of the runbook that it repairs, several at once, killed at
each step, and faults that come while a brick is healed."""

from __future__ import annotations

import re
import subprocess
from typing import Callable, Iterator, List

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.deploying import BRICK, DISK, gnt_gluster, killed_at
from tests.lab_tests.remedying import LONG, problems, wait_problem
from tests.lab_tests.replacing import write
from tests.lab_tests.shell import prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

MIB = 1024**2
POINT = "/export/brick1"
CHECK = "ganeti-gluster-mon check --query"


_SYSTEMCTL = """#!/bin/sh
# with the verbs of systemd that the steps for glusterd need
case "$1" in
  is-enabled) echo enabled ;;
  is-active) if pidof glusterd >/dev/null; then echo active; else echo inactive; exit 3; fi ;;
  enable) exec systemctl-of-the-lab start glusterd ;;
  daemon-reload) ;;
  *) exec systemctl-of-the-lab "$@" ;;
esac
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Three nodes with gv0, which was deployed, and two blank disks more on node3."""
    disks = [
        Disk("b1"),
        *(Disk(name, size * MIB, "") for name, size in zip(("vdb", "vdc", "vdd"), (456, 460, 464))),
    ]
    with Pool.first_free(FAMILY, hosts=3, disks=disks) as pool:
        Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        prepare(pool)
        for host in pool.hosts:
            # where systemd does not run, repair restarts no glusterd
            host.exec(["mkdir", "--parents", "/run/systemd/system"])
            host.exec(["mv", "/usr/bin/systemctl", "/usr/bin/systemctl-of-the-lab"])
            host.exec(["tee", "/usr/bin/systemctl"], input=_SYSTEMCTL)
            host.exec(["chmod", "755", "/usr/bin/systemctl"])
        gnt_gluster(pool, "deploy", "--device", DISK)
        write(pool, "gv0", ["content"], "before", healed=True)
        yield pool


@pytest.fixture(autouse=True)
def same_afterwards(pool: Pool) -> Iterator[None]:
    """All copies are the same, and the check ends well."""
    yield
    wait_well(pool)
    found = {pool.exec(host, ["sha256sum", f"{BRICK}/content"]).stdout for host in (1, 2, 3)}
    assert len(found) == 1


def wait_well(pool: Pool) -> None:
    """Wait until the check ends with 0; unlike a person, without doing what it names."""
    outputs: List[str] = []

    def ends_well() -> bool:
        done = type_in(pool, CHECK, check=False)
        outputs.append(done.stdout)
        return done.returncode == 0

    wait_until(ends_well, CHECK, LONG, 0.5)
    print(outputs[-1])


def lose_the_mount(pool: Pool, host: int) -> None:
    """The process of the brick is gone, and so is its mount."""
    pool.kill_brick("gv0", host)
    pool.exec(host, ["umount", POINT])


def kill_bricks(pool: Pool) -> None:
    for host in (2, 3):
        pool.kill_brick("gv0", host)


def freeze_bricks(pool: Pool) -> None:
    for host in (2, 3):
        pool.freeze_brick("gv0", host)


#: the code that the fault is reported by, and the fault
FAULTS = {
    "mount-missing": ("BRICK_OFFLINE", lambda pool: lose_the_mount(pool, 2)),
    "brick-hangs": ("BRICK_HANGS", lambda pool: pool.freeze_brick("gv0", 3)),
    "quorum": ("SUBVOLUME_QUORUM_LOST", kill_bricks),
    "quorum-hangs": ("SUBVOLUME_QUORUM_LOST", freeze_bricks),
    "self-heal-daemon": ("HEAL_DAEMON_DOWN", lambda pool: pool.kill_self_heal_daemons([2])),
    "glusterd-dead": ("PEER_DISCONNECTED", lambda pool: pool.kill_glusterd(3)),
    "glusterd-hangs": ("PEER_SILENT", lambda pool: pool.freeze_glusterd(3)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_command_repairs_it(pool: Pool, name: str) -> None:
    code, fault = FAULTS[name]
    make: Callable[[Pool], object] = fault
    make(pool)
    wait_problem(pool, code, "" if code.startswith("PEER_") else "gv0")
    done = type_in(pool, "gnt-gluster repair")
    print(done.stderr)
    assert "a decision is needed" not in done.stderr
    wait_until(lambda: code not in {one.code for one in problems(pool)}, f"{code} to be gone", LONG, 0.5)
    pool.wait_connected()


def test_three_faults_at_once_though_the_command_is_killed_at_each_step(pool: Pool) -> None:
    step = 1
    while True:
        lose_the_mount(pool, 2)
        pool.kill_self_heal_daemons([2, 3])
        write(pool, "gv0", ["content"], f"while it is away {step}")
        killed = killed_at(pool, step, ["/usr/local/bin/gnt-gluster", "repair", "gv0"])
        if not killed:
            break
        # what the killed command has run on another node ends, and so does its lock
        wait_until(
            lambda: type_in(pool, "gnt-gluster repair gv0", check=False).returncode == 0, "repair", 60.0, 0.5
        )
        wait_well(pool)
        assert pool.host(2).mounts()[POINT] == "xfs"
        step += 1
    assert step >= 3


def interrupted(pool: Pool, line: str, at: str, fault: Callable[[], None]) -> List[str]:
    """What *line*, a command, writes; *fault* comes when it begins the step that *at* matches.  It ends with 1."""
    run = pool.popen(
        1,
        ["sh", "-c", f"exec /usr/local/bin/{line}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    lines = []
    for text in run.stderr:
        print(f"  {text}", end="")
        lines.append(text.rstrip())
        if re.match(rf"\[\d+/\d+\] .*{at}", text):
            fault()
    assert run.wait(timeout=30) == 1
    assert lines[-1].startswith("gnt-gluster: ") and lines[-1].endswith(
        "the same command again goes on from there"
    )
    return lines


#: how the last line begins where a step of the heal names a brick
_LINE = r"(a full heal of gv0 completed|gv0 healed|verified against the other bricks of its set): "


def die(pool: Pool, host: int) -> None:
    """The disk of a brick gives I/O errors."""
    pool.exec(host, ["xfs_io", "-x", "-c", "shutdown", POINT])


def replacing(device: str) -> str:
    return f"gnt-gluster replace-brick gv0 node3.lab.test:{BRICK} node3 --device {device} --force"


def test_a_disk_that_dies_again_while_it_is_healed_is_replaced_again(pool: Pool) -> None:
    die(pool, 3)
    write(pool, "gv0", ["content"], "while it is dead")
    lines = interrupted(pool, replacing("/disks/vdc"), "a full heal", lambda: die(pool, 3))
    assert re.search(rf"(connected to |{_LINE})node3.lab.test:{BRICK}", lines[-1]), lines[-1]
    done = type_in(pool, replacing("/disks/vdd"))
    print(done.stderr)
    assert "was verified" in done.stderr


def test_another_brick_dies_while_one_is_healed(pool: Pool) -> None:
    """It has lost its mount as well, so that nothing starts it but repair."""
    pool.exec(3, ["blkdiscard", "--zeroout", "/disks/vdc"])
    die(pool, 3)
    line = replacing("/disks/vdc")
    lines = interrupted(pool, line, "a full heal", lambda: lose_the_mount(pool, 2))
    assert re.search(rf"(connected to |{_LINE})node2.lab.test:{BRICK}", lines[-1]), lines[-1]
    assert "gnt-gluster repair gv0 starts it" in lines[-1]
    type_in(pool, "gnt-gluster repair gv0")
    done = type_in(pool, line)
    print(done.stderr)
    assert "was verified" in done.stderr
