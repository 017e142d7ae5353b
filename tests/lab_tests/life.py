"""The life of a pool, step by step: what happens to one over the years, with guests on it all the time.

Each step ends with the same questions: does every guest's disk have what was written to it, is `diagnose` content, and
does a repeated `deploy` do nothing?
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from tests.lab import Cluster, Pool, wait_until
from tests.lab.lab import command
from tests.lab_tests.backend import install_if_needed
from tests.lab_tests.deploying import BRICK, gnt_gluster
from tests.lab_tests.shell import prepare, type_in

VDB, VDC = "/disks/vdb", "/disks/vdc"
MIB = 1024**2
#: bytes of a disk whose content is compared
_CONTENT = 8 * MIB
LONG = 180.0
#: seconds that gnt-gluster may take at most; more than any step needs on busy processors
_LONGEST = 420.0
PROGRAM = str(command().with_name("gnt-gluster"))


def node(number: int) -> str:
    return f"node{number}.lab.test"


class Life:
    """A pool with guests.  *seed*: what is killed, and which power is cut, and when; None: nothing is."""

    def __init__(self, cluster: Cluster, seed: Optional[int] = None) -> None:
        self.cluster = cluster
        self.pool: Pool = cluster.pool
        self.chance = None if seed is None else random.Random(seed)
        #: the files of the guests' disks → the digest of what is on them
        self.disks: Dict[str, str] = {}
        #: seconds of each step
        self.took: List[Tuple[str, float]] = []
        #: the bricks of gv0
        self.bricks = 0
        self.devices: Tuple[str, ...] = ("--device", VDB)

    # --- steps ------------------------------------------------------------------------------------------

    def step(self, what: str, action: Callable[[], object]) -> None:
        """Do *action*, and see that all is well after it."""
        began = time.monotonic()
        action()
        self.settle()
        self.took.append((what, time.monotonic() - began))
        print(f"{what}: {self.took[-1][1]:.0f} s", flush=True)

    def gnt(self, *words: str, may_restart: Sequence[int] = ()) -> str:
        """A command of gnt-gluster; where there is chance, it is killed, or a power cut, and it is repeated.

        Returns the stderr of its last run.  Only the hosts in *may_restart* may lose their power.
        """
        if self.chance is not None and self.chance.random() < 0.7:
            self._disturbed([PROGRAM, *words], may_restart)
        return gnt_gluster(self.pool, *words, timeout=_LONGEST).stderr

    def _disturbed(self, argv: Sequence[str], may_restart: Sequence[int]) -> None:
        assert self.chance is not None
        running = self.pool.popen(
            1, argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        after = self.chance.uniform(0.5, 15.0)
        off = self.chance.choice(list(may_restart)) if may_restart and self.chance.random() < 0.3 else None
        print(
            f"  {' '.join(argv[1:])}: {'SIGKILL' if off is None else f'power of node{off}'} after {after:.1f} s"
        )
        try:
            running.communicate(timeout=after)
            return  # it was quicker
        except subprocess.TimeoutExpired:
            pass
        if off is not None:
            self.pool.power_off(off)
        running.kill()
        running.communicate(timeout=60)
        if off is not None:
            self.pool.power_on(off)
            self.cluster.start_daemons(off)
            prepare(self.pool, [off])
            self.pool.wait_connected()

    # --- guests -----------------------------------------------------------------------------------------

    def add_guests(self, names: Sequence[str]) -> None:
        """Instances with a disk each, that are not started, and whose content is known."""
        for number, name in enumerate(names):
            flags = ("--disk=0:size=64M", "--no-start", "--no-wait-for-sync")
            self.cluster.instance_add(name, *flags, node=1, template="gluster")
            (path,) = self._files(name)
            self.disks[path] = self._write(path, f"{name}{number}")

    def _files(self, instance: str) -> List[str]:
        output = self.cluster.run(1, "gnt-gluster", "list-disks", "--no-headers", "-o", "path", instance)
        return output.split()

    def _write(self, path: str, seed: str) -> str:
        block = hashlib.sha512(seed.encode()).digest()
        script = (
            "import hashlib, os, sys\n"
            "block = bytes.fromhex(sys.argv[2]) * 16384\n"
            f"with open('/mnt/life/' + sys.argv[1], 'r+b') as file:\n"
            f"    for at in range(0, {_CONTENT}, len(block)):\n"
            "        file.write(block)\n"
            "    file.flush()\n"
            "    os.fsync(file.fileno())\n"
        )
        self.pool.mount(1, "gv0", "/mnt/life")
        try:
            self.pool.exec(1, ["python3", "-c", script, path, block.hex()], timeout=120)
        finally:
            self.pool.unmount(1, "/mnt/life")
        return hashlib.sha256(block * (_CONTENT // len(block))).hexdigest()

    def _digests(self) -> Dict[str, str]:
        self.pool.mount(1, "gv0", "/mnt/life")
        try:
            script = 'for f; do printf "%s %s\\n" "$(head -c {} "/mnt/life/$f" | sha256sum | cut -d" " -f1)" "$f"; done'
            argv = ["sh", "-c", script.replace("{}", str(_CONTENT)), "sh", *self.disks]
            output = self.pool.exec(1, argv, timeout=120).stdout
        finally:
            self.pool.unmount(1, "/mnt/life")
        return {path: digest for digest, path in (line.split(" ", 1) for line in output.splitlines())}

    # --- what has to be so after each step ------------------------------------------------------------------

    def settle(self) -> None:
        """Guests' data is whole, `diagnose` finds nothing wrong, and repeating `deploy` does nothing."""
        self.pool.wait_healed("gv0", timeout=LONG)
        if self.disks:
            assert self._digests() == self.disks
        self.diagnosed()
        last = gnt_gluster(self.pool, "deploy", *self.devices, timeout=_LONGEST).stderr.splitlines()[-1]
        assert last.startswith(f"nothing to do; gv0 is ready (replica 3 on {self.bricks} bricks)"), last

    def diagnosed(self) -> None:
        """`diagnose` is content, within the time that connections take."""
        outputs: List[str] = []

        def content() -> bool:
            done = type_in(self.pool, "gnt-gluster diagnose", check=False, timeout=90)
            outputs.append(done.stdout)
            return done.returncode == 0

        try:
            wait_until(content, "gnt-gluster diagnose to be content", 90, 1.0)
        except Exception as error:
            raise AssertionError(outputs[-1]) from error

    def brick_of(self, number: int) -> str:
        """The brick on a node, by its short name."""
        info = self.pool.gluster("volume", "info", "gv0")
        (found,) = [line.split(": ")[1] for line in info.splitlines() if f": {node(number)}:/" in line]
        return found.replace(node(number), f"node{number}", 1)


def whole(life: Life) -> None:
    """Every step, in its order: nodes 1 to 3 are a cluster, 4 to 6 are not yet nodes."""
    life.step("deploy", lambda: deploy(life))
    life.step("guests", lambda: life.add_guests(["one", "two", "three"]))
    life.step("a dead disk is replaced in its place", lambda: replace_dead_disk(life))
    life.step("a dead node is replaced by another", lambda: replace_dead_node(life))
    life.step("expansion from 3 to 6", lambda: expand(life))
    life.step("rebalance", lambda: rebalance(life))
    life.step("lines of fstab are lost", lambda: lose_fstab(life, unmounted=5, may_restart=(4, 5, 6)))
    life.step("a node's root is installed anew", lambda: new_root(life, 6))
    life.step("remove-brick", lambda: remove_bricks(life, (2, 5, 6)))
    life.step("nodes leave", lambda: remove_nodes(life, (2, 5, 6)))
    new_cluster(life)
    destroy(life)


def short(life: Life) -> None:
    """The steps that three nodes and few minutes are enough for."""
    life.step("deploy", lambda: deploy(life))
    life.step("guests", lambda: life.add_guests(["one"]))
    life.step("a dead disk is replaced in its place", lambda: replace_dead_disk(life))
    life.step("lines of fstab are lost", lambda: lose_fstab(life, unmounted=2))
    life.step("a node's root is installed anew", lambda: new_root(life, 2))
    new_cluster(life)
    destroy(life)


def deploy(life: Life) -> None:
    """From blank disks to a volume."""
    life.bricks = 3
    life.gnt("deploy", "--device", VDB, may_restart=(2, 3))


def replace_dead_disk(life: Life) -> None:
    """The filesystem of a brick of node3 fails; another disk takes its place."""
    life.pool.exec(3, ["xfs_io", "-x", "-c", "shutdown", "/export/brick1"])
    result = type_in(life.pool, "gnt-gluster diagnose node3", check=False)
    assert result.returncode == 1 and "replace-brick gv0" in result.stdout, result
    life.gnt("replace-brick", "gv0", f"node3:{BRICK}", "node3", "--device", VDC, "--force")
    # nodes have their bricks on different disks from now on
    life.devices = ("--device", VDB, "--device", f"node3:{VDC}")


def replace_dead_node(life: Life) -> None:
    """The power of node2 goes for good; node4 takes its place."""
    pool, cluster = life.pool, life.cluster
    pool.power_off(2)
    cluster.run(1, "gnt-node", "modify", "--offline=yes", "--auto-promote", node(2))
    cluster.add_node(4)
    prepare(pool, [4])
    install_if_needed(cluster, [4])
    words = ("replace-brick", "gv0", life.brick_of(2), "node4", "--device", VDB, "--force")
    life.gnt(*words, may_restart=(4,))
    life.gnt("remove-node", "node2")
    cluster.run(1, "gnt-node", "remove", node(2))
    cluster.nodes.remove(2)


def expand(life: Life) -> None:
    """node2 comes back as a new machine, with two more."""
    pool, cluster = life.pool, life.cluster
    pool.reinstall(2)
    boot_anew(pool, 2)
    for number in (2, 5, 6):
        cluster.add_node(number)
        prepare(pool, [number])
        install_if_needed(cluster, [number])
    life.bricks = 6
    wiped = ("--wipe", f"node2:{VDB}")  # it has the brick of its former life
    words = ("expand-volume", "gv0", "node2", "node5", "node6", "--device", VDB, *wiped, "--force")
    life.gnt(*words, may_restart=(5, 6))


def rebalance(life: Life) -> None:
    """expand-volume has rebalanced the volume: there is nothing left to do."""
    assert "nothing to do" in life.gnt("rebalance", "gv0")


def lose_fstab(life: Life, unmounted: int, may_restart: Sequence[int] = ()) -> None:
    """The lines of fstab are lost on all nodes; on one of them the brick is *unmounted*, too."""
    for number in life.cluster.nodes:
        life.pool.exec(number, ["tee", "/etc/fstab"], input="")
    life.pool.kill_brick("gv0", unmounted)
    life.pool.exec(unmounted, ["umount", "/export/brick1"])
    life.gnt("deploy", *life.devices, may_restart=may_restart)


def remove_bricks(life: Life, numbers: Sequence[int]) -> None:
    """The bricks of the nodes *numbers*, a replica set, leave the volume; their data is moved first."""
    gone = [life.brick_of(number) for number in numbers]
    bricks = " ".join(f"{brick.replace(':', '.lab.test:', 1)}" for brick in gone)
    remove = f"gluster --mode=script volume remove-brick gv0 {bricks}"
    type_in(life.pool, f"{remove} start")
    wait_until(
        lambda: "in progress" not in type_in(life.pool, f"{remove} status").stdout,
        "the data to be moved",
        LONG,
        1.0,
    )
    type_in(life.pool, f"{remove} commit")
    life.bricks -= len(numbers)


def remove_nodes(life: Life, numbers: Sequence[int]) -> None:
    """Nodes without bricks leave the pool and the cluster."""
    for number in numbers:
        life.gnt("remove-node", f"node{number}")
        life.cluster.run(1, "gnt-node", "remove", node(number))
        life.cluster.nodes.remove(number)


def boot_anew(pool: Pool, number: int) -> None:
    """Boot a host that was installed anew, and wait until the first one reaches it: its address has a new MAC."""
    pool.switch_on(number)
    if number == 1:
        return
    keyscan = ["ssh-keyscan", "-T", "2", node(number)]
    wait_until(lambda: pool.exec(1, keyscan, check=False).stdout, f"{node(number)} to be reached", LONG, 0.5)


def new_root(life: Life, number: int) -> None:
    """The root filesystem of a node is installed anew: glusterd, Ganeti and the mounts are gone, the disk is not."""
    pool, cluster = life.pool, life.cluster
    brick = life.brick_of(number)
    pool.reinstall(number)
    boot_anew(pool, number)
    cluster.install(number)
    cluster.run(1, "gnt-node", "add", "--readd", "--no-ssh-key-check", node(number))
    cluster.start_daemons(number)
    prepare(pool, [number])
    install_if_needed(cluster, [number])
    life.gnt("add-node", f"node{number}")
    wiped = ("--wipe", f"node{number}:{VDB}")
    life.gnt("replace-brick", "gv0", brick, f"node{number}", "--device", VDB, *wiped, "--force")


def new_cluster(life: Life) -> None:
    """The whole cluster is installed anew over the old disks, which have the bricks of its former life."""
    pool, cluster = life.pool, life.cluster
    numbers = list(cluster.nodes)
    for number in numbers:
        pool.reinstall(number)
    for number in numbers:
        boot_anew(pool, number)
    cluster.nodes = []
    cluster.up(numbers, templates=("diskless",))
    prepare(pool, numbers)
    install_if_needed(cluster)
    life.disks = {}
    result = gnt_gluster(pool, "deploy", *life.devices, check=False)
    assert (
        result.returncode == 1 and "a stale brick in it" in result.stderr and "--wipe node1" in result.stderr
    ), result
    devices = {number: VDC if number == 3 else VDB for number in numbers}
    wiped = [word for number, device in devices.items() for word in ("--wipe", f"node{number}:{device}")]

    def deploy() -> None:
        life.bricks = 3
        life.gnt("deploy", *life.devices, *wiped, "--force")

    life.step("the cluster is installed anew over old disks", deploy)
    life.step("guests of the new cluster", lambda: life.add_guests(["four"]))


def destroy(life: Life) -> None:
    """The volume is deleted when no instance uses it any more, and its disks are free again."""
    pool, cluster = life.pool, life.cluster
    result = gnt_gluster(pool, "destroy-volume", "gv0", "--force", check=False)
    assert result.returncode == 1 and "has disks of" in result.stderr, result
    for name in cluster.run(1, "gnt-instance", "list", "--no-headers", "-o", "name").split():
        cluster.instance_remove(name)
    began = time.monotonic()
    life.gnt("destroy-volume", "gv0", "--force")
    assert (
        "No volumes"
        in pool.exec(1, ["gluster", "volume", "info"]).stderr
        + pool.exec(1, ["gluster", "volume", "info"]).stdout
    )
    for number in cluster.nodes:
        device = VDC if f"node{number}:{VDC}" in life.devices else VDB
        life.gnt("release-disk", f"node{number}:{device}", "--force")
        assert pool.exec(number, ["wipefs", device]).stdout == ""
    life.took.append(("destroy", time.monotonic() - began))
