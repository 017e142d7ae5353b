"""The runbook's commands against real faults: what the check calls the fix does fix it, and verify says so.

One cluster of three nodes; each test provokes a fault and leaves the pool well.
"""

from __future__ import annotations

import re
import time
from typing import Dict, Iterator

import pytest

from ganeti_gluster_mon.deploy.brick_state import VOLUME_ID
from ganeti_gluster_mon.health import HEALING, REMEDIES, Problem, remedy_of
from ganeti_gluster_mon.health.remedies import ALERT_CODES, ALERT_REMEDIES, filled, remedy_of_alert
from ganeti_gluster_mon.history import FILE, History, Stuck, encode
from ganeti_gluster_mon.paths import STATE_DIRECTORY
from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, process, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.backend import install_if_needed
from tests.lab_tests.daemon import make_user
from tests.lab_tests.deploying import BRICK, DISK, gnt_gluster, killed_at, refused
from tests.lab_tests.remedying import fix, wait_problem, wait_verified
from tests.lab_tests.replacing import write
from tests.lab_tests.shell import prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

MIB = 1024**2
NODE2, NODE3 = "node2.lab.test", "node3.lab.test"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes with gv0, which was deployed, and the runbook's commands by their names."""
    disks = [Disk("b1"), Disk("vdb", 452 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=3, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        install_if_needed(cluster)
        prepare(pool)
        gnt_gluster(pool, "deploy", "--device", DISK)
        wait_verified(pool)
        yield cluster


@pytest.fixture(autouse=True)
def healthy_afterwards(cluster: Cluster) -> Iterator[None]:
    yield
    wait_verified(cluster.pool)


# --- bricks and peers ------------------------------------------------------------------------------------


def test_a_brick_is_offline(cluster: Cluster) -> None:
    cluster.pool.kill_brick("gv0", 2)
    problem = wait_problem(cluster.pool, "BRICK_OFFLINE", "gv0")
    assert problem.subject == f"{NODE2}:{BRICK}"
    fix(cluster.pool, problem)


def test_a_brick_lost_its_mount(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.kill_brick("gv0", 2)
    pool.exec(2, ["umount", "/export/brick1"])
    output = type_in(pool, "gnt-gluster diagnose node2", check=False).stdout
    assert f"gnt-gluster deploy --volume gv0 {NODE2}" in output
    fix(pool, wait_problem(pool, "BRICK_OFFLINE", "gv0"))
    assert pool.host(2).mounts()["/export/brick1"] == "xfs"


@pytest.mark.soak
def test_a_brick_that_runs_below_its_mount_point_is_healed_anew(cluster: Cluster) -> None:
    """To mount its filesystem and start it is not enough: what it has there is old, and nothing is pending."""
    pool = cluster.pool
    write(pool, "gv0", ["disk"], "before", healed=True)
    shown = pool.exec(1, ["getfattr", "--absolute-names", "-n", VOLUME_ID, "-e", "hex", BRICK]).stdout
    pool.kill_brick("gv0", 1)
    source = pool.exec(1, ["findmnt", "--noheadings", "--output", "SOURCE", "/export/brick1"]).stdout.strip()
    # else the loop device is gone when nothing is mounted of it
    with open(source, "rb"):
        pool.exec(1, ["umount", "/export/brick1"])
        pool.exec(1, ["mkdir", "--parents", f"{BRICK}/.glusterfs"])
        pool.exec(1, ["setfattr", "-n", VOLUME_ID, "-v", shown.split("=")[1].strip(), BRICK])
        pool.gluster("volume", "start", "gv0", "force")
        wait_until(lambda: pool.brick_processes("gv0", 1), "the brick below its mount point")
        write(pool, "gv0", ["disk"], "meanwhile")
        pool.wait_healed("gv0")
        problem = wait_problem(pool, "BRICK_FILESYSTEM_NOT_MOUNTED", "gv0")
        assert problem.subject == f"node1.lab.test:{BRICK}"
        assert "gnt-gluster repair gv0" in type_in(pool, remedy_of(problem).inspect, check=False).stdout
        repaired = type_in(pool, remedy_of(problem).fix).stderr
        (line,) = re.findall(r"decision is needed: (gnt-gluster replace-brick .*) heals it anew", repaired)
        assert f"--device {source} --wipe node1.lab.test:{source}" in line
        # nothing was mounted over it
        assert "/export/brick1" not in pool.host(1).mounts()
        done = type_in(pool, f"{line} --force")
        print(done.stderr)
    wait_verified(pool, remedy_of(problem).verify)
    assert pool.host(1).mounts()["/export/brick1"] == "xfs"
    found = {pool.exec(host, ["sha256sum", f"{BRICK}/disk"]).stdout for host in (1, 2, 3)}
    assert len(found) == 1
    assert "nothing to do" in type_in(pool, "gnt-gluster deploy --volume gv0").stderr


def test_a_brick_hangs(cluster: Cluster) -> None:
    cluster.pool.freeze_brick("gv0", 3)
    fix(cluster.pool, wait_problem(cluster.pool, "BRICK_HANGS", "gv0"))


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_a_subvolume_has_lost_quorum(cluster: Cluster, fault: str) -> None:
    for host in (2, 3):
        getattr(cluster.pool, f"{fault}_brick")("gv0", host)
    fix(cluster.pool, wait_problem(cluster.pool, "SUBVOLUME_QUORUM_LOST", "gv0"))


def test_glusterd_has_lost_a_brick(cluster: Cluster) -> None:
    pool = cluster.pool
    (pid_file,) = pool.exec(2, ["sh", "-c", "ls /run/gluster/vols/gv0/*.pid"]).stdout.split()
    pool.exec(2, ["rm", pid_file])
    fix(pool, wait_problem(pool, "BRICK_CONTRADICTED", "gv0"))


def test_a_peer_is_disconnected(cluster: Cluster) -> None:
    cluster.pool.kill_glusterd(3)
    fix(cluster.pool, wait_problem(cluster.pool, "PEER_DISCONNECTED", ""))
    cluster.pool.wait_connected()


def test_a_peer_does_not_answer(cluster: Cluster) -> None:
    cluster.pool.freeze_glusterd(3)
    fix(cluster.pool, wait_problem(cluster.pool, "PEER_SILENT", ""))
    cluster.pool.wait_connected()


def test_a_peer_is_rejected(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.kill_glusterd(3)
    # of the same version, and not the same: Gluster does not know which is right
    pool.exec(3, ["sh", "-c", "echo user.changed=1 >>/var/lib/glusterd/vols/gv0/info"])
    pool.exec(3, ["sh", "-c", "glusterd"])
    fix(pool, wait_problem(pool, "PEER_REJECTED", ""))
    pool.wait_connected()


@pytest.mark.parametrize(("fault", "code"), [("kill", "GLUSTERD_DOWN"), ("freeze", "GLUSTERD_HANGS")])
def test_glusterd_of_a_node_does_not_answer_there(cluster: Cluster, fault: str, code: str) -> None:
    pool = cluster.pool
    getattr(pool, f"{fault}_glusterd")(2)
    fix(pool, wait_problem(pool, code, "", host=2), host=2)
    pool.wait_connected()


# --- healing -----------------------------------------------------------------------------------------------


def test_self_heal_is_off_and_entries_wait(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.gluster("volume", "heal", "gv0", "disable")
    fix(pool, wait_problem(pool, "HEAL_DAEMON_OFF", "gv0"))
    pool.kill_brick("gv0", 2)
    write(pool, "gv0", ["waits"], "first")
    pool.start_brick("gv0", 2)
    # A daemon that was just started may leave the volume out, on 11.1 more often: `volume heal` fails until it is
    # started again, which is another problem with another remedy.
    for number in cluster.nodes:
        pool.take_up_healing(number)
    # the brick that is back is healed at once, so that the check may have nothing to say of it any more
    commands = remedy_of(Problem("HEAL_PENDING", HEALING, "", "gv0"))
    for command in (commands.inspect, commands.fix, commands.verify):
        # Gluster refuses a heal for the moment that a self-heal daemon takes to start
        wait_verified(pool, command)
    pool.wait_healed("gv0")


def test_a_self_heal_daemon_does_not_run(cluster: Cluster) -> None:
    cluster.pool.kill_self_heal_daemons([2])
    fix(cluster.pool, wait_problem(cluster.pool, "HEAL_DAEMON_DOWN", "gv0"))


def test_a_self_heal_daemon_runs_whose_pid_file_is_lost(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.create_volume("other", pool.bricks("/export/b1/other"), replica=3)
    try:
        pool.exec(2, ["rm", "/run/gluster/shd/gv0/gv0-shd.pid"])
        wait_problem(pool, "HEAL_DAEMON_DOWN", "gv0")
        shown = type_in(pool, "gnt-gluster repair --dry-run gv0").stdout
        assert "kill -TERM" in shown
        done = type_in(pool, "gnt-gluster repair gv0")
        print(done.stderr)
        assert "nothing to do" in type_in(pool, "gnt-gluster repair").stderr
        for volume in ("gv0", "other"):
            status = pool.gluster("volume", "status", volume)
            assert re.findall(r"Self-heal Daemon on .*? (Y|N) ", status) == ["Y"] * 3, status
    finally:
        pool.delete_volume("other")


def test_quota_and_bitrot_daemons_do_not_run_and_repair_starts_them(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.create_volume("limited", pool.bricks("/export/b1/limited"), replica=3)
    try:
        pool.gluster("volume", "quota", "limited", "enable")
        pool.gluster("volume", "bitrot", "limited", "enable")
        wait_verified(pool)
        # node1 is where the commands are typed: its own glusterd calls it localhost
        for host, daemon in ((1, "scrub"), (2, "bitd"), (3, "quotad")):
            pool.exec(host, ["pkill", "-KILL", "-f", f"volfile-id gluster/{daemon}"])
            wait_problem(pool, "DAEMON_DOWN", "limited")
        done = type_in(pool, "gnt-gluster repair limited")
        assert "Scrubber Daemon of limited on node1.lab.test online" in done.stderr, done.stderr
        # `volume start … force` restarts those of the other nodes as well
        wait_verified(pool, "ganeti-gluster-mon check --query --volume limited")
    finally:
        pool.delete_volume("limited")


def test_healing_is_stuck_because_a_self_heal_daemon_is_stopped(cluster: Cluster) -> None:
    """`gluster volume heal` hangs then, and keeps the lock of the volume."""
    pool = cluster.pool
    daemons = [daemon.pid for host in (1, 2, 3) for daemon in pool.self_heal_daemons(host)]
    assert len(daemons) == 3
    for pid in daemons:
        process.freeze(pid)
    pool.kill_brick("gv0", 2)
    write(pool, "gv0", ["stuck"], "without node2")
    pool.start_brick("gv0", 2)
    pool.exec(1, ["mkdir", "-p", STATE_DIRECTORY])
    # as the daemon of node1 keeps it: two hours without one entry less
    now = time.time()
    known = History(stuck={"gv0": Stuck(now - 7200, now - 7200, now, 1)})
    pool.exec(1, ["tee", f"{STATE_DIRECTORY}/{FILE}"], input=encode(known).decode("ascii"))
    try:
        fix(pool, wait_problem(pool, "HEAL_STUCK", "gv0"))
        assert "Total Number of entries: 0" in type_in(pool, "gluster volume heal gv0 info summary").stdout
        sums = {pool.exec(host, ["sha256sum", f"{BRICK}/stuck"]).stdout for host in (1, 2, 3)}
        assert len(sums) == 1
    finally:
        pool.exec(1, ["rm", "-f", f"{STATE_DIRECTORY}/{FILE}"])
        for pid in daemons:
            process.thaw(pid)


# --- mounts --------------------------------------------------------------------------------------------------


def test_a_mount_hangs_because_its_process_is_stopped(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.mount(1, "gv0", "/mnt/hangs")
    (client,) = [found for found in pool.host(1).find("glusterfs") if found.argv[-1] == "/mnt/hangs"]
    process.freeze(client.pid)
    try:
        fix(pool, wait_problem(pool, "MOUNT_HANGS", "gv0"))
        pool.exec(1, ["stat", "--file-system", "/mnt/hangs"], timeout=5)
        assert process.process(client.pid).state != "T"
    finally:
        process.thaw(client.pid)
        pool.unmount(1, "/mnt/hangs")


# --- tasks, and what else can be provoked at once ----------------------------------------------------------------


def test_a_remove_brick_is_not_committed(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.create_volume("spread", pool.bricks("/export/b1/spread", [1, 2]))
    try:
        pool.gluster("volume", "remove-brick", "spread", f"{NODE2}:/export/b1/spread", "start")
        fix(pool, wait_problem(pool, "REMOVE_BRICK_UNCOMMITTED", "spread"))
        assert "Number of Bricks: 1" in pool.gluster("volume", "info", "spread")
    finally:
        pool.delete_volume("spread")


def test_copies_contradict_each_other(cluster: Cluster) -> None:
    pool = cluster.pool
    options = {
        "cluster.self-heal-daemon": "off",
        "cluster.quorum-type": "none",
        **{f"cluster.{kind}-self-heal": "off" for kind in ("data", "metadata", "entry")},
    }
    pool.create_volume("brain", pool.bricks("/export/b1/brain", [1, 2]), replica=2, options=options)
    try:
        write(pool, "brain", ["file"], "both")
        for down in (1, 2):
            pool.kill_brick("brain", down)
            write(pool, "brain", ["file"], f"without {down}")
            pool.start_brick("brain", down)
        pool.gluster("volume", "set", "brain", "cluster.self-heal-daemon", "on")
        problem = wait_problem(pool, "SPLIT_BRAIN", "brain")
        fix(pool, problem, NODE=NODE2, FILE="/file")
        one, two = (pool.exec(host, ["sha256sum", "/export/b1/brain/file"]).stdout for host in (1, 2))
        assert one == two
    finally:
        pool.delete_volume("brain")


def contradicting(pool: Pool, disk: str) -> None:
    """Write to part 2 of *disk* of gv0, which does not exist yet, while node1 is alone and while it is away."""

    def noted(host: int) -> bool:
        """Whether the brick has it in writing that others lack the change; that takes about a second."""
        dump = f"getfattr -d -m trusted.afr.gv0 -e hex {BRICK}/.shard/*.2"
        found = pool.exec(host, ["sh", "-c", dump], check=False).stdout
        return re.search(r"client-\d=0x(?!0{8})", found) is not None

    options = {
        "cluster.self-heal-daemon": "off",
        "cluster.quorum-type": "none",
        **{f"cluster.{kind}-self-heal": "off" for kind in ("data", "metadata", "entry")},
    }
    for option, value in options.items():
        pool.gluster("volume", "set", "gv0", option, value)
    for number, down in enumerate(([2, 3], [1]), 1):
        for host in down:
            pool.kill_brick("gv0", host)
        pool.mount(1, "gv0", "/mnt/split")
        at = (140 + number) * 16
        written = f"dd if=/dev/urandom of=/mnt/split/{disk} bs=64k count=1 seek={at} conv=notrunc,fsync"
        pool.exec(1, ["sh", "-c", written])
        up = 3 if 1 in down else 1
        wait_until(lambda host=up: noted(host), f"the note of the change on node{up}", 20.0)  # type: ignore[misc]
        pool.unmount(1, "/mnt/split")
        for host in down:
            pool.start_brick("gv0", host)
    for option in options:
        pool.gluster("volume", "reset", "gv0", option)
    pool.start_volume("gv0", force=True)


def digests(pool: Pool, host: int) -> Dict[str, str]:
    """The checksum of each shard on the brick of gv0."""
    lines = pool.exec(host, ["sh", "-c", f"cd {BRICK}/.shard && sha256sum *.*"]).stdout.splitlines()
    return {line.split()[1].rpartition(".")[2]: line.split()[0] for line in lines}


@pytest.mark.soak
def test_a_copy_of_a_guests_disk_is_given_up_though_the_command_is_killed_at_each_step(
    cluster: Cluster,
) -> None:
    pool = cluster.pool
    cluster.instance_add("split", "--disk=0:size=160M", "--no-start", template="gluster")
    (disk,) = pool.exec(1, ["sh", "-c", f"cd {BRICK} && ls -d ganeti/*"]).stdout.split()
    try:
        contradicting(pool, disk)
        problem = wait_problem(pool, "SPLIT_BRAIN", "gv0")
        lost, good = digests(pool, 1), digests(pool, 2)
        assert good == digests(pool, 3) and lost["2"] != good["2"]
        named = type_in(pool, remedy_of(problem).inspect).stderr
        print(named)
        assert f"(part 2 of {disk}, disk/0 of split) is in split-brain; " in named
        refusal = type_in(pool, f"gnt-gluster repair gv0 --discard-copy {NODE2}:gv0:{disk}", check=False)
        assert refusal.returncode == 1 and "would be left differ" in refusal.stderr, refusal.stderr
        line = f"gnt-gluster repair gv0 --discard-copy node1:gv0:{disk}"
        shown = type_in(pool, line.replace("repair", "repair --dry-run")).stdout
        assert "cp --reflink=auto" in shown and "split-brain source-brick" in shown
        assert digests(pool, 1) == lost
        step = 1
        while killed_at(pool, step, f"/usr/local/bin/{line}".split()):
            step += 1
            wait_until(
                lambda: type_in(pool, "gnt-gluster maintenance finish node1", check=False).returncode == 0,
                "the lock",
                30.0,
            )
        assert step >= 2
        done = type_in(pool, line)
        kept = re.findall(r" node1\.lab\.test:(/[^\s,;]+)", done.stderr.splitlines()[-1])
        (path,) = [path for path in kept if re.search(r"/\.shard/[0-9a-f-]+\.2\.\d+$", path)]
        assert pool.exec(1, ["sha256sum", path]).stdout.split()[0] == lost["2"]
        assert not any(path.startswith(f"{BRICK}/") for path in kept)
        assert [digests(pool, host) for host in (1, 2, 3)] == [good] * 3
        pool.exec(1, ["rm", "--", *kept])
    finally:
        cluster.instance_remove("split")


# --- every other command ----------------------------------------------------------------------------------------


#: starts of commands that need a fault, a spare disk, a quota, LVM, another pool or another release.  Other lab tests
#: type some of them
_NEED_A_FAULT = (
    "gnt-gluster replace-brick",
    "gnt-gluster expand-volume",
    "gnt-gluster repair gv0 --discard-copy",
    "gluster volume remove-brick",
    "gluster volume quota",
    "gluster volume bitrot",
    "gluster volume set all cluster.op-version",
    "gluster volume geo-replication",
    "setfattr -n glusterfs.geo-rep.trigger-sync",
    f"ssh {NODE2} lvextend",
)
#: what commands with these words answer here: exit status 1, and why
_NOTHING_TO_DO = {
    "gnt-gluster rebalance": "there is nothing to spread",
    "gluster volume rebalance": "not a distribute volume",
    # no journald runs in the lab
    "journalctl": "No journal files were found",
}


def test_each_command_of_the_runbook_is_a_command_that_works_here(cluster: Cluster) -> None:
    """Each section's three commands, typed where nothing is wrong: none is refused for how it is written."""
    pool = cluster.pool
    words = {"volume": "gv0", "brick": f"{NODE2}:{BRICK}", "bricks": f"{NODE2}:{BRICK}", "host": NODE2}
    words["path"] = BRICK
    made = [
        filled(template, words)
        for template in (*REMEDIES.values(), *map(remedy_of_alert, (*ALERT_CODES, *ALERT_REMEDIES)))
    ]
    looks = dict.fromkeys([each.inspect for each in made] + [each.verify for each in made])
    typed = [re.sub(r"\bNODE\b", NODE2, each.fix) for each in made]
    fixes = [line for line in dict.fromkeys(typed) if line not in looks]
    for number in (1, 2, 3):
        make_user(pool, number)
    type_in(pool, "gnt-cluster command systemctl start ganeti-gluster-mon-poller")
    wait_verified(pool, "ganeti-gluster-mon check")
    failed = []
    for line in (*looks, *fixes):
        if line.startswith(_NEED_A_FAULT):
            continue
        result = type_in(pool, line, check=False)
        wanted = next((why for part, why in _NOTHING_TO_DO.items() if part in line), None)
        if (result.returncode != 0) if wanted is None else (wanted not in result.stdout + result.stderr):
            failed.append(f"{line}: {result.returncode} {result.stdout[-300:]} {result.stderr[-300:]}")
        if line not in looks:
            pool.wait_connected()
            # `volume status` calls a self-heal daemon online before its glusterd does, which then refuses to heal
            for number in cluster.nodes:
                pool.take_up_healing(number)
            wait_verified(pool)
    type_in(pool, "gnt-cluster command systemctl stop ganeti-gluster-mon-poller")
    assert not failed, "\n".join(failed)
    assert len(looks) > 15 and len(fixes) > 15


# --- last: a node is gone, and no other can take its brick ----------------------------------------------------------


@pytest.mark.soak
def test_a_dead_node_leaves_a_replica_volume_by_one_command(cluster: Cluster) -> None:
    pool = cluster.pool
    cluster.instance_add("guest", "--disk=0:size=64M", "--no-start", template="gluster")
    write(pool, "gv0", ["content"], "before")
    digest = pool.exec(1, ["sha256sum", f"{BRICK}/content"]).stdout
    pool.power_off(3)
    pool.wait_disconnected(3, watchers=[1, 2])
    write(pool, "gv0", ["later"], "while it is away")
    (line,) = refused(pool, "remove-node", "node3")
    assert line.endswith(f"gnt-gluster remove-node {NODE3} --reduce-replica")
    shown = gnt_gluster(pool, "remove-node", "node3", "--reduce-replica", "--dry-run").stdout
    assert f"volume remove-brick gv0 replica 2 {NODE3}:{BRICK} force" in shown
    assert "Number of Bricks: 1 x 3" in pool.gluster("volume", "info", "gv0")
    result = gnt_gluster(pool, "remove-node", "node3", "--reduce-replica", check=False)
    assert (
        result.returncode == 1 and "nothing was done" in result.stderr
    )  # there is no terminal to confirm on
    assert f"{NODE3}:{BRICK} is offline; what only it has is lost." in result.stderr
    result = gnt_gluster(pool, "remove-node", "node3", "--reduce-replica", "--force")
    assert f"{NODE3} is not in the pool any more: gnt-node remove {NODE3}" in result.stderr
    assert "Number of Bricks: 1 x 2" in pool.gluster("volume", "info", "gv0")
    pool.wait_healed("gv0")
    for host in (1, 2):
        assert pool.exec(host, ["sha256sum", f"{BRICK}/content"]).stdout == digest
    cluster.run(1, "gnt-node", "modify", "--offline=yes", "--auto-promote", NODE3)
    assert (
        gnt_gluster(pool, "deploy")
        .stderr.splitlines()[-1]
        .startswith("nothing to do; gv0 is ready (replica 2 on 2")
    )
