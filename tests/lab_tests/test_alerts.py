"""What is shipped for monitoring, on real hosts: alerts fire and end, the dashboard has answers, sudo is strict."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, FrozenSet, Iterator, List, Set, Tuple

import pytest
import yaml

from tests.dashboard import queries
from tests.lab.pool import Pool
from tests.lab.waiting import LabTimeout, wait_until
from tests.lab_tests.daemon import LONG
from tests.lab_tests.prometheus import Prometheus, prometheus
from tests.lab_tests.together import Together, on_every_host

pytestmark = pytest.mark.lab

EXAMPLES = Path(__file__).parents[2] / "examples"
RULES = EXAMPLES / "prometheus" / "ganeti-gluster-mon.rules.yml"


def impatient(rules: str) -> str:
    """*rules* as they are shipped, but that an alert waits a second where it waited minutes, and lingers for two."""
    loaded = yaml.safe_load(rules)
    for group in loaded["groups"]:
        for rule in group["rules"]:
            for key, short in (("for", "1s"), ("keep_firing_for", "2s")):
                if key in rule:
                    rule[key] = short
    return yaml.safe_dump(loaded)


@pytest.fixture(scope="module")
def together(lab_pool: Pool) -> Iterator[Together]:
    with on_every_host(lab_pool) as daemons:
        daemons.settle()
        yield daemons


@pytest.fixture(scope="module")
def watching(together: Together) -> Iterator[Prometheus]:
    with prometheus(together.pool, 1, impatient(RULES.read_text(encoding="utf-8"))) as there:
        wait_until(lambda: there.values("sum(up)") == [3.0], "all three to be scraped", LONG)
        yield there


#: alerts that look back a quarter of an hour and more: they go on firing when what they are about has ended
LOOK_BACK = frozenset({"GlusterCollectFailing", "GlusterProcessRestarting"})


def wait_quiet(watching: Prometheus, besides: FrozenSet[str] = LOOK_BACK) -> None:
    """Wait until no alert fires but those named in *besides*."""
    firing: List[Set[Tuple[str, str]]] = [set()]

    def quiet() -> bool:
        firing.append({(name, about) for name, about in watching.firing() if name not in besides})
        return bool(watching.rules()) and not firing[-1]

    try:
        wait_until(quiet, "no alert to fire", 3 * LONG)
    except LabTimeout as err:
        raise AssertionError(f"still firing: {sorted(firing[-1])}") from err


def test_every_rule_is_evaluated_without_an_error(watching: Prometheus) -> None:
    wait_until(
        lambda: {rule["health"] for rule in watching.rules()} == {"ok"}, "every rule to be evaluated", LONG
    )
    shipped = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len(watching.rules()) == len(shipped)


def test_a_killed_brick_fires_its_alerts_the_dashboard_shows_it_and_they_end(
    together: Together, watching: Prometheus
) -> None:
    wait_quiet(watching)
    together.pool.kill_brick("gv0", 2)
    try:
        wait_until(
            lambda: watching.firing() >= {("GlusterBrickDown", "gv0"), ("GlusterSubvolumeQuorumSoon", "gv0")},
            "the alerts",
            LONG,
        )
        assert "GlusterSubvolumeQuorumLost" not in {name for name, _ in watching.firing()}
        # Every panel has data, the table of alerts too; what has been scraped for two seconds has a rate.
        # Those of LVM have none: the kernel of the tests has no device mapper.
        queried = [query for query in queries() if "gluster_lvm_" not in query]
        without = [query for query in queried if not watching.values(query)]
        assert without == []
    finally:
        together.pool.start_brick("gv0", 2)
    wait_quiet(watching)


def test_a_self_heal_daemon_that_does_not_run_fires_its_alert(
    together: Together, watching: Prometheus
) -> None:
    wait_quiet(watching)
    together.pool.kill_self_heal_daemons([3])
    try:
        wait_until(
            lambda: ("GlusterSelfHealDaemonDown", "node3.lab.test") in watching.firing(), "the alert", LONG
        )
    finally:
        # it serves every volume, and takes up again only those that are started anew
        for volume in ("gv0", "arb-vm", "disp", "distrep"):
            together.pool.start_volume(volume, force=True)
    wait_quiet(watching)


def heals_again(pool: Pool) -> None:
    """Self-heal daemons take up again only the volumes that are started anew."""
    for volume in ("gv0", "arb-vm", "disp", "distrep"):
        pool.start_volume(volume, force=True)


def off(together: Together, *hosts: int) -> None:
    for host in hosts:
        together.stop(host)
    # The next leader knows the ports of bricks that had changed since it led last.
    together.wait_leaders([host for host in together.by_uuid() if host not in hosts][:1])
    for host in hosts:
        together.pool.power_off(host)


def on(together: Together, *hosts: int) -> None:
    for host in hosts:
        together.pool.power_on(host)
    together.pool.wait_connected()
    heals_again(together.pool)
    for host in hosts:
        together.start(host)


def cut(together: Together, host: int) -> None:
    together.pool.cut(host)


def join(together: Together, host: int) -> None:
    together.pool.join(host)
    together.pool.wait_connected()


def freeze(together: Together, host: int) -> None:
    together.pool.freeze_glusterd(host)
    together.pool.freeze_brick("gv0", host)


def thaw(together: Together, host: int) -> None:
    together.pool.thaw_brick("gv0", host)
    together.pool.thaw_glusterd(host)
    together.pool.wait_connected()


def start_glusterd(together: Together, host: int) -> None:
    together.pool.start_glusterd(host)
    together.pool.wait_connected()


BRICK_AWAY = {("GlusterBrickDown", "gv0"), ("GlusterSubvolumeQuorumSoon", "gv0")}
NODE2_AWAY, NODE3_AWAY = (("GlusterPeerAway", f"node{host}.lab.test") for host in (2, 3))


@pytest.mark.parametrize(
    ("breaks", "mends", "hosts", "expected", "never"),
    [
        (off, on, (3,), BRICK_AWAY | {NODE3_AWAY}, {"GlusterSubvolumeQuorumLost", "GlusterVolumeDown"}),
        (cut, join, (3,), BRICK_AWAY | {NODE3_AWAY}, {"GlusterSubvolumeQuorumLost", "GlusterVolumeDown"}),
        pytest.param(
            *(
                freeze,
                thaw,
                (3,),
                BRICK_AWAY | {NODE3_AWAY},
                {"GlusterSubvolumeQuorumLost", "GlusterVolumeDown"},
            ),
            marks=pytest.mark.soak,
        ),
        (
            off,
            on,
            (2, 3),
            {("GlusterSubvolumeQuorumLost", "gv0"), ("GlusterVolumeDown", "gv0"), NODE2_AWAY, NODE3_AWAY},
            set(),
        ),
    ],
    ids=["one node off", "one node cut", "one node frozen", "two nodes off"],
)
def test_a_node_that_is_away(
    together: Together,
    watching: Prometheus,
    breaks: Callable[..., None],
    mends: Callable[..., None],
    hosts: Tuple[int, ...],
    expected: Set[Tuple[str, str]],
    never: Set[str],
) -> None:
    """The right alerts fire, each once however many nodes report it, and end when the node is back."""
    wait_quiet(watching)
    breaks(together, *hosts)
    try:
        wait_until(lambda: watching.firing() >= expected, "the alerts", LONG)
        assert not never & {name for name, _ in watching.firing()}
        for name, about in expected:
            fired = watching.alerts(name, about)
            assert len(fired) == 1, fired
    finally:
        mends(together, *hosts)
    wait_quiet(watching)


def test_a_glusterd_that_is_dead_and_its_bricks_live(together: Together, watching: Prometheus) -> None:
    """Only the peer is away: its bricks are called at the ports that they had."""
    wait_quiet(watching)
    together.pool.kill_glusterd(3)
    try:
        wait_until(lambda: NODE3_AWAY in watching.firing(), "the alert", LONG)
        together.pool.wait_disconnected(3, watchers=[1, 2])
        # the daemons have looked again since, and the alerts wait a second
        looked = watching.values("max(gluster_collect_timestamp_seconds)")[0]
        wait_until(
            lambda: watching.values("min(gluster_collect_timestamp_seconds)")[0] > looked,
            "the next cycle of every daemon",
            LONG,
        )
        assert watching.firing() & BRICK_AWAY == set()
        assert watching.values('min(gluster_brick_up{volume="gv0"})') == [1.0]
    finally:
        start_glusterd(together, 3)
    wait_quiet(watching)


def test_sudo_lets_the_check_through_and_nothing_else(lab_pool: Pool) -> None:
    """The real one: its patterns are its own."""
    program = "/usr/sbin/ganeti-gluster-mon"
    line = "/etc/sudoers.d/ganeti-gluster-mon"
    lab_pool.exec(2, ["useradd", "--system", "nagios"], check=False)  # it may be there
    lab_pool.exec(2, ["tee", line], input=(EXAMPLES / "sudoers" / "ganeti-gluster-mon").read_text())
    lab_pool.exec(2, ["chmod", "440", line])
    lab_pool.exec(2, ["install", "-m", "755", "/bin/true", program])

    def allowed(*words: str) -> bool:
        argv = ["sudo", "--list", "--other-user=nagios", program, *words]
        return lab_pool.exec(2, argv, check=False).returncode == 0

    try:
        assert allowed("check")
        assert allowed("check", "--volume", "gv0", "--warning-free", "25%", "--critical-free", "5")
        assert not allowed("check", "--gluster", "/tmp/program")
        assert not allowed("check", "--volume", "gv0", "--gluster", "/tmp/program")
        assert not allowed("serve")
    finally:
        lab_pool.exec(2, ["rm", "-f", line, program])
