"""Space for disks: what is requested, by Ganeti; what is refused, by what is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from ganeti_gluster_mon.etc_default import WrongSetting
from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Disk, DiskFile, Inodes, Pool, Subvolume, Volume
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.hooks import job_queue, space_guard
from ganeti_gluster_mon.hooks.space_check import refusal
from ganeti_gluster_mon.hooks.space_request import SpaceRequest, space_requests

GIB = 1 << 30
CONFIGURATION = Configuration(
    enabled_disk_templates=("gluster", "ext"),
    allowed_disk_templates=("gluster", "ext"),
    parameters=(
        DiskParameters("default", "127.0.0.1", 24007, "gv0", "userspace"),
        DiskParameters("far", "127.0.0.1", 24007, "gv2", "userspace"),
    ),
    disks=(
        DiskFile("web", "disk/0", "gv0", "ganeti/a.0", 4 * GIB),
        DiskFile("db", "disk/0", "gv0", "ganeti/b.0", 2 * GIB),
        DiskFile("db", "disk/1", "gv2", "ganeti/b.1", 1 * GIB),
    ),
    groups={"node1": "default", "node2": "far"},
)


def environment(kind: str, **more: str) -> Dict[str, str]:
    parsed = {"GANETI_OP_CODE": kind, "GANETI_INSTANCE_NAME": "web", "GANETI_INSTANCE_PRIMARY": "node1"}
    return {**parsed, **{f"GANETI_{name}": value for name, value in more.items()}}


def adding(template: str = "gluster", **more: str) -> Dict[str, str]:
    disks = {"INSTANCE_DISK_COUNT": "2", "INSTANCE_DISK0_SIZE": "1024", "INSTANCE_DISK1_SIZE": "2048"}
    return environment("OP_INSTANCE_CREATE", INSTANCE_DISK_TEMPLATE=template, **disks, **more)


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


# --- room ------------------------------------------------------------------------------------------


def the_pool(
    available: int = 4 * GIB,
    allocated: Optional[int] = GIB,
    quorum: bool = True,
    sets: int = 1,
    **more: Any,
) -> Pool:
    """gv0, of 10 GiB, with two disks on it that take *allocated* each."""
    bricks = tuple(
        Brick(
            "gv0",
            f"n{n}",
            "/b",
            online=quorum,
            size=10 * GIB // sets,
            free=available // sets,
            block_size=4096,
            inodes_total=9,
            inodes_free=9,
        )
        for n in range(sets)
    )
    volume = Volume(
        name="gv0",
        uuid="",
        type="distribute",
        state="started",
        transport="tcp",
        bricks=bricks,
        subvolumes=tuple(Subvolume("distribute", (brick,), quorum=quorum) for brick in bricks),
        capacity=Capacity(10 * GIB, 10 * GIB - available, available, "bricks"),
        inodes=Inodes(100, 1, 99),
    )
    disks = tuple(
        Disk(each.instance, each.name, each.volume, each.path, each.size, allocated=allocated)
        for each in CONFIGURATION.disks[:2]
    )
    return Pool(1, volumes=(replace(volume, **more),), disks=disks)


def why(pool: Pool, more: int = 0, overcommit: float = 1.0, largest: int = 1) -> Optional[str]:
    wanted = SpaceRequest("gv0", more, largest, "new")
    return refusal(wanted, CONFIGURATION, pool, evaluate(pool, Limits(), 1), overcommit)


def test_what_is_promised_counts_and_not_what_is_taken() -> None:
    """6 GiB are promised; 4 GiB are free and 2 GiB taken by the disks: not a byte more."""
    assert why(the_pool()) is None
    text = why(the_pool(), more=GIB)
    assert text == (
        "volume gv0 has no room for 1.0G more: 6.0G are promised to disks, which may take 6.0G; add bricks "
        "(gnt-gluster expand-volume), or raise GLUSTER_OVERCOMMIT"
    )
    assert why(the_pool(available=5 * GIB), more=GIB) is None
    assert why(the_pool(available=5 * GIB), more=GIB + 1) is not None


def test_overcommit() -> None:
    assert why(the_pool(), more=6 * GIB, overcommit=2.0) is None
    text = why(the_pool(), more=6 * GIB + 1, overcommit=2.0)
    assert text is not None and "which may take 6.0G, times 2; " in text
    assert why(the_pool(), overcommit=0.9) is not None


def test_what_the_disks_take_is_not_known() -> None:
    """Then all that is used may be theirs: nothing is refused that might fit."""
    assert why(the_pool(allocated=None), more=4 * GIB) is None
    assert why(the_pool(allocated=None), more=4 * GIB + 1) is not None
    assert why(replace(the_pool(), disks=None), more=4 * GIB) is None


def test_a_disk_that_is_gone_is_not_counted_and_a_new_one_takes_nothing_yet() -> None:
    pool = the_pool()
    gone = Disk("old", "disk/0", "gv0", "ganeti/old.0", allocated=3 * GIB)
    assert why(replace(pool, disks=(*(pool.disks or ()), gone)), more=1) is not None
    assert why(replace(pool, disks=(pool.disks or ())[:1])) is not None


def test_a_disk_has_to_lie_on_one_subvolume() -> None:
    pool = the_pool(available=9 * GIB, sets=2)
    text = why(pool, more=GIB, largest=6 * GIB)
    assert text is not None
    assert (
        "a disk of 6.0G does not fit on gv0: without sharding it has to lie on one of its 2 subvolumes"
        in text
    )
    assert (
        why(the_pool(available=9 * GIB, sets=2, options={"features.shard": "on"}), GIB, largest=6 * GIB)
        is None
    )


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        (
            the_pool(quorum=False),
            "volume gv0 is down, no disk can be made or grown: gv0: subvolume has lost quorum: no access to its files",
        ),
        (the_pool(state="stopped"), "volume gv0 is not started: gluster volume start gv0"),
        (Pool(1, volumes=()), "there is no volume gv0; gnt-gluster list shows which there are"),
        (the_pool(available=0, allocated=9 * GIB), "volume gv0 is full, not a byte is free"),
        (the_pool(inodes=Inodes(9, 9, 0)), "volume gv0 can take no more files: it has no inode left"),
    ],
)
def test_what_takes_no_disk_at_all(pool: Pool, text: str) -> None:
    reply = why(pool, more=1)
    assert reply is not None and reply.startswith(text) and "\n" not in reply


@pytest.mark.parametrize("pool", [Pool(1), the_pool(capacity=None, inodes=None)])
def test_what_is_not_known_is_let_pass(pool: Pool) -> None:
    assert why(pool, more=10**18) is None


def test_a_volume_of_another_pool_is_not_judged() -> None:
    pool = Pool(1, volumes=())
    for server, refused in (
        ("127.0.0.1", True),
        ("localhost", True),
        ("/run/x.sock", True),
        ("10.0.0.1", False),
    ):
        wanted = SpaceRequest("far", GIB, GIB, "new", server)
        reply = refusal(wanted, CONFIGURATION, pool, evaluate(pool, Limits(), 1), 1.0)
        assert (reply is not None) is refused


# --- the hook --------------------------------------------------------------------------------------


def queue(directory: Path, number: int, *operations: Dict[str, Any]) -> None:
    (directory / f"job-{number}").write_text(json.dumps({"id": number, "ops": list(operations)}))


def operation(
    name: str, status: str = "running", kind: str = "OP_INSTANCE_SET_PARAMS", **more: Any
) -> Dict[str, Any]:
    return {"status": status, "input": {"OP_ID": kind, "instance_name": name, **more}}


def test_the_job_is_found_in_the_queue(tmp_path: Path) -> None:
    queue(tmp_path, 7, operation("web.x", status="success", n=1))
    queue(tmp_path, 9, operation("db.x", n=2), operation("web", n=3))
    queue(
        tmp_path, 10, operation("web.x", status="waiting", n=4), operation("web.x", kind="OP_INSTANCE_REBOOT")
    )
    (tmp_path / "job-11").write_text("{")
    (tmp_path / "job-12").mkdir()
    (tmp_path / "job-13").write_text('{"ops": [1, {"status": "running", "input": []}]}')
    (tmp_path / "serial").write_text("13\n")
    found = job_queue.given("OP_INSTANCE_SET_PARAMS", "web.x", str(tmp_path))
    assert found is not None and found["n"] == 3
    assert job_queue.given("OP_INSTANCE_SET_PARAMS", "we.x", str(tmp_path)) is None
    assert job_queue.given("OP_INSTANCE_SET_PARAMS", "web.x", str(tmp_path / "nosuch")) is None


def test_a_host_that_is_no_node_is_told_so_and_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert space_guard.main(adding()) == 0
    assert capsys.readouterr().out.startswith("gluster: whether there is room is not known, let pass: ")


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 1.0), ("GLUSTER_OVERCOMMIT=1.5\n", 1.5), ('ARGS="-x"\nGLUSTER_OVERCOMMIT="2" # twice\n', 2.0)],
)
def test_overcommit_is_a_setting(text: str, number: float) -> None:
    assert space_guard._overcommit(text) == number


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "inf", "much", "1,5"])
def test_an_overcommit_that_is_none(value: str) -> None:
    with pytest.raises(WrongSetting, match=r"GLUSTER_OVERCOMMIT is .*, not a number above 0"):
        space_guard._overcommit(f"GLUSTER_OVERCOMMIT={value}\n")


@pytest.mark.parametrize(
    "error", [RecursionError("too deep"), KeyError("a"), UnicodeError("b\nc"), MemoryError()]
)
def test_an_error_in_the_guard_stops_no_job(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(space_guard, "_is_master", lambda: True)
    monkeypatch.setattr("ganeti_gluster_mon.snapshot.from_daemon", fail)
    monkeypatch.setattr(space_guard, "Reader", FixedReader)
    monkeypatch.setattr(job_queue, "given", lambda kind, instance: None)
    monkeypatch.setattr("ganeti_gluster_mon.etc_default.text", lambda: "")
    assert space_guard.main(adding()) == 0
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1
    assert f"let pass: error in the space guard: {type(error).__name__}" in shown.out
    assert shown.err == ""


class FixedReader:
    """Reads CONFIGURATION."""

    def configuration(self) -> Configuration:
        return CONFIGURATION
