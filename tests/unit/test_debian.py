"""The Debian packages by their sources: one version, every dependency, no option without a word in the man page."""

from __future__ import annotations

import argparse
import ast
import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

from ganeti_gluster_mon import __version__, cli, gnt_gluster
from ganeti_gluster_mon.gluster.brick_builder import LVM_STALE_AFTER
from ganeti_gluster_mon.lvm_command import CAPTURE_TIMEOUT
from ganeti_gluster_mon.paths import RUN_DIRECTORY

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "ganeti_gluster_mon"
UNITS = sorted((REPOSITORY / "systemd").glob("*.service")) + sorted((REPOSITORY / "systemd").glob("*.timer"))

#: what is imported → the name it has on PyPI, where that is another
DISTRIBUTIONS = {"yaml": "PyYAML", "jinja2": "Jinja2", "markupsafe": "Jinja2"}


def requirements() -> Dict[str, str]:
    """Name → version, of pyproject.toml."""
    text = (REPOSITORY / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block
    found = re.findall(r'"([A-Za-z0-9_]+)>=([0-9.]+)"', block[1])
    return dict(found)


def test_one_version() -> None:
    first = (REPOSITORY / "debian/changelog").read_text().splitlines()[0]
    match = re.fullmatch(r"ganeti-gluster-mon \(([^)]+)\) \w+; urgency=\w+", first)
    assert match
    assert match[1] == __version__
    others = [
        path
        for path in ("pyproject.toml", "setup.py", "man/conf.py", "debian/control", "debian/rules")
        if __version__ in (REPOSITORY / path).read_text().replace(f">={__version__}", "")
    ]
    assert others == [], "the version stands in ganeti_gluster_mon/__init__.py"


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_everything_imported_is_depended_on_and_nothing_else() -> None:
    # Ganeti's own modules are there where Ganeti is: in its node daemon.
    standard = sys.stdlib_module_names  # type: ignore[attr-defined] # mypy looks with the eyes of 3.9
    known = {"ganeti_gluster_mon", "ganeti", "__future__", *standard}
    used: Set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        used |= {name for name in imports(path) if name not in known}
    assert {DISTRIBUTIONS.get(name, name) for name in used} == set(requirements())


def test_debian_has_the_versions_that_are_required() -> None:
    constraints = dict(
        re.findall(r"^([A-Za-z0-9_]+)==([0-9.]+)", (REPOSITORY / "constraints.txt").read_text(), re.M)
    )
    overrides = (REPOSITORY / "debian/py3dist-overrides").read_text().splitlines()
    named = {line.split()[0] for line in overrides}
    assert named == set(requirements()), "each with its version: dh_python3 leaves it out else"
    for name, least in requirements().items():
        assert constraints[name].split(".")[: len(least.split("."))] == least.split("."), name


def test_a_lab_host_can_install_the_packages() -> None:
    makefile = (REPOSITORY / "Makefile").read_text().replace("\\\n", " ")
    depends = re.search(r"^DEB_DEPENDS := (.*)$", makefile, re.MULTILINE)
    assert depends
    overrides = (REPOSITORY / "debian/py3dist-overrides").read_text().splitlines()
    packages = {line.split()[1].rstrip(";") for line in overrides}
    assert packages <= set(depends[1].split())


def test_what_is_shipped_is_there() -> None:
    for listing in sorted((REPOSITORY / "debian").glob("*.install")):
        for line in listing.read_text().splitlines():
            source, _, target = line.partition(" ")
            assert target, line
            if not source.startswith("build/"):
                assert list(REPOSITORY.glob(source)), f"{listing.name}: {source}"


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from parsers(each)


@pytest.fixture(scope="module")
def man_pages(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    """The man pages as they are shown, by name."""
    sphinx = shutil.which("sphinx-build", path="/usr/bin")
    if sphinx is None or not Path("/usr/lib/python3/dist-packages/sphinxarg").is_dir():
        pytest.skip("sphinx-build and sphinx-argparse make the man pages: make packages")
    directory = tmp_path_factory.mktemp("man")
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "MANWIDTH": "200",
    }
    argv = [sphinx, "-q", "-W", "-b", "man", str(REPOSITORY / "man"), str(directory)]
    subprocess.run(argv, check=True, env={**environment, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=120)
    shown = {}
    for page in directory.glob("*.8"):
        ran = subprocess.run(
            ["man", "--local-file", "--no-hyphenation", str(page)],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
        )
        assert ran.stderr == ""
        shown[page.name] = ran.stdout
    return shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parser"),
    [("ganeti-gluster-mon.8", cli._parser()), ("gnt-gluster.8", gnt_gluster.parser())],
    ids=["ganeti-gluster-mon", "gnt-gluster"],
)
def test_the_man_page_has_every_option(
    man_pages: Dict[str, str], name: str, parser: argparse.ArgumentParser
) -> None:
    page = " ".join(man_pages[name].split())
    missing: List[Tuple[str, str]] = []
    for each in parsers(parser):
        at = page.find(each.prog)
        assert at >= 0, each.prog
        for action in each._actions:
            if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
                continue
            words = action.option_strings or [str(action.metavar or action.dest)]
            missing += [(each.prog, word) for word in words if word not in page[at:]]
            if action.help and action.help != argparse.SUPPRESS:
                # what stands before the first default or quoted word: the rest is written in another way
                begins = re.split(r"[%`'\"(\[]", action.help)[0].strip()
                missing += [(each.prog, begins)] if " ".join(begins.split()) not in page else []
    assert missing == []


@pytest.mark.parametrize("command", ["ganeti-gluster-mon", "gnt-gluster"])
def test_completion(command: str) -> None:
    """As bash asks for it: argcomplete answers on descriptor 8."""
    line = f"{command} --ver"
    script = Path(sys.prefix, "bin", command)
    ran = subprocess.run(
        ["sh", "-c", f"exec 8>&1 9>&2 >/dev/null 2>&1; exec {shlex.quote(str(script))}"],
        env={"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.stdout.split() == ["--version"]


def unit(path: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(path)
    return read


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_what_systemd_takes(path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    # the command it starts is there only where the package is installed
    for each in UNITS:
        text = each.read_text().replace("/usr/sbin/ganeti-gluster-mon ", "/bin/true ")
        (tmp_path / each.name).write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / path.name)]
    ran = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(("role", "most"), [("mon-web", 1.2), ("mon-poller", 3.0), ("lvm", 1.5)])
def test_exposure(role: str, most: float) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    path = REPOSITORY / f"systemd/ganeti-gluster-{role}.service"
    argv = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--no-pager",
        f"--threshold={int(most * 10)}",
        str(path),
    ]
    ran = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout.splitlines()[-1]
    found = re.search(r"exposure level for \S+: ([0-9.]+)", ran.stdout)
    assert found
    assert float(found[1]) <= most


@pytest.mark.parametrize("role", ["mon-poller", "mon-web", "lvm"])
def test_units_bound_memory_tasks_and_processor(role: str) -> None:
    service = unit(REPOSITORY / f"systemd/ganeti-gluster-{role}.service")["Service"]
    assert {"MemoryMax", "MemoryHigh", "TasksMax", "CPUWeight"} <= set(service)
    assert int(service["CPUWeight"]) < 100, "less than the default, which bricks and guests have"


def test_lvs_runs_more_often_than_a_report_gets_old_and_ends_before_systemd_ends_it() -> None:
    service = unit(REPOSITORY / "systemd/ganeti-gluster-lvm.service")["Service"]
    timer = unit(REPOSITORY / "systemd/ganeti-gluster-lvm.timer")["Timer"]
    words = service["ExecStart"].split()
    arguments = cli._parser().parse_args(words[1:])
    assert words[0] == "/usr/sbin/ganeti-gluster-mon"
    assert arguments.run_dir == RUN_DIRECTORY
    assert f"-{RUN_DIRECTORY}" in service["ReadWritePaths"].split()
    assert CAPTURE_TIMEOUT + arguments.timeout < float(service["TimeoutStartSec"])
    assert 3 * float(timer["OnUnitInactiveSec"].rstrip("s")) < LVM_STALE_AFTER
    assert unit(REPOSITORY / "systemd/ganeti-gluster-lvm.timer")["Install"]["WantedBy"] == "timers.target"
    assert "--exclude=ganeti-gluster-lvm.service" in (REPOSITORY / "debian/rules").read_text()


def test_units_repair_nothing_automatically_unless_the_settings_have_it() -> None:
    lines = (REPOSITORY / "systemd/ganeti-gluster-mon-poller.service").read_text().splitlines()
    # what EnvironmentFile has wins, wherever it stands
    assert "Environment=AUTO_REPAIR=" in lines
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(" --auto-repair=${AUTO_REPAIR} $ARGS")
    (writable,) = [line for line in lines if line.startswith("ReadWritePaths=")]
    assert "-/var/lib/ganeti-gluster-mon" in writable.split()
    settings = (REPOSITORY / "debian/ganeti-gluster-mon.default").read_text().splitlines()
    assert '#AUTO_REPAIR=""' in settings


def test_both_processes_get_the_same_arguments() -> None:
    poller, web = (
        unit(REPOSITORY / f"systemd/ganeti-gluster-mon-{role}.service")["Service"]
        for role in ("poller", "web")
    )
    assert poller["ExecStart"].replace("--role poller", "--role web") == web["ExecStart"]
    for key in ("EnvironmentFile", "Environment", "RestartPreventExitStatus"):
        assert poller[key] == web[key]
    settings = (REPOSITORY / "debian/ganeti-gluster-mon.default").read_text()
    words = re.findall(r'^ARGS="(.*)"$', settings, re.MULTILINE)
    assert len(words) == 1
    parsed = cli._parser().parse_args(["serve", "--role", "web", *words[0].split()])
    assert parsed.listen == "@ganeti:1816"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--interval abc", "argument --interval: 'abc' is not a number of seconds"),
        ("--listen 1816", "argument --listen: '1816' is no ADDR:PORT"),
        ("--listen @cluster:1816", "argument --listen: '@cluster:1816' is no ADDR:PORT"),
        ("--no-such-thing", "unrecognized arguments: --no-such-thing"),
    ],
)
def test_wrong_arguments_are_reported_with_their_place(
    args: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GANETI_GLUSTER_MON_ARGS_FROM", "/etc/default/ganeti-gluster-mon")
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", *args.split()])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"ARGS in /etc/default/ganeti-gluster-mon: {message}" in error
