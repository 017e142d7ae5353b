"""Fixtures of all tests. The lab tests (marker lab) run on real hosts, see tests/lab."""

from __future__ import annotations

import functools
import os
import signal
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Iterator, List

import hypothesis
import pytest

from tests.lab import Cluster, LabError, Pool, other_root
from tests.lab.tools import GANETI_TOOLS, missing, obstacles

#: PREFIX of the labs of tests, FAMILY-1 and so on
FAMILY = "ganeti-gluster-test"


# How long one example takes says how busy the machine is: pytest-timeout ends what hangs.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C is a part of what is tested: tests that are started in the background may have it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def hangup_not_ignored() -> Iterator[None]:
    """For a test that sends SIGHUP to its children: they inherit that it is ignored if nohup started the tests.

    A handler is not inherited, and keeps a hangup from ending the tests.
    """
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    yield
    signal.signal(signal.SIGHUP, before)


@functools.cache
def _obstacles() -> List[str]:
    return obstacles()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a lab test where no lab can stand, saying why. For root under CI a missing tool is a failure."""
    if item.get_closest_marker("lab") is None:
        return
    _skip_where("; ".join(_obstacles()))


def _skip_where(reason: str) -> None:
    if reason and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail(f"no lab can stand here, and CI must not skip it: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


def root_of_debian_13() -> Path:
    """The root for hosts with Debian 13, once it is made; skips the test where it cannot be made, and says why.

    For root under CI that is a failure, unless the package archive cannot be reached.
    """
    _skip_where("; ".join(missing(GANETI_TOOLS)))
    try:
        return other_root.made(other_root.DEBIAN_13)
    except other_root.ArchiveUnreachable as error:
        warnings.warn(f"nothing is tested on Debian 13: {error}", stacklevel=2)
        pytest.skip(f"nothing is tested on Debian 13: {error}")
    except LabError as error:
        _skip_where(f"nothing is tested on Debian 13: {error}")
        raise


@pytest.fixture(scope="module")
def lab_pool(shared_pool: Pool) -> Pool:
    """Three hosts with a volume of each kind, gv0 mounted on node1 at /mnt/gv0.

    All tests share it: a test that breaks something repairs it. What cannot be put right is broken in a
    fresh_pool.  With LAB=PREFIX in the environment it is the lab of that prefix, which `make lab` brought up and which
    stays up.

    A self-heal daemon that glusterd lost, as it does now and then, would fail all tests that follow.
    """
    for host in shared_pool.hosts:
        if not shared_pool.take_up_healing(host.number):
            warnings.warn(f"the self-heal daemon of {host.name} was started anew", stacklevel=2)
    return shared_pool


@pytest.fixture(scope="session")
def shared_pool() -> Iterator[Pool]:
    """The pool of `lab_pool`."""
    if os.environ.get("LAB"):
        kept = Pool.attach(os.environ["LAB"])
        if "/mnt/gv0" not in kept.host(1).mounts():
            kept.mount(1, "gv0", "/mnt/gv0")
        kept.remove_former_bricks()
        yield kept
        return
    with Pool.first_free(FAMILY) as pool:
        pool.probe()
        pool.create_every_kind()
        pool.mount(1, "gv0", "/mnt/gv0")
        yield pool


@pytest.fixture
def fresh_pool() -> Iterator[Callable[..., Pool]]:
    """A function that makes a pool for this test alone, of as many hosts and disks as it says: see Lab.

    Its peers are probed and it has no volume. It is gone when the test ends.
    """
    with ExitStack() as labs:

        def make(**more: Any) -> Pool:
            pool = labs.enter_context(Pool.first_free(FAMILY, **more))
            pool.probe()
            return pool

        yield make


@pytest.fixture(scope="session")
def ganeti() -> Iterator[Cluster]:
    """A Ganeti cluster of three nodes, which are a pool with volume gv0.

    All tests share it, and put right what they break, as with lab_pool. A test of what a cluster is like
    with another node can make one of its own: ``Cluster(fresh_pool(hosts=4)).up([1, 2, 3])``.
    """
    _skip_where("; ".join(missing(GANETI_TOOLS)))
    with Pool.first_free(FAMILY) as pool:
        pool.probe()
        pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
        yield Cluster(pool).up()
