"""The alerts that are shipped: promtool takes them and their tests, and each has its words in the runbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Set
from urllib.parse import urlsplit

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ganeti_gluster_mon.health import CODES
from ganeti_gluster_mon.health.remedies import ALERT_CODES
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "examples" / "prometheus" / "ganeti-gluster-mon.rules.yml"
TESTS = sorted((REPOSITORY / "tests" / "prometheus").glob("*.test.yml"))
RUNBOOK = REPOSITORY / "docs" / "runbook.md"
#: where the package puts the pages
PAGE = "/usr/share/doc/ganeti-gluster-mon/html/runbook.html"


def rules() -> List[Dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


#: alerts about copies that are missing
GUESTS_NAMED = {
    "GlusterSubvolumeQuorumLost",
    "GlusterSubvolumeQuorumSoon",
    "GlusterVolumeDown",
    "GlusterBrickDown",
    "GlusterBrickNotMounted",
    "GlusterPeerAway",
}
ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def promtool(*words: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        assert os.environ.get("CI") != "true", "promtool (Debian: prometheus) is needed"
        pytest.skip("promtool (Debian: prometheus) is not installed")
    done = subprocess.run(
        [program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", str(RULES))


@pytest.mark.slow
@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.name)
def test_they_fire_and_do_not_fire(tests: Path) -> None:
    promtool("test", "rules", str(tests))


def test_each_alert_is_tested_firing_and_not_firing() -> None:
    firing: Set[str] = set()
    quiet: Set[str] = set()
    for path in TESTS:
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in case.get("alert_rule_test", ()):
                (firing if check.get("exp_alerts") else quiet).add(check["alertname"])
    assert firing == set(ALERTS)
    assert quiet == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_how_bad_it_is_and_what_it_is_about(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    annotations = set(alert["annotations"])
    assert annotations - {"guests"} == {"summary", "description", "inspect", "fix", "runbook_url"}
    assert ("guests" in annotations) == (name in GUESTS_NAMED)
    assert not alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["description"].endswith(".")
    link = urlsplit(alert["annotations"]["runbook_url"])
    assert (link.path, link.fragment) == (PAGE, name.lower())


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    sections = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == [*ALERTS, "Muting", "Problem codes"]


def test_the_runbook_has_a_section_for_each_problem_code_and_no_other() -> None:
    sections = re.findall(r"^### (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(CODES)


def test_each_alert_about_a_problem_heeds_its_mutes() -> None:
    """Those on the status code and on gluster_problem do so by themselves: both leave muted problems out."""
    by_themselves = {f"Gluster{name}" for name in ("StateUnknown", "NeedsAttention", "PartFull")}
    by_themselves |= {name for name in ALERTS if "GeoReplication" in name}
    for name in {*ALERT_CODES, *by_themselves}:
        expression = ALERTS[name]["expr"]
        if name in by_themselves:
            assert "gluster_status_code:max" in expression or "gluster_problem{" in expression
        else:
            assert "gluster_problem_muted" in expression, name
    used = re.findall(r'code=~?"([^"]*)"', " ".join(rule["expr"] for rule in rules()))
    assert {code for codes in used for code in codes.split("|")} <= set(CODES)


def metrics() -> Set[str]:
    """The names of all that the daemon exports."""
    problems = (*HEALTH.problems, replace(HEALTH.problems[0], muted=True))
    text = render(POOL, replace(HEALTH, problems=problems), NOW, duration=1.0, failures={"lock": 1}).decode()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {sample.name for family in families for sample in family.samples}


def test_rules_use_metrics_that_there_are() -> None:
    there = metrics()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        expression = re.sub(r"\{[^}]*\}|\b(?:without|ignoring|on|by) \([^)]*\)", "", rule["expr"])
        used = set(re.findall(r"\b(?:[a-z]+:)?gluster_\w+(?::\w+)?\b", expression))
        assert used <= there | recorded, rule
    everything = " ".join(" ".join((rule["expr"], *rule.get("annotations", {}).values())) for rule in rules())
    assert [name for name in recorded if name not in everything] == []
