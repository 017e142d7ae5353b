"""gnt-gluster on a real cluster: what it shows against what Gluster, Ganeti and the bricks say themselves."""

from __future__ import annotations

import functools
import json
import re
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from ganeti_gluster_mon.deploy.brick_state import MARK
from tests.lab import Cluster, wait_until
from tests.lab.ganeti import MOUNT
from tests.lab.lab import command
from tests.lab.waiting import LabError
from tests.lab_tests.backend import PATH_FILE, REPOSITORY, disks, installed_if_needed
from tests.lab_tests.daemon import serving

pytestmark = pytest.mark.lab

GUEST = "looked.lab.test"
MIB = 1 << 20
NODES = ["node1.lab.test", "node2.lab.test", "node3.lab.test"]
GNT_GLUSTER = str(command().with_name("gnt-gluster"))
GUARDED = ("instance-add", "disk-grow", "instance-modify", "instance-recreate-disks")


def look(cluster: Cluster, *words: str, node: int = 1) -> List[List[str]]:
    """The rows of a list, parted at a separator that is in no value."""
    argv = [GNT_GLUSTER, *words, "--no-headers", "--separator=|"]
    return [line.split("|") for line in cluster.run(node, *argv).splitlines()]


def report(cluster: Cluster, node: int = 1) -> List[Dict[str, Any]]:
    report = json.loads(cluster.run(node, str(command()), "collect", "gluster-disks"))
    return list(report["data"]["disks"])


@pytest.fixture(scope="module")
def cluster(ganeti: Cluster) -> Iterator[Cluster]:
    """With an instance of two disks, of the first of which 3 MiB are written."""
    ganeti.instance_add(
        GUEST, "--disk=0:size=64M", "--disk=1:size=32M", "--no-start", node=2, template="gluster"
    )
    ganeti.pool.mount(2, "gv0", "/mnt/look")
    path = next(path for path, size in disks(ganeti, 1).items() if size == 64 * MIB)
    ganeti.run(2, "dd", "if=/dev/urandom", f"of=/mnt/look/{path}", "bs=1M", "count=3", "conv=notrunc,fsync")
    ganeti.pool.unmount(2, "/mnt/look")
    tables = {node: with_lines(ganeti, node) for node in ganeti.nodes}
    try:
        with installed_if_needed(ganeti):
            yield ganeti
    finally:
        ganeti.instance_remove(GUEST)
        for node, table in tables.items():
            ganeti.pool.exec(node, ["tee", "/etc/fstab"], input=table)


def with_lines(cluster: Cluster, node: int) -> str:
    """Give the disks that the lab mounted by itself their lines in /etc/fstab; returns what it was before."""
    before = cluster.run(node, "cat", "/etc/fstab")
    lines = "".join(f"none {point} ext4 noauto 0 0\n" for point in ("/export/b1", "/export/b2"))
    cluster.pool.exec(node, ["tee", "--append", "/etc/fstab"], input=lines)
    return before


def test_the_lists_say_what_gluster_and_ganeti_say(cluster: Cluster) -> None:
    (volume,) = look(cluster, "list", "-o", "name,uuid,layout,status,online,size,promised,disks", "--units=m")
    info = cluster.pool.gluster("volume", "info", "gv0")
    assert volume[:5] == ["gv0", re.findall(r"Volume ID: (\S+)", info)[0], "1 x 3", "healthy", "3"]
    cluster.pool.mount(1, "gv0", "/mnt/size")
    try:
        size = int(cluster.run(1, "stat", "--file-system", "--format=%b", "/mnt/size")) * 4096
    finally:
        cluster.pool.unmount(1, "/mnt/size")
    assert volume[5:] == [str(round(size / MIB)), "96", "2"]
    assert look(cluster, "list-nodes", "-o", "name,role,state,bricks,online") == [
        [NODES[0], "M", "local", "1", "1"],
        [NODES[1], "C", "Peer in Cluster", "1", "1"],
        [NODES[2], "C", "Peer in Cluster", "1", "1"],
    ]
    bricks = look(cluster, "list-bricks", "-o", "brick,status,pid,heal")
    assert [(brick, status) for brick, status, _, _ in bricks] == [
        (f"{node}:/export/b1/gv0", "online") for node in NODES
    ]
    for number, (_, _, pid, _) in enumerate(bricks, 1):
        assert cluster.run(number, "cat", f"/proc/{pid}/comm") == "glusterfsd\n"
    # In columns, sizes as Ganeti writes them.
    lines = cluster.run(1, GNT_GLUSTER, "list", "-o", "name,size,bricks", "gv0").splitlines()
    assert lines == ["Volume Size Bricks", "gv0    1.9G      3"]


def test_a_brick_that_waits(cluster: Cluster) -> None:
    """node3 has brought a directory along, as the hook of gnt-node add leaves it."""
    assert look(cluster, "list-nodes", "-o", "waiting") == [["-"]] * 3
    cluster.run(1, "gnt-cluster", "add-tags", "gluster:join:gv0:/export/b2/waits")
    cluster.run(3, "mkdir", "/export/b2/waits")
    try:
        assert look(cluster, "list-nodes", "-o", "waiting") == [["0"]] * 3
        cluster.run(3, "setfattr", "-n", MARK, "-v", "gv0", "/export/b2/waits")
        assert look(cluster, "list-nodes", "-o", "name,waiting") == [
            [NODES[0], "0"],
            [NODES[1], "0"],
            [NODES[2], "1"],
        ]
    finally:
        cluster.run(3, "rmdir", "/export/b2/waits")
        cluster.run(1, "gnt-cluster", "remove-tags", "gluster:join:gv0:/export/b2/waits")


def test_disks_and_the_report_of_them(cluster: Cluster) -> None:
    rows = look(
        cluster, "list-disks", "-o", "instance,disk,pnode,volume,path,size,allocated,bricks,status,at_risk"
    )
    files = disks(cluster, 3)
    assert [row[:4] for row in rows] == [
        [GUEST, "disk/0", NODES[1], "gv0"],
        [GUEST, "disk/1", NODES[1], "gv0"],
    ]
    assert [row[5:7] for row in rows] == [["64", "3"], ["32", "0"]]
    assert {row[4]: int(row[5]) * MIB for row in rows} == files
    every = ",".join(f"{node}:/export/b1/gv0" for node in NODES)
    assert [row[7:] for row in rows] == [[every, "healthy", "N"]] * 2
    cluster.run(1, str(command()), "record", "/root/recorded")
    again = look(cluster, "list-disks", "-o", "path,allocated,bricks", "--replay=/root/recorded", node=1)
    cluster.run(1, "rm", "-r", "/root/recorded")
    assert again == [[row[4], row[6], row[7]] for row in rows]
    for node in cluster.nodes:
        assert [
            [each["instance"], each["name"], each["path"], each["size"], each["allocated"], each["at_risk"]]
            for each in report(cluster, node)
        ] == [[row[0], row[1], row[4], int(row[5]) * MIB, int(row[6]) * MIB, False] for row in rows]


def test_a_brick_is_down(cluster: Cluster) -> None:
    cluster.pool.kill_brick("gv0", 3)
    try:
        rows = look(cluster, "list-disks", "-o", "disk,status,at_risk,missing", GUEST)
        missing = f"{NODES[2]}:/export/b1/gv0"
        assert rows == [["disk/0", "degraded", "Y", missing], ["disk/1", "degraded", "Y", missing]]
        assert {(each["status"], each["at_risk"]) for each in report(cluster)} == {("degraded", True)}
        text = cluster.run(1, str(command()), "metrics")
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("gluster_disk_")]
        metrics = {series: float(value) for series, value in lines}
        of_disk = f'disk="disk/0",instance="{GUEST}"'
        assert metrics[f'gluster_disk_status{{{of_disk},status="degraded",volume="gv0"}}'] == 1
        assert metrics[f'gluster_disk_at_risk{{{of_disk},volume="gv0"}}'] == 1
        assert metrics[f'gluster_disk_allocated_bytes{{{of_disk},volume="gv0"}}'] == 3 * MIB
        by_brick = look(cluster, "list-disks", "-o", "disk", "--brick=node3:/export/b1/gv0", "--volume=gv0")
        assert (
            by_brick == look(cluster, "list-disks", "-o", "disk", "--node=node3") == [["disk/0"], ["disk/1"]]
        )
        assert look(cluster, "list-bricks", "-o", "status", "node3") == [["offline"]]
        assert look(cluster, "list", "-o", "status,online") == [["degraded", "2"]]
        result = cluster.pool.exec(1, [GNT_GLUSTER, "diagnose"], check=False)
        assert result.returncode == 1
        assert f"  - gv0: brick {missing} is offline, 2 of 3 replicas left\n" in result.stdout
        assert result.stdout.count(": ok\n") == 5  # the settings, the nodes, and the files of disks
    finally:
        cluster.pool.start_brick("gv0", 3)
        cluster.pool.wait_healed("gv0")


def test_where_a_disk_lies_of_which_no_part_is_here(cluster: Cluster) -> None:
    """node1 has no brick of the volume: a client of the volume finds the file."""
    pool = cluster.pool
    pool.create_volume("far", [(2, "/export/b2/far"), (3, "/export/b2/far")])
    unmount(cluster)
    cluster.run(1, "gnt-cluster", "modify", "--disk-parameters=gluster:volume=far")
    try:
        cluster.instance_add("far.lab.test", "--disk=0:size=16M", "--no-start", node=2, template="gluster")
        try:
            (host,) = [node for node in (2, 3) if disks(cluster, node, "/export/b2/far")]
            words = ("list-disks", "-o", "volume,allocated,bricks,status,at_risk", "far.lab.test")
            assert look(cluster, *words) == [
                ["far", "0", f"node{host}.lab.test:/export/b2/far", "healthy", "N"]
            ]
            # The other brick has nothing of it.
            pool.kill_brick("far", 5 - host)
            assert look(cluster, *words, node=host)[0][3:] == ["healthy", "N"]
            pool.start_brick("far", 5 - host)
            pool.kill_brick("far", host)
            # It cannot be read now. Its own node sees where it is; a client that waits for it delays no command.
            began = time.monotonic()
            for node in cluster.nodes:
                expected = ["down", "Y"] if node == host else ["unknown", "?"]
                assert look(cluster, *words, node=node)[0][3:] == expected
            assert time.monotonic() - began < 60
            pool.start_brick("far", host)
        finally:
            cluster.instance_remove("far.lab.test")
    finally:
        cluster.run(1, "gnt-cluster", "modify", "--disk-parameters=gluster:volume=gv0")
        unmount(cluster)
        pool.stop_volume("far")
        pool.delete_volume("far")


def unmount(cluster: Cluster) -> None:
    """Ganeti's own class has one mount point for all volumes, and leaves there what it has mounted."""
    for node in cluster.nodes:
        if MOUNT in cluster.pool.host(node).mounts():
            cluster.run(node, "umount", MOUNT)


@contextmanager
def daemons_everywhere(cluster: Cluster) -> Iterator[None]:
    with ExitStack() as daemons:
        for node in cluster.nodes:
            daemons.enter_context(serving(cluster.pool, node, "--listen", ":1816"))
        yield


def leading(cluster: Cluster) -> List[int]:
    """The nodes whose daemons ask for all."""
    cycle = "/run/ganeti-gluster-mon/current/cycle.json"
    return [node for node in cluster.nodes if '"leads": true' in cluster.run(node, "cat", cycle)]


def test_with_daemons_no_command_queries_gluster(cluster: Cluster) -> None:
    cluster.pool.wait_healed("gv0")
    expected = look(cluster, "list-disks")

    def by_the_daemon(node: int) -> bool:
        return (
            cluster.run(node, GNT_GLUSTER, "info").startswith("Seen: the daemon, ")
            and look(cluster, "list-disks", node=node) == expected
            and look(cluster, "list", "-o", "name,status,online", node=node) == [["gv0", "healthy", "3"]]
        )

    with daemons_everywhere(cluster):
        for node in cluster.nodes:
            wait_until(functools.partial(by_the_daemon, node), f"node{node} to know all by its daemon", 90)
        # The first leader continues until the right one has its first capture: for a moment there are two.
        (leader,) = wait_until(
            lambda: leaders if len(leaders := leading(cluster)) == 1 else None, "one to lead", 60
        )
        # A brick that dies is there as soon as the daemon knows of it, on a follower, too.
        follower = next(node for node in cluster.nodes if node != leader)
        cluster.pool.kill_brick("gv0", 3)
        try:
            wait_until(
                lambda: look(cluster, "list-disks", "-o", "status", node=follower) == [["degraded"]] * 2,
                "the disks at risk",
                60,
            )
        finally:
            cluster.pool.start_brick("gv0", 3)
            cluster.pool.wait_healed("gv0")
    # What they knew is young, and no daemon runs any more.
    for node in cluster.nodes:
        assert cluster.run(node, GNT_GLUSTER, "info").startswith("Seen: Gluster\n")


# --- diagnose --------------------------------------------------------------------------------------


def diagnosed(cluster: Cluster, *words: str) -> Dict[str, List[str]]:
    """What diagnose says is wrong, by what it is about; empty where all is well."""
    result = cluster.pool.exec(1, [GNT_GLUSTER, "diagnose", *words], check=False, timeout=120)
    wrong: Dict[str, List[str]] = {}
    title = ""
    for line in result.stdout.splitlines():
        if not line.startswith(" "):
            title = line.partition(":")[0]
        elif line.startswith("  - ") and not line.startswith("  - note: "):
            wrong.setdefault(title, []).append(line[4:])
    assert result.returncode == (1 if wrong else 0), result.stdout + result.stderr
    return wrong


def test_a_healthy_cluster(cluster: Cluster) -> None:
    output = cluster.run(1, GNT_GLUSTER, "diagnose")
    parts = ["Ganeti's settings", "Pool", "Disk files", *(f"Node {node}" for node in NODES)]
    assert [line for line in output.splitlines() if not line.startswith(" ")] == [
        f"{part}: ok" for part in parts
    ]
    assert not diagnosed(cluster)


def test_the_filesystem_of_each_brick_is_checked_on_its_own_node(cluster: Cluster) -> None:
    table = cluster.run(3, "cat", "/etc/fstab")
    cluster.pool.exec(3, ["tee", "/etc/fstab"], input="")
    try:
        (line,) = diagnosed(cluster)["Node node3.lab.test"]
        assert line == "/etc/fstab has no line for /export/b1, which has brick /export/b1/gv0 of gv0"
        assert list(diagnosed(cluster, "node3")) == ["Node node3.lab.test"]
        assert not diagnosed(cluster, "node1", "node2")
    finally:
        cluster.pool.exec(3, ["tee", "/etc/fstab"], input=table)


def test_a_directory_of_statistics_that_users_can_write_to(cluster: Cluster) -> None:
    """The bricks make the directory so; the command that is reported closes it, and they go on writing."""
    directory = "/var/lib/glusterd/stats"
    dump = f"{directory}/glusterfsd__export_b1_gv0.dump"
    option = ("gv0", "diagnostics.stats-dump-interval")

    def dumped_at() -> str:
        return cluster.pool.exec(3, ["stat", "--format=%y", dump], check=False).stdout

    cluster.pool.exec(3, ["rm", "-rf", directory])
    cluster.pool.gluster("volume", "set", *option, "1")
    try:
        wait_until(dumped_at, "the brick to write its statistics", 20)
        cluster.run(
            3, "setpriv", "--reuid=65534", "--clear-groups", "ln", "-s", "/root/x", f"{directory}/x.dump"
        )
        found = diagnosed(cluster, "node3")["Node node3.lab.test"]
        assert [line.partition(":")[0] for line in found] == [
            f"users other than root can write to {directory}"
        ]
        output = cluster.pool.exec(1, [GNT_GLUSTER, "diagnose", "node3"], check=False, timeout=120).stdout
        (fix,) = re.findall(r"^    do: (chmod .*)$", output, re.MULTILINE)
        cluster.run(3, "sh", "-c", fix)
        assert "x.dump" not in cluster.run(3, "ls", directory)
        assert not diagnosed(cluster, "node3")
        before = dumped_at()
        wait_until(lambda: dumped_at() not in ("", before), "the brick to go on writing", 20)
        assert not diagnosed(cluster, "node3")
    finally:
        cluster.pool.gluster("volume", "reset", *option)


def test_orphaned_disk_files_are_listed(cluster: Cluster) -> None:
    point = "/mnt/orphans"
    cluster.run(1, "mkdir", "-p", point)
    cluster.pool.mount(1, "gv0", point)
    try:
        files = ("ganeti/orphan.0", "ganeti/young.0", "ganeti/.orphan.1.new-0123456789abcdef")
        cluster.run(1, "mkdir", "-p", f"{point}/ganeti")
        for file in files:
            cluster.run(1, "truncate", "--size=64M", f"{point}/{file}")
            if "young" not in file:
                cluster.run(1, "touch", "--date=3 days ago", f"{point}/{file}")
        try:
            result = cluster.pool.exec(1, [GNT_GLUSTER, "diagnose"], check=False, timeout=120)
            assert result.returncode == 1
            lines = result.stdout.splitlines()
            assert "Disk files: 1 wrong" in lines
            at = lines.index(
                "  - volume gv0: ganeti/orphan.0 belongs to no instance: 64.0M, 0B allocated, last written 3 days ago"
            )
            assert "rm -- /mnt/ganeti/orphan.0;" in lines[at + 1]
            notes = [line for line in lines if line.startswith("  - note: volume gv0: ganeti/")]
            assert any("young.0 belongs to no instance yet" in line for line in notes)
            assert any(
                ".orphan.1.new-0123456789abcdef is what an interrupted create left" in line for line in notes
            )
            assert len(notes) == 2, "the disks of instances are not listed"
        finally:
            for file in files:
                cluster.run(1, "rm", "--force", f"{point}/{file}")
    finally:
        cluster.run(1, "umount", point)
    assert not diagnosed(cluster)


def test_several_things_are_wrong(cluster: Cluster) -> None:
    hosts = cluster.run(2, "cat", "/etc/hosts")
    cluster.run(1, "gnt-cluster", "modify", "--disk-parameters=gluster:volume=nosuch,port=24008")
    cluster.run(3, "mv", "/etc/ganeti/file-storage-paths", "/root/paths")
    unknown = "".join(line for line in hosts.splitlines(keepends=True) if "node3" not in line)
    cluster.pool.exec(2, ["tee", "/etc/hosts"], input=unknown)
    cluster.pool.kill_glusterd(3)
    try:
        wrong = diagnosed(cluster)
        assert wrong["Ganeti's settings"] == [
            "disk parameters of group default: there is no volume nosuch; there are: gv0",
            "disk parameters of group default: port is 24008, glusterd listens on 24007",
        ]
        assert wrong["Node node2.lab.test"] == ["it does not know the name node3.lab.test"]
        assert wrong["Node node3.lab.test"] == [
            "glusterd does not run",
            "/etc/ganeti/file-storage-paths does not allow /var/run/ganeti/gluster",
        ]
        assert any("peer node3.lab.test" in line for line in wrong["Pool"])
        assert "Node node1.lab.test" not in wrong
    finally:
        cluster.pool.start_glusterd(3)
        cluster.pool.exec(2, ["tee", "/etc/hosts"], input=hosts)
        cluster.run(3, "mv", "/root/paths", "/etc/ganeti/file-storage-paths")
        cluster.run(1, "gnt-cluster", "modify", "--disk-parameters=gluster:volume=gv0,port=24007")
        cluster.pool.wait_connected()
    wait_until(lambda: not diagnosed(cluster), "all to be well again", 60)


def test_a_node_that_is_away_costs_only_itself(cluster: Cluster) -> None:
    cluster.pool.cut(3)
    try:
        began = time.monotonic()
        wrong = diagnosed(cluster, "--timeout=6")
        assert time.monotonic() - began < 45
        assert len(wrong["Node node3.lab.test"]) == 1
        assert wrong["Node node3.lab.test"][0].startswith("cannot be queried: node3.lab.test: ")
        assert any("node3.lab.test" in line for line in wrong["Pool"])
        assert set(wrong) == {"Pool", "Node node3.lab.test"}
    finally:
        cluster.pool.join(3)
        cluster.pool.wait_connected()
        cluster.pool.wait_healed("gv0")


# --- the space guard -------------------------------------------------------------------------------


@contextmanager
def guarded(cluster: Cluster) -> Iterator[None]:
    """The hook in its place on every node."""
    hook = Path(REPOSITORY) / "ganeti_gluster_mon" / "hooks" / "scripts" / "space-guard"
    for node in cluster.nodes:
        cluster.pool.exec(node, ["tee", PATH_FILE], input=f"{REPOSITORY}\n")
        for name in GUARDED:
            directory = f"/etc/ganeti/hooks/{name}-pre.d"
            cluster.run(node, "mkdir", "-p", directory)
            cluster.run(node, "ln", "-s", str(hook), f"{directory}/space-guard")
    try:
        yield
    finally:
        for node in cluster.nodes:
            cluster.run(
                node, "rm", PATH_FILE, *(f"/etc/ganeti/hooks/{name}-pre.d/space-guard" for name in GUARDED)
            )


def refused(cluster: Cluster, *argv: str) -> str:
    """Why Ganeti refuses: the message of the hook."""
    result = cluster.pool.exec(1, argv, check=False, timeout=180)
    assert result.returncode != 0, result.stdout
    match = re.search(r"space-guard, output: gluster: (.*)", result.stdout + result.stderr)
    assert match, result.stdout + result.stderr
    return match[1]


def test_the_space_guard(cluster: Cluster) -> None:
    flags = ["--disk-template=gluster", "--node=node2.lab.test", "--os-type=noop", "--no-nics", "--no-start"]
    add = ["gnt-instance", "add", *flags, "--no-name-check", "--no-ip-check"]
    large = [*add, "--disk=0:size=3G", "large.lab.test"]
    with guarded(cluster):
        why = refused(cluster, *large)
        assert re.match(
            r"volume gv0 has no room for 3\.0G more: 96\.0M are promised to disks, which may", why
        ), why
        assert "large.lab.test" not in cluster.run(1, "gnt-instance", "list", "--no-headers", "-o", "name")
        why = refused(cluster, "gnt-instance", "grow-disk", GUEST, "0", "2g")
        assert "no room for 2.0G more" in why
        why = refused(cluster, "gnt-instance", "modify", "--disk=add:size=4G", GUEST)
        assert "no room for 4.0G more" in why
        assert len(disks(cluster, 1)) == 2
        # What fits is let through.
        cluster.run(1, "gnt-instance", "grow-disk", GUEST, "1", "16M")
        cluster.run(1, "gnt-instance", "modify", "--disk=add:size=16M", GUEST)
        cluster.run(1, "gnt-instance", "modify", "--disk=remove", GUEST)
        # An administrator may promise more than there is.
        cluster.pool.exec(1, ["tee", "/etc/default/ganeti-gluster-mon"], input="GLUSTER_OVERCOMMIT=2.0\n")
        try:
            cluster.run(1, *large)
            cluster.instance_remove("large.lab.test")
            cluster.pool.exec(
                1, ["tee", "/etc/default/ganeti-gluster-mon"], input="GLUSTER_OVERCOMMIT=much\n"
            )
            assert "GLUSTER_OVERCOMMIT is 'much'" in refused(cluster, *large)
        finally:
            cluster.run(1, "rm", "/etc/default/ganeti-gluster-mon")
        # Without quorum nothing can be written.
        cluster.pool.kill_brick("gv0", 2)
        cluster.pool.kill_brick("gv0", 3)
        try:
            why = refused(cluster, *add, "--disk=0:size=16M", "small.lab.test")
            assert why.startswith("volume gv0 is down, no disk can be made or grown: ")
        finally:
            cluster.pool.start_brick("gv0", 2)
            cluster.pool.start_brick("gv0", 3)
            cluster.pool.wait_healed("gv0")


def test_a_guard_that_knows_nothing_refuses_nothing(cluster: Cluster) -> None:
    """With no glusterd on the master it is not known whether there is room."""
    with guarded(cluster):
        cluster.pool.kill_glusterd(1)
        try:
            flags = ["--disk=0:size=16M", "--no-start"]
            cluster.instance_add("blind.lab.test", *flags, node=2, template="gluster")
        finally:
            cluster.pool.start_glusterd(1)
            cluster.pool.wait_connected()
        cluster.instance_remove("blind.lab.test")


# --- what cannot be done ---------------------------------------------------------------------------


def test_one_line_for_what_cannot_be_done(cluster: Cluster) -> None:
    for words, status, line in (
        (["list", "nosuch"], 1, "gnt-gluster: no volume 'nosuch'; gnt-gluster list shows which there are\n"),
        (
            ["list-disks", "-o", "nosuch"],
            2,
            "gnt-gluster list-disks: no field 'nosuch'; there are: instance, disk",
        ),
        (["list", "--units=x"], 2, "gnt-gluster list: argument --units: invalid choice: 'x'"),
        (["nosuch"], 2, "gnt-gluster: argument COMMAND: invalid choice: 'nosuch'"),
        (["info", "--replay", "/nowhere"], 1, "gnt-gluster: cannot read the capture /nowhere: No such file"),
    ):
        result = cluster.pool.exec(1, [GNT_GLUSTER, *words], check=False)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (status, "", 1)
        assert result.stderr.startswith(line), result.stderr
    with pytest.raises(LabError, match="no node of a Ganeti cluster"):
        cluster.run(
            1, "unshare", "-m", "sh", "-c", f"mount -t tmpfs none /var/lib/ganeti; {GNT_GLUSTER} diagnose"
        )


def test_whether_a_node_may_be_stopped(cluster: Cluster) -> None:
    """While a brick is offline, and while it is healed, no other may be stopped; it itself may."""

    def ok_to_stop(name: str) -> Dict[str, Any]:
        done = cluster.pool.exec(1, [GNT_GLUSTER, "ok-to-stop", "--json", name], check=False, timeout=60)
        found = dict(json.loads(done.stdout))
        assert done.returncode == (0 if found["ok"] else 1), done
        return found

    cluster.pool.wait_healed("gv0")
    well = ok_to_stop("node2")
    assert well["ok"], well
    assert well["left"] == ["gv0: replica set: 2 of 3 bricks left"]
    assert (well["stopped_guests"], well["guests_at_risk"]) == ([], [GUEST])
    cluster.pool.kill_brick("gv0", 3)
    try:
        impact = json.loads(cluster.run(1, GNT_GLUSTER, "impact", "--json", "--query", "node2"))
        assert (impact["stopped_guests"], impact["guests_at_risk"]) == ([GUEST], [])
        found = ok_to_stop("node2")
        assert found["reasons"] == ["gv0: replica set would lose its quorum: 1 of 3 bricks left"]
        assert found["stopped_guests"] == [GUEST]
        assert ok_to_stop("node3")["ok"]
        write(cluster)
        assert any("not healed" in reason for reason in ok_to_stop("node2")["reasons"])
    finally:
        cluster.pool.start_brick("gv0", 3)
    cluster.pool.wait_healed("gv0")
    assert ok_to_stop("node2")["ok"]


def write(cluster: Cluster) -> None:
    """Write to the disk of the guest."""
    path = next(path for path, size in disks(cluster, 1).items() if size == 64 * MIB)
    cluster.pool.mount(2, "gv0", "/mnt/look")
    cluster.run(2, "dd", "if=/dev/urandom", f"of=/mnt/look/{path}", "bs=1M", "count=1", "conv=notrunc,fsync")
    cluster.pool.unmount(2, "/mnt/look")
