"""The structure of the package: what CONTRIBUTING.md promises about its modules and names."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "ganeti_gluster_mon"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: lines of a module at most
MOST_LINES = 400
#: Ganeti looks for its module by this name, and a collector is named as its report
SAME_NAME = {"gluster"}
#: what a package may not import: the direction is query, parse, model, evaluate, report, render
NOT_ABOVE = {
    "gluster": (
        "backend",
        "collectors",
        "daemon",
        "deploy",
        "health",
        "hooks",
        "metrics",
        "mond_setup",
        "view",
    ),
    "health": ("backend", "collectors", "daemon", "deploy", "hooks", "metrics", "mond_setup", "view"),
    "collectors": ("backend", "daemon", "deploy", "hooks", "metrics", "mond_setup", "view"),
    "metrics": ("backend", "daemon", "deploy", "hooks", "mond_setup", "view"),
    "view": ("daemon", "hooks", "mond_setup"),
    "hooks": ("daemon", "mond_setup"),
}
#: names of modules and of public classes, functions and methods that were replaced by the field's terms
PRIVATE_WORDS = re.compile(
    r"asker|teller|handover|parcel|joined|sight|\bdoor\b|\bcrowded\b|\bheed|speaker|foresee|\burges?\b|\bmanner\b"
    r"|cannotdo|\bnotso\b|\bpatience\b|grown_old|knock|honest|\bhalf\b|\bhalves\b"
    r"|\btold\b|\basked\b|\bsaid\b|_ask\b|\bask_|\btell\b|\btells\b|\bseen\b",
    re.IGNORECASE,
)
#: words that stood for a query, an answer or a limit; in comments, docstrings, messages and documents
PRIVATE_PROSE = re.compile(
    r"\b(told|asked|said|tells|heed|hasty|house|door|patience|beside)\b", re.IGNORECASE
)
#: words that no name in the tests has; NOBODY is the account of that name
TEST_WORDS = frozenset(
    "told asked said tell tells seen beside heed hasty house door patience nobody nobodys somebody"
    " who whoever fine ill spoilt keeper keepers halves".split()
)
ACCOUNT = "NOBODY"
#: where people read
TEXTS = ("README.md", "CONTRIBUTING.md", "Makefile", "docs", "man", "examples", "systemd", "debian")


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    words = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def trees() -> Dict[str, ast.Module]:
    """The syntax trees of all modules, by name."""
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


TREES = trees()


def imports(name: str, tree: ast.Module) -> Iterator[str]:
    """The modules of the package that *name* imports when it is imported itself."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in TREES)
        elif isinstance(node, ast.ImportFrom) and node.module in TREES:
            inside = {f"{node.module}.{each.name}" for each in node.names} & set(TREES)
            yield from inside or {str(node.module)}


#: by module without a test file of its own, the one that runs it: it needs Ganeti, other nodes or a volume, or it is
#: run through the module above it
TESTED_BY = {
    "backend/blockdev/bdev.py": "lab_tests/test_backend.py",
    "backend/blockdev/container.py": "lab_tests/test_backend.py",
    "backend/extstorage/lease.py": "unit/backend/extstorage/test_guest_watch.py",
    "deploy/context.py": "unit/deploy/test_pool_tasks.py",
    "deploy/remote/node_mute.py": "unit/maintenance/test_mute_steps.py",
    "deploy/remote/root_version.py": "lab_tests/test_bricks.py",
    "deploy/task_queries.py": "unit/deploy/test_pool_tasks.py",
    "gluster/pathinfo_client.py": "lab_tests/test_gnt_gluster.py",
    "gluster/volume_files_client.py": "lab_tests/test_gnt_gluster.py",
    "maintenance/maintenance_commands.py": "unit/deploy/test_command_arguments.py",
    "view/node_queries.py": "lab_tests/test_gnt_gluster.py",
    "view/pool_source.py": "unit/view/test_row_filter.py",
    "view/waiting_bricks.py": "lab_tests/test_gnt_gluster.py",
}


def has_functions(path: Path) -> bool:
    """Whether a module has code to be tested, and not declarations only."""
    return any(isinstance(node, ast.FunctionDef) for node in ast.walk(TREES[name_of(path)]))


def test_each_module_has_a_test_file() -> None:
    tests = REPOSITORY / "tests"
    without = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if not path.stem.startswith("__")
        and has_functions(path)
        and not (tests / "unit" / path.relative_to(PACKAGE).parent / f"test_{path.name}").exists()
    ]
    assert sorted(without) == sorted(TESTED_BY)
    assert [test for test in TESTED_BY.values() if not (tests / test).is_file()] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_each_module_name_occurs_once() -> None:
    names = Counter(path.stem for path in MODULES if not path.stem.startswith("__"))
    assert {name for name, times in names.items() if times > 1} <= SAME_NAME


def test_each_public_class_name_occurs_once() -> None:
    names = Counter(
        node.name
        for tree in TREES.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_there_is_no_import_cycle() -> None:
    graph = {name: set(imports(name, tree)) - {name} for name, tree in TREES.items()}
    done: Set[str] = set()

    def visit(name: str, above: List[str]) -> None:
        assert name not in above, " → ".join([*above[above.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, [*above, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])


@pytest.mark.parametrize("package", sorted(NOT_ABOVE))
def test_nothing_imports_upwards(package: str) -> None:
    prefix = f"ganeti_gluster_mon.{package}"
    found = {
        f"{name} imports {other}"
        for name, tree in TREES.items()
        if name == prefix or name.startswith(f"{prefix}.")
        for other in imports(name, tree)
        if any(other.startswith(f"ganeti_gluster_mon.{above}") for above in NOT_ABOVE[package])
    }
    assert found == set()


def modules_of_tests() -> List[Path]:
    """All modules of the tests but this one, which names the words that it searches for."""
    return [path for path in sorted((REPOSITORY / "tests").rglob("*.py")) if path != Path(__file__)]


def texts() -> Iterator[Path]:
    """The files of the package, those of *TEXTS*, and the modules of the tests."""
    yield from modules_of_tests()
    for top in (PACKAGE, *(REPOSITORY / each for each in TEXTS)):
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and path.suffix not in {".png", ".pyc"} and path.name != "changelog":
                yield path


def test_texts_use_the_terms_of_the_field() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {match.group()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        for match in PRIVATE_PROSE.finditer(line)
    ]
    assert found == []


@pytest.mark.parametrize("name", sorted(TREES))
def test_no_private_word_is_a_name(name: str) -> None:
    names = [name.rsplit(".", 1)[-1]]
    for node in ast.walk(TREES[name]):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.append(node.name)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
    assert [each for each in names if PRIVATE_WORDS.search(each)] == []


def names_in(tree: ast.Module) -> Iterator[str]:
    """The names that a module gives: of classes, functions, parameters, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words_of(name: str) -> Set[str]:
    """The words of a name in snake case or camel case, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_no_private_word_is_in_a_name_of_the_tests() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)}: {name}"
        for path in modules_of_tests()
        for name in {path.stem, *names_in(ast.parse(path.read_text(encoding="utf-8")))}
        if name != ACCOUNT and words_of(name) & TEST_WORDS
    }
    assert found == set()


@pytest.mark.parametrize("name", ["test_it_is_told_twice", "asked", "_tell", "AllSeen", "SEEN", "fooDoor"])
def test_a_private_word_is_found_wherever_it_is_in_a_name(name: str) -> None:
    assert words_of(name) & TEST_WORDS


def test_a_longer_word_is_no_private_word() -> None:
    assert not words_of("test_untold_unseen_indoors_SEENAGAIN") & TEST_WORDS


def test_the_files_that_contributing_names_exist() -> None:
    table = (
        (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| change | file | also |")[2]
    )
    named = re.findall(r"`([a-z_0-9-]+(?:/[\w.-]*)+|[a-z_]+\.py)`", table.partition("### ")[0])
    assert len(named) > 40
    assert [
        name for name in named if not (REPOSITORY / name).exists() and not (PACKAGE / name).exists()
    ] == []
