"""What the model derives from its fields: None stays None."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Sequence

import pytest

from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON, Brick, Daemon, Pool, Subvolume, Volume


def bricks(*online: Optional[bool]) -> tuple[Brick, ...]:
    return tuple(Brick("gv0", f"node{n}", "/b", f"u{n}", online=up) for n, up in enumerate(online, 1))


def volume(*online: Optional[bool], kind: str = "replicate", daemons: Sequence[Daemon] = ()) -> Volume:
    of_it = bricks(*online)
    return Volume(
        "gv0", "u", kind, "started", "tcp", of_it, (Subvolume(kind, of_it),), daemons=tuple(daemons)
    )


@pytest.mark.parametrize(
    ("online", "up"),
    [
        ((), 0),
        ((True, True, True), 3),
        ((True, False, True), 2),
        ((False, False), 0),
        ((True, None, False), None),
        ((None,), None),
    ],
)
def test_bricks_that_are_up_are_counted_where_all_are_known(
    online: tuple[Optional[bool], ...], up: Optional[int]
) -> None:
    assert volume(*online).up == up
    assert Subvolume("replicate", bricks(*online)).up == up


@pytest.mark.parametrize(("kind", "heals"), [("replicate", True), ("disperse", True), ("distribute", False)])
def test_volumes_with_copies_or_fragments_heal(kind: str, heals: bool) -> None:
    assert volume(True, True, kind=kind).heals is heals


def test_self_heal_daemons_on_hosts_with_bricks() -> None:
    here, elsewhere, nameless = (Daemon(SELF_HEAL_DAEMON, "n", uuid, True) for uuid in ("u1", "u9", None))
    other = Daemon("Quota Daemon", "n", "u1", True)
    whole = volume(True, True, daemons=(here, elsewhere, nameless, other))
    assert whole.self_heal_daemons == (here, nameless)
    unknown = replace(whole, bricks=(replace(whole.bricks[0], uuid=None),))
    assert unknown.self_heal_daemons == (here, elsewhere, nameless)


def test_the_label_of_a_brick() -> None:
    assert bricks(True)[0].label == "node1:/b"


@pytest.mark.parametrize(("now", "age"), [(10**9, 0.0), (3 * 10**9, 2.0), (0, 0.0)])
def test_the_age_of_a_pool_is_never_negative(now: int, age: float) -> None:
    assert Pool(taken_at=10**9).age(now) == age
