"""What the ExtStorage provider makes of its environment and of command lines; its scripts as Ganeti sees them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.backend import flush, qemu_processes
from ganeti_gluster_mon.backend.extstorage import lease, provider
from ganeti_gluster_mon.backend.extstorage.request import PARAMETERS, Request, RequestError, read
from ganeti_gluster_mon.backend.file_device import DiskError
from ganeti_gluster_mon.backend.volume import GlusterVolume
from tests.unit.test_makefile import make

SCRIPTS = Path(provider.__file__).parent / "gluster"
NAME = "6f1d0f5e-5b0c-4c57-b8f1-3f0c5f8e0e5d.ext.disk0"
#: as Ganeti 3.0.2 gives it to attach
GIVEN = {
    "VOL_NAME": NAME,
    "VOL_UUID": "52c94d7d-d42c-4dcb-83f8-d61276d1560d",
    "EXTP_ACCESS": "userspace",
    "EXTP_VOLUME": "gv0",
}
HOSTILE = [
    ";$(x)",
    "`x`",
    "$(touch${IFS}x)",
    "..",
    ".",
    "/",
    "../../etc/passwd",
    "a/../../b",
    "/etc/passwd",
    "with space",
    "a,if=none",
    "a:b",
    "new\nline",
    "tab\there",
    "nul\0",
    "-flag",
    "--flag",
    "größe",
    "名前",
    "a\u202eb",
    "\udcff",
    "%2e%2e",
    "'",
    '"',
    "a" * 300,
    "",
]


def given_also(**more: str) -> Dict[str, str]:
    return {**GIVEN, **more}


def test_what_ganeti_gives_is_understood() -> None:
    assert read("attach", GIVEN) == Request(NAME, "gv0", ("127.0.0.1",), "24007", "ganeti", userspace=True)
    more = given_also(
        EXTP_SERVERS="node1, node2", EXTP_PORT="24008", EXTP_DIRECTORY="vm/disks", EXTP_ACCESS="kernelspace"
    )
    asked = read("attach", more)
    assert (asked.servers, asked.port, asked.userspace) == (("node1", "node2"), "24008", False)
    assert asked.path == f"vm/disks/{NAME}"
    assert provider.uri_of(asked) == f"gluster://node1:24008/gv0/vm/disks/{NAME}"
    assert provider.volume_of(asked).backup_servers == ("node2",)


def test_each_action_takes_what_is_for_it() -> None:
    every = given_also(VOL_SIZE="64", VOL_NEW_SIZE="80", VOL_METADATA="originstname+a.b")
    assert read("create", every).size == 64
    assert read("grow", every).new_size == 80
    assert read("setinfo", every).metadata == "originstname+a.b"
    attach = read("attach", every)
    assert (attach.size, attach.new_size, attach.metadata) == (None, None, None)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_is_a_disk(name: str) -> None:
    with pytest.raises(RequestError, match=r"^VOL_NAME ") as refused:
        read("attach", given_also(VOL_NAME=name))
    assert str(refused.value).isascii() and str(refused.value).isprintable() and len(str(refused.value)) < 400


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_is_a_folder(name: str) -> None:
    for directory in (name, f"ganeti/{name}", f"{name}/ganeti"):
        with pytest.raises(RequestError, match=r"^directory "):
            read("attach", given_also(EXTP_DIRECTORY=directory))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_is_a_volume_or_a_port_or_an_access(name: str) -> None:
    for variable in ("EXTP_VOLUME", "EXTP_PORT"):
        with pytest.raises(DiskError):
            provider.volume_of(read("attach", given_also(**{variable: name})))
    with pytest.raises(RequestError, match=r"^access "):
        read("attach", given_also(EXTP_ACCESS=name))


@pytest.mark.parametrize("name", [each for each in HOSTILE if each not in ("with space", "/")])
def test_no_hostile_name_is_a_host(name: str) -> None:
    try:
        volume = provider.volume_of(read("attach", given_also(EXTP_SERVERS=name)))
    except DiskError:
        return
    # What passes is a name, or the path of a socket that goes straight to where it says.
    assert volume.server_addr in ("a", "/etc/passwd")


@given(
    st.dictionaries(
        st.sampled_from(["VOL_NAME", *(f"EXTP_{name.upper()}" for name in PARAMETERS)]), st.text()
    )
)
def test_nothing_leads_out_of_the_volume(found: Dict[str, str]) -> None:
    try:
        asked = read("attach", {**GIVEN, **found})
        uri = provider.uri_of(asked)
    except DiskError:
        return
    assert ".." not in asked.path.split("/")
    assert not asked.path.startswith("/")
    assert uri.endswith(asked.path) or "socket=" in uri
    assert not set(uri) & set(" ,\n\0'\"`$;")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "0x10", " 1", "٣", "9" * 19, str(1 << 43), "64M"])
def test_a_size_is_a_number(text: str) -> None:
    with pytest.raises(RequestError, match=r"^VOL_SIZE .*MiB"):
        read("create", given_also(VOL_SIZE=text))
    with pytest.raises(RequestError, match=r"^VOL_NEW_SIZE "):
        read("grow", given_also(VOL_NEW_SIZE=text))


@pytest.mark.parametrize("text", ["new\nline", "größe", "\0", "x" * 1001])
def test_metadata_is_a_line_of_plain_text(text: str) -> None:
    with pytest.raises(RequestError, match=r"^VOL_METADATA "):
        read("setinfo", given_also(VOL_METADATA=text))


def test_what_is_missing_is_said() -> None:
    with pytest.raises(RequestError, match="parameter volume is missing"):
        read("attach", {"VOL_NAME": NAME})
    with pytest.raises(RequestError, match=r"^servers is empty"):
        read("attach", given_also(EXTP_SERVERS=" , "))
    with pytest.raises(RequestError, match=r"^VOL_METADATA"):
        read("setinfo", GIVEN)


def test_a_misspelt_parameter_is_refused_while_there_is_no_disk_yet() -> None:
    misspelt = given_also(EXTP_SERVER="node1", VOL_SIZE="1")
    for action in ("create", "verify"):
        with pytest.raises(RequestError, match=r"unknown parameter 'server'; there are volume, servers, "):
            read(action, misspelt)
    # Later it would keep a guest from its data.
    assert read("attach", misspelt).servers == ("127.0.0.1",)


def test_verify_needs_no_disk() -> None:
    assert read("verify", {"EXTP_VOLUME": "gv0"}).volume == "gv0"


# --- without a device -------------------------------------------------------------------------------------


@pytest.fixture
def brick(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """This node has a brick with the disk; no guest has it open.  The devices that have its name are in the list."""
    devices: List[str] = []
    monkeypatch.setattr(qemu_processes, "has_open", lambda uri: False)
    monkeypatch.setattr(provider, "local_bricks", lambda server, volume: ["/brick"])
    monkeypatch.setattr(provider, "holds", lambda brick, path: True)
    monkeypatch.setattr(flush, "devices_named", lambda path: devices)
    monkeypatch.setattr(GlusterVolume, "may_be_unsynced", lambda self, path: False)
    return devices


def lending(monkeypatch: pytest.MonkeyPatch, error: DiskError) -> None:
    def fail(*words: object, **more: object) -> str:
        raise error

    monkeypatch.setattr(lease, "lend", fail)


def test_qemu_needs_no_mount(brick: List[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lending(monkeypatch, DiskError("cannot be mounted"))
    asked = read("attach", GIVEN)
    assert provider.attach(asked, None) == ["", f"kvm:{provider.uri_of(asked)}"]


@pytest.mark.parametrize("reason", ["a flush failed", "a device is there", "data may be on its way"])
def test_qemu_has_to_wait_for_data_that_is_not_on_the_bricks(
    brick: List[str], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    lending(monkeypatch, flush.FlushError("x") if reason == "a flush failed" else DiskError("x"))
    if reason == "a device is there":
        brick.append("/dev/loop1")
    monkeypatch.setattr(
        GlusterVolume, "may_be_unsynced", lambda self, path: reason == "data may be on its way"
    )
    with pytest.raises(DiskError):
        provider.attach(read("attach", GIVEN), None)


def test_a_migration_opens_no_device(brick: List[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "make_lasting", lambda *words, **more: pytest.fail("a device was made"))
    assert provider.open_(read("open", given_also(VOL_OPEN_EXCLUSIVE="False")), None) == []


# --- the guest's command line -----------------------------------------------------------------------------


def command_line(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


@pytest.mark.parametrize("program", ["/usr/bin/kvm", "/usr/bin/qemu-system-x86_64", "qemu-system-aarch64"])
def test_a_guest_that_has_the_disk_is_recognised(program: str) -> None:
    uri = provider.uri_of(read("attach", GIVEN))
    for option in (f"file={uri},format=raw,if=none", f"if=none,file={uri}", uri):
        assert qemu_processes.names(command_line(program, "-enable-kvm", "-drive", option, "-m", "64"), uri)


def test_nobody_else_is_taken_for_one() -> None:
    uri = provider.uri_of(read("attach", GIVEN))
    for line in (
        command_line("/usr/bin/qemu-img", "info", uri),
        command_line("/usr/bin/kvm", "-drive", f"file={uri}0,if=none"),
        command_line("/usr/bin/kvm", "-drive", f"file=x{uri},if=none"),
        command_line("/usr/bin/kvm", "-drive", f"file={uri.replace('.ext.', '-ext-')},if=none"),
        command_line("sh", "-c", f"kvm -drive file={uri}"),
        b"",
    ):
        assert not qemu_processes.names(line, uri)


def test_a_disk_that_was_added_while_the_guest_ran_is_in_ganetis_file() -> None:
    uri = provider.uri_of(read("attach", GIVEN))
    disk = [{"uuid": "52c94d7d", "params": {"volume": "gv0"}}, "/var/run/ganeti/instance-disks/guest:1", uri]
    assert qemu_processes.was_given(json.dumps([["kvm"], [], {}, [disk]]), uri)
    assert not qemu_processes.was_given(json.dumps([["kvm"], [], {}, [disk]]), f"{uri}0")
    assert not qemu_processes.was_given(json.dumps([["kvm"], [], {}, [[{}, None, None]]]), uri)
    for text in ("", "{}", "[]", "null", "[1, 2, 3, 4]", f'[1, 2, 3, ["{uri}"]', "[[], [], {}, [[]]]"):
        assert not qemu_processes.was_given(text, uri)


# --- the scripts ------------------------------------------------------------------------------------------


def run(action: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(Path(__file__).parents[4]), **environment}
    argv = [sys.executable, str(SCRIPTS / action), *words]
    return subprocess.run(argv, env=env, check=False, capture_output=True, text=True, timeout=30)


def test_there_is_a_script_for_each_action_and_nothing_else() -> None:
    assert {path.name for path in SCRIPTS.iterdir()} == {*provider.ACTIONS, "parameters.list"}
    for action in provider.ACTIONS:
        mode = (SCRIPTS / action).stat().st_mode
        assert stat.S_IMODE(mode) & 0o111 == 0o111
        assert (SCRIPTS / action).read_text().startswith("#!/usr/bin/python3\n")


def test_they_can_be_installed_by_hand(tmp_path: Path) -> None:
    make("install-provider", f"DESTDIR={tmp_path}")
    installed = tmp_path / "usr/share/ganeti/extstorage/gluster"
    for path in SCRIPTS.iterdir():
        assert (installed / path.name).read_bytes() == path.read_bytes()
        assert os.access(installed / path.name, os.X_OK) == (path.name in provider.ACTIONS)
    added = tmp_path / "usr/lib/python3/dist-packages/ganeti-gluster-mon.pth"
    assert added.read_text() == f"{Path(__file__).parents[4]}\n"


def test_each_parameter_is_described() -> None:
    lines = (SCRIPTS / "parameters.list").read_text().splitlines()
    assert tuple(line.split(None, 1)[0] for line in lines) == PARAMETERS
    assert all(len(line.split(None, 1)) == 2 for line in lines)


@pytest.mark.parametrize("action", sorted(provider.ACTIONS))
def test_usage_is_shown(action: str) -> None:
    asked = run(action, "--help")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith(f"usage: {action} ")
    if action != "verify":
        called = run(action, "one")
        assert (called.returncode, called.stdout) == (2, "")
        assert called.stderr.startswith(f"usage: {action} ")


@pytest.mark.parametrize("action", sorted(provider.ACTIONS))
def test_what_is_wrong_is_told_in_one_line(action: str) -> None:
    for environment in ({}, {"VOL_NAME": "$(x)", "EXTP_VOLUME": "gv0", "EXTP_ACCESS": "both"}):
        told = run(action, **environment)
        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr.startswith(f"gluster {action}: ")
        assert told.stderr.count("\n") == 1


def test_a_snapshot_is_refused_honestly() -> None:
    refused = run("snapshot", VOL_SNAPSHOT_NAME=f"{NAME}.snap", VOL_SNAPSHOT_SIZE="64", **GIVEN)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "whole volumes" in refused.stderr and "--long-sleep" in refused.stderr


def limited(
    lines: List[str], seconds: float = 10.0, progress: str = "lambda: 0"
) -> subprocess.CompletedProcess[str]:
    """What `run_limited` returns for a function of these *lines*."""
    body = "\n".join(f"    {line}" for line in lines)
    text = (
        "import os, sys, time\nfrom ganeti_gluster_mon.backend import time_limit\n\n"
        f"def act():\n{body}\n\nprint(time_limit.run_limited(act, {seconds}, {progress}))"
    )
    return subprocess.run(
        [sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=30
    )


def test_the_work_of_a_script_has_an_end() -> None:
    began = time.monotonic()
    assert limited(["time.sleep(600)"], 0.2).stdout == "(None, '', '')\n"
    assert time.monotonic() - began < 5


def test_the_work_goes_on_as_long_as_it_makes_progress() -> None:
    lines = ["time.sleep(1.2)", "return 0"]
    assert limited(lines, 0.2, "lambda: time.monotonic()").stdout == "(0, '', '')\n"
    assert limited(lines, 0.2, "lambda: 5").stdout == "(None, '', '')\n"


def test_what_the_work_says_is_passed_on() -> None:
    said = limited(["print('a'); print('b', file=sys.stderr); return 0"])
    assert said.stdout == "(0, 'a\\n', 'b\\n')\n"


def test_a_child_that_is_killed_is_noticed() -> None:
    assert limited(["os.kill(os.getpid(), 9)"]).stdout == "(-9, '', '')\n"


def test_what_nobody_expected_is_one_line_too() -> None:
    assert (
        limited(["raise ValueError('with\\nlines')"]).stdout
        == "(1, '', 'gluster: ValueError: with lines\\n')\n"
    )


def test_the_scripts_start_fast() -> None:
    """No more is imported than the work needs."""
    code = "import ganeti_gluster_mon.backend.extstorage.provider, sys; print(' '.join(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()
    assert not {"psutil", "tornado", "jinja2", "prometheus_client", "asyncio", "ganeti"} & set(modules)


def test_the_volume_is_the_same_as_of_the_other_template() -> None:
    """So that both templates share its mount."""
    assert provider.volume_of(read("attach", GIVEN)) == GlusterVolume("127.0.0.1", 24007, "gv0")
