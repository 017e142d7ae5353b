"""What is shipped for monitoring, on real hosts: alerts fire and end, the dashboard has answers, sudo is strict."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
import yaml

from tests.dashboard import queries
from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
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


def wait_quiet(watching: Prometheus) -> None:
    wait_until(lambda: watching.rules() and not watching.firing(), "no alert to fire", LONG)


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
        asked = list(queries())
        without = [query for query in asked if not watching.values(query)]
        assert without == []
    finally:
        together.pool.start_brick("gv0", 2)
    wait_quiet(watching)


def test_a_self_heal_daemon_that_is_gone_fires_its_alert(together: Together, watching: Prometheus) -> None:
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
