"""The state dump of the self-heal daemons."""

from __future__ import annotations

from ganeti_gluster_mon.deploy.self_heal import Crawls, connected, crawls
from tests.unit.deploy.fake_nodes import FAILED, ok
from tests.unit.deploy.test_heal_steps import CONNECTED, COUNT, IN_PROGRESS, NO_FULL, STATISTICS, A, B, C


def test_what_the_daemons_are_connected_to() -> None:
    assert connected(ok(COUNT)) == {A.label: True, B.label: True, C.label: False}
    assert connected(ok(CONNECTED)) == {A.label: True, B.label: True, C.label: True}
    assert connected(FAILED) is None
    assert connected(ok("Brick node1:/b\nNo gathered input for this brick\n")) == {}


def test_which_crawls_the_daemons_remember() -> None:
    assert crawls(ok(STATISTICS)) == Crawls(("2 Thu Nov 26 03:40:28 2026",), running=False)
    assert crawls(ok(IN_PROGRESS)) == Crawls((), running=True)
    assert crawls(ok(NO_FULL)) == Crawls((), running=False)
    assert crawls(FAILED) is None
