"""The ExtStorage provider: scripts on real volumes, killed at every step; a guest's life with Ganeti's commands."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ContextManager, Dict, Iterator, List, Optional

import psutil
import pytest

from tests.lab import Cluster, wait_until
from tests.lab_tests import killed
from tests.lab_tests.backend import BOOT, disks, exports, head, hotplug, unchecked
from tests.lab_tests.extstorage import PROVIDER, Left, installed, left, loops
from tests.lab_tests.test_ganeti import listed, verify

pytestmark = pytest.mark.lab

MIB = 1 << 20
MOUNT = "/run/ganeti/gluster.d/gv0@127.0.0.1:24007"
NOTHING = Left({}, {}, {})
#: of a disk; loop devices are the machine's, and another run of these tests has others
NAME = f"{uuid.uuid4()}.ext.disk0"
URI = f"kvm:gluster://127.0.0.1:24007/gv0/ganeti/{NAME}"


@pytest.fixture(scope="module")
def cluster(ganeti: Cluster) -> Iterator[Cluster]:
    with installed(ganeti):
        yield ganeti


def environment(**more: str) -> Dict[str, str]:
    return {"VOL_NAME": NAME, "EXTP_VOLUME": "gv0", "EXTP_ACCESS": "kernelspace", **more}


def act(cluster: Cluster, action: str, node: int = 1, **more: str) -> subprocess.CompletedProcess[str]:
    """A script, called by a shell that ends with it."""
    argv = ["sh", "-c", f"{PROVIDER}/{action}; exit $?"]
    return cluster.pool.exec(node, argv, env=environment(**more), check=False, timeout=170)


def done(cluster: Cluster, action: str, node: int = 1, **more: str) -> List[str]:
    """The output of a script that has to succeed."""
    ended = act(cluster, action, node, **more)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def refused(cluster: Cluster, action: str, node: int = 1, **more: str) -> str:
    ended = act(cluster, action, node, **more)
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@contextmanager
def a_disk(cluster: Cluster, size: int = 16) -> Iterator[str]:
    """A disk that is there for a test; its path on a brick."""
    done(cluster, "create", VOL_SIZE=str(size))
    try:
        yield f"/export/b1/gv0/ganeti/{NAME}"
    finally:
        for node in cluster.nodes:
            done(cluster, "detach", node)
        done(cluster, "remove")
        assert left(cluster) == NOTHING
        assert disks(cluster, 1) == {}


@contextmanager
def shell(cluster: Cluster, command: str, lines: int, **more: str) -> Iterator[List[str]]:
    """The first *lines* that a shell's *command* says; the shell lives as long as the block."""
    host = cluster.pool.host(1)
    argv = ["sh", "-c", f"{command}\nread end"]
    pipe = subprocess.PIPE
    with host.popen(argv, env=environment(**more), stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin and process.stdout
        yield [process.stdout.readline().rstrip("\n") for _ in range(lines)]
        process.stdin.close()


def attached(cluster: Cluster, **more: str) -> ContextManager[List[str]]:
    """What attach says to a caller that lives as long as the block."""
    return shell(cluster, f"{PROVIDER}/attach", 2, **more)


# --- the scripts ------------------------------------------------------------------------------------------


def test_ganeti_finds_the_provider_with_its_parameters(cluster: Cluster) -> None:
    output = cluster.run(1, "gnt-storage", "diagnose")
    assert (
        output.count(
            f"status: valid (path: {PROVIDER}) [parameters: volume, servers, port, directory, access]"
        )
        == 3
    )
    info = cluster.run(1, "gnt-storage", "info", "gluster")
    assert "volume: Name of the Gluster volume" in info
    assert "access: userspace: QEMU opens the disk itself" in info


def test_a_disk_by_its_path(cluster: Cluster) -> None:
    with a_disk(cluster) as file:
        assert "there is such a disk already" in refused(cluster, "create", VOL_SIZE="16")
        with attached(cluster) as (device, uri):
            assert uri == URI
            assert loops(cluster.pool.host(1)) == [f"{MOUNT}/ganeti/{NAME}"]
            # Past the page cache: it does not show what another node writes.
            assert cluster.run(1, "cat", f"/sys/block/{Path(device).name}/loop/dio") == "1\n"
            assert done(cluster, "attach") == [device, URI]
            done(cluster, "open", VOL_OPEN_EXCLUSIVE="True")
        wait_until(lambda: not left(cluster).holders, "the end of the loop holders")
        assert left(cluster) == Left({1: [MOUNT]}, {1: [f"{MOUNT}/ganeti/{NAME}"]}, {})
        cluster.run(1, "dd", "if=/dev/zero", f"of={device}", "bs=1M", "seek=3", "count=1", "conv=fsync")
        assert int(cluster.run(2, "stat", "-c", "%b", file)) >= 2048
        done(cluster, "grow", VOL_SIZE="16", VOL_NEW_SIZE="24")
        done(cluster, "grow", VOL_SIZE="16", VOL_NEW_SIZE="24")
        assert cluster.run(1, "blockdev", "--getsize64", device) == f"{24 * MIB}\n"
        assert set(disks(cluster, 3).values()) == {24 * MIB}
        assert "cannot shrink" in refused(cluster, "grow", VOL_SIZE="24", VOL_NEW_SIZE="23")
        done(cluster, "setinfo", VOL_METADATA="originstname+guest.lab.test")
        output = cluster.run(
            2, "getfattr", "--only-values", "-n", "user.ganeti.info", "--absolute-names", file
        )
        assert output == "originstname+guest.lab.test"
        done(cluster, "close")
        assert loops(cluster.pool.host(1)) == [f"{MOUNT}/ganeti/{NAME}"]
        done(cluster, "detach")
        done(cluster, "detach")
        assert left(cluster) == NOTHING
        # The former path of the device is removed, and never leads to another disk.
        cluster.run(1, "test", "!", "-e", device)
    done(cluster, "remove")
    assert "there is no such disk" in refused(cluster, "attach")
    assert left(cluster) == NOTHING


@pytest.mark.parametrize("access", ["kernelspace", "userspace"])
def test_a_device_for_reading_is_detached_when_its_reader_ends(cluster: Cluster, access: str) -> None:
    with a_disk(cluster):
        with attached(cluster, EXTP_ACCESS=access) as (device, uri):
            assert uri == URI
            assert left(cluster) == Left({1: [MOUNT]}, {1: [f"{MOUNT}/ganeti/{NAME}"]}, {1: 1})
            with shell(cluster, f"exec 3<{device}; echo", 1):
                message = refused(cluster, "detach", EXTP_ACCESS=access)
                assert f"{device} is in use by sh (" in message
            wait_until(lambda: left(cluster).loops == {}, "the device to go with its last user")
        with attached(cluster, EXTP_ACCESS=access):
            assert left(cluster).holders == {1: 1}
        wait_until(lambda: left(cluster) == NOTHING, "the end of it all")


def test_a_disk_is_detached_with_other_servers_than_it_was_opened_with(cluster: Cluster) -> None:
    """Its device and its mount are found, though they were made by way of another server."""
    with a_disk(cluster):
        with attached(cluster):
            done(cluster, "open", VOL_OPEN_EXCLUSIVE="True")
        wait_until(lambda: not left(cluster).holders, "the end of the loop holders")
        assert left(cluster) == Left({1: [MOUNT]}, {1: [f"{MOUNT}/ganeti/{NAME}"]}, {})
        done(cluster, "detach", EXTP_SERVERS="node2.lab.test node1.lab.test")
        assert left(cluster) == NOTHING


# Loop devices are the machine's: while one of them hangs, `mount`, `losetup` and `lvs` of every other lab hang, too.
@pytest.mark.soak
@pytest.mark.timeout(600)  # detach flushes first, and gives a volume that hangs up after 150 s
def test_a_volume_that_hangs_delays_no_other_volume(cluster: Cluster) -> None:
    """The process behind a mount is stopped while a disk of its volume is attached, and then detached."""
    other = {"EXTP_VOLUME": "well", "VOL_NAME": f"well-{NAME}"}
    cluster.pool.create_volume("well", cluster.pool.bricks("/export/b2/well"), replica=3)
    try:
        with a_disk(cluster), attached(cluster):
            (client,) = [found for found in cluster.pool.host(1).find("glusterfs") if found.argv[-1] == MOUNT]
            process = psutil.Process(client.pid)
            time.sleep(1.5)  # the kernel keeps the attributes of a file for one second
            process.suspend()
            try:
                with ThreadPoolExecutor() as pool:
                    hanging = pool.submit(act, cluster, "detach")
                    began = time.monotonic()
                    done(cluster, "create", 1, VOL_SIZE="16", **other)
                    with attached(cluster, **other) as (device, _):
                        assert device.startswith("/dev/loop")
                    done(cluster, "detach", 1, **other)
                    done(cluster, "remove", 1, **other)
                    assert time.monotonic() - began < 30
                    ended = hanging.result()
            finally:
                process.resume()
        # The device goes without a request to Gluster; unmounting the volume waits for its process, and is given up.
        assert ended.returncode in (0, 1), ended
        if ended.returncode:
            assert "volume gv0" in ended.stderr or MOUNT in ended.stderr, ended.stderr
            assert "volume well" not in ended.stderr
    finally:
        cluster.pool.delete_volume("well")


def test_callers_at_once_have_one_device(cluster: Cluster) -> None:
    with a_disk(cluster):
        words = f"for i in 1 2 3 4 5 6; do {PROVIDER}/attach & done; wait"
        with shell(cluster, words, 12) as lines:
            assert len(set(lines)) == 2
            assert len(loops(cluster.pool.host(1))) == 1
        wait_until(lambda: left(cluster) == NOTHING, "the end of it all")


def test_of_two_creates_at_once_one_makes_the_disk(cluster: Cluster) -> None:
    words = f"for i in 1 2 3 4; do {PROVIDER}/create 2>&1 && echo made & done; wait"
    try:
        with shell(cluster, words, 4, VOL_SIZE="16") as lines:
            assert lines.count("made") == 1
            assert sum("there is such a disk already" in line for line in lines) == 3
        assert disks(cluster, 1) == {f"ganeti/{NAME}": 16 * MIB}
    finally:
        done(cluster, "remove")


def test_verify_looks_for_itself(cluster: Cluster) -> None:
    done(cluster, "verify")
    # Gluster's client may stand for a moment before it learns that there is nothing.
    output = refused(cluster, "verify", EXTP_VOLUME="nowhere")
    assert re.search("volume nowhere.*`gluster volume (info|status) nowhere`", output)
    cluster.pool.create_volume("idle", cluster.pool.bricks("/export/b2/idle"), replica=3, start=False)
    try:
        output = refused(cluster, "attach", EXTP_VOLUME="idle")
        assert re.search(r"volume idle.* started", output)
    finally:
        cluster.pool.delete_volume("idle")
    # A server that is not there costs nothing but time, if there is another.
    ended = act(cluster, "verify", EXTP_SERVERS="nobody.lab.test node2.lab.test")
    assert ended.returncode == 0
    assert "the host name nobody.lab.test cannot be resolved" in ended.stderr  # a warning
    assert "nobody.lab.test" in refused(cluster, "verify", EXTP_SERVERS="nobody.lab.test")
    with a_disk(cluster):
        output = refused(cluster, "verify", EXTP_DIRECTORY=f"ganeti/{NAME}")
        assert "a part of its path is a symlink, or no directory" in output
    assert left(cluster) == NOTHING


def test_a_symlink_is_no_disk(cluster: Cluster) -> None:
    with a_disk(cluster):
        cluster.pool.mount(1, "gv0", "/mnt/ext")
        try:
            cluster.run(1, "ln", "-s", "/etc/passwd", "/mnt/ext/ganeti/link")
            for action in ("attach", "grow", "remove"):
                assert "it is a symlink" in refused(cluster, action, VOL_NAME="link", VOL_NEW_SIZE="99")
            cluster.run(1, "rm", "/mnt/ext/ganeti/link")
        finally:
            cluster.pool.unmount(1, "/mnt/ext")


def test_a_guest_needs_no_mount(cluster: Cluster) -> None:
    """Where this node cannot mount, a disk that one of its bricks has is there for QEMU all the same."""
    with a_disk(cluster):
        cluster.run(1, "mv", "/usr/sbin/glusterfs", "/usr/sbin/glusterfs.away")
        try:
            assert done(cluster, "attach", EXTP_ACCESS="userspace") == ["", URI]
            assert "cannot be mounted" in refused(cluster, "attach")
        finally:
            cluster.run(1, "mv", "/usr/sbin/glusterfs.away", "/usr/sbin/glusterfs")


@pytest.mark.parametrize(
    ("action", "before", "after", "access"),
    [
        ("create", [], ["detach", "remove"], "kernelspace"),
        ("attach", [], ["detach"], "kernelspace"),
        ("open", ["attach"], ["detach"], "kernelspace"),
        ("open", [], ["detach"], "userspace"),
        ("grow", [], ["grow"], "kernelspace"),
        ("detach", ["attach", "open"], ["detach"], "kernelspace"),
        ("remove", ["create", "attach", "open"], ["detach", "remove"], "kernelspace"),
    ],
)
def test_nothing_is_left_by_a_script_that_is_killed(
    cluster: Cluster, action: str, before: List[str], after: List[str], access: str
) -> None:
    what = {
        "environment": environment(VOL_SIZE="16", VOL_NEW_SIZE="24", EXTP_ACCESS=access),
        "action": action,
        "before": before,
        "after": after,
    }
    there = action not in ("create", "remove")
    if there:
        done(cluster, "create", VOL_SIZE="16")
    argv = ["/usr/bin/python3", killed.__file__]
    found = json.loads(cluster.pool.exec(1, argv, input=json.dumps(what), timeout=170).stdout)
    assert len(found) > 5
    assert {each["status"] for each in found[:-1]} == {-9}
    assert found[-1]["status"] == 0
    wrong = [
        each
        for each in found
        if each["alone"] or each["left"] or any(status for status, _ in each["after"].values())
    ]
    assert not wrong, json.dumps(wrong, indent=1)
    if there:
        assert set(disks(cluster, 1).values()) == {24 * MIB if action == "grow" else 16 * MIB}
        done(cluster, "remove")
    assert disks(cluster, 1) == {}


# --- with Ganeti ------------------------------------------------------------------------------------------

GUEST, RENAMED = "guest.lab.test", "renamed.lab.test"
DISK = "provider=gluster,volume=gv0"


def run(cluster: Cluster, *argv: str) -> str:
    return cluster.run(cluster.nodes[0], *argv, timeout=180)


def the_disk(cluster: Cluster, node: int = 1) -> str:
    (path,) = disks(cluster, node)
    return path


def expect(cluster: Cluster, access: str, node: Optional[int]) -> None:
    """Wait until the nodes have what they should have while the guest runs on *node*, or nowhere."""
    if access == "userspace" or node is None:
        expected = NOTHING
    else:
        files = [f"{MOUNT}/{path}" for path in sorted(disks(cluster, node))]
        expected = Left({node: [MOUNT]}, {node: files}, {})
    wait_until(lambda: left(cluster) == expected, f"{expected}, not {left(cluster)}", 30)


def runs_on(cluster: Cluster, node: int) -> None:
    assert listed(cluster, "gnt-instance", "list", "-o", "pnode,status") == [
        f"{cluster.pool.host(node).name}|running"
    ]


def has_written(cluster: Cluster, node: int) -> bool:
    return head(cluster, node, the_disk(cluster, node)) == BOOT + BOOT


@contextmanager
def brick_down(cluster: Cluster, node: int) -> Iterator[None]:
    cluster.pool.kill_brick("gv0", node)
    try:
        yield
    finally:
        cluster.pool.start_brick("gv0", node)
        cluster.pool.wait_healed("gv0")


@contextmanager
def power_off(cluster: Cluster, node: int) -> Iterator[None]:
    """A node without power, which is marked offline in Ganeti."""
    name = cluster.pool.host(node).name
    run(cluster, "gnt-node", "modify", "--offline=yes", "--force", name)
    cluster.pool.power_off(node)
    others = [each for each in cluster.nodes if each != node]
    everybody, cluster.nodes = cluster.nodes, others
    try:
        yield
    finally:
        cluster.nodes = everybody
        cluster.pool.power_on(node)
        cluster.pool.wait_connected()
        cluster.start_daemons(node)
        run(cluster, "gnt-node", "modify", "--offline=no", "--force", name)
        cluster.pool.wait_healed("gv0")


@pytest.mark.timeout(900)  # thirty of Ganeti's jobs, on a machine that may be busy
@pytest.mark.parametrize("access", ["userspace", "kernelspace"])
def test_the_life_of_a_guest(cluster: Cluster, access: str) -> None:
    run(cluster, "gnt-cluster", "modify", f"--disk-parameters=ext:access={access}")
    cluster.instance_add(GUEST, f"--disk=0:size=64M,{DISK}", "--os-type=writes", node=1, template="ext")
    try:
        assert all(list(disks(cluster, node).values()) == [64 * MIB] for node in cluster.nodes)
        for node in cluster.nodes:
            wait_until(functools.partial(has_written, cluster, node), "the guest's writing", 60)
        expect(cluster, access, 1)
        run(cluster, "gnt-instance", "grow-disk", GUEST, "0", "16M")
        assert all(list(disks(cluster, node).values()) == [80 * MIB] for node in cluster.nodes)
        with brick_down(cluster, 3):
            run(cluster, "gnt-instance", "migrate", "--force", "--target-node=node2.lab.test", GUEST)
            runs_on(cluster, 2)
            expect(cluster, access, 2)
        with power_off(cluster, 2):
            run(cluster, "gnt-instance", "failover", "--force", "--target-node=node3.lab.test", GUEST)
            runs_on(cluster, 3)
            expect(cluster, access, 3)
        expect(cluster, access, 3)
        run(cluster, "gnt-instance", "shutdown", "--timeout=0", GUEST)
        expect(cluster, access, None)
        run(cluster, "gnt-instance", "reinstall", "--force", GUEST)
        run(cluster, "gnt-instance", "modify", f"--disk=add:size=32M,{DISK}", GUEST)
        assert sorted(disks(cluster, 3).values()) == [32 * MIB, 80 * MIB]
        run(cluster, "gnt-instance", "modify", "--disk=remove", GUEST)
        assert list(disks(cluster, 3).values()) == [80 * MIB]
        expect(cluster, access, None)
        if access == "userspace" and exports(cluster):  # by a path there, too: once is enough
            take_from_backup(cluster)
        unchecked_rename = unchecked(cluster, "--force", "--no-name-check", "--no-ip-check")
        run(cluster, "gnt-instance", "rename", *unchecked_rename, GUEST, RENAMED)
        file = f"/export/b1/gv0/{the_disk(cluster)}"
        info = cluster.run(1, "getfattr", "--only-values", "-n", "user.ganeti.info", "--absolute-names", file)
        assert info == f"originstname+{RENAMED}"
        run(cluster, "gnt-instance", "startup", RENAMED)
        runs_on(cluster, 3)
        run(cluster, "gnt-instance", "modify", *hotplug(cluster), f"--disk=add:size=32M,{DISK}", RENAMED)
        expect(cluster, access, 3)
        assert verify(cluster) == []
        assert "Instance" not in run(cluster, "gnt-cluster", "verify-disks")
    finally:
        for name in listed(cluster, "gnt-instance", "list", "-o", "name"):
            cluster.instance_remove(name)
    assert all(disks(cluster, node) == {} for node in cluster.nodes)
    expect(cluster, access, None)


def take_from_backup(cluster: Cluster) -> None:
    """The guest, stopped, is saved, removed and restored."""
    run(cluster, "gnt-backup", "export", "--node=node1.lab.test", GUEST)
    expect(cluster, "userspace", None)
    cluster.instance_remove(GUEST)
    assert disks(cluster, 1) == {}
    argv = ["gnt-backup", "import", "--src-node=node1.lab.test", f"--src-dir=/var/lib/ganeti/export/{GUEST}"]
    argv += ["--disk-template=ext", f"--disk=0:size=80M,{DISK}", "--node=node3.lab.test", "--no-nics"]
    run(cluster, *argv, "--no-name-check", "--no-ip-check", GUEST)
    assert head(cluster, 3, the_disk(cluster, 3)) == BOOT + BOOT
    run(cluster, "gnt-backup", "remove", GUEST)
