"""`make release-check`: each thing that keeps a tree from being released is named."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable, List

import pytest

from ganeti_gluster_mon import __version__

# each makes a repository and runs git several times
pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "scripts" / "release-check"

CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-25

### Added

- Something.

## [1.1.0] - 2026-10-01
"""
DEBIAN = "ganeti-gluster-mon (1.2.0-1) bookworm; urgency=medium\n\n  * New.\n"
MAKEFILE = "docs tests-there:\n\t@echo made $@\n"

Change = Callable[[Path], None]


def git(tree: Path, *words: str) -> None:
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", "-C", str(tree), *identity, *words], check=True, capture_output=True, timeout=60)


def write(name: str, text: str) -> Change:
    """A change that is committed."""

    def change(tree: Path) -> None:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
        git(tree, "add", ".")
        git(tree, "commit", "--quiet", "--message", name)

    return change


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    write("Makefile", MAKEFILE)(tmp_path)
    write("CHANGELOG.md", CHANGELOG)(tmp_path)
    write("ganeti_gluster_mon/__init__.py", '"""It."""\n\n__version__ = "1.2.0"\n')(tmp_path)
    write("debian/changelog", DEBIAN)(tmp_path)
    return tmp_path


def checked(tree: Path) -> List[str]:
    """The problems that are reported."""
    done = subprocess.run([SCRIPT, tree], capture_output=True, text=True, timeout=60, check=False)
    lines = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert done.returncode == (1 if lines else 0)
    assert ("can be released" in done.stdout) == (not lines)
    return lines


def test_what_is_ready(tree: Path) -> None:
    assert checked(tree) == []


def test_without_debian_it_is_not_required(tree: Path) -> None:
    git(tree, "rm", "--quiet", "-r", "debian")
    git(tree, "commit", "--quiet", "--message", "no debian")
    assert checked(tree) == []


def test_a_candidate_is_written_in_two_ways(tree: Path) -> None:
    write("ganeti_gluster_mon/__init__.py", '__version__ = "1.3.0-rc1"\n')(tree)
    write("CHANGELOG.md", CHANGELOG.replace("1.2.0", "1.3.0-rc1"))(tree)
    write("debian/changelog", DEBIAN.replace("1.2.0", "1.3.0~rc1"))(tree)
    assert checked(tree) == []


def test_a_tag_on_this_very_commit_is_no_matter(tree: Path) -> None:
    git(tree, "tag", "v1.2.0")
    assert checked(tree) == []


def tagged_before(tree: Path) -> None:
    git(tree, "tag", "v1.2.0", "HEAD~1")


def not_committed(tree: Path) -> None:
    (tree / "new.py").write_text("")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (write("ganeti_gluster_mon/__init__.py", "version = 1\n"), "__version__ is None"),
        (
            write("ganeti_gluster_mon/__init__.py", '__version__ = "1.2"\n'),
            "__version__ is 1.2, which is no X.Y.Z",
        ),
        (
            write("CHANGELOG.md", CHANGELOG.replace("[1.2.0]", "[1.1.9]")),
            "the newest version is 1.1.9, not 1.2.0",
        ),
        (write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n"), "the newest version is none, not 1.2.0"),
        (write("CHANGELOG.md", CHANGELOG.replace(" - 2026-11-25", "")), "1.2.0 has no date"),
        (
            write("CHANGELOG.md", CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n")),
            "under Unreleased",
        ),
        (write("CHANGELOG.md", CHANGELOG.replace("## [Unreleased]\n", "")), "there is no ## [Unreleased]"),
        (
            write("debian/changelog", DEBIAN.replace("1.2.0-1", "1.1.0-3")),
            "its newest version is 1.1.0, not 1.2.0",
        ),
        (write("debian/changelog", DEBIAN.replace("bookworm", "UNRELEASED")), "it says UNRELEASED"),
        (write("debian/changelog", "nonsense\n"), "its first line names no version"),
        (
            write("Makefile", "docs:\n\t@echo page.md: a bad link; exit 1\ntests-there:\n"),
            "page.md: a bad link",
        ),
        (write("Makefile", "docs:\ntests-there:\n\t@echo no module; exit 1\n"), "cannot be collected"),
        (not_committed, "not committed: new.py"),
        (tagged_before, "the tag v1.2.0 is there already"),
    ],
)
def test_what_is_not(tree: Path, change: Change, message: str) -> None:
    change(tree)
    (line,) = checked(tree)
    assert message in line


def test_all_that_is_wrong_is_reported(tree: Path) -> None:
    write("CHANGELOG.md", CHANGELOG.replace("[1.2.0]", "[1.1.9]"))(tree)
    not_committed(tree)
    assert len(checked(tree)) == 2


def test_the_version_is_found_where_it_stands() -> None:
    text = (SCRIPT.parents[1] / "ganeti_gluster_mon" / "__init__.py").read_text(encoding="utf-8")
    assert f'\n__version__ = "{__version__}"\n' in text
