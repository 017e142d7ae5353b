"""Which bricks of a volume are online, as steps see it."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.brick_status import must_be_known, offline, offline_bricks, status_queries
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.answers import BROKEN, HEALTHY, answer_of

INFO = CommandResult(0, answer_of(HEALTHY, "volume-info").decode(), "")
STATUS = CommandResult(0, answer_of(HEALTHY, "volume-status").decode(), "")
DEAD = CommandResult(0, answer_of(BROKEN, "volume-status").decode(), "")
NOTHING = CommandResult(255, "", "ssh: Connection refused")


def test_a_volume_whose_bricks_and_daemons_are_online() -> None:
    assert offline_bricks("gv0", INFO, STATUS) == ()


def test_a_brick_that_is_dead() -> None:
    missing = offline_bricks("gv0", INFO, DEAD)
    assert missing is not None and missing[0] == "node2.lab.test:/export/b1/gv0"


def test_a_brick_that_the_status_does_not_list_is_not_online() -> None:
    lost = CommandResult(0, STATUS.stdout.replace("/export/b1/gv0", "/export/other", 1), "")
    assert offline_bricks("gv0", INFO, lost) == ("node1.lab.test:/export/b1/gv0",)


@pytest.mark.parametrize(("name", "status"), [("gv0", NOTHING), ("gv9", STATUS), ("stopped", STATUS)])
def test_what_is_not_known_is_none(name: str, status: CommandResult) -> None:
    assert offline_bricks(name, INFO, status) is None


def test_volumes_that_are_not_known_refuse_a_change() -> None:
    with pytest.raises(PreconditionFailed):
        offline_bricks("gv0", NOTHING, STATUS)


def test_where_it_has_to_be_known() -> None:
    volume = gluster_cli.existing_volume(INFO, "gv0")
    assert must_be_known(volume, DEAD) == offline(volume, DEAD)
    with pytest.raises(
        PreconditionFailed, match="not known which bricks of gv0 are online: gluster volume status gv0"
    ):
        must_be_known(volume, NOTHING)


def test_the_queries_are_sent_to_one_node() -> None:
    info, status = status_queries("node1", "gv0")
    assert (info.node, status.node) == ("node1", "node1")
    assert (info.argv[-2:], status.argv[-3:]) == (("volume", "info"), ("volume", "status", "gv0"))
