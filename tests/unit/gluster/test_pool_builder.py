"""From captured answers to an evaluated pool: faults are named, what is not known is never healthy."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List

import pytest

from ganeti_gluster_mon.gluster import capture, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import Mount, Pool
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, UNKNOWN, Health, Limits, evaluate

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.fixture(scope="module")
def healthy() -> Capture:
    return capture.read(str(CAPTURES / "healthy/node1"))


@pytest.fixture(scope="module")
def brick_down() -> Capture:
    return capture.read(str(CAPTURES / "brick-down/node1"))


def judged(capture: Capture) -> Health:
    return evaluate(build_pool(capture), Limits(), capture.recorded_at)


def with_answer(capture: Capture, one_query: query.Query, change: Callable[[str], str]) -> Capture:
    """*capture* with the answer to one query changed."""
    answers = [
        replace(answer, output=change(answer.output.decode()).encode())
        if answer.query == one_query
        else answer
        for answer in capture.answers
    ]
    return replace(capture, answers=tuple(answers))


def without(capture: Capture, *queries: query.Query) -> Capture:
    return replace(
        capture, answers=tuple(answer for answer in capture.answers if answer.query not in queries)
    )


def by_name(pool: Pool) -> Dict[str, object]:
    assert pool.volumes is not None
    return {volume.name: volume for volume in pool.volumes}


def test_healthy_pool_is_healthy(healthy: Capture) -> None:
    health = judged(healthy)
    assert health.message == "5 volumes healthy, 1 not started, 17 bricks online, 3 peers connected"
    assert health.code == OK
    assert {name: each.status for name, each in health.volumes.items()} == {
        "arb-vm": "healthy",
        "disp": "healthy",
        "dist2": "healthy",
        "distrep": "healthy",
        "gv0": "healthy",
        "stopped": "stopped",
    }


def test_layout_is_grouped_as_gluster_groups_it(healthy: Capture) -> None:
    volumes = build_pool(healthy).volumes
    assert volumes is not None
    assert {
        volume.name: [
            (each.type, len(each.bricks), each.redundancy, each.up, each.quorum) for each in volume.subvolumes
        ]
        for volume in volumes
    } == {
        "arb-vm": [("replicate", 3, 0, 3, True)],
        "disp": [("disperse", 3, 1, 3, True)],
        "dist2": [("distribute", 1, 0, 1, True)] * 2,
        "distrep": [("replicate", 3, 0, 3, True)] * 2,
        "gv0": [("replicate", 3, 0, 3, True)],
        "stopped": [("distribute", 1, 0, None, None)],
    }
    assert [brick.arbiter for brick in volumes[0].bricks] == [False, False, True]


def test_sizes_are_those_that_statvfs_gave(healthy: Capture) -> None:
    volumes = build_pool(healthy).volumes
    assert volumes is not None
    assert {
        volume.name: (volume.capacity.size // 4096, volume.inodes.total)
        for volume in volumes
        if volume.capacity and volume.inodes
    } == {
        "arb-vm": (489946, 131072),
        "disp": (979892, 131072),
        "dist2": (979892, 262144),
        "distrep": (979892, 262144),
        "gv0": (489946, 131072),
    }


def test_a_mount_that_answers_knows_space_best(healthy: Capture) -> None:
    hung = Mount("gv0", "/mnt/hung", failure="does not answer")
    sub = Mount("gv0", "/mnt/sub", (), "/sub", 4096, 1, 1, 1, 1, 1)
    whole = Mount("gv0", "/mnt/gv0", (), "", 4096, 489946, 400000, 390000, 131072, 131000)
    volumes = build_pool(replace(healthy, mounts=(hung, sub, whole))).volumes
    assert volumes is not None
    gv0 = volumes[4]
    assert gv0.capacity is not None
    assert (gv0.capacity.source, gv0.capacity.available) == ("mount", 390000 * 4096)
    assert len(gv0.mounts) == 3


def test_brick_down_is_named_with_host_and_what_is_left(brick_down: Capture) -> None:
    health = judged(brick_down)
    assert health.code == CRITICAL
    assert health.message.startswith(
        "gv0: brick node2.lab.test:/export/b1/gv0 is offline, 2 of 3 replicas left; gv0: 6 entries to be healed"
    )
    assert health.volumes["gv0"].status == "degraded"
    volumes = build_pool(brick_down).volumes
    assert volumes is not None
    assert [brick.heal_pending for brick in volumes[4].bricks] == [6, None, 6]


def test_every_query_that_is_not_sent_is_missed(healthy: Capture) -> None:
    needed: List[query.Query] = [
        query.VOLUME_INFO,
        query.VOLUME_STATUS,
        query.VOLUME_STATUS_DETAIL,
        *(query.heal_summary(name) for name in ("gv0", "arb-vm", "disp", "distrep")),
    ]
    for each in needed:
        assert judged(without(healthy, each)).code == UNKNOWN, each
    assert judged(without(healthy, query.POOL_LIST, query.PEER_STATUS)).code == UNKNOWN
    # either of the two names the peers; and what only adds details may be missing
    assert judged(without(healthy, query.POOL_LIST)).code == OK
    extra = {answer.query for answer in healthy.answers} - {*needed, query.POOL_LIST}
    assert judged(without(healthy, *extra)).code == OK


def test_nothing_at_all_is_unknown(healthy: Capture) -> None:
    pool = build_pool(replace(healthy, answers=()))
    assert (pool.volumes, pool.peers) == (None, None)
    assert evaluate(pool, Limits(), healthy.recorded_at).code == UNKNOWN


def test_a_volume_that_is_left_out_is_unknown_with_the_command_that_gives_the_reason(
    healthy: Capture,
) -> None:
    capture = healthy
    for name in ("dist2", "gv0"):

        def left_out(text: str, name: str = name) -> str:
            return re.sub(rf"<volume>\s*<volName>{name}</volName>.*?</volume>", "", text, flags=re.DOTALL)

        capture = with_answer(capture, query.VOLUME_STATUS, left_out)
        capture = with_answer(capture, query.VOLUME_STATUS_DETAIL, left_out)
    health = judged(capture)
    assert (health.code, health.volumes["dist2"].status) == (UNKNOWN, "unknown")
    for name in ("dist2", "gv0"):
        reason = (
            f"`volume status all` leaves it out and gives no reason; `gluster volume status {name}` gives it"
        )
        assert f"{name}: not known: the state of bricks and daemons ({reason})" in health.message
        assert "lock" not in health.message
    # heal info reports that the bricks of gv0 are online; their space is not known all the same
    assert (health.volumes["gv0"].code, health.volumes["gv0"].status) == (UNKNOWN, "unknown")
    assert health.volumes["distrep"].status == "healthy"


def test_bricks_of_a_host_that_is_away_count_as_missing(healthy: Capture) -> None:
    def node3_gone(text: str) -> str:
        text = re.sub(r"<node>\s*<hostname>node3.*?</node>", "", text, flags=re.DOTALL)
        text = re.sub(
            r"<node>\s*<hostname>Self-heal Daemon</hostname>\s*<path>node3.*?</node>",
            "",
            text,
            flags=re.DOTALL,
        )
        return re.sub(
            r"<nodeCount>\d+</nodeCount>(.*?)</volume>",
            lambda match: f"<nodeCount>{match.group(1).count('<node>')}</nodeCount>{match.group(1)}</volume>",
            text,
            flags=re.DOTALL,
        )

    def disconnected(text: str) -> str:
        return re.sub(r"(node3\.lab\.test</hostname>\s*</hostnames>\s*<connected>)1", r"\g<1>0", text)

    def not_reached(text: str) -> str:
        return re.sub(
            r"(node3\.lab\.test:[^<]*</name>\s*<status>)Connected</status>.*?</brick>",
            r"\g<1>Failed to process entries completely. "
            r"(Transport endpoint is not connected)totalNumberOfEntries0</status></brick>",
            text,
            flags=re.DOTALL,
        )

    capture = healthy
    for each in (query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL):
        capture = with_answer(capture, each, node3_gone)
    for name in ("gv0", "arb-vm", "disp", "distrep"):
        capture = with_answer(capture, query.heal_summary(name), not_reached)
    for each in (query.POOL_LIST, query.PEER_STATUS):
        capture = with_answer(capture, each, disconnected)
    pool, health = build_pool(capture), judged(capture)
    assert pool.volumes is not None
    gv0 = pool.volumes[4]
    assert [brick.online for brick in gv0.bricks] == [True, True, False]
    assert gv0.bricks[2].unreachable
    assert gv0.subvolumes[0].quorum is True
    assert health.code == CRITICAL
    assert health.message.startswith("5 bricks cannot be reached: ")
    assert health.message.endswith("; peer node3.lab.test is disconnected")
    texts = [problem.text for problem in health.problems]
    assert "gv0: brick node3.lab.test:/export/b1/gv0 cannot be reached, 2 of 3 replicas left" in texts
    assert health.volumes["gv0"].status == "degraded"


def test_a_peer_that_glusterd_still_believes_in(healthy: Capture) -> None:
    failure = "not queried, since it would hang: peer node3.lab.test does not answer on port 24007"
    locking = (query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL)
    answers = [
        Answer(answer.query, b"", failure=failure) if answer.query in locking else answer
        for answer in healthy.answers
    ]
    capture = replace(
        healthy, answers=tuple(answers), reachable={"node2.lab.test": True, "node3.lab.test": False}
    )
    pool, health = build_pool(capture), judged(capture)
    assert health.code == CRITICAL
    assert "peer node3.lab.test does not answer on port 24007" in health.message
    assert health.message.count(failure) == 1
    # heal info talks to the bricks themselves and says they are connected
    assert pool.volumes is not None
    assert [brick.online for brick in pool.volumes[4].bricks] == [True, True, True]


def test_a_frozen_brick_is_found_though_glusterd_calls_it_online(healthy: Capture) -> None:
    capture = replace(healthy, bricks_answering={("node2.lab.test", "/export/b1/gv0"): False})
    health = judged(capture)
    assert health.message == (
        "gv0: brick node2.lab.test:/export/b1/gv0 hangs (its process runs and does not answer), "
        "2 of 3 replicas left"
    )


def test_self_heal_switched_off_says_so(healthy: Capture) -> None:
    refusal = (
        "<cliOutput><healInfo><bricks/></healInfo><opRet>-1</opRet><opErrno>5</opErrno>"
        "<opErrstr>gv0: Not able to fetch volfile from glusterd</opErrstr></cliOutput>"
    )
    health = judged(with_answer(healthy, query.heal_summary("gv0"), lambda _text: refusal))
    assert (health.code, health.volumes["gv0"].status) == (UNKNOWN, "unknown")
    assert "Not able to fetch volfile" in health.message


def test_dead_self_heal_daemons(healthy: Capture) -> None:
    def dead(text: str) -> str:
        return re.sub(
            r"(<hostname>Self-heal Daemon</hostname>.*?<status>)1(</status>.*?<pid>)\d+(</pid>)",
            r"\g<1>0\g<2>-1\g<3>",
            text,
            flags=re.DOTALL,
        )

    health = judged(with_answer(healthy, query.VOLUME_STATUS, dead))
    assert health.code == CRITICAL
    assert "volumes: no self-heal daemon on" in health.message


def test_heal_pending_with_all_bricks_up_heals_by_itself(healthy: Capture) -> None:
    def pending(text: str) -> str:
        return text.replace("Pending>0<", "Pending>1473<", 1).replace("Pending>0<", "Pending>1397<", 1)

    health = judged(with_answer(healthy, query.heal_summary("gv0"), pending))
    assert (health.code, health.volumes["gv0"].status) == (HEALING, "healing")
    assert health.message == "gv0: 1473 entries to be healed"


def test_kept_answers_make_the_pool_as_old_as_they_are(healthy: Capture) -> None:
    earlier = healthy.recorded_at - 200 * 10**9
    answers = [
        replace(answer, taken_at=earlier) if answer.query == query.VOLUME_STATUS else answer
        for answer in healthy.answers
    ]
    capture = replace(healthy, answers=tuple(answers))
    assert build_pool(capture).age(capture.recorded_at) == 200
    assert judged(capture).code == UNKNOWN


def test_kernel_names_are_known_for_this_node_only(healthy: Capture) -> None:
    capture = replace(healthy, devices={"/dev/loop1": "loop1", "/dev/loop3": "loop3"})
    volumes = build_pool(capture).volumes
    assert volumes is not None
    assert {(brick.host, brick.name) for brick in volumes[0].bricks} == {
        ("node1.lab.test", "loop1"),
        ("node2.lab.test", None),
        ("node3.lab.test", None),
    }


def test_the_heal_backlog_does_not_make_the_pool_older(healthy: Capture) -> None:
    earlier = healthy.recorded_at - 200 * 10**9
    answers = [
        replace(answer, taken_at=earlier) if query.is_heal_query(answer.query) else answer
        for answer in healthy.answers
    ]
    assert build_pool(replace(healthy, answers=tuple(answers))).taken_at == healthy.recorded_at


def test_clients_are_those_of_their_brick_and_do_not_make_the_pool_older(healthy: Capture) -> None:
    earlier = healthy.recorded_at - 200 * 10**9
    answers = [
        replace(answer, taken_at=earlier) if answer.query == query.VOLUME_STATUS_CLIENTS else answer
        for answer in healthy.answers
    ]
    pool = build_pool(replace(healthy, answers=tuple(answers)))
    assert pool.taken_at == healthy.recorded_at
    counts = {(volume.name, brick.client_count) for volume in pool.volumes or () for brick in volume.bricks}
    assert {("gv0", 6), ("arb-vm", 4), ("stopped", None)} <= counts
    (whole,) = (answer for answer in healthy.answers if answer.query == query.VOLUME_STATUS_CLIENTS)
    other = replace(whole, output=whole.output.replace(b"<path>/export/b1/gv0<", b"<path>/export/b1/x<", 1))
    less = replace(healthy, answers=(*without(healthy, query.VOLUME_STATUS_CLIENTS).answers, other))
    notes = [unknown.what for unknown in build_pool(less).unknowns]
    assert notes == ["the clients of node1.lab.test:/export/b1/gv0"]
    left_out = replace(whole, output=whole.output.replace(b"<volName>gv0<", b"<volName>other<"))
    pool = build_pool(replace(less, answers=(*less.answers[:-1], left_out)))
    assert pool.unknowns == (), "a volume without a client is left out, which is no fault"
    assert [
        brick.client_count for each in pool.volumes or () if each.name == "gv0" for brick in each.bricks
    ] == [None] * 3
    cut = Answer(query.VOLUME_STATUS_CLIENTS, b"", failure="no answer within 10 s")
    less = replace(healthy, answers=(*without(healthy, query.VOLUME_STATUS_CLIENTS).answers, cut))
    assert "the clients of bricks" in [unknown.what for unknown in build_pool(less).unknowns]


@pytest.mark.parametrize(
    ("extra", "noted"),
    [
        (query.VOLUME_STATUS_TASKS, True),
        # read by what needs it, and refused where it is not needed
        (query.profile("gv0"), False),
        (query.quota_list("stopped"), False),
    ],
)
def test_answers_of_which_nothing_is_taken_have_to_be_whole(
    healthy: Capture, extra: query.Query, noted: bool
) -> None:
    words = f"`{' '.join(extra)}`"
    cut = Answer(extra, b"", failure="no answer within 10 s")
    capture = replace(without(healthy, extra), answers=(*without(healthy, extra).answers, cut))
    assert (words in [unknown.what for unknown in build_pool(capture).unknowns]) is noted


def test_disks_are_not_known_where_none_were_looked_for(healthy: Capture) -> None:
    assert build_pool(healthy).disks is None
    assert build_pool(replace(healthy, disks=())).disks == ()


def test_what_a_get_state_that_fails_half_way_leaves_unknown(healthy: Capture) -> None:
    """The part that was written counts; the volumes after it are completed from the processes."""
    uuid = "3244332e-d896-48b8-9e33-8a6829370517"
    volumes = build_pool(healthy).volumes
    assert volumes is not None
    here = volumes[4].bricks[0]
    part = f"[Global]\nMYUUID: {here.uuid or uuid}\nop-version: 100000\n\n[Global options]\n\n[Peers]\n\n[Volumes]\n"
    capture = replace(
        without(healthy, query.GET_STATE),
        answers=(*without(healthy, query.GET_STATE).answers, Answer(query.GET_STATE, part.encode())),
        processes=(),
    )
    # `volume status` reports the bricks: nothing is unknown
    assert [note for note in build_pool(capture).unknowns if "own bricks" in note.what] == []
    alone = without(capture, query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL)
    notes = [
        note.volume for note in build_pool(alone).unknowns if note.what.startswith("space of this node's own")
    ]
    assert notes == ["arb-vm", "disp", "dist2", "distrep", "gv0"]


def test_a_get_state_that_cannot_be_read_is_noted(healthy: Capture) -> None:
    capture = replace(
        healthy, answers=(*without(healthy, query.GET_STATE).answers, Answer(query.GET_STATE, b"?"))
    )
    assert "this node's own bricks" in [note.what for note in build_pool(capture).unknowns]


def test_a_part_of_get_state_with_a_fault_is_not_used(healthy: Capture) -> None:
    part = b"[Global]\nMYUUID: no-uuid\nop-version: 100000\n\n[Global options]\n\n[Peers]\n\n[Volumes]\n"
    capture = replace(
        healthy, answers=(*without(healthy, query.GET_STATE).answers, Answer(query.GET_STATE, part))
    )
    assert "this node's own bricks" in [note.what for note in build_pool(capture).unknowns]


def test_bricks_on_a_host_on_which_nothing_answers_are_unreachable(healthy: Capture) -> None:
    needed = [query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL]
    heals = [answer.query for answer in healthy.answers if query.is_heal_query(answer.query)]
    dark = without(healthy, *needed, *heals)

    def online(answers: bool) -> List[object]:
        volumes = build_pool(replace(dark, hosts_answering={"node3.lab.test": answers})).volumes
        assert volumes is not None
        stopped = next(volume for volume in volumes if volume.name == "stopped")
        assert {brick.online for brick in stopped.bricks} == {None}
        return [(brick.online, brick.unreachable) for brick in volumes[4].bricks]

    assert online(False) == [(None, False), (None, False), (False, True)]
    assert online(True) == [(None, False)] * 3
