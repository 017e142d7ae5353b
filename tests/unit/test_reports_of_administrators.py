"""Captures built from administrators' reports of real faults, each with the correct result.

The directories in captures/reports are named after the fault.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Set

import pytest

from ganeti_gluster_mon import report
from ganeti_gluster_mon.check import check
from ganeti_gluster_mon.collectors import collectors
from ganeti_gluster_mon.gluster import capture, query
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import CRITICAL, OK, UNKNOWN, Health, Limits, evaluate
from ganeti_gluster_mon.metrics import pool_metrics
from tests import mutate
from tests.unit.test_damaged_answers import with_output

REPORTS = Path(__file__).parents[1] / "captures" / "reports"
LIMITS = Limits()


class Expected(NamedTuple):
    """The correct result of one capture."""

    code: int
    #: by volume
    statuses: Dict[str, str]
    #: the codes of all problems
    problems: Set[str]
    #: each is in the text of a problem
    words: List[str]
    #: samples that there are
    metrics: List[str] = []  # noqa: RUF012
    #: samples that there are not, by how they begin
    no_metrics: List[str] = []  # noqa: RUF012


EXPECTED = {
    "arbiter-full": Expected(
        CRITICAL,
        {"gv0": "faulty"},
        {"ARBITER_FULL"},
        [
            "arbiter brick node3.n.example:/export/arb/gv0 has 0.0 % of its space and 0.0 % of its inodes free",
        ],
        ['gluster_problem{code="ARBITER_FULL",volume="gv0"} 1.0'],
    ),
    "bitrot-daemon-dead": Expected(
        CRITICAL,
        {"media": "faulty"},
        {"DAEMON_DOWN"},
        [
            "media: Bitrot Daemon does not run on node4.n.example",
            "media: Scrubber Daemon does not run on node5.n.example",
        ],
        [
            'gluster_daemon_up{daemon="bitrot",host="node4.n.example",volume="media"} 0.0',
            'gluster_daemon_up{daemon="scrubber",host="node5.n.example",volume="media"} 0.0',
            'gluster_daemon_up{daemon="bitrot",host="node1.n.example",volume="media"} 1.0',
        ],
    ),
    "fix-layout-failed": Expected(
        CRITICAL,
        {"fl": "faulty"},
        {"REBALANCE_FAILED"},
        ["fix-layout failed, 3 failures; start it again: gluster volume rebalance fl fix-layout start"],
    ),
    "inodes-97-percent-by-mount": Expected(
        CRITICAL,
        {"nfs_volume": "faulty"},
        {"INODES_SHORT", "MOUNT_CONTRADICTS_BRICKS"},
        [
            "3.0 % of its inodes free",
            "the mount /mnt/nfs contradicts the bricks: 3.0 % of its inodes are free, 95.4 % of theirs",
        ],
    ),
    "one-replica-set-full": Expected(
        CRITICAL,
        {"gv0": "faulty"},
        {"SUBVOLUME_FULL"},
        [
            "gv0: replica set 2 has 0.0 % of its space free: writes fail as soon as a shard has to go there "
            "(brick node1.n.example:/export/b1/gv0, brick node2.n.example:/export/b1/gv0",
        ],
    ),
    "quota-na": Expected(
        UNKNOWN, {"gv0": "unknown"}, {"NOT_KNOWN"}, ["the limit of / and what is used are N/A"]
    ),
    "quota-used-up": Expected(
        CRITICAL,
        {"xxx_7dd5e065-f9f7-4843-b532-6397fefdc136": "faulty"},
        {"QUOTA_EXCEEDED", "VOLUME_FULL"},
        ["the quota limit of / is used up: writes fail (6.2G of 5.0G used)", "full, no space is free"],
        [
            'gluster_volume_size_bytes{volume="xxx_7dd5e065-f9f7-4843-b532-6397fefdc136"} 5.36870912e+09',
            'gluster_volume_available_bytes{volume="xxx_7dd5e065-f9f7-4843-b532-6397fefdc136"} 0.0',
        ],
    ),
    "rebalance-done-failures": Expected(
        CRITICAL,
        {"bigvol": "faulty"},
        {"REBALANCE_FAILURES"},
        ["3642 files were not moved (10.37.11.246: 607, ", "start it again: gnt-gluster rebalance bigvol"],
    ),
    "remove-brick-done": Expected(
        CRITICAL,
        {"vol2350": "faulty"},
        {"REMOVE_BRICK_UNCOMMITTED"},
        [
            "not committed",
            "node1.n.example:/data/b1 node2.n.example:/data/b1 node3.n.example:/data/b1 commit",
        ],
    ),
    "shared-storage": Expected(
        OK, {"gluster_shared_storage": "healthy"}, {"VOLUME_NEARLY_FULL"}, ["17.0 % of its space free"]
    ),
    "shd-switched-off": Expected(
        CRITICAL,
        {"hms": "healing"},
        {"HEAL_DAEMON_OFF", "HEAL_PENDING"},
        ["self-heal is switched off: cluster.self-heal-daemon, ", "420 entries to be healed"],
        ['gluster_volume_heal_pending_entries{volume="hms"} 420.0'],
    ),
    "v3.7.8": Expected(
        UNKNOWN,
        {"salt_shared": "unknown"},
        {"GLUSTER_TOO_OLD", "NOT_KNOWN"},
        ["Gluster 3.7.8 is not supported"],
    ),
    "brick-of-a-host-not-in-pool": Expected(
        CRITICAL,
        {"vol1": "degraded"},
        {"BRICK_HOST_NOT_IN_POOL", "BRICK_UNREACHABLE", "HEAL_PENDING"},
        ["10.0.0.5, the host of brick 10.0.0.5:/var/lib/heketi/mounts/vg/brick, is not in the pool"],
        ['gluster_brick_up{host="10.0.0.5",path="/var/lib/heketi/mounts/vg/brick",volume="vol1"} 0.0'],
    ),
    "btrfs": Expected(
        OK,
        {"test-volume": "healthy"},
        set(),
        [],
        ['gluster_volume_size_bytes{volume="test-volume"}'],
        ["gluster_volume_files", "gluster_brick_files"],
    ),
    "heal-half-way": Expected(
        UNKNOWN,
        {"gv0": "unknown"},
        {"NOT_KNOWN"},
        ["node2.n.example:/data/gv0", "Stale file handle"],
        [],
        ["gluster_volume_heal_pending_entries{"],
    ),
    "heal-not-connected-but-online": Expected(
        UNKNOWN,
        {"gluster": "unknown"},
        {"BRICK_UNREACHABLE", "NOT_KNOWN"},
        ["`heal info` on node1.n.example does not reach it (Transport endpoint is not connected)"],
        [],
        [
            "gluster_volume_heal_pending_entries{",
            'gluster_brick_up{host="node2.n.example",path="/mnt/hdd/gluster",volume="gluster"}',
        ],
    ),
    "node-off": Expected(
        CRITICAL,
        {"arb": "degraded", "disp": "degraded", "dist3": "partial", "distrep": "degraded", "gv0": "degraded"},
        {"BRICK_UNREACHABLE", "PEER_DISCONNECTED", "SUBVOLUME_QUORUM_LOST"},
        [
            "gv0: brick node3.lab.test:/export/b1/gv0 cannot be reached, 2 of 3 replicas left",
            "disp: brick node3.lab.test:/export/b2/d cannot be reached, 2 of 3 bricks left (2 needed)",
            "dist3: subvolume 3 has lost quorum: no access to its files",
        ],
        [
            'gluster_brick_up{host="node3.lab.test",path="/export/b2/x",volume="dist3"} 0.0',
            'gluster_brick_up{host="node1.lab.test",path="/export/b2/x",volume="dist3"} 1.0',
            'gluster_subvolume_bricks_to_spare{subvolume="gv0-replicate-0",volume="gv0"} 0.0',
            'gluster_subvolume_bricks_online{subvolume="gv0-replicate-0",volume="gv0"} 2.0',
            'gluster_subvolume_quorum{subvolume="dist3-client-2",volume="dist3"} 0.0',
            'gluster_volume_size_bytes{volume="gv0"}',
            'gluster_problem{code="BRICK_UNREACHABLE",volume="gv0"} 1.0',
        ],
    ),
    "peer-by-ip": Expected(OK, {"data": "healthy"}, set(), []),
    "peer-rejected": Expected(
        CRITICAL,
        {"gv0": "unknown"},
        {"PEER_REJECTED", "NOT_KNOWN"},
        ["Peer Rejected", "space of gv0 (`volume status detail` has no size of node3.n.example:/b/gv0)"],
        [],
        ["gluster_volume_size_bytes"],
    ),
    "tasks-mismatch": Expected(
        UNKNOWN,
        {"vol_8dddc2fa0c69c22f7bb176bd8fd38344": "unknown", "vol_ok": "healthy"},
        {"NOT_KNOWN"},
        ["`gluster volume status vol_8dddc2fa0c69c22f7bb176bd8fd38344` gives it"],
    ),
    "two-offline-but-serving": Expected(
        CRITICAL,
        {"gv": "degraded"},
        {"BRICK_CONTRADICTED"},
        [
            "brick node1.n.example:/b/gv is offline by `volume status`, and `heal info` on node2.n.example reaches it"
        ],
        ['gluster_subvolume_quorum{subvolume="gv-replicate-0",volume="gv"} 1.0'],
    ),
}


def result(capture: Capture) -> Health:
    return evaluate(build_pool(capture), LIMITS, capture.recorded_at)


def test_every_report_has_its_result() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in REPORTS.iterdir())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_result(name: str) -> None:
    expected = EXPECTED[name]
    recorded = capture.read(str(REPORTS / name))
    pool, health = build_pool(recorded), result(recorded)
    assert health.code == expected.code
    assert {volume: each.status for volume, each in health.volumes.items()} == expected.statuses
    assert {problem.code for problem in health.problems} == expected.problems
    texts = "\n".join(problem.text for problem in health.problems)
    for words in expected.words:
        assert words in texts
    metrics = pool_metrics.render(pool, health, recorded.recorded_at).decode().splitlines()
    for sample in expected.metrics:
        assert any(line.startswith(sample) for line in metrics), sample
    for sample in expected.no_metrics:
        assert not any(line.startswith(sample) for line in metrics), sample


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_everything_shows_it(name: str) -> None:
    recorded = capture.read(str(REPORTS / name))
    pool, health = build_pool(recorded), result(recorded)
    made = report.make(collectors()["gluster"], pool, health, recorded.recorded_at)
    status = made["data"]["status"]
    assert status["code"] == health.code
    assert [problem["code"] for problem in status["problems"]] == [
        problem.code for problem in health.problems
    ]
    line = check(pool, health, LIMITS)
    assert (line.exit_status == 0) == (health.code == OK and not health.problems)
    for problem in health.problems:
        assert f"[{problem.code}]" in line.line


def changed(name: str, one_query: query.Query, right: bytes, wrong: bytes) -> Health:
    """The result of a capture with the first *right* in one answer made *wrong*."""
    whole = capture.read(str(REPORTS / name))
    (number,) = [number for number, answer in enumerate(whole.answers) if answer.query == one_query]
    assert right in whole.answers[number].output
    return result(with_output(whole, number, whole.answers[number].output.replace(right, wrong, 1)))


@pytest.mark.parametrize(
    "options", ["ro,relatime", "rw,relatime,emergency_ro", "rw,attr2,shutdown", "noatime,ro"]
)
def test_a_brick_on_a_read_only_filesystem(options: str) -> None:
    one_query, element = query.VOLUME_STATUS_DETAIL, "<mntOptions>{}</mntOptions>"
    wrong = element.format(options).encode()
    health = changed("peer-by-ip", one_query, element.format("rw,relatime").encode(), wrong)
    (problem,) = health.problems
    assert (health.code, problem.code, problem.volume) == (CRITICAL, "BRICK_FILESYSTEM", "data")
    assert problem.subject in problem.text
    assert "read-only" in problem.text
    assert health.volumes["data"].status == "faulty"


@pytest.mark.parametrize(
    ("error", "code"),
    [(b"Input/output error", CRITICAL), (b"Structure needs cleaning", CRITICAL), (b"Killed", UNKNOWN)],
)
def test_a_brick_that_heal_info_cannot_read(error: bytes, code: int) -> None:
    health = changed("heal-half-way", query.heal_summary("gv0"), b"Stale file handle", error)
    assert health.code == code
    found = {problem.code: problem for problem in health.problems}
    assert "NOT_KNOWN" in found, "the count is not known"
    assert ("BRICK_FILESYSTEM" in found) == (code == CRITICAL)
    if code == CRITICAL:
        assert found["BRICK_FILESYSTEM"].subject == "node2.n.example:/data/gv0"


def test_two_offline_bricks_that_serve_are_not_called_without_access() -> None:
    health = result(capture.read(str(REPORTS / "two-offline-but-serving")))
    assert "no access" not in health.message


def test_a_volume_that_was_left_out_is_not_called_locked() -> None:
    assert "lock" not in result(capture.read(str(REPORTS / "tasks-mismatch"))).message


#: a task that Gluster does not list is one that there is not
UNDETECTABLE = "without <task>"


@pytest.mark.corpus
@pytest.mark.parametrize("name", [name for name in sorted(EXPECTED) if EXPECTED[name].code != OK])
def test_a_damaged_answer_of_a_faulty_pool_is_never_healthy(name: str) -> None:
    """Each answer in turn is cut, lacks an element, has one twice, a number that is none, or text around it."""
    whole = capture.read(str(REPORTS / name))
    tried = 0
    for number, answer in enumerate(whole.answers):
        for mutant in mutants(answer.output):
            tried += 1
            code = result(with_output(whole, number, mutant.output)).code
            assert code != OK or mutant.what.startswith(UNDETECTABLE), (answer.query, mutant.what)
    assert tried > 100


def mutants(output: bytes) -> List[mutate.Mutant]:
    if not output.lstrip().startswith(b"<"):
        return [mutate.Mutant("nothing at all", b""), *mutate.truncated(output, 8)]
    found = mutate.sample([*mutate.truncated(output, 8), *mutate.damaged(output, 8)], 16)
    for kind in (mutate.dropped, mutate.doubled, mutate.misnumbered):
        found += mutate.sample(list(kind(output)), 10)
    return [*found, mutate.Mutant("nothing at all", b"")]
