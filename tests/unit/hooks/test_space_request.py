"""The space that an operation of Ganeti requests."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.hooks.space_request import SpaceRequest, space_requests
from tests.unit.hooks.test_space_guard import CONFIGURATION, GIB, adding, environment


def test_a_new_instance() -> None:
    assert space_requests(adding(), None, CONFIGURATION) == (SpaceRequest("gv0", 3 * GIB, 2 * GIB, "web"),)
    far = {**adding(), "GANETI_INSTANCE_PRIMARY": "node2"}
    assert space_requests(far, None, CONFIGURATION) == (SpaceRequest("gv2", 3 * GIB, 2 * GIB, "web"),)
    assert space_requests(adding("plain"), None, CONFIGURATION) == ()
    assert space_requests(adding("diskless"), None, CONFIGURATION) == ()


def test_a_new_instance_on_ext_disks() -> None:
    given = {
        "disks": [{"size": 1024, "provider": "gluster", "volume": "gv2"}, {"size": 2048, "provider": "other"}]
    }
    assert space_requests(adding("ext"), given, CONFIGURATION) == (SpaceRequest("gv2", GIB, GIB, "web"),)
    # Without the job it is not known which volume it is for.
    assert space_requests(adding("ext"), None, CONFIGURATION) == ()


@pytest.mark.parametrize(
    ("absolute", "amount", "more", "then"),
    [("False", "1024", GIB, 5 * GIB), ("True", "6144", 2 * GIB, 6 * GIB), ("True", "1024", 0, GIB)],
)
def test_a_disk_that_grows(absolute: str, amount: str, more: int, then: int) -> None:
    parsed = environment("OP_INSTANCE_GROW_DISK", DISK="0", AMOUNT=amount, ABSOLUTE=absolute)
    assert space_requests(parsed, None, CONFIGURATION) == (SpaceRequest("gv0", more, then, "web"),)
    assert space_requests({**parsed, "GANETI_DISK": "9"}, None, CONFIGURATION) == ()


def test_a_disk_that_is_added() -> None:
    parsed = environment("OP_INSTANCE_SET_PARAMS", INSTANCE_DISK_TEMPLATE="gluster")
    given = {
        "disks": [["add", -1, {"size": 512}], ["remove", 0, {}], ["add", 1, {"size": 1024}], "x", ["add"]]
    }
    assert space_requests(parsed, given, CONFIGURATION) == (SpaceRequest("gv0", GIB + GIB // 2, GIB, "web"),)
    assert space_requests(parsed, None, CONFIGURATION) == ()
    assert space_requests(parsed, {"disks": []}, CONFIGURATION) == ()


def test_disks_that_are_made_anew() -> None:
    parsed = {**environment("OP_INSTANCE_RECREATE_DISKS"), "GANETI_INSTANCE_NAME": "db"}
    assert space_requests(parsed, None, CONFIGURATION) == (
        SpaceRequest("gv0", 0, 2 * GIB, "db"),
        SpaceRequest("gv2", 0, GIB, "db"),
    )


@pytest.mark.parametrize("kind", ["OP_INSTANCE_MIGRATE", "", "OP_NODE_ADD"])
def test_what_takes_no_space(kind: str) -> None:
    assert space_requests(environment(kind), None, CONFIGURATION) == ()
    assert space_requests({}, None, CONFIGURATION) == ()


@pytest.mark.parametrize("size", ["", "-5", "many", "1e9", "٣", "9" * 40, "1 024"])
def test_a_size_that_is_none_asks_for_nothing(size: str) -> None:
    parsed = {**adding(), "GANETI_INSTANCE_DISK0_SIZE": size, "GANETI_INSTANCE_DISK1_SIZE": size}
    assert [each.more for each in space_requests(parsed, None, CONFIGURATION)] == [0]
