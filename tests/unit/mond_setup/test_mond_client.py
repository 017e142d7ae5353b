"""The reports that mond's clients get."""

from __future__ import annotations

import json
from typing import Dict, Tuple

import pytest

from ganeti_gluster_mon.mond_setup import mond_client
from tests.unit.mond_setup.mond_files import mond


def answers_of(*collectors: Tuple[str, str, int], **more: Tuple[int, bytes]) -> Dict[str, Tuple[int, bytes]]:
    return {
        "/": (200, b"[1]"),
        "/1/list/collectors": (200, json.dumps(collectors).encode()),
        **{f"/1/report/{category}/{name}": more.get(name, (200, b"{}")) for name, category, _ in collectors},
    }


LV, DRBD, GLUSTER = ("lv", "storage", 0), ("drbd", "storage", 1), ("gluster", "storage", 1)


def test_what_clients_lose() -> None:
    with (
        mond(answers_of(LV, DRBD, drbd=(500, b""))) as before,
        mond(answers_of(GLUSTER, LV, lv=(502, b""))) as after,
    ):
        had, have = mond_client.query_mond(before), mond_client.query_mond(after)
    assert had.missing(had) == ()
    assert have.missing(had) == (
        "collector drbd (storage, kind 1) is not listed",
        "report storage/lv answers 502",
    )
    # What failed before may go on failing, and more is welcome.
    with mond(answers_of(LV, DRBD, GLUSTER, drbd=(500, b""))) as more:
        assert mond_client.query_mond(more).missing(had) == ()


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/": (200, b"[1]")},
        {"/": (200, b"[1]"), "/1/list/collectors": (200, b'[["x"]]')},
        {"/": (200, b"nonsense")},
        {"/": (500, b"[1]")},
    ],
)
def test_answers_of_another_server_than_mond(answers: Dict[str, Tuple[int, bytes]]) -> None:
    with mond(answers) as url, pytest.raises(mond_client.MondUnavailable, match="^" + url):
        mond_client.query_mond(url)


def test_no_server() -> None:
    with mond({}) as url:
        pass
    with pytest.raises(mond_client.MondUnavailable, match=r"nothing answers at .*refused"):
        mond_client.query_mond(url)
