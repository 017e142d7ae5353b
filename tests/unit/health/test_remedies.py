"""The commands for each problem: in the runbook, the alerts, check, the page and diagnose, and complete."""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
import yaml

from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import (
    CODES,
    CRITICAL,
    REMEDIES,
    UNKNOWN,
    Limits,
    Problem,
    common_fix,
    evaluate,
    remedy_of,
)
from ganeti_gluster_mon.health.node import evaluate_node
from ganeti_gluster_mon.health.remedies import ALERT_CODES, ALERT_REMEDIES, filled, remedy_of_alert
from tests import runbook
from tests.unit.test_alerts import ALERTS

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*/*"))


def problem(code: str, subject: str = "", volume: str = "gv0", kind: str = "") -> Problem:
    return Problem(code, CRITICAL, "text", volume, subject, kind=kind)


def test_every_code_and_every_alert_has_its_commands() -> None:
    assert list(REMEDIES) == list(CODES)
    assert {*ALERT_CODES, *ALERT_REMEDIES} == set(ALERTS)
    assert set(ALERT_CODES.values()) <= set(CODES)
    for template in (*REMEDIES.values(), *ALERT_REMEDIES.values()):
        for text in (template.inspect, template.fix, template.verify):
            assert shlex.split(text), text


@pytest.mark.parametrize("title", [title for title in runbook.titles() if runbook.repair_line(title)])
def test_each_section_of_what_repair_repairs_ends_with_it(title: str) -> None:
    lines = runbook.sections()[title].split("\n## ")[0].rstrip().splitlines()
    assert lines[-1] == runbook.repair_line(title)


def test_what_is_repaired_by_one_command_has_such_sections() -> None:
    assert len([title for title in runbook.titles() if runbook.repair_line(title)]) > 12


@pytest.mark.parametrize("title", runbook.titles())
def test_each_section_of_the_runbook_begins_with_its_commands(title: str) -> None:
    """UPDATE_GOLDEN=1 puts them there."""
    body = runbook.sections()[title]
    found = re.search(r"```\n.*?```\n", body, re.DOTALL)
    assert found, f"{title} has no commands"
    if os.environ.get("UPDATE_GOLDEN"):
        page = runbook.RUNBOOK.read_text(encoding="utf-8")
        runbook.RUNBOOK.write_text(
            page.replace(body, body.replace(found[0], runbook.block(title))), encoding="utf-8"
        )
        return
    assert found[0] == runbook.block(title)


def commands_of_alert(name: str) -> Dict[str, str]:
    """The commands of an alert, for Prometheus to fill in."""
    labels = _labels(name)
    host = "NODE"
    if "host" in labels:
        host = for_shell("host")
    elif "peer" in labels:
        host = for_shell("peer")
    elif "instance" in labels:
        host = '{{ reReplaceAll ":[0-9]+$|[^A-Za-z0-9_./:-]" "" $labels.instance }}'
    words = {field: for_shell(field) for field in ("volume", "path") if field in labels}
    brick = f"{host}:{words['path']}" if {"host", "path"} <= labels else "BRICK"
    path = "SECONDARY" if "GeoReplication" in name else "PATH"
    every = {"volume": "VOLUME", "path": path, "bricks": "BRICK", "brick": brick, "host": host, **words}
    made = filled(remedy_of_alert(name), every)
    return {"inspect": made.inspect, "fix": made.fix}


def for_shell(label: str) -> str:
    """The template of a label's value in a command: what a shell would read otherwise becomes "%"."""
    return f'{{{{ reReplaceAll "[^A-Za-z0-9_./:-]" "%" $labels.{label} }}}}'


@functools.cache
def _tested_alerts() -> List[Tuple[str, Set[str]]]:
    """The name and the labels of each alert that a test of the alerts expects to fire."""
    return [
        (check["alertname"], set(one["exp_labels"]))
        for path in sorted((runbook.RUNBOOK.parents[1] / "tests" / "prometheus").glob("*.test.yml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for check in case.get("alert_rule_test", ())
        for one in check.get("exp_alerts", ())
    ]


def _labels(name: str) -> Set[str]:
    """The labels that the alert *name* has, by the tests of the alerts."""
    found = [labels for tested, labels in _tested_alerts() if tested == name]
    assert found, f"{name} is not tested firing"
    return set.intersection(*found)


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_names_its_commands(name: str) -> None:
    annotations = ALERTS[name]["annotations"]
    assert {key: annotations.get(key) for key in ("inspect", "fix")} == commands_of_alert(name)


def test_commands_are_filled_in() -> None:
    brick = "node2.lab.test:/export/b1/gv0"
    assert remedy_of(problem("BRICK_OFFLINE", brick)).fix == "gnt-gluster deploy --volume gv0 node2.lab.test"
    assert remedy_of(problem("BRICK_HANGS", brick)).fix == f"gnt-gluster restart-brick gv0 {brick}"
    assert remedy_of(problem("BRICK_OFFLINE", "/export/b1/gv0")).fix == "gnt-gluster deploy --volume gv0 NODE"
    not_reached = Problem("BRICK_UNREACHABLE", UNKNOWN, "text", "gv0", brick)
    assert remedy_of(not_reached).fix == f"gnt-gluster restart-brick gv0 {brick}"
    assert remedy_of(problem("BRICK_UNREACHABLE", brick)).fix.startswith("gnt-gluster deploy ")
    assert remedy_of(problem("PEER_DISCONNECTED", "node3", "")).fix == "ssh node3 systemctl restart glusterd"
    assert remedy_of(problem("GLUSTERD_DOWN", "", "")).fix == "systemctl start glusterd"
    assert (
        remedy_of(problem("QUOTA_EXCEEDED", "/a b")).fix == "gluster volume quota gv0 limit-usage '/a b' SIZE"
    )


def test_a_task_has_its_own_commands() -> None:
    bricks = "a:/x b:/y"
    # Gluster refuses `start` while an earlier remove-brick is neither stopped nor committed
    again = (
        f"gluster volume remove-brick gv0 {bricks} stop && "
        f"gluster --mode=script volume remove-brick gv0 {bricks} start"
    )
    for code in ("REBALANCE_FAILED", "REBALANCE_FAILURES"):
        assert remedy_of(problem(code, bricks, kind="remove-brick failed")).fix == again
    found = problem("REBALANCE_FAILED", kind="fix-layout failed")
    assert remedy_of(found).fix == "gluster volume rebalance gv0 fix-layout start"
    found = problem("REBALANCE_FAILED", kind="rebalance failed")
    assert remedy_of(found).fix == "gnt-gluster rebalance gv0"
    moved = "remove-brick has moved the data"
    found = problem("REMOVE_BRICK_UNCOMMITTED", bricks, kind=f"{moved} and is not committed")
    assert remedy_of(found).fix == f"gluster volume remove-brick gv0 {bricks} commit"
    # a commit would lose the files that were not moved
    found = problem("REMOVE_BRICK_UNCOMMITTED", bricks, kind=f"{moved}, with failures")
    assert remedy_of(found).fix == again


HOSTILE = [
    "-oProxyCommand=x",
    "$(echo x)",
    "a;echo x",
    "`echo x`",
    "a'b",
    'a"b',
    "a\nb",
    "a  b",
    "\x1b[31m",
    "*",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_outside_are_one_word_of_a_command_or_left_out(name: str) -> None:
    """A shell makes the same words of each command as shlex does: nothing in it is expanded or run."""
    commands = []
    for code in CODES:
        for subject in (name, f"{name}:/{name}", f"node1:/{name}", f"{name}:/x {name}:/y"):
            for volume in ("gv0", name):
                made = remedy_of(problem(code, subject, volume))
                commands += [made.inspect, made.fix, made.verify]
    commands = list(dict.fromkeys(commands))
    for command in commands:
        assert command.isprintable()
        assert not any(word.startswith("-oProxy") for word in shlex.split(command))
    script = "w() { printf '%s\\0' \"$@\"; echo; }\n" + "".join(f"w {command}\n" for command in commands)
    result = subprocess.run(
        ["sh", "-c", script], check=True, stdout=subprocess.PIPE, text=True, timeout=20, cwd="/"
    )
    assert result.stderr is None
    assert [line.split("\0")[:-1] for line in result.stdout.splitlines()] == [
        shlex.split(command) for command in commands
    ]


def test_a_group_has_the_command_that_all_its_problems_need() -> None:
    same = [problem("HEAL_DAEMON_DOWN", f"node{n}") for n in (1, 2)]
    assert common_fix(same) == "gnt-gluster repair gv0"
    different = [problem("BRICK_OFFLINE", f"node{n}:/b") for n in (1, 2)]
    assert common_fix(different) == "gnt-gluster diagnose"


@pytest.mark.parametrize("directory", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_problem_of_every_capture_has_a_command(directory: Path) -> None:
    recorded = capture.read(str(directory))
    pool = build_pool(recorded)
    found: List[Any] = [
        *evaluate(pool, Limits(), recorded.recorded_at).problems,
        *evaluate_node(pool).problems,
    ]
    for one in found:
        made = remedy_of(one)
        for text in (made.inspect, made.fix, made.verify):
            assert shlex.split(text)
            assert "{" not in text, text
