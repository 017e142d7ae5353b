"""What a node finds out about its own programs for `gnt-gluster diagnose`."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Dict, List, Optional

import pytest

from ganeti_gluster_mon.view.node_program import (
    DENIAL_LASTS,
    denials,
    ganeti_in_use,
    ganeti_installed,
    noded_outdated,
    others_write,
    qemu_options,
)
from tests.unit.backend.blockdev.test_kvm_blockdev import KVM_UTILS, PATCHED

QEMU = "/usr/bin/qemu-system-x86_64"
PROFILES = [f"{QEMU} (enforce)", "/usr/sbin/glusterfsd (enforce)", "man_filter (complain)"]


def installed(share: Path, *all_series: str, in_use: str = "") -> str:
    for series in all_series:
        module = share / series / "ganeti/storage/base.py"
        module.parent.mkdir(parents=True)
        module.touch()
    if in_use:
        (share / "default").symlink_to(share / in_use)
    return str(share)


def test_the_series_of_ganeti(tmp_path: Path) -> None:
    share = installed(tmp_path, "3.0", "3.1", in_use="3.0")
    # what Debian 12 leaves of a purged series
    (tmp_path / "2.16/ganeti/utils").mkdir(parents=True)
    assert ganeti_in_use(share) == "3.0"
    assert ganeti_installed(share) == ["3.0", "3.1"]


def test_no_ganeti(tmp_path: Path) -> None:
    assert ganeti_in_use(str(tmp_path)) is None
    assert ganeti_installed(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "dropin", "expected"),
    [
        (KVM_UTILS, False, False),
        (KVM_UTILS, True, True),
        (PATCHED, False, True),
        ("def Another():\n  pass\n", False, None),
        ("no Python", False, None),
        (None, False, None),
    ],
    ids=["3.1", "3.1 with the drop-in", "a later one", "another", "broken", "3.0"],
)
def test_whether_qemu_takes_the_options(
    tmp_path: Path, text: Optional[str], dropin: bool, expected: Optional[bool]
) -> None:
    (tmp_path / "hypervisor/hv_kvm").mkdir(parents=True)
    (tmp_path / "storage").mkdir()
    if text is not None:
        (tmp_path / "hypervisor/hv_kvm/kvm_utils.py").write_text(text)
    if dropin:
        (tmp_path / "storage/gluster.py.distrib").touch()
    assert qemu_options(str(tmp_path)) is expected


def test_a_node_daemon_older_than_its_modules(tmp_path: Path) -> None:
    modules, link, pid_file = tmp_path / "ganeti", tmp_path / "share", tmp_path / "noded.pid"
    (modules / "storage").mkdir(parents=True)
    (modules / "storage/gluster.py").touch()

    def outdated() -> Optional[bool]:
        return noded_outdated(str(modules), str(link), str(pid_file))

    pid_file.write_text("1\n")  # a process from long before
    assert outdated() is None, "a module is missing"
    (modules / "_constants.py").touch()
    assert outdated() is True
    with subprocess.Popen(["sleep", "60"]) as later:
        pid_file.write_text(f"{later.pid}\n")
        assert outdated() is False
        later.kill()
    assert outdated() is None, "it has ended"
    pid_file.write_text("nonsense\n")
    assert outdated() is None


def record(text: str, age: float = 0.0) -> str:
    """A record of /dev/kmsg that is *age* seconds old; made within a test, since its age counts from then."""
    return f"5,1234,{int((time.monotonic() - age) * 1e6)},-;audit: type=1400 audit(1732612345.1:45): {text}\n"


def denied(operation: str, name: str, profile: str = QEMU) -> str:
    return (
        f'apparmor="DENIED" operation="{operation}" class="file" profile="{profile}" name="{name}" pid=1234 '
        'comm="qemu-system-x86" requested_mask="m" denied_mask="m" fsuid=0 ouid=0'
    )


SOCKET = (
    f'apparmor="DENIED" operation="create" class="net" profile="{QEMU}" pid=1234 comm="qemu-system-x86" '
    'family="inet" sock_type="stream" protocol=6 requested_mask="create" denied_mask="create"'
)
MODULE = "/usr/lib/x86_64-linux-gnu/qemu/block-gluster.so"


@pytest.mark.parametrize(
    ("text", "age", "found"),
    [
        (denied("file_mmap", MODULE), 0, [{"operation": "file_mmap", "what": MODULE}]),
        (SOCKET, 0, [{"operation": "create", "what": "inet"}]),
        (denied("open", "/etc/ssl/openssl.cnf"), 0, []),
        (denied("open", MODULE, "man_filter"), 0, []),
        (denied("open", MODULE), DENIAL_LASTS + 1, []),
    ],
    ids=["a file", "the network", "another file", "not enforced", "long ago"],
)
def test_what_apparmor_denied(text: str, age: float, found: List[Dict[str, str]]) -> None:
    records = [record(text, age)] * 2
    assert denials(records, PROFILES) == [{"profile": QEMU, **each} for each in found]
    assert denials(records, []) == []


def test_records_that_cannot_be_read() -> None:
    assert denials(["", ";", "5,1,x,-;" + denied("open", MODULE)], PROFILES) == []


@pytest.mark.parametrize(
    ("above", "mode", "writable"),
    [
        (0o755, 0o777, True),  # as a brick makes it
        (0o755, 0o1777, True),
        (0o755, 0o773, True),
        (0o755, 0o770, True),  # by a group
        (0o755, 0o755, False),
        (0o755, 0o700, False),
        (0o755, 0o702, False),  # nobody else can enter it
        (0o700, 0o777, False),
        (0o750, 0o707, False),
    ],
)
def test_whether_others_can_write_to_a_directory(
    tmp_path: Path, above: int, mode: int, writable: bool
) -> None:
    directory = tmp_path / "glusterd" / "stats"
    directory.mkdir(parents=True)
    directory.chmod(mode)
    directory.parent.chmod(above)
    assert others_write(str(directory)) is writable
    directory.parent.chmod(0o755)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert others_write(str(tmp_path / "stats")) is False
    (tmp_path / "stats").touch(0o666)
    assert others_write(str(tmp_path / "stats")) is False
