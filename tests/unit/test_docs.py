"""The pages against the code: nothing undocumented, and nothing documented that is not there."""

from __future__ import annotations

import argparse
import ast
import functools
import html
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, Set, Tuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ganeti_gluster_mon import cli, gnt_gluster, report
from ganeti_gluster_mon.collectors import STATUS, collectors
from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.model import Disk, Pool
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.session import GlusterUnavailable
from ganeti_gluster_mon.health import STATUSES, Health, Limits, evaluate
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
CAPTURES = sorted((REPOSITORY / "tests" / "captures").glob("*/*"))


def rows(page: str, section: str) -> List[List[str]]:
    """The cells of the table in *section* of *page*, without its heads."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {section}"
    lines = [line for line in found[1].splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def sections(page: str) -> List[str]:
    return re.findall(r"^## (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)


def words(cell: str) -> List[str]:
    """What stands in code quotes."""
    return re.findall(r"`([^`]+)`", cell)


def pools() -> Iterator[Tuple[Pool, Health, int]]:
    """Every captured pool, and one made by hand that has something of everything."""
    disk = Disk("inst1", "disk/0", "gv0", "ganeti/u.0", bricks=(POOL.volumes or ())[0].bricks)
    yield replace(POOL, disks=(disk,)), HEALTH, NOW
    yield replace(POOL, disks=None), HEALTH, NOW
    yield POOL, replace(HEALTH, problems=tuple(replace(each, muted=True) for each in HEALTH.problems)), NOW
    for directory in CAPTURES:
        recorded = capture.read(str(directory))
        pool = build_pool(recorded)
        yield pool, evaluate(pool, Limits(), recorded.recorded_at), recorded.recorded_at


# --- metrics ---------------------------------------------------------------------------------------


def exported_labels(leader: bool) -> Dict[str, Set[str]]:
    """The labels of every metric that is exported, by its name."""
    found: Dict[str, Set[str]] = {}
    for pool, health, now in pools():
        text = render(
            pool, health, now, duration=1.0, failures={"lock": 1}, leader=leader, latency_extremes=True
        ).decode("utf-8")
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                name = family.name if family.type == "histogram" else sample.name
                found.setdefault(name, set()).update(set(sample.labels) - {"le"})
    return found


OF_EACH = ("Of the daemon", "Of the node")
METRICS = {
    words(row[0])[0]: row for section in (*OF_EACH, "Of the pool") for row in rows("metrics.md", section)
}


def test_every_metric_is_documented_with_its_labels_and_no_other_is() -> None:
    documented = {
        name: set(re.findall(r"`(\w+)`", re.sub(r":[^;]*", "", row[1]))) for name, row in METRICS.items()
    }
    assert documented == exported_labels(leader=True)


def test_what_a_follower_leaves_to_the_leader_is_documented_so() -> None:
    of_each = {words(row[0])[0] for section in OF_EACH for row in rows("metrics.md", section)}
    assert of_each == set(exported_labels(leader=False))


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_has_its_unit_and_source(name: str) -> None:
    _, _, unit, source = METRICS[name]
    assert unit
    assert source
    for suffix in ("bytes", "seconds"):
        assert (f"_{suffix}" in name) == (suffix in unit and "entries" not in unit), unit


def test_the_values_of_labels_are_those_that_there_are() -> None:
    def values(name: str, label: str) -> Set[str]:
        found = re.search(rf"`{label}`: ([^;]*)", METRICS[name][1])
        assert found
        return set(words(found[1]))

    assert values("gluster_volume_status", "status") == set(STATUSES)
    kinds = {kind.kind for kind in (GlusterUnavailable, *GlusterUnavailable.__subclasses__())}
    assert values("gluster_collect_failures_total", "reason") == kinds
    with_status = {name for name, collector in collectors().items() if collector.kind == STATUS}
    assert values("gluster_status_code", "collector") == with_status


# --- reports ---------------------------------------------------------------------------------------


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The way to each value of a report: ``volumes[].capacity.size``.  Nothing is known of the inside of a null."""
    if isinstance(value, dict) and not path.endswith(".options"):
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")
    elif value is not None or not path:
        yield path


def fields_of(collector: str) -> Set[str]:
    found: Set[str] = set()
    for pool, health, now in pools():
        made = report.make(collectors()[collector], pool, health, now, verbose=True, on_failure=pytest.fail)
        found.update(paths(made["data"]))
    return found


def documented(section: str) -> Set[str]:
    return {words(row[0])[0] for row in rows("reports.md", section)}


#: "as in the report gluster": the fields that are not written down a second time
_AS = ("bricks[]", "volumes[].capacity", "volumes[].inodes")


@pytest.mark.parametrize("collector", collectors())
def test_every_field_is_documented_and_no_other(collector: str) -> None:
    fields = documented(collector)
    for short in _AS:
        if short in fields:
            fields.remove(short)
            known = [field for field in documented("gluster") if f"{short}." in field]
            fields.update(short + field.partition(short)[2] for field in known)
    # null everywhere here: a node without any of it
    missing = {field for field in fields - fields_of(collector) if not null_everywhere(collector, field)}
    assert missing == set()
    assert fields_of(collector) - fields == set()


def null_everywhere(collector: str, field: str) -> bool:
    """Whether *field* is there and is null in every pool."""
    keys = field.replace("[]", "").split(".")

    def reach(value: Any, left: List[str]) -> Iterator[Any]:
        if isinstance(value, list):
            for inner in value:
                yield from reach(inner, left)
        elif not left:
            yield value
        elif isinstance(value, dict) and left[0] in value:
            yield from reach(value[left[0]], left[1:])

    found = [
        value
        for pool, health, now in pools()
        for value in reach(report.make(collectors()[collector], pool, health, now, True)["data"], keys)
    ]
    return bool(found) and all(value is None for value in found)


def test_every_report_has_its_section_with_its_category_and_kind() -> None:
    assert sections("reports.md") == ["The envelope", *collectors()]
    text = (DOCS / "reports.md").read_text(encoding="utf-8")
    for name, collector in collectors().items():
        assert f"## {name}\n\nCategory `{collector.category}`, kind {collector.kind}: " in text


def test_the_envelope() -> None:
    made = report.make(collectors()["gluster"], POOL, HEALTH, NOW)
    assert [words(row[0])[0] for row in rows("reports.md", "The envelope")] == list(made)


# --- commands --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as `make docs` builds them."""
    into = tmp_path_factory.mktemp("pages")
    command = ["-m", "sphinx", "-E", "-W", "--keep-going", "-n", "-q", "-b", "html", str(DOCS), str(into)]
    built = subprocess.run(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    return into


def flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every command, and every flag of each."""
    for action in parser._actions:
        yield from (word for word in action.option_strings if word.startswith("--") and word != "--help")
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield name
                yield from flags(inner)


@pytest.mark.slow
@pytest.mark.parametrize("parser", [cli._parser(), gnt_gluster.parser()], ids=lambda parser: parser.prog)
def test_every_command_and_flag_is_in_the_pages(pages: Path, parser: argparse.ArgumentParser) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", (pages / "commands.html").read_text(encoding="utf-8")))
    assert parser.prog in text
    assert [word for word in flags(parser) if word not in text] == []


@pytest.mark.slow
def test_runbook_links_lead_to_their_sections(pages: Path) -> None:
    text = (pages / "runbook.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'<section id="([^"]+)"', text))
    rules = (REPOSITORY / "examples/prometheus/ganeti-gluster-mon.rules.yml").read_text(encoding="utf-8")
    named = re.findall(r"runbook_url: \S+#(\S+)", rules)
    assert named
    assert [anchor for anchor in named if anchor not in anchors] == []


@pytest.mark.slow
def test_every_page_is_in_the_index(pages: Path) -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    names = {page.name for page in DOCS.glob("*.md")} - {"index.md"}
    assert [name for name in sorted(names) if f"({name})" not in index] == []
    assert (pages / "index.html").exists()


# --- troubleshooting -------------------------------------------------------------------------------


@functools.cache
def texts_of_the_package() -> FrozenSet[str]:
    """Every text in the package, those within f-strings too."""
    found: Set[str] = set()
    for file in (REPOSITORY / "ganeti_gluster_mon").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def messages() -> Iterator[str]:
    for section in sections("troubleshooting.md"):
        for row in rows("troubleshooting.md", section):
            yield words(row[0])[0]


@pytest.mark.parametrize("message", messages())
def test_each_message_is_one_that_the_program_says(message: str) -> None:
    texts = texts_of_the_package()
    parts = [part for part in message.split("…") if part.strip()]
    assert parts
    for part in parts:
        assert any(part in text for text in texts), part


def test_the_tests_that_pages_name_exist() -> None:
    """As ``tests/unit/test_x.py::test_y``, or as ``test_y`` in a table: of a file of its row, or of the contract."""
    named = 0
    for page in DOCS.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for path, function in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text):
            source = (REPOSITORY / path).read_text(encoding="utf-8")
            assert not function or f"def {function}(" in source, f"{page.name}: {path}::{function}"
            named += 1
    contract = "tests/lab_tests/on_node/contract.py"
    for *_, tests in rows("backend.md", "Guarantees, when they hold, and how they are tested"):
        functions = [word for word in words(tests) if word.startswith("test_")]
        files = {contract, *re.findall(r"`(tests/[\w/]+\.py)", tests)}
        sources = [(REPOSITORY / path).read_text(encoding="utf-8") for path in files]
        assert functions or "tests/" in tests
        for function in functions:
            assert any(f"def {function}(" in source for source in sources), function
        named += len(functions)
    assert named > 30


def security_statements() -> List[List[str]]:
    """The rows of all tables about what is defended against: what can or cannot be done, and the tests of it."""
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    found = re.search(r"^## What is defended against$(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert found
    lines = [line for line in found[1].splitlines() if line.startswith("| ") and "| statement |" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("row", security_statements(), ids=lambda row: row[-2][:60])
def test_each_statement_about_security_has_a_test(row: List[str]) -> None:
    *_, statement, tests = row
    assert statement and tests
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", tests)
    assert named, "no test"
    for path, function in named:
        source = (REPOSITORY / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *(async )?def {function or 'test_'}", source, re.MULTILINE), (
            f"{path}::{function}"
        )


def test_what_a_malicious_node_can_do_is_stated_with_a_test_each() -> None:
    rows_ = [row for row in security_statements() if row[0] in ("can", "cannot")]
    assert {row[0] for row in rows_} == {"can", "cannot"}
    for row in rows_:
        assert all("::" in word for word in words(row[2])), f"{row[1]}: name the function"
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    part = text[text.index("### A node that has the key and lies") :].partition("\n### ")[0]
    assert "\n* " not in part, "a statement outside of the table has no test"
