"""Random operations and faults on a cluster, while guests write numbered blocks: no reported block is ever lost.

CAMPAIGN_SEED and CAMPAIGN_OPERATIONS choose another sequence; CAMPAIGN_REPLAY names a file with the steps to take, as
an earlier run has printed them.  `python -m tests.campaign` does the same without pytest.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Callable, Iterable

import pytest

from tests.campaign import plan
from tests.campaign.record import Figures
from tests.campaign.run import Campaign
from tests.campaign.site import Site
from tests.lab import Pool
from tests.lab.tools import GANETI_TOOLS, missing

pytestmark = pytest.mark.lab

#: its first operations are of guests of three kinds, with a lasting fault, noded killed, QEMU killed,
#: a migration and a failover
SEED = 25811
OPERATIONS = 9
NARROW = plan.Width(guests=4, least=2, most=4)
LONG = 500


@pytest.fixture
def site(fresh_pool: Callable[..., Pool]) -> Site:
    lacking = missing(GANETI_TOOLS)
    if lacking:
        pytest.skip("; ".join(lacking))
    return Site(fresh_pool()).up()


def run(campaign: Campaign, seed: int, operations: int, width: plan.Width) -> Figures:
    """Take the steps of a seed, unless the environment says otherwise."""
    chosen = int(os.environ.get("CAMPAIGN_SEED") or seed)
    replay = os.environ.get("CAMPAIGN_REPLAY")
    steps: Iterable[plan.Step] = plan.generate(chosen, width)
    if replay:
        steps = plan.steps(Path(replay).read_text().splitlines())
    print(f"# {f'replay of {replay}' if replay else f'seed {chosen}'}", flush=True)
    figures = campaign.run(steps, int(os.environ.get("CAMPAIGN_OPERATIONS") or operations))
    print(figures)
    return figures


@pytest.mark.timeout(1200)
def test_a_short_campaign(site: Site) -> None:
    campaign = Campaign(site)
    figures = run(campaign, SEED, OPERATIONS, NARROW)
    assert figures.checks > 0
    assert figures.acknowledged > 0
    # What the checks rest on: a block that is reported has been flushed on all bricks.
    if campaign.record.state.writing():
        blocks, flushes = campaign.flushes(20)
        assert len(flushes) == 3
        assert min(flushes) >= blocks - len(campaign.record.state.guests), (blocks, flushes)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_five_hundred_operations(site: Site) -> None:
    figures = run(Campaign(site), random.randrange(1 << 32), LONG, plan.WIDE)
    assert figures.checks > 0
    assert figures.acknowledged > LONG
