"""Space for disks: what is requested, by Ganeti; what is refused, by what is known."""

from __future__ import annotations

from typing import Dict

import pytest

from ganeti_gluster_mon.etc_default import WrongSetting
from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.hooks import job_queue, space_guard

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


# --- room ------------------------------------------------------------------------------------------


# --- the hook --------------------------------------------------------------------------------------


def test_a_host_that_is_no_node_gets_a_message_and_nothing_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
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
