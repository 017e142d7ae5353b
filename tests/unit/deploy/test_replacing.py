"""replace-brick: what may be replaced, and a dead disk in its own place."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Dict, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import replacing
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, volume, volume_info
from tests.unit.deploy.test_heal_steps import summary

PATH = "/export/brick1/gluster"
NODE1, NODE2, NODE3 = (f"node{n}.example.org" for n in (1, 2, 3))
A, B, OLD = (BrickAddress(node, PATH) for node in (NODE1, NODE2, NODE3))
INFO = volume_info(volume("gv0", [A.label, B.label, OLD.label]))


def status(*offline: BrickAddress) -> CommandResult:
    """`volume status gv0` in XML."""
    nodes = "".join(
        f"<node><hostname>{brick.node}</hostname><path>{brick.path}</path><peerid>x</peerid>"
        f"<status>{0 if brick in offline else 1}</status><port>49152</port><ports><tcp>49152</tcp>"
        f"<rdma>N/A</rdma></ports><pid>1</pid></node>"
        for brick in (A, B, OLD)
    )
    return ok(
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes><volume>"
        f"<volName>gv0</volName><nodeCount>3</nodeCount>{nodes}<tasks/></volume></volumes></volStatus></cliOutput>"
    )


# --- what may be replaced ---------------------------------------------------------------------------


class Answers:
    """Nodes that give the same answers to all queries: the state of the bricks, and what is to be healed."""

    def __init__(self, state: CommandResult, healing: CommandResult) -> None:
        self.state, self.healing = state, healing

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 0, text: Optional[str] = None
    ) -> CommandResult:
        raise AssertionError(argv)

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        raise AssertionError(argv)

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
    ) -> Tuple[CommandResult, ...]:
        return tuple(self.healing if "heal" in argv else self.state for argv in queries)


def risk(
    state: CommandResult, pending: Dict[BrickAddress, Optional[int]], dead: bool = False, split: int = 0
) -> Tuple[str, ...]:
    (found,) = volumes(INFO)
    context = Context(cluster(3), Answers(state, summary(pending, split)), NODE1)
    return replacing.replacement_risk(context, NODE1, found, OLD, (A, B), dead)


def test_a_brick_that_lacks_what_others_have_can_be_replaced() -> None:
    """The others list what it lacks; it lists nothing that they lack."""
    assert risk(status(), {A: 0, B: 0, OLD: 0}) == ()
    assert risk(status(), {A: 7, B: 7, OLD: 0}) == ()


def test_a_brick_that_has_what_others_lack_is_not_replaced() -> None:
    with pytest.raises(
        PreconditionFailed,
        match=r"3 entries of gv0 are to be healed, and node3.* may have the only good copy",
    ):
        risk(status(), {A: 7, B: 0, OLD: 3})
    with pytest.raises(PreconditionFailed, match="not known whether gv0 is healed"):
        risk(status(), {A: 0, B: 0, OLD: None})
    with pytest.raises(PreconditionFailed, match="not known whether gv0 is healed"):
        risk(status(), {A: 0, OLD: 0})
    with pytest.raises(PreconditionFailed, match="in split-brain: choose a copy"):
        risk(status(), {A: 0, B: 0, OLD: 0}, split=1)
    with pytest.raises(
        PreconditionFailed, match=rf"{B.label} is offline, and {OLD.label} may have what only it has"
    ):
        risk(status(B), {A: 0, B: None, OLD: 0})
    with pytest.raises(PreconditionFailed, match="not known which bricks of gv0 are online"):
        risk(FAILED, {A: 0, B: 0, OLD: 0})


def test_a_brick_that_is_offline_or_dead_is_replaced_when_that_is_confirmed() -> None:
    assert risk(status(OLD), {A: 5, B: 5, OLD: None}) == (
        f"{OLD.label} is offline; what only it has is lost.",
    )
    # its process is there and its filesystem is not
    assert risk(status(), {A: 5, B: 5, OLD: None}, dead=True) == (
        f"{OLD.label} is dead; what only it has is lost.",
    )


def test_a_brick_of_the_volume_does_not_replace_another() -> None:
    (found,) = volumes(INFO)
    replacing._must_be_gone(found, OLD, OLD)
    replacing._must_be_gone(found, BrickAddress(NODE3, "/gone"), OLD)
    with pytest.raises(PreconditionFailed, match=f"{B.label} is a brick of gv0 already, as is {OLD.label}"):
        replacing._must_be_gone(found, OLD, B)


def test_without_self_heal_no_brick_is_replaced() -> None:
    (found,) = volumes(INFO)
    replacing._can_be_replaced(found, OLD, BrickAddress(NODE3, "/new"), (A, B))
    off = replace(found, options={"cluster.self-heal-daemon": "off"})
    with pytest.raises(
        PreconditionFailed, match=r"a new brick would stay empty: .*set gv0 cluster.self-heal-daemon on"
    ):
        replacing._can_be_replaced(off, OLD, BrickAddress(NODE3, "/new"), (A, B))


# --- a dead disk in its own place -------------------------------------------------------------------
