"""A minute of the campaigns with hostile input, by fixed seeds; `make soak` runs them for longer, by random ones."""

from __future__ import annotations

import subprocess
import sys
from typing import List

import pytest

from tests.fuzz import floods

pytestmark = pytest.mark.corpus

SECONDS = 8
SOAK_SECONDS = 900


def campaign(name: str, words: List[str], timeout: float) -> None:
    argv = [sys.executable, "-m", "tests.fuzz", name, *words]
    run = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=timeout)
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", ["captures", "extstorage", "hook", "ssh", "requests"])
def test_hostile_input_briefly(name: str) -> None:
    campaign(name, ["--seed", "1", "--seconds", str(SECONDS)], timeout=200)


@pytest.mark.parametrize("password", [False, True], ids=["open", "passwords"])
def test_a_client_is_served_during_a_flood(password: bool) -> None:
    """The one that locked everybody out once: clients that send requests and do not read the answers."""
    result = floods.run("requests in advance", SECONDS, password)
    print(result)
    assert result.share >= 0.99
    assert result.memory <= 128 << 20


@pytest.mark.soak
@pytest.mark.timeout(2 * SOAK_SECONDS)
@pytest.mark.parametrize("name", ["captures", "extstorage", "hook", "ssh", "requests"])
def test_hostile_input_for_long(name: str) -> None:
    campaign(name, ["--seconds", str(SOAK_SECONDS)], timeout=2 * SOAK_SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(2 * SOAK_SECONDS)
def test_every_flood() -> None:
    campaign("floods", ["--seconds", "30"], timeout=2 * SOAK_SECONDS)
