"""The Debian packages in a cluster: installed, at work under a real systemd and without one, upgraded, removed, purged.

Nothing here is run from the checkout: what is on the nodes is what dpkg put there.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.gluster import lvs_query
from ganeti_gluster_mon.paths import RUN_DIRECTORY
from tests.lab import Cluster, LabError, Pool, wait_until
from tests.lab.ganeti import DAEMON_UTIL, MOND, listens
from tests.lab.host import REPOSITORY, Host
from tests.lab.lab import at_once
from tests.lab.systemd import Systemd
from tests.lab_tests.backend import disks
from tests.lab_tests.packaged import (
    APT_INSTALL,
    BACKEND,
    MON,
    UNITS,
    bring,
    build,
    built,
    changed,
    ganeti_of_version,
    ganeti_release,
    snapshot,
)
from tests.lab_tests.prometheus import prometheus
from tests.lab_tests.test_alerts import impatient

pytestmark = pytest.mark.lab

DEFAULTS = "/etc/default/ganeti-gluster-mon"
RELEASE = ganeti_release()
MODULE = f"/usr/share/ganeti/{RELEASE}/ganeti/storage/gluster.py"
#: versions of Ganeti as packages: the installed one, a later revision of it, and one that is not known
OLDER, NEWER, UNKNOWN = {
    "3.0": ("3.0.2-3", "3.0.2-99", "3.0.9-1"),
    "3.1": ("3.1.0~rc2-3", "3.1.0~rc2-99", "3.1.9-1"),
}[RELEASE]
LVM = "ganeti-gluster-lvm"
#: for what must come, however busy the machine
LONG = 60.0


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """The packages: name → file."""
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def bare(debs: Dict[str, Path]) -> Iterator[Cluster]:
    """A cluster on whose nodes the packages lie, not installed."""
    with Pool.first_free("ganeti-gluster-test") as pool:
        pool.probe()
        pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
        cluster = Cluster(pool).up()
        for number in cluster.nodes:
            bring(pool.host(number), list(debs.values()))
        yield cluster


def end_all(host: Host, program: str) -> None:
    host.exec(["pkill", "--signal=KILL", "--exact", program], check=False)
    wait_until(lambda: not host.find(program), f"the end of {program} on {host.name}")


@pytest.fixture(scope="module")
def systemds(bare: Cluster) -> Iterator[Dict[int, Systemd]]:
    """systemd on each node; glusterd is its service there, and it sees mond, as after a boot."""

    def start(number: int) -> None:
        for program in ("glusterd", "glusterfsd", "glusterfs"):
            end_all(bare.pool.host(number), program)
        there[number].ctl("start", "glusterd.service")
        bare.run(number, DAEMON_UTIL, "stop", "ganeti-mond")
        there[number].exec([DAEMON_UTIL, "start", "ganeti-mond"])

    with ExitStack() as running:
        there = {number: running.enter_context(Systemd(bare.pool.host(number))) for number in bare.nodes}
        at_once(start, bare.nodes)
        bare.pool.wait_connected()
        yield there


def package(debs: Dict[str, Path], name: str) -> str:
    """Where it lies on a node."""
    return f"/root/{debs[name].name}"


@pytest.fixture(scope="module")
def installed(bare: Cluster, debs: Dict[str, Path], systemds: Dict[int, Systemd]) -> Cluster:
    """The cluster with the monitor on every node, by the commands of docs/installation.md."""
    mon = package(debs, MON)
    at_once(lambda number: systemds[number].exec([*APT_INSTALL, mon], timeout=LONG), systemds)
    for number in bare.nodes:
        wait_ready(bare, number)
    return bare


@contextmanager
def by_hand(cluster: Cluster, number: int) -> Iterator[None]:
    """The daemon, by the line of docs/installation.md for machines without systemd."""
    line = f". {DEFAULTS}; exec ganeti-gluster-mon serve $ARGS"
    daemon = cluster.pool.popen(number, ["sh", "-c", line])
    try:
        yield
    finally:
        daemon.terminate()
        daemon.wait(LONG)


def get(
    cluster: Cluster, number: int, path: str, port: int = 1816, address: str = "127.0.0.1"
) -> Tuple[int, str]:
    """Status and body of *path*, requested on the node itself; 0 where there is no answer."""
    argv = ["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}"]
    result = cluster.pool.exec(number, [*argv, f"http://{address}:{port}{path}"], check=False)
    body, _, status = result.stdout.rpartition("\n")
    return int(status), body


def wait_ready(cluster: Cluster, number: int, port: int = 1816) -> None:
    wait_until(lambda: get(cluster, number, "/-/ready", port)[0] == 200, f"the daemon of node {number}", LONG)


def wait_healthy(cluster: Cluster, number: int) -> None:
    wait_until(lambda: data(cluster, number)["status"]["code"] == 0, f"all well on node {number}", LONG)


def data(cluster: Cluster, number: int, port: int = 1816) -> Any:
    status, body = get(cluster, number, "/1/report/storage/gluster", port)
    assert status == 200, body
    return json.loads(body)["data"]


def states(systemd: Systemd) -> List[str]:
    return [systemd.state(unit) for unit in UNITS]


def test_lintian_has_no_word_to_say(debs: Dict[str, Path]) -> None:
    (changes,) = debs[MON].parent.glob("*.changes")
    argv = [
        "lintian",
        "--allow-root",
        "--pedantic",
        "--display-info",
        "--display-experimental",
        "--fail-on=none",
    ]
    ran = subprocess.run([*argv, str(changes)], check=True, capture_output=True, text=True, timeout=120)
    lines = [line for line in ran.stdout.splitlines() if not line.startswith("N:")]
    assert lines == []


def test_the_same_source_gives_the_same_packages(debs: Dict[str, Path], tmp_path: Path) -> None:
    again = build(tmp_path)
    for name, path in debs.items():
        assert again[name].read_bytes() == path.read_bytes(), name


# --- the backend, by itself: node 3 ------------------------------------------------------------------


@pytest.fixture
def backend(bare: Cluster, debs: Dict[str, Path]) -> Iterator[str]:
    """Node 3 with both packages; yields Ganeti's own module as it was."""
    own = bare.run(3, "cat", MODULE)
    try:
        bare.run(3, *APT_INSTALL, package(debs, MON), package(debs, BACKEND))
        yield own
    finally:
        bare.run(3, "dpkg", "--purge", BACKEND)
        assert bare.run(3, "cat", MODULE) == own
        assert "gluster.py" not in bare.run(3, "dpkg-divert", "--list")


def test_the_backend_stands_in_and_steps_back(bare: Cluster, backend: str) -> None:
    shipped = bare.run(3, "cat", MODULE)
    assert "ganeti_gluster_mon" in shipped
    assert bare.run(3, "cat", f"{MODULE}.distrib") == backend
    bare.run(
        3, str(REPOSITORY / "debian/tests/backend")
    )  # as autopkgtest runs it where the package is installed
    bare.run(3, "dpkg", "--remove", BACKEND)
    assert bare.run(3, "cat", MODULE) == backend
    tested = bare.pool.exec(3, [str(REPOSITORY / "debian/tests/backend")], check=False)
    assert "AssertionError: ganeti.storage.gluster" in tested.stderr, "and Ganeti finds its own again"


def test_the_backend_survives_an_upgrade_of_ganeti(bare: Cluster, backend: str) -> None:
    shipped = bare.run(3, "cat", MODULE)
    newer = ganeti_of_version(bare, 3, NEWER)
    older = ganeti_of_version(bare, 3, OLDER)
    try:
        bare.run(3, "dpkg", "--force-depends", "--install", newer)
        assert bare.run(3, "dpkg-query", "--show", "--showformat=${Version}", f"ganeti-{RELEASE}") == NEWER
        assert bare.run(3, "cat", MODULE) == shipped
        assert bare.run(3, "cat", f"{MODULE}.distrib") == backend
    finally:
        bare.run(3, "dpkg", "--force-depends", "--install", older)


def test_a_ganeti_that_is_not_known_is_refused(bare: Cluster, debs: Dict[str, Path], backend: str) -> None:
    host = bare.pool.host(3)
    unknown, older = (ganeti_of_version(bare, 3, version) for version in (UNKNOWN, OLDER))
    try:
        # It does not come while we are there …
        refused = host.exec(["dpkg", "--install", unknown], check=False)
        assert refused.returncode != 0
        output = " ".join((refused.stdout + refused.stderr).split())
        assert (
            f"{BACKEND} ({__version__}) breaks ganeti-{RELEASE} (>= {RELEASE}.{3 if RELEASE == '3.0' else 1}~)"
            in output
        )
        # … and we do not come where it is.
        bare.run(3, "dpkg", "--purge", BACKEND)
        bare.run(3, "dpkg", "--force-depends", "--install", unknown)
        base = f"{os.path.dirname(MODULE)}/base.py"
        bare.run(3, "sh", "-c", f"echo '# another version' >>{base}")
        forced = ["dpkg", "--force-depends", "--force-breaks", "--install", package(debs, BACKEND)]
        refused = host.exec(forced, check=False)
        assert refused.returncode != 0
        lines = [line for line in refused.stderr.splitlines() if line.startswith(f"{BACKEND}:")]
        assert lines == [
            f"{BACKEND}: {base} is not as in Ganeti 3.0.2 and 3.1.0~rc2, which this package was tested with: "
            "nothing was changed"
        ]
        assert bare.run(3, "cat", MODULE) == backend
        assert "gluster.py" not in bare.run(3, "dpkg-divert", "--list")
    finally:
        bare.run(3, "dpkg", "--purge", BACKEND)
        bare.run(3, "dpkg", "--force-depends", "--install", older)


def test_purged_nothing_is_left_and_volumes_are_as_they_were(bare: Cluster, debs: Dict[str, Path]) -> None:
    host = bare.pool.host(3)
    bare.run(3, "dpkg", "--purge", BACKEND, MON)
    info = bare.pool.gluster("volume", "info", host=3)
    before = snapshot(host)
    bare.run(3, *APT_INSTALL, package(debs, MON), package(debs, BACKEND))
    with by_hand(bare, 3):
        wait_ready(bare, 3)
        assert snapshot(host) != before
    bare.run(3, "apt-get", "remove", "--yes", MON, BACKEND)
    assert host.exec(["test", "-e", DEFAULTS]).returncode == 0, "settings stay until they are purged"
    bare.run(3, "apt-get", "purge", "--yes", MON, BACKEND)
    assert snapshot(host) == before
    assert host.exec(["ls", "/run/ganeti-gluster-mon"], check=False).returncode != 0
    assert bare.pool.gluster("volume", "info", host=3) == info


def test_in_front_of_mond_without_systemd(bare: Cluster, debs: Dict[str, Path]) -> None:
    """The administrator starts our daemon again, and gets a message."""
    front = ("ganeti-gluster-mon", "front")
    bare.run(3, *APT_INSTALL, package(debs, MON))
    try:
        with by_hand(bare, 3):
            wait_ready(bare, 3)
            assert "start our daemon again yourself" in bare.run(3, *front, "enable")
        with by_hand(bare, 3):
            wait_ready(bare, 3, MOND)
            assert "reports of mond's" in bare.run(3, *front, "status")
            with pytest.raises(LabError, match="end our daemon, and try again"):
                bare.run(3, *front, "disable")
            assert "reports of mond's" in bare.run(3, *front, "status")
        bare.run(3, *front, "disable")
        assert "not in front" in bare.run(3, *front, "status")
    finally:
        bare.run(3, "dpkg", "--purge", MON)


# --- the services ------------------------------------------------------------------------------------


def test_installed_it_runs_and_the_nodes_know_each_other(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    for number, systemd in systemds.items():
        assert states(systemd) == ["active", "active"], systemd.status(UNITS[1])
        assert systemd.ctl("is-enabled", *UNITS).stdout.split() == ["enabled", "enabled"]
        assert "role=web" in systemd.status(UNITS[1]), f"its log on node {number}"

    def leaders() -> List[int]:
        metrics = [get(installed, number, "/metrics")[1] for number in installed.nodes]
        return [number for number, text in enumerate(metrics, 1) if "\ngluster_leader 1.0" in text]

    wait_until(lambda: len(leaders()) == 1, "one of three nodes to lead", LONG)
    for number in installed.nodes:
        wait_healthy(installed, number)
    # Where Ganeti knows the node it is heard, and on no other address of this host.
    installed.run(2, "ip", "address", "add", "192.0.2.9/32", "dev", "eth0")
    try:
        assert get(installed, 2, "/-/healthy", address=installed.pool.host(2).address)[0] == 200
        assert get(installed, 2, "/-/healthy", address="192.0.2.9")[0] == 0
    finally:
        installed.run(2, "ip", "address", "delete", "192.0.2.9/32", "dev", "eth0")


def test_the_processes_have_the_rights_that_the_units_say(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    systemd = systemds[1]
    pid = main_pid(systemd, UNITS[1])
    status = systemd.exec(["cat", f"/proc/{pid}/status"]).stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert {int(fields[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert (fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()) == ("1", "2")
    # The poller knows as much as without all this: processes of root, devices, the backlog.
    data_of = json.loads(get(installed, 1, "/1/report/daemon/glusterd?verbose=1")[1])["data"]
    assert data_of["status"]["code"] == 0
    brick = next(each for each in data_of["processes"] if each["name"] == "brick")
    assert brick["rss"] > 0
    bricks = json.loads(get(installed, 1, "/1/report/storage/gluster-bricks")[1])["data"]["bricks"]
    assert all(each["size"] for each in bricks)
    (volume,) = json.loads(get(installed, 1, "/1/report/storage/gluster?verbose=1")[1])["data"]["volumes"]
    assert volume["heal"] is not None


@pytest.mark.timeout(300)
def test_auto_repair_starts_a_brick_from_within_the_sandbox_of_the_unit(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    """It needs ssh with root's key, and the lock of gnt-gluster in /run, which the unit itself may not write to."""
    before = {number: installed.run(number, "cat", DEFAULTS) for number in installed.nodes}

    def settings(number: int, text: str) -> None:
        installed.pool.exec(number, ["tee", DEFAULTS], input=text)
        systemds[number].ctl("restart", *UNITS)
        wait_ready(installed, number)

    more = 'ARGS="--interval 6"\nAUTO_REPAIR="start-brick"\n'
    try:
        at_once(lambda number: settings(number, f"{before[number]}{more}"), installed.nodes)
        for number in installed.nodes:
            wait_healthy(installed, number)
        systemds[2].exec(["pkill", "--signal=KILL", "--exact", "glusterfsd"])

        def repairs() -> List[Dict[str, Any]]:
            """By the report of the leader; the others have null."""
            bodies = [
                get(installed, number, "/1/report/storage/gluster?verbose=1")[1] for number in installed.nodes
            ]
            return [one for body in bodies for one in json.loads(body)["data"]["auto_repairs"] or ()]

        (repair,) = wait_until(repairs, "the repair in the report", 2 * LONG)
        assert (repair["volume"], repair["action"], repair["result"]) == ("gv0", "start-brick", "succeeded")
        for number in installed.nodes:
            wait_healthy(installed, number)
    finally:
        installed.pool.gluster("volume", "start", "gv0", "force")
        at_once(lambda number: settings(number, before[number]), installed.nodes)


@contextmanager
def drop_in(systemd: Systemd, unit: str, text: str) -> Iterator[None]:
    """*unit* with *text* in addition."""
    directory = f"/run/systemd/system/{unit}.d"
    systemd.exec(["mkdir", "--parents", directory])
    systemd.exec(["tee", f"{directory}/test.conf"], input=text)
    try:
        systemd.ctl("daemon-reload")
        yield
    finally:
        systemd.exec(["rm", "--recursive", directory])
        systemd.ctl("daemon-reload")


#: This kernel has no device mapper, without which the unit is not started.
ALWAYS = "[Unit]\nConditionPathExistsGlob=\n[Service]\n"


def test_where_no_brick_is_on_lvm_its_unit_does_nothing(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    systemd = systemds[1]
    assert systemd.state(f"{LVM}.timer") == "active"
    assert systemd.ctl("is-enabled", f"{LVM}.timer").stdout.strip() == "enabled"
    with drop_in(systemd, f"{LVM}.service", ALWAYS):
        systemd.ctl("start", f"{LVM}.service")
    assert installed.run(1, "ls", RUN_DIRECTORY).split().count("lvm.json") == 0


def test_lvs_reads_a_disk_with_the_rights_of_its_unit(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    systemd, output = systemds[1], f"{RUN_DIRECTORY}/lvs.test"
    installed.run(1, "truncate", "--size=64M", "/root/lvm.img")
    disk = installed.run(1, "losetup", "--find", "--show", "/root/lvm.img").strip()
    try:
        installed.run(1, "vgcreate", "--nolocking", "--devices", disk, "labvg", disk)
        command = shlex.join(["lvs", *lvs_query.ARGUMENTS, "--devices", disk])
        # a volume that is not active: to be active takes a device mapper
        words = [
            "--driverloaded=n",
            "--activate=n",
            "--zero=n",
            "--wipesignatures=n",
            "--size=20M",
            "--name=b1",
        ]
        installed.run(1, "lvcreate", "--nolocking", "--devices", disk, *words, "labvg")
        script = shlex.quote(f"{command} >{output}; touch /root/not-allowed && exit 1; exit 0")
        start = f"ExecStart=\nExecStart=/bin/sh -c {script}\n"
        with drop_in(systemd, f"{LVM}.service", ALWAYS + start):
            systemd.ctl("start", f"{LVM}.service")
        (row,) = json.loads(installed.run(1, "cat", output))["report"][0]["lv"]
        assert (row["vg_name"], row["lv_name"], row["lv_size"]) == ("labvg", "b1", "20971520")
    finally:
        installed.run(1, "losetup", "--detach", disk)
        installed.run(1, "rm", "--force", "/root/lvm.img", output)


def last_line(systemd: Systemd, unit: str) -> str:
    """The last line that it logged, as ``systemctl status`` shows it."""
    lines = [line for line in systemd.status(unit).splitlines() if " ganeti-gluster-mon[" in line]
    return lines[-1].partition("]: ")[2]


@contextmanager
def failure_line(cluster: Cluster, systemd: Systemd, number: int, args: str) -> Iterator[str]:
    """The services restarted with *args*, which is to fail; yields the one line with the reason."""
    before = cluster.run(number, "cat", DEFAULTS)
    cluster.pool.exec(number, ["tee", DEFAULTS], input=f'ARGS="{args}"\n')
    try:
        systemd.ctl("restart", *UNITS, check=False)
        wait_until(lambda: set(states(systemd)) <= {"failed", "inactive"}, "both to be down", LONG, 0.1)
        lines = {last_line(systemd, unit) for unit in UNITS if systemd.state(unit) == "failed"}
        assert len(lines) == 1, lines
        yield lines.pop()
    finally:
        cluster.pool.exec(number, ["tee", DEFAULTS], input=before)
        systemd.ctl("reset-failed", *UNITS, check=False)
        systemd.ctl("start", *UNITS)
        wait_ready(cluster, number)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            "--interval abc",
            f"serve: ARGS in {DEFAULTS}: argument --interval: 'abc' is not a number of seconds",
        ),
        (
            f"--listen 127.0.0.1:{MOND}",
            f"ARGS in {DEFAULTS}: cannot listen on 127.0.0.1:{MOND}: Address already in use",
        ),
        (
            "--web.config.file /root/web.yml",
            f"ARGS in {DEFAULTS}: /root/web.yml: cannot be read: Permission denied",
        ),
        ("--secret-file /root/none", f"ARGS in {DEFAULTS}: /root/none is not there: make it"),
    ],
    ids=["wrong-word", "port-taken", "certificate-unreadable", "no-secret"],
)
def test_wrong_settings_are_reported_in_one_line_and_nothing_starts_half(
    installed: Cluster, systemds: Dict[int, Systemd], args: str, message: str
) -> None:
    with failure_line(installed, systemds[1], 1, args) as line:
        assert message in line


def test_a_full_disk_is_reported_in_one_line_and_nothing_starts_half(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    fill = "dd if=/dev/zero of=/run/full bs=1M status=none; dd if=/dev/zero of=/run/full2 bs=1k status=none; true"
    try:
        with failure_line_after(installed, systemds[1], fill) as line:
            assert f"ARGS in {DEFAULTS}: cannot use /run/ganeti-gluster-mon: No space left on device" in line
    finally:
        installed.run(1, "rm", "-f", "/run/full", "/run/full2")


@contextmanager
def failure_line_after(cluster: Cluster, systemd: Systemd, does: str) -> Iterator[str]:
    """As failure_line(), with the same settings and after a shell *does* something on node 1."""
    args = "--listen @ganeti:1816"
    systemd.ctl("stop", *UNITS)
    cluster.run(1, "sh", "-c", does)
    try:
        with failure_line(cluster, systemd, 1, args) as line:
            cluster.run(1, "rm", "-f", "/run/full", "/run/full2")
            yield line
    finally:
        cluster.run(1, "rm", "-f", "/run/full", "/run/full2")


def test_a_half_that_dies_is_started_again_and_the_other_goes_on(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    systemd = systemds[2]
    for dies, stays in (UNITS, UNITS[::-1]):
        before, other = main_pid(systemd, dies), main_pid(systemd, stays)
        systemd.ctl("kill", "--signal=KILL", dies)
        wait_another(systemd, dies, before)
        assert main_pid(systemd, stays) == other
        wait_ready(installed, 2)


def test_systemd_ends_a_process_that_hangs_and_starts_it_again(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    """The watchdog of systemd itself; the root process sets a longer time than a test should take."""
    systemd, unit = systemds[2], UNITS[1]
    directory = f"/run/systemd/system/{unit}.d"
    systemd.exec(["mkdir", "--parents", directory])
    installed.pool.exec(2, ["tee", f"{directory}/watchdog.conf"], input="[Service]\nWatchdogSec=5\n")
    try:
        systemd.ctl("daemon-reload")
        systemd.ctl("restart", unit)
        wait_ready(installed, 2)
        before = main_pid(systemd, unit)
        systemd.ctl("kill", "--signal=STOP", unit)
        wait_another(systemd, unit, before)
        wait_ready(installed, 2)
        assert "watchdog" in systemd.exec(["journalctl", "--unit", unit, "--lines=50"]).stdout.lower()
    finally:
        systemd.exec(["rm", "--recursive", directory])
        systemd.ctl("daemon-reload")
        systemd.ctl("restart", unit)
        wait_ready(installed, 2)


def main_pid(systemd: Systemd, unit: str) -> str:
    return systemd.ctl("show", "--property=MainPID", "--value", unit).stdout.strip()


def wait_another(systemd: Systemd, unit: str, before: str) -> None:
    wait_until(
        lambda: main_pid(systemd, unit) not in ("0", before) and states(systemd) == ["active", "active"],
        f"another process of {unit}",
        LONG,
        0.1,
    )


def test_the_provider_is_valid_on_every_node(installed: Cluster) -> None:
    output = installed.run(1, "gnt-storage", "diagnose")
    assert output.count("status: valid (path: /usr/share/ganeti/extstorage/gluster)") == 3, output
    parameters = installed.run(1, "gnt-storage", "info", "gluster")
    assert "volume" in parameters


def test_commands_and_man_pages_are_there(installed: Cluster) -> None:
    for command in ("ganeti-gluster-mon", "gnt-gluster"):
        assert installed.run(1, command, "--version").startswith(command)
        page = f"/usr/share/man/man8/{command}.8.gz"
        assert command in installed.run(1, "gunzip", "--stdout", page)
        if RELEASE == "3.0":  # the root of Debian 13 has no man
            assert installed.run(1, "man", "--where", "8", command).strip() == page
        complete = f". /usr/share/bash-completion/completions/{command}; complete -p {command}"
        assert command in installed.run(1, "bash", "-c", complete)
    assert "gv0" in installed.run(1, "ganeti-gluster-mon", "check", "--table")
    hooks = installed.pool.exec(1, ["find", "/etc/ganeti/hooks", "-type", "l"], check=False).stdout
    assert hooks == "", "hooks are enabled by the administrator alone"


def test_in_front_of_mond_by_one_command_and_back(installed: Cluster, systemds: Dict[int, Systemd]) -> None:
    systemd = systemds[1]
    files = ["/etc/default/ganeti", DEFAULTS]
    before = [installed.run(1, "cat", file) for file in files]
    had = json.loads(get(installed, 1, "/1/list/collectors", MOND)[1])
    front = ["ganeti-gluster-mon", "front"]
    assert "not in front" in systemd.exec([*front, "status"]).stdout
    systemd.exec([*front, "enable", "--dry-run"])
    assert [installed.run(1, "cat", file) for file in files] == before
    systemd.exec([*front, "enable"], timeout=120)
    try:
        assert "mond behind at http://127.0.0.1:1817" in systemd.exec([*front, "status"]).stdout
        have = json.loads(get(installed, 1, "/1/list/collectors", MOND)[1])
        assert have[: len(had)] == had
        assert "gluster" in [name for name, _, _ in have]
        wait_ready(installed, 1, MOND)
        assert data(installed, 1, MOND)["status"]["code"] == 0
        changed_once = [installed.run(1, "cat", file) for file in files]
        assert systemd.exec([*front, "enable"]).stdout == "nothing to do\n"
        assert [installed.run(1, "cat", file) for file in files] == changed_once
    finally:
        systemd.exec([*front, "disable"], timeout=120)
    assert [installed.run(1, "cat", file) for file in files] == before
    assert json.loads(get(installed, 1, "/1/list/collectors", MOND)[1]) == had
    assert "not in front" in systemd.exec([*front, "status"]).stdout
    wait_ready(installed, 1)


def test_a_front_that_would_lose_something_is_undone(
    installed: Cluster, systemds: Dict[int, Systemd]
) -> None:
    """Another program has the port that mond is to go to."""
    systemd = systemds[1]
    files = ["/etc/default/ganeti", DEFAULTS]
    before = [installed.run(1, "cat", file) for file in files]
    squatter = installed.pool.popen(
        1,
        ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "1817"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: listens(installed.pool.host(1), "tcp", 1817), "a listener on port 1817", LONG)
        with pytest.raises(LabError, match="everything is as it was before"):
            systemd.exec(["ganeti-gluster-mon", "front", "enable"], timeout=180)
    finally:
        squatter.terminate()
        squatter.wait(LONG)
    assert [installed.run(1, "cat", file) for file in files] == before
    wait_until(lambda: get(installed, 1, "/1/list/collectors", MOND)[0] == 200, "mond", LONG)
    assert states(systemd) == ["active", "active"]


def test_autopkgtest(installed: Cluster, systemds: Dict[int, Systemd]) -> None:
    """debian/tests/glusterd, as autopkgtest runs it where the package is installed."""
    ran = systemds[1].exec([str(REPOSITORY / "debian/tests/glusterd")], timeout=240)
    assert "GLUSTER CRITICAL" in ran.stdout


def test_the_whole_path(installed: Cluster, systemds: Dict[int, Systemd]) -> None:
    """In front of mond, scraped by a real Prometheus by the shipped rules, with a disk on the provider."""
    pool = installed.pool

    def front(action: str) -> None:
        command = ["ganeti-gluster-mon", "front", action]
        at_once(lambda number: systemds[number].exec(command, timeout=120), systemds)

    rules = installed.run(1, "cat", f"/usr/share/doc/{MON}/examples/prometheus/ganeti-gluster-mon.rules.yml")
    front("enable")
    try:
        installed.wait_load(MOND)
        with prometheus(pool, 1, impatient(rules), MOND) as there:
            wait_until(lambda: there.values("sum(up)") == [3.0], "all three to be scraped", LONG)
            disk = "--disk=0:size=64M,provider=gluster,volume=gv0"
            access = "userspace"
            if RELEASE == "3.1":
                # the backend is not installed here, and without it QEMU would refuse what Ganeti writes
                with pytest.raises(LabError, match="apt-get install ganeti-gluster-backend on every node"):
                    installed.instance_add("packaged", f"{disk},access={access}", node=2, template="ext")
                access = "kernelspace"
            installed.instance_add("packaged", f"{disk},access={access}", node=2, template="ext")
            try:
                assert "Loaded 3 nodes, 1 instances" in installed.run(1, "hbal", "-L", "--mond=yes")
                assert "running" in installed.run(1, "gnt-instance", "list", "-o", "status", "packaged")
                assert disks(installed, 3), "its disk is a file on the volume's bricks"
                wait_until(lambda: there.rules() and not there.firing(), "no alert to fire", LONG)
                brick = r"glusterfsd .*--volfile-id gv0\."
                systemds[2].exec(["pkill", "--signal=KILL", "--full", brick])
                try:
                    wait_until(lambda: ("GlusterBrickDown", "gv0") in there.firing(), "the alert", LONG)
                finally:
                    pool.gluster("volume", "start", "gv0", "force")
                pool.wait_healed("gv0")
                wait_until(lambda: not there.firing(), "the alert to end", LONG)
                assert "running" in installed.run(1, "gnt-instance", "list", "-o", "status", "packaged")
            finally:
                installed.instance_remove("packaged")
            assert not disks(installed, 3)
    finally:
        front("disable")
    for number in installed.nodes:
        wait_ready(installed, number)


def test_an_upgrade_keeps_settings_and_comes_back_by_itself(
    installed: Cluster, systemds: Dict[int, Systemd], debs: Dict[str, Path], tmp_path: Path
) -> None:
    systemd = systemds[2]
    before = installed.run(2, "cat", DEFAULTS)
    installed.pool.exec(2, ["tee", "--append", DEFAULTS], input="# mine\n")
    newer = changed(debs[MON], tmp_path / "newer.deb", {"Version": "99"})
    pids = [main_pid(systemd, unit) for unit in UNITS]
    try:
        (there,) = bring(installed.pool.host(2), [newer])
        systemd.exec(["dpkg", "--install", there], timeout=LONG)
        assert installed.run(2, "cat", DEFAULTS) == f"{before}# mine\n"
        for unit, before_it in zip(UNITS, pids):
            wait_another(systemd, unit, before_it)
        wait_ready(installed, 2)
        assert data(installed, 2)["status"]["code"] == 0
    finally:
        installed.pool.exec(2, ["tee", DEFAULTS], input=before)
        systemd.exec(["dpkg", "--install", package(debs, MON)], timeout=LONG)


def test_removed_under_systemd_nothing_goes_on(
    installed: Cluster, systemds: Dict[int, Systemd], debs: Dict[str, Path]
) -> None:
    systemd = systemds[2]
    systemd.exec(["apt-get", "remove", "--yes", MON], timeout=LONG)
    try:
        left = installed.pool.left_running(2)
        assert [each for each in left if "ganeti-gluster-mon" in " ".join(each.argv)] == []
        assert get(installed, 2, "/-/healthy")[0] == 0
    finally:
        systemd.exec([*APT_INSTALL, package(debs, MON)], timeout=LONG)
    wait_ready(installed, 2)
