"""The modules that the mutation tests change, and the tests that they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.targets import TARGETS

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize("module", TARGETS)
def test_each_module_and_each_of_its_tests_exists(module: str) -> None:
    assert (REPOSITORY / module).is_file()
    for pattern in TARGETS[module]:
        assert list(REPOSITORY.glob(pattern)), pattern


@pytest.mark.parametrize("module", TARGETS)
def test_the_tests_that_mirror_the_module_run_first(module: str) -> None:
    folder, name = module.rsplit("/", 1)
    assert TARGETS[module][0] == f"tests/unit/{folder.partition('/')[2]}/test_{name}"
