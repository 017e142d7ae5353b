"""Random operations and faults on a cluster, while guests write numbered blocks: no reported block is ever lost.

CAMPAIGN_SEED and CAMPAIGN_OPERATIONS choose another sequence; CAMPAIGN_REPLAY names a file with the steps to take, as
an earlier run has printed them.  `python -m tests.campaign` does the same without pytest.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Callable, Iterable, Optional

import pytest

from tests.campaign import plan
from tests.campaign.run import Campaign, Figures
from tests.campaign.site import Site
from tests.lab import Pool
from tests.lab.tools import GANETI_TOOLS, missing

pytestmark = pytest.mark.lab

#: its first operations are of all kinds of guests, with a lasting fault and an interrupted operation
SEED = 1
OPERATIONS = 14
LONG = 500


@pytest.fixture
def site(fresh_pool: Callable[..., Pool]) -> Site:
    lacking = missing(GANETI_TOOLS)
    if lacking:
        pytest.skip("; ".join(lacking))
    return Site(fresh_pool()).up()


def campaign(site: Site, seed: Optional[int], operations: int) -> Figures:
    """Run one, of *seed* or a random one, unless the environment says otherwise."""
    chosen = int(os.environ.get("CAMPAIGN_SEED") or (random.randrange(1 << 32) if seed is None else seed))
    replay = os.environ.get("CAMPAIGN_REPLAY")
    steps: Iterable[plan.Step] = plan.generate(chosen)
    if replay:
        steps = plan.steps(Path(replay).read_text().splitlines())
    print(f"# {f'replay of {replay}' if replay else f'seed {chosen}'}", flush=True)
    figures = Campaign(site).run(steps, int(os.environ.get("CAMPAIGN_OPERATIONS") or operations))
    print(figures)
    return figures


@pytest.mark.timeout(900)
def test_a_short_campaign(site: Site) -> None:
    figures = campaign(site, SEED, OPERATIONS)
    assert figures.checks > 0
    assert figures.acknowledged > 0


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_five_hundred_operations(site: Site) -> None:
    figures = campaign(site, None, LONG)
    assert figures.checks > 0
    assert figures.acknowledged > LONG
