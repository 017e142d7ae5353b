"""The problems of the pool, by their codes."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.metrics.families import Families, Scrape


def active_families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """The problems that are not muted."""
    yield make.gauge(
        "gluster_problem",
        "1 while a problem of this code holds that is not muted; volume is empty where it is about the pool.",
        ("code", "volume"),
        [((problem.code, problem.volume), 1) for problem in scrape.health.problems if not problem.muted],
    )


def muted_families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """The problems that are muted."""
    # From every node: alerts on what is a node's own, a mount for example, look at its mutes.
    yield make.gauge(
        "gluster_problem_muted",
        "1 while a problem of this code holds that an administrator has muted; volume is empty where it is about "
        "the pool.",
        ("code", "volume"),
        [((problem.code, problem.volume), 1) for problem in scrape.health.problems if problem.muted],
    )
