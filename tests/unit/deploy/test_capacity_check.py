"""Whether a new brick is large enough."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy import capacity_check
from ganeti_gluster_mon.deploy.capacity_check import BrickSize, Space
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import ok
from tests.unit.deploy.test_heal_steps import A, C

GIB = 1 << 30


def test_a_brick_that_is_too_small_for_the_data_is_refused() -> None:
    others = [BrickSize(5 * GIB, 10 * GIB), BrickSize(6 * GIB, 10 * GIB)]
    with pytest.raises(
        PreconditionFailed, match=r"node3:.* is too small: .* have 6\.0G of data, .* room for 4\.8G"
    ):
        capacity_check.check(C, capacity_check.device_space(5 * GIB), others)
    with pytest.raises(PreconditionFailed, match="too small"):
        capacity_check.check(C, Space(20 * GIB, 5 * GIB), others)
    parsed = capacity_check.check(C, capacity_check.device_space(8 * GIB), others)
    assert parsed is not None and "has 8.0G, less than the other bricks of its set (10.0G)" in parsed
    assert capacity_check.check(C, capacity_check.device_space(10 * GIB), others) is None
    assert capacity_check.check(C, capacity_check.device_space(GIB), []) is None


def test_what_is_not_known_is_not_large_enough() -> None:
    with pytest.raises(PreconditionFailed, match="not known how much data node1:"):
        capacity_check.brick_size(A, CommandResult(124, "", "python3: no answer within 600 s"))
    with pytest.raises(PreconditionFailed, match="not known how much space there is for /srv/b"):
        capacity_check.directory_space("/srv/b", CommandResult(1, "", "stat: No such file"))
    assert capacity_check.directory_space("/srv/b", ok("4096 1000 900\n")) == Space(4096000, 3686400)
