"""The Makefile, by its dry runs; and that no text about it is out of date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import List, Mapping

import pytest

from tests.lab.tools import packages

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])


def make(*words: str, environment: Mapping[str, str] = {}) -> List[str]:
    """What `make WORDS` prints. Under another make's flags it would not be the same."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "DEMO"))}
    ran = subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=REPOSITORY,
        env={**outside, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return ran.stdout.splitlines()


def targets() -> List[str]:
    phony = re.search(r"^\.PHONY: (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert phony
    return phony[1].split()


def test_make_alone_lists_every_target() -> None:
    output = make()
    assert [target for target in targets() if not any(f"make {target} " in line for line in output)] == []


@pytest.mark.parametrize("target", targets())
def test_every_target_can_be_made(target: str) -> None:
    make("--dry-run", target)


def test_the_tests_lint_before_they_run() -> None:
    output = "\n".join(make("--dry-run", "test"))
    assert re.search(r"ruff check.*ruff format --check.*mypy.*pytest", output, re.DOTALL)


def test_unit_tests_run_on_another_release_by_its_own_python() -> None:
    output = "\n".join(make("--dry-run", "unit", "DEBIAN=13"))
    root = "/var/cache/ganeti-gluster-mon/lab-root-13"
    assert re.search(
        rf"make-lab-root 13 {root} .*python3-pytest.*\n.*scripts/unit-tests-in-root {root} ", output
    ), output
    assert ".venv" not in output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a root file system")
def test_the_tests_make_the_root_of_debian_13_before_they_lint() -> None:
    output = "\n".join(make("--dry-run", "test"))
    assert re.search(r"make-lab-root 13 .* &\n.*ruff check.*pytest", output, re.DOTALL), output


@pytest.mark.skipif(os.geteuid() != 0, reason="packages are for root to install")
def test_the_lab_gets_every_package_it_needs() -> None:
    named = " ".join(make("--dry-run", "packages")).split()
    assert [package for package in packages() if package not in named] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="without root, no packages are installed anyway")
def test_a_replay_installs_nothing_for_the_lab() -> None:
    assert "glusterfs-server" in "\n".join(make("--dry-run", "demo"))
    for output in (
        make("--dry-run", "demo", "DEMO=replay"),
        make("-n", "demo", environment={"DEMO": "replay"}),
    ):
        assert "glusterfs-server" not in "\n".join(output)
        assert output[-1].endswith("python -m tests.demo")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_only_what_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []
    commands = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
    assert [command for command in commands if command not in targets()] == []


@pytest.mark.skipif(sys.prefix != str(REPOSITORY / ".venv"), reason="not in the environment that make makes")
def test_whatever_is_installed_is_so_in_a_version_that_is_named() -> None:
    """Else a library that is published today decides whether this code passes."""

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    text = (REPOSITORY / "constraints.txt").read_text()
    named = {plain(name): version for name, version in re.findall(r"^([^#=\s]+)==(\S+)$", text, re.MULTILINE)}
    installed = {plain(each.metadata["Name"]): each.version for each in distributions()}
    for own in ("ganeti-gluster-mon", "pip"):  # the second comes with Python
        del installed[own]
    assert installed == {name: named.get(name) for name in installed}
