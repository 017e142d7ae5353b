"""python -m tests.campaign: a campaign by hand, on a lab of its own.

Prints a line for each step; fed back as --replay, the lines give the same steps again.
"""

from __future__ import annotations

import argparse
import functools
import random
import sys
from pathlib import Path

from tests.campaign import plan
from tests.campaign.record import Fault
from tests.campaign.run import Campaign
from tests.campaign.site import Site
from tests.conftest import FAMILY
from tests.lab import LabError, Pool


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1 << 32), help="of the sequence of steps"
    )
    parser.add_argument("--operations", type=int, default=500, help="how many, at least")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="take the steps of a file; - is standard input"
    )
    arguments = parser.parse_args()
    report = functools.partial(print, flush=True)
    if arguments.replay:
        text = sys.stdin.read() if str(arguments.replay) == "-" else arguments.replay.read_text()
        steps = iter(plan.steps(text.splitlines()))
    else:
        report(f"# seed {arguments.seed}")
        steps = plan.generate(arguments.seed)
    with Pool.first_free(FAMILY) as pool:
        campaign = Campaign(Site(pool).up(), report)
        try:
            campaign.run(steps, arguments.operations)
        except (Fault, LabError) as error:
            report(f"# FAILED: {error}")
            return 1
        finally:
            report(f"# {campaign.figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
