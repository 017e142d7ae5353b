"""Every command in README.md and docs/ is one that there is, with options and arguments that it takes.

Those that change something are run by lab tests, see docs/lab.md.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganeti_gluster_mon.health.remedies import ALERT_CODES
from tests import documented, runbook, runbook_tests
from tests.documented import Documented, commands, gluster_fault, parse

OURS = commands(("gnt-gluster", "ganeti-gluster-mon"))
GLUSTERS = commands(("gluster",))


def test_there_are_many() -> None:
    assert len(OURS) > 90
    assert len(GLUSTERS) > 30
    assert len({each.page for each in OURS}) > 8


@pytest.mark.parametrize("command", OURS, ids=str)
def test_our_commands_are_taken(command: Documented) -> None:
    if re.match(r"\S+ …", command.text) or "[" in command.text:
        return  # any command, or what it takes in general
    fault = parse(command)
    if not command.whole and re.search(r"the following arguments are required|expected .*argument", fault):
        return  # mentioned in a sentence, without all its arguments
    assert fault == ""


@pytest.mark.parametrize("command", GLUSTERS, ids=str)
def test_glusters_commands_are_as_its_help_has_them(command: Documented) -> None:
    if not command.whole and len(command.words) < 4:
        return
    assert gluster_fault(command) == ""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("gnt-gluster deploy --device /dev/vdb", False),
        ("gnt-gluster deploy --devise /dev/vdb", True),
        ("gnt-gluster replace-brick gv0 node3", True),
        ("gnt-gluster diagnose --node node1", True),
        ("gnt-gluster expand-volume gv0 node4 --device vdb", True),
        ("ganeti-gluster-mon check --query --volume gv0", False),
        ("ganeti-gluster-mon check --vol gv0 --tabel", True),
        ("gluster volume heal gv0 info summary", False),
        ("gluster volume heal gv0 infos", True),
        ("gluster volume heal gv0 split-brain source-brick a:/b /file", False),
        ("gluster volume start gv0 forced", True),
        ("gluster volume remove-brick gv0 replica 2 a:/b c:/d force", False),
        ("gluster volume remove-brick gv0 a:/b", True),
        ("gluster volume rebalance gv0 fix-layout start", False),
        ("gluster volume rebalance gv0 begin", True),
        ("gluster peer detach node3 force", False),
        ("gluster volume status gv0 detail", False),
        ("gluster volume quota gv0 limit-usage /images 200GB", False),
        ("gluster volume reblance gv0 start", True),
        ("gluster volume geo-replication gv0 backup1::gv0 start force", False),
        ("gluster volume geo-replication gv0 backup1::gv0 begin", True),
    ],
)
def test_a_command_that_is_wrong_is_found(text: str, wrong: bool) -> None:
    command = Documented("page", text, True)
    check = gluster_fault if text.startswith("gluster ") else parse
    assert bool(check(command)) is wrong


def test_blocks_are_read_as_a_shell_reads_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# T\n\n```\ngnt-gluster list   # all\n# only a comment\n"
        "gnt-gluster info \\\n  gv0; gluster pool list | cat\n```\n"
        "\n## S\n\n```console\n# gnt-gluster diagnose\nPool: ok\n```\n\n```yaml\ngnt-gluster: no\n```\n"
    )
    assert documented.blocks(page) == [
        ["gnt-gluster list   # all", "gnt-gluster info    gv0; gluster pool list | cat"],
        ["gnt-gluster diagnose"],
    ]
    assert documented.blocks(page, "S") == [["gnt-gluster diagnose"]]


def test_every_fix_of_the_runbook_is_one_that_there_is() -> None:
    checked = 0
    for title, text in runbook.commands():
        command = Documented(title, text, True)
        if text.startswith("gluster "):
            assert gluster_fault(command) == "", command
        elif text.startswith(("gnt-gluster ", "ganeti-gluster-mon ")):
            assert parse(command) == "", command
        else:
            assert text.split()[0] in (
                "ssh",
                "systemctl",
                "journalctl",
                "apt-get",
                "df",
                "gnt-cluster",
                "setfattr",
            ), command
            continue
        checked += 1
    assert checked > 100


def test_each_section_of_the_runbook_is_tested_in_one_way() -> None:
    listed = [*runbook_tests.FIXED, *runbook_tests.REPORTED, *runbook_tests.TYPED, *ALERT_CODES]
    assert sorted(listed) == sorted(runbook.titles())


@pytest.mark.parametrize(
    ("title", "test"), sorted([*runbook_tests.FIXED.items(), *runbook_tests.REPORTED.items()])
)
def test_the_lab_test_of_a_section_makes_its_fault(title: str, test: str) -> None:
    name, _, function = test.partition("::")
    source = (documented.REPOSITORY / "tests" / "lab_tests" / name).read_text(encoding="utf-8")
    body = re.search(rf"^((?:@.*\n)*)def {function}\(.*?(?=^(?:def|@|class|#)|\Z)", source, re.M | re.S)
    assert body, test
    # the scrubber's test has the words of the problem, that of a pulled cable a function that all of them share
    assert title in body[0] or title in ("BITROT_CORRUPTED", "BRICK_UNREACHABLE"), body[0]
    if title in runbook_tests.FIXED:
        assert re.search(r"\b(?:fix|inspect_and_fix|remedy_of)\(", body[0]), test


def test_the_table_of_how_the_runbook_is_tested_is_that_of_the_lists() -> None:
    page = (documented.REPOSITORY / "docs" / "lab.md").read_text(encoding="utf-8")
    assert page.endswith("\n\n" + runbook_tests.table(runbook.titles()))


#: the commands of docs/deploy.md that change something → the lab test that runs them
RUN = {
    "From empty disks to guests": "test_deploy_page.py",
    "Later": "test_deploy_page.py",
    "Replacing a brick": "test_deploy_page.py",
    "A brick that hangs": "test_deploy_page.py",
    "Disks that are free again": "test_deploy_page.py",
    "A node or a disk that is gone, with the only copy": "test_deploy_page.py",
    "A node that is gone, and no other to take its bricks": "test_deploy_page.py",
    "A node that was installed anew": "test_deploy_page.py",
    "Nodes that bring their disks along": "test_deploy_page.py",
}


def test_each_section_with_commands_is_run_by_a_lab_test() -> None:
    page = documented.REPOSITORY / "docs" / "deploy.md"
    headings = re.findall(r"^#+ (.+)$", documented._unfenced(page.read_text(encoding="utf-8")), re.MULTILINE)
    with_commands = {
        heading
        for heading in headings
        for block in documented.blocks(page, heading)
        if any(line.startswith("gnt-") for line in block) and "is running" not in " ".join(block)
    }
    assert with_commands == set(RUN)
    for section, name in RUN.items():
        source = (documented.REPOSITORY / "tests" / "lab_tests" / name).read_text(encoding="utf-8")
        (first,) = documented.blocks(page, section)[:1]
        for line in first:
            word = "gluster:join:" if "add-tags" in line else line.split()[1]
            assert word in source or f'"{section}"' in source or "blocks(DEPLOY)" in source, line
