"""Messages: worst first, and short however many problems there are."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.gluster.model import Peer, Unknown
from ganeti_gluster_mon.health import (
    CODES,
    CRITICAL,
    HEALING,
    OK,
    UNKNOWN,
    Problem,
    message,
    message_parts,
    worst,
)
from tests.unit.health.test_evaluate import judged, pool, volume


def test_problems_of_one_kind_are_one_part() -> None:
    why = "no answer within 20 s"
    volumes = [volume(name=f"v{i}", heal=None) for i in range(16, 41)]
    unknowns = tuple(Unknown(f"heal backlog of v{i}", why, f"v{i}") for i in range(16, 41))
    health = judged(pool(*volumes, unknowns=unknowns))
    assert health.message == "25 volumes: not known: heal backlog (no answer within 20 s): v16, v17, v18, …"
    assert len(health.problems) == 25
    assert health.problems[0].text == "v16: not known: heal backlog of v16 (no answer within 20 s)"


def test_two_of_a_kind_are_named_in_full() -> None:
    health = judged(pool(volume(True, False, True, name="a"), volume(True, False, True, name="b")))
    assert health.message.startswith(
        "a: brick node2:/export/b1/gv0 is offline, 2 of 3 replicas left; b: brick "
    )


def test_a_peer_away_with_many_volumes_makes_a_short_message() -> None:
    volumes = [volume(True, True, False, name=f"vol{i:02}") for i in range(41)]
    example = pool(*volumes)
    assert example.peers is not None
    away = replace(example.peers[2], connected=False)
    health = judged(replace(example, peers=(*example.peers[:2], away)))
    assert "41 bricks are offline" in health.message
    assert "peer node3 is disconnected" in health.message
    assert len(health.message) < 300
    assert len(health.problems) == 42


def test_many_kinds_are_cut_and_counted() -> None:
    many = [Problem("NOT_KNOWN", UNKNOWN, f"reason {i}", kind=f"reason {i}") for i in range(40)]
    text = message([*many, Problem("SPLIT_BRAIN", CRITICAL, "v: 1 entry in split-brain", "v")])
    assert text.startswith("v: 1 entry in split-brain; ")
    assert text.endswith("; and 29 more")


def test_a_muted_problem_stays_in_the_list_and_counts_no_more() -> None:
    muted = Problem("BRICK_OFFLINE", CRITICAL, "v: brick a:/b is offline", "v", muted=True)
    heals = Problem("HEAL_PENDING", HEALING, "v: 1 entry to be healed", "v")
    assert worst([muted, heals]) == HEALING
    assert message([muted, heals]) == "v: 1 entry to be healed"
    assert worst([muted]) == OK


def test_codes_can_be_shown_with_the_command_that_fixes_the_problem() -> None:
    assert message_parts([Problem("HEAL_PENDING", HEALING, "v: 1 entry", "v")], with_codes=True) == [
        "v: 1 entry [HEAL_PENDING], fix: gluster volume heal v"
    ]


def test_the_guests_that_are_affected_are_named() -> None:
    offline = Problem(
        "BRICK_OFFLINE", CRITICAL, "v: brick a:/b is offline", "v", "a:/b", guests=("web1", "web2")
    )
    assert message([offline]) == "v: brick a:/b is offline (2 guests at risk: web1, web2)"
    (line,) = message_parts([offline], with_codes=True)
    assert line.startswith("v: brick a:/b is offline (2 guests at risk: web1, web2) [BRICK_OFFLINE], fix: ")
    several = [replace(offline, subject=f"a:/b{i}", guests=(f"web{i}", "db")) for i in range(5)]
    assert message(several) == (
        "v: 5 bricks are offline: a:/b0, a:/b1, a:/b2, … (6 guests at risk: db, web0, web1, …)"
    )


def test_daemons_of_one_volume_are_named_with_it() -> None:
    problems = [
        Problem("HEAL_DAEMON_DOWN", CRITICAL, f"gv0: no self-heal daemon on n{i}", "gv0", f"n{i}")
        for i in range(4)
    ]
    assert message(problems) == "gv0: no self-heal daemon on n0, n1, n2, …"


def test_peers_are_grouped_without_a_volume() -> None:
    example = pool(volume())
    peers = tuple(Peer(f"n{i}", f"u{i}", "Peer in Cluster", False) for i in range(9))
    assert judged(replace(example, peers=peers)).message == "9 peers are disconnected: n0, n1, n2, …"


def test_every_code_has_a_text_for_a_group() -> None:
    for code, template in CODES.items():
        assert template.format(n=3, kind="x", names="a, b, c"), code
