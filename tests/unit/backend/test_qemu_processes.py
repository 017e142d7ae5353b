"""Which processes of QEMU have a disk."""

from __future__ import annotations

import json

import pytest

from ganeti_gluster_mon.backend import qemu_processes
from ganeti_gluster_mon.backend.extstorage import provider
from ganeti_gluster_mon.backend.extstorage.request import read
from tests.unit.backend.blockdev.test_kvm_blockdev import URI
from tests.unit.backend.extstorage.test_provider import GIVEN


def command_line(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


@pytest.mark.parametrize("program", ["/usr/bin/kvm", "/usr/bin/qemu-system-x86_64", "qemu-system-aarch64"])
def test_a_guest_that_has_the_disk_is_recognised(program: str) -> None:
    uri = provider.uri_of(read("attach", GIVEN))
    for option in (f"file={uri},format=raw,if=none", f"if=none,file={uri}", uri):
        assert qemu_processes.names(command_line(program, "-enable-kvm", "-drive", option, "-m", "64"), uri)


def test_no_other_process_is_taken_for_one() -> None:
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


#: of Ganeti 3.1.0~rc2 on Debian 13 with `FlattenDict` repaired
COMMAND_LINE = (
    b"/usr/bin/kvm\0-name\0g1\0-blockdev\0driver=raw,node-name=disk-1,discard=ignore,cache.direct=on,"
    b"cache.no-flush=off,file.driver=gluster,file.server.0.type=inet,file.server.0.host=node1,"
    b"file.server.0.port=24007,file.volume=gv0,file.path=ganeti/a.0,auto-read-only=off\0"
)


def test_a_guest_of_3_1_is_found_by_its_block_device() -> None:
    assert qemu_processes.names(COMMAND_LINE, URI)
    # by whichever server: the volume and the path name the disk
    assert qemu_processes.names(COMMAND_LINE, URI.replace("node1", "node2"))
    assert not qemu_processes.names(COMMAND_LINE, URI.replace("a.0", "a.00"))
    assert not qemu_processes.names(COMMAND_LINE, URI.replace("gv0", "gv1"))
    assert not qemu_processes.names(COMMAND_LINE.replace(b"/usr/bin/kvm", b"/usr/bin/grep"), URI)
