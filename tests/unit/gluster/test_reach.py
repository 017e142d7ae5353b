"""Which bricks serve: every combination of what glusterd reports and what reaches the brick."""

from __future__ import annotations

from typing import Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.model import Brick
from ganeti_gluster_mon.gluster.reach import Evidence, on_silent_host, silent_hosts, with_evidence

YES, NO = True, False


def brick(online: Optional[bool], host: str = "node3", uuid: Optional[str] = "u3") -> Brick:
    return Brick("gv0", host, "/b", uuid=uuid, online=online)


@pytest.mark.parametrize(
    ("reported", "heal", "port", "away", "online", "flags"),
    [
        # glusterd of its host is down; what is reached is up, what is not is missing
        (None, YES, None, YES, YES, ""),
        (None, NO, YES, YES, YES, ""),
        (None, NO, None, YES, NO, "unreachable"),
        (None, None, NO, YES, NO, "unreachable"),
        (None, NO, NO, NO, NO, "unreachable"),
        (None, None, None, YES, None, ""),
        (None, None, None, NO, None, ""),
        # reported online
        (YES, YES, YES, NO, YES, ""),
        (YES, None, None, NO, YES, ""),
        (YES, None, NO, NO, NO, "hangs"),
        (YES, NO, NO, NO, NO, "hangs"),
        (YES, YES, NO, YES, NO, "unreachable"),
        (YES, NO, None, NO, None, "not reached"),
        (YES, NO, YES, NO, YES, "not reached"),
        # reported offline
        (NO, NO, None, NO, NO, ""),
        (NO, None, None, NO, NO, ""),
        (NO, YES, None, NO, YES, "contradicted"),
    ],
)
def test_what_serves(
    reported: Optional[bool],
    heal: Optional[bool],
    port: Optional[bool],
    away: bool,
    online: Optional[bool],
    flags: str,
) -> None:
    result = with_evidence(brick(reported), Evidence(heal, port, away), "node1")
    assert result.online is online
    found = {
        "unreachable": result.unreachable,
        "hangs": result.hangs,
        "not reached": result.not_reached_from == "node1",
        "contradicted": result.contradicted == "node1",
    }
    assert {name for name, holds in found.items() if holds} == ({flags} if flags else set())


def test_heal_info_does_not_decide_where_only_glusterd_is_down() -> None:
    """It learns a brick's port from the glusterd of its host."""
    only_glusterd = Evidence(heal=False, host_away=True, host_answers=True)
    assert with_evidence(brick(None), only_glusterd, "node1").online is None
    assert silent_hosts(((brick(None), only_glusterd),), set()) == set()
    answers = Evidence(heal=False, port=True, host_away=True, host_answers=True)
    assert with_evidence(brick(None), answers, "node1").online is True
    refused = Evidence(heal=False, port=False, host_away=True, host_answers=True)
    assert with_evidence(brick(None), refused, "node1").unreachable


GONE = Evidence(heal=False, host_away=True)
NOTHING = Evidence(host_away=True)


@pytest.mark.parametrize(
    ("found", "gone", "silent"),
    [
        # a brick of a replicated volume shows that the host is silent
        (((brick(None), GONE), (brick(None), NOTHING)), set(), {"u3"}),
        # nothing shows it
        (((brick(None), NOTHING),), set(), set()),
        # nothing accepts a connection there
        (((brick(None), NOTHING),), {"u3"}, {"u3"}),
        # another brick of the host is reached: only its glusterd is down
        (((brick(None), GONE), (brick(None), Evidence(port=True, host_away=True))), {"u3"}, set()),
        # its glusterd is there
        (((brick(None), Evidence(heal=False)),), set(), set()),
        (((brick(None, uuid=None), GONE),), set(), set()),
    ],
)
def test_hosts_that_are_silent(
    found: Tuple[Tuple[Brick, Evidence], ...], gone: set[str], silent: set[str]
) -> None:
    assert silent_hosts(found, gone) == silent


def test_a_brick_of_a_silent_host_is_missing_unless_it_is_known_to_serve() -> None:
    assert on_silent_host(brick(None)).online is False
    assert on_silent_host(brick(None)).unreachable
    assert on_silent_host(brick(True)).online is True
