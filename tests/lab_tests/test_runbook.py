"""The runbook's commands against real faults: what the check calls the fix does fix it, and verify says so.

One cluster of three nodes; each test provokes a fault and leaves the pool well.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Optional

import pytest

from ganeti_gluster_mon.health import HEALING, Problem, remedy_of
from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab.waiting import LabTimeout
from tests.lab_tests.deploying import BRICK, DISK, gnt_gluster, refused
from tests.lab_tests.replacing import write
from tests.lab_tests.shell import prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

MIB = 1024**2
#: seconds until a fault is reported, or is not reported any more, with some for busy processors
LONG = 120.0
NODE2, NODE3 = "node2.lab.test", "node3.lab.test"


#: commands that a check names, and that are done for what an earlier fault or its fix leaves
_NAMED = re.compile(
    r"fix: (gluster volume (?:heal|start) \S+(?: force)?|gnt-gluster restart-brick \S+ [^\s;]+)"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes with gv0, which was deployed, and the runbook's commands by their names."""
    disks = [Disk("b1"), Disk("vdb", 452 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=3, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        prepare(pool)
        gnt_gluster(pool, "deploy", "--device", DISK)
        wait_verified(pool)
        yield cluster


def problems(pool: Pool) -> List[Problem]:
    """All problems, by a query now."""
    result = pool.run_command(1, ["collect", "gluster", "--query", "--verbose"], timeout=60)
    listed: List[Dict[str, Any]] = json.loads(result.stdout)["data"]["status"]["problems"]
    return [
        Problem(one["code"], one["severity"], one["text"], one["volume"], one["subject"]) for one in listed
    ]


def wait_problem(pool: Pool, code: str, volume: str) -> Problem:
    history: List[List[Problem]] = []

    def found() -> Optional[Problem]:
        history.append(problems(pool))
        return next((one for one in history[-1] if (one.code, one.volume) == (code, volume)), None)

    try:
        problem: Problem = wait_until(found, f"{code} of {volume or 'the pool'}", LONG, 0.5)
    except LabTimeout as error:
        raise AssertionError(f"no {code} of {volume or 'the pool'}: {history[-1]}") from error
    return problem


def fix(pool: Pool, problem: Problem, **chosen: str) -> None:
    """Inspect, fix and verify *problem* by the commands of the runbook, as the check shows them."""
    commands = remedy_of(problem)
    check = pool.run_command(1, ["check", "--query"], check=False, timeout=60).stdout
    assert commands.fix in check or "fix: gnt-gluster diagnose" in check, (commands.fix, check)
    for command in (commands.inspect, commands.fix):
        line = re.sub(r"\b[A-Z]{4,}\b", lambda word: chosen[word[0]], command) if chosen else command
        assert not re.search(r"(?<![-\w])[A-Z]{4,}(?![-\w])", re.sub(r"'[^']*'", "", line)), line
        # diagnose ends with 1 where something is wrong, as it is now
        result = type_in(pool, line, check=not line.startswith("gnt-gluster diagnose"))
        assert result.stdout or result.stderr or line.startswith("ssh"), line

    def gone() -> bool:
        return all(
            (one.code, one.volume, one.subject) != (problem.code, problem.volume, problem.subject)
            for one in problems(pool)
        )

    wait_until(gone, f"{problem.code} to be gone after: {commands.fix}", LONG, 0.5)
    wait_verified(pool, commands.verify)


def wait_verified(pool: Pool, verify: str = "ganeti-gluster-mon check --query") -> None:
    """Wait until *verify* ends with 0.  What a fault leaves for the self-heal daemons is done as the check says."""
    outputs: List[str] = []

    def ends_well() -> bool:
        done = type_in(pool, verify, check=False)
        outputs.append(done.stdout)
        for command in _NAMED.findall(done.stdout):
            type_in(pool, command, check=False)
        return done.returncode == 0

    try:
        wait_until(ends_well, verify, LONG, 0.5)
    except Exception as error:
        raise AssertionError(f"{verify}: {outputs[-1]}") from error


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


def test_a_brick_hangs(cluster: Cluster) -> None:
    cluster.pool.freeze_brick("gv0", 3)
    fix(cluster.pool, wait_problem(cluster.pool, "BRICK_HANGS", "gv0"))


def test_a_subvolume_has_lost_quorum(cluster: Cluster) -> None:
    for host in (2, 3):
        cluster.pool.kill_brick("gv0", host)
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


# --- healing -----------------------------------------------------------------------------------------------


def test_self_heal_is_off_and_entries_wait(cluster: Cluster) -> None:
    pool = cluster.pool
    pool.gluster("volume", "heal", "gv0", "disable")
    fix(pool, wait_problem(pool, "HEAL_DAEMON_OFF", "gv0"))
    pool.kill_brick("gv0", 2)
    write(pool, "gv0", ["waits"], "first")
    pool.start_brick("gv0", 2)
    # the brick that is back is healed at once, so that the check may have nothing to say of it any more
    commands = remedy_of(Problem("HEAL_PENDING", HEALING, "", "gv0"))
    for command in (commands.inspect, commands.fix, commands.verify):
        # Gluster refuses a heal for the moment that a self-heal daemon takes to start
        wait_verified(pool, command)
    pool.wait_healed("gv0")


def test_a_self_heal_daemon_does_not_run(cluster: Cluster) -> None:
    cluster.pool.kill_self_heal_daemons([2])
    fix(cluster.pool, wait_problem(cluster.pool, "HEAL_DAEMON_DOWN", "gv0"))


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
        fix(pool, problem, BRICK=f"{NODE2}:/export/b1/brain", FILE="/file")
        one, two = (pool.exec(host, ["sha256sum", "/export/b1/brain/file"]).stdout for host in (1, 2))
        assert one == two
    finally:
        pool.delete_volume("brain")


# --- last: a node is gone, and no other can take its brick ----------------------------------------------------------


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
