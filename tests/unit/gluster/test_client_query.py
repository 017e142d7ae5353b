"""`volume status all clients`: when it is run, and when it is run once more."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import List, Optional

import pytest

from ganeti_gluster_mon.gluster import client_query, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.session import GlusterSession
from tests.unit.fake_gluster import FakeGluster
from tests.unit.gluster.healthy_capture import VOLUMES, output

CLIENTS = query.VOLUME_STATUS_CLIENTS
EVEN = output(CLIENTS)
#: 10.99.0.3 is not connected to a brick of the first volume, and 10.99.0.1 has one connection too many
UNEVEN = EVEN.replace("10.99.0.3:49142", "10.99.0.1:49142", 1)
#: which is the first volume in the answer
UNEVEN_CLIENTS = [("arb-vm", "10.99.0.1"), ("arb-vm", "10.99.0.3")]
ANSWERING = {(brick.host, brick.path): True for volume in VOLUMES for brick in volume.bricks}


@pytest.fixture(autouse=True)
def short_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_query, "CONNECT_DELAY", 0.001)


def answers_of(
    tmp_path: Path,
    outputs: List[str],
    answering: Optional[dict[tuple[str, str], bool]] = None,
    previous: Optional[Capture] = None,
    since: Optional[dict[tuple[str, str], float]] = None,
) -> tuple[List[Answer], int]:
    fake = FakeGluster(tmp_path, {CLIENTS: outputs})
    with GlusterSession(fake.path) as gluster:
        answers = client_query.query_clients(
            gluster,
            time.monotonic() + 20,
            VOLUMES,
            ANSWERING if answering is None else answering,
            previous,
            {} if since is None else since,
        )
    log = tmp_path / "log"
    runs = list(fake.heard).count("volume status all clients") if log.exists() else 0
    log.unlink(missing_ok=True)
    return answers, runs


def taken(seconds_ago: float, text: str = EVEN, failure: Optional[str] = None) -> Capture:
    answer = Answer(CLIENTS, text.encode(), failure=failure)
    return Capture(recorded_at=time.time_ns() - round(seconds_ago * 1e9), answers=(answer,))


def test_it_is_run_once(tmp_path: Path) -> None:
    (answer,), runs = answers_of(tmp_path, [EVEN])
    assert (answer.query, answer.taken_at, runs) == (CLIENTS, None, 1)


def test_it_is_not_run_while_a_brick_does_not_answer(tmp_path: Path) -> None:
    silent = next(iter(ANSWERING))
    assert answers_of(tmp_path, [EVEN], {**ANSWERING, silent: False}) == ([], 0)
    without = {brick: answers for brick, answers in ANSWERING.items() if brick != silent}
    assert answers_of(tmp_path, [EVEN], without, previous=taken(1)) == ([], 0)


def test_a_new_answer_is_kept_with_its_age(tmp_path: Path) -> None:
    previous = taken(100)
    (answer,), runs = answers_of(tmp_path, [EVEN], previous=previous)
    assert (answer.taken_at, runs) == (previous.recorded_at, 0)
    again = replace(previous, recorded_at=time.time_ns(), answers=(answer,))
    (answer,), _ = answers_of(tmp_path, [EVEN], previous=again)
    assert answer.taken_at == previous.recorded_at


@pytest.mark.parametrize(
    "previous", [taken(400), taken(1, ""), taken(1, failure="no answer"), Capture(recorded_at=1, answers=())]
)
def test_an_answer_that_is_old_or_not_whole_is_not_kept(tmp_path: Path, previous: Capture) -> None:
    (answer,), runs = answers_of(tmp_path, [EVEN], previous=previous)
    assert (answer.taken_at, runs) == (None, 1)


def test_a_client_that_is_just_connecting_is_queried_again(tmp_path: Path) -> None:
    assert UNEVEN != EVEN
    (answer,), runs = answers_of(tmp_path, [UNEVEN, EVEN])
    assert (answer.output.decode().strip(), runs) == (EVEN.strip(), 2)


def test_a_client_that_lacks_a_brick_is_reported_after_a_minute(tmp_path: Path) -> None:
    since: dict[tuple[str, str], float] = {}
    assert answers_of(tmp_path, [UNEVEN], since=since) == ([], 2)
    assert sorted(since) == [UNEVEN_CLIENTS[0], UNEVEN_CLIENTS[1]]
    assert answers_of(tmp_path, [UNEVEN], since=since) == ([], 1)
    since = dict.fromkeys(since, time.monotonic() - 61)
    (answer,), runs = answers_of(tmp_path, [UNEVEN], since=since)
    assert (answer.output.decode().strip(), runs) == (UNEVEN.strip(), 1)
    (answer,), runs = answers_of(tmp_path, [UNEVEN], previous=taken(1, UNEVEN), since=since)
    assert (answer.taken_at, runs) == (None, 1)
    del since[UNEVEN_CLIENTS[0]]
    assert answers_of(tmp_path, [UNEVEN], since=since) == ([], 2)
    assert len(answers_of(tmp_path, [EVEN], since=since)[0]) == 1 and since == {}


def test_an_answer_without_a_brick_that_was_added_since_is_not_kept(tmp_path: Path) -> None:
    without = EVEN.replace("<path>/export/b1/gv0</path>", "<path>/export/b1/old</path>")
    assert without != EVEN
    (answer,), runs = answers_of(tmp_path, [EVEN], previous=taken(1, without))
    assert (answer.taken_at, runs) == (None, 1)


def test_a_volume_that_is_left_out_does_not_hide_the_others(tmp_path: Path) -> None:
    without = EVEN.replace("<volName>gv0</volName>", "<volName>other</volName>")
    (answer,), runs = answers_of(tmp_path, [without])
    assert (answer.output.decode().strip(), runs) == (without.strip(), 1)
    (answer,), runs = answers_of(tmp_path, [without], previous=taken(100, without))
    assert (answer.output.decode().strip(), runs) == (without.strip(), 0), "kept, without another query"


def test_without_any_client_nothing_is_known(tmp_path: Path) -> None:
    assert answers_of(tmp_path, [""], previous=taken(400)) == ([], 1)
