"""What is shipped for Icinga, Nagios and sudo: it is understood, and it calls the check as the check is called."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest

from ganeti_gluster_mon import cli

REPOSITORY = Path(__file__).parents[2]
ICINGA = REPOSITORY / "examples" / "icinga2" / "ganeti-gluster-mon.conf"
NAGIOS = REPOSITORY / "examples" / "nagios" / "ganeti-gluster-mon.cfg"
SUDOERS = REPOSITORY / "examples" / "sudoers" / "ganeti-gluster-mon"
CAPTURE = REPOSITORY / "tests" / "captures" / "recorded" / "brick-killed"
CALL = ["/usr/bin/sudo", "-n", "/usr/sbin/ganeti-gluster-mon", "check"]

MACROS = {"$ARG1$": "gv0", "$ARG2$": "20%", "$ARG3$": "10%", "$HOSTADDRESS$": "192.0.2.1"}

HOSTS = """
include <itl>
include "%s"
object Host "with" {
  check_command = "dummy"
  vars.gluster = true
  vars.gluster_volumes["gv0"] = { gluster_warning_free = "25%%" }
}
object Host "without" { check_command = "dummy" }
"""


def run(*argv: str) -> str:
    """What a program of the package *argv* is of says; it must agree."""
    if shutil.which(argv[0]) is None:
        assert os.environ.get("CI") != "true", f"{argv[0]} is needed (make packages)"
        pytest.skip(f"{argv[0]} is not installed (make packages)")
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_icinga_takes_it_and_makes_the_services(tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    main.write_text(HOSTS % ICINGA)
    user = subprocess.run(
        ["id", "-un"], check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()
    group = subprocess.run(
        ["id", "-gn"], check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()
    places = [f"-D{name}={tmp_path}" for name in ("DataDir", "CacheDir", "InitRunDir", "LogDir", "SpoolDir")]
    output = run(
        "icinga2", "daemon", "-C", "-c", str(main), f"-DRunAsUser={user}", f"-DRunAsGroup={group}", *places
    )
    assert "Instantiated 2 Services" in output
    assert "Instantiated 2 Hosts" in output  # and so one of them has none


def test_icingas_arguments_are_flags_of_the_check_and_sudo_lets_them_through() -> None:
    text = ICINGA.read_text(encoding="utf-8")
    command = re.search(r"command = \[(.*)\]", text)
    assert command
    assert re.findall(r'"([^"]+)"', command[1]) == CALL
    flags = re.findall(r'^    "(--[a-z-]+)" = \{', text, re.MULTILINE)
    order = [int(number) for number in re.findall(r"order = (\d)", text)]
    assert order == sorted(order) and len(order) == len(flags) == 3
    values = {"--volume": "gv0", "--warning-free": "25%", "--critical-free": "5%"}
    for count in range(len(flags) + 1):
        checked([*CALL, *(word for flag in flags[:count] for word in (flag, values[flag]))])


def commands() -> Dict[str, List[str]]:
    """What Nagios' commands run on the node, by their names."""
    found = {}
    for block in blocks("command"):
        outer = shlex.split(block["command_line"])
        assert outer[0] == "/usr/lib/nagios/plugins/check_by_ssh"
        inner = outer[outer.index("-C") + 1]
        for macro, value in MACROS.items():
            inner = inner.replace(macro, value)
        assert "$" not in inner
        found[block["command_name"]] = shlex.split(inner)
    return found


def blocks(kind: str) -> List[Dict[str, str]]:
    """The objects of *kind* in Nagios' file; all that is not one must be a comment."""
    text = "\n".join(line for line in NAGIOS.read_text().splitlines() if not line.startswith("#"))
    shape = r"define (\w+) \{\n((?:    \w+ +\S.*\n)+)\}\n"
    assert re.sub(shape, "", text + "\n").strip() == ""
    return [
        dict(line.split(None, 1) for line in body.splitlines())
        for each, body in re.findall(shape, text + "\n")
        if each == kind
    ]


def test_nagios_commands_call_the_check() -> None:
    assert list(commands()) == ["check_gluster", "check_gluster_volume"]
    for argv in commands().values():
        checked(argv)


def test_nagios_services_use_them() -> None:
    (service,) = blocks("service")
    assert service["check_command"] in commands()


def checked(argv: List[str]) -> None:
    """*argv* is let through by sudo, is understood, and reports a pool whose brick was killed."""
    assert argv[: len(CALL)] == CALL
    assert allowed(argv[3:])
    assert cli.main([*argv[3:], "--replay", str(CAPTURE)]) == 2


def allowed(words: List[str]) -> bool:
    """Whether the line in sudoers lets `ganeti-gluster-mon WORDS` through: sudo's match is over the words, joined."""
    line = SUDOERS.read_text().splitlines()[-1]
    pattern = re.search(r"/usr/sbin/ganeti-gluster-mon (\^.*\$)$", line)
    assert pattern
    return re.search(pattern[1], " ".join(words)) is not None


@pytest.mark.parametrize(
    "words",
    [
        "check --gluster /tmp/program",
        "check --volume gv0 --gluster /tmp/program",
        "check --volume --gluster",
        "check --replay /etc",
        "check --volume=gv0",
        "collect",
        "serve",
        "",
    ],
)
def test_sudo_lets_nothing_else_through(words: str) -> None:
    assert not allowed(words.split())


def test_sudo_takes_its_file() -> None:
    run("visudo", "-c", "-f", str(SUDOERS))
