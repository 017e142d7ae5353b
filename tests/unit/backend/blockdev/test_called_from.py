"""Which function of ganeti.backend opens a disk."""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest

from ganeti_gluster_mon.backend.blockdev.called_from import GUESTS, WRITERS, called_from


def caller(name: str, module: str = "ganeti.backend", between: int = 0) -> Callable[[], bool]:
    """A function *name* of *module* that calls `called_from`, through *between* others."""
    there: Dict[str, Any] = {"__name__": module, "called_from": called_from, "WRITERS": WRITERS}
    exec(f"def call_0():\n    return called_from(WRITERS)\n", there)  # noqa: F541
    for number in range(between):
        exec(f"def call_{number + 1}():\n    return call_{number}()\n", there)
    exec(f"def {name}():\n    return call_{between}()\n", there)
    function: Callable[[], bool] = there[name]
    return function


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_writer_is_among_the_callers(name: str) -> None:
    assert caller(name)()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("BlockdevOpen", "ganeti.backend"),
        ("BlockdevWipe", "ganeti.cmdlib"),
        ("BlockdevWipe", "ganeti.backend.other"),
        (next(iter(GUESTS)), "ganeti.backend"),
    ],
)
def test_other_callers_are_none(name: str, module: str) -> None:
    assert not caller(name, module)()


def test_only_near_callers_are_looked_at() -> None:
    assert caller("BlockdevWipe", between=9)()
    assert not caller("BlockdevWipe", between=15)()
