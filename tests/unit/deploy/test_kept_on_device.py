"""Copies that were kept on a device are lost only where the device is named."""

from __future__ import annotations

import json

import pytest

from ganeti_gluster_mon.deploy.kept_on_device import KEPT, kept_query, must_not_lose_copies
from ganeti_gluster_mon.deploy.remote import split_copies
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import ok

NODE = "node2.example.org"
OPTION = f"to lose them for good, add --discard-kept {NODE}:/dev/vdb"


def refusal(reply: CommandResult) -> str:
    with pytest.raises(PreconditionFailed) as refused:
        must_not_lose_copies(NODE, "/dev/vdb", reply)
    return str(refused.value)


def test_copies_are_named() -> None:
    file = f"/export/brick1/{KEPT}/gv0/ganeti/0a5c8b52.0.1795483447"
    assert refusal(ok(json.dumps({"files": [file], "unmounted": []}))) == (
        f"{NODE}: /dev/vdb has copies of disks that gnt-gluster repair --discard-copy kept: {file}: move them "
        f"elsewhere or remove them; {OPTION}"
    )


def test_a_device_that_is_not_mounted_and_has_the_directory() -> None:
    assert refusal(ok('{"files": [], "unmounted": ["/dev/vdb1"]}')) == (
        f"{NODE}: /dev/vdb1 is not mounted and has the directory {KEPT}, which may have copies of disks that "
        f"gnt-gluster repair --discard-copy kept: mount it and look; {OPTION}"
    )


def test_what_is_not_known_is_refused() -> None:
    for reply in (CommandResult(1, "", "EIO"), ok("nonsense"), ok("[]")):
        assert (
            f"it is not known whether copies of disks are kept on /dev/vdb: {reply.reason}; {OPTION}"
            in refusal(reply)
        )


def test_nothing_is_kept() -> None:
    must_not_lose_copies(NODE, "/dev/vdb", ok('{"files": [], "unmounted": []}'))


def test_it_looks_where_repair_keeps_copies() -> None:
    assert split_copies.KEPT_DIRECTORY == KEPT
    assert kept_query("/dev/vdb")[-2:] == ("/dev/vdb", KEPT)
