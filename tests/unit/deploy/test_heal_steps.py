"""After replace-brick: only a new brick that was compared with its copies is called healed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import capacity_check, heal_steps
from ganeti_gluster_mon.deploy.apply import PlanStopped, apply
from ganeti_gluster_mon.deploy.capacity_check import BrickSize, Space
from ganeti_gluster_mon.deploy.gluster_cli import GLUSTER
from ganeti_gluster_mon.deploy.heal_steps import FullHeal, Healed, RootVersion, SameEntries
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.remote import brick_contents, program
from ganeti_gluster_mon.deploy.self_heal import Crawls, connected, crawls
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, ok

A, B, C = BRICKS = tuple(BrickAddress(f"node{n}", "/export/brick1/gluster") for n in (1, 2, 3))

#: of Gluster 10.3, 0.5 s after replace-brick
COUNT = """Gathering count of entries to be healed on volume gv0 has been successful 

Brick node1:/export/brick1/gluster
Number of entries: 1

Brick node2:/export/brick1/gluster
Number of entries: 1

Brick node3:/export/brick1/gluster
Status: Brick is not connected
Number of entries: 0
"""  # noqa: W291
CONNECTED = COUNT.replace("Status: Brick is not connected\n", "")
#: of Gluster 10.3
STATISTICS = """Gathering crawl statistics on volume gv0 has been successful 
------------------------------------------------

Crawl statistics for brick no 1
Hostname of brick node2

Starting time of crawl: Thu Nov 26 03:40:26 2026

Ending time of crawl: Thu Nov 26 03:40:26 2026

Type of crawl: INDEX
No. of entries healed: 0
No. of entries in split-brain: 0
No. of heal failed entries: 1
------------------------------------------------

Crawl statistics for brick no 2
Hostname of brick node3

Starting time of crawl: Thu Nov 26 03:40:28 2026

Ending time of crawl: Thu Nov 26 03:40:28 2026

Type of crawl: FULL
No. of entries healed: 0
No. of entries in split-brain: 0
No. of heal failed entries: 0
"""  # noqa: W291
IN_PROGRESS = STATISTICS.replace("Ending time of crawl: Thu Nov 26 03:40:28 2026", "Crawl is in progress")
NO_FULL = STATISTICS[: STATISTICS.index("Crawl statistics for brick no 2")]


#: of getfattr, for the root of a disperse volume of Gluster 10.3
VERSION = "# file: /export/brick1/gluster\ntrusted.ec.version=0x00000000000000010000000000000001\n"


@pytest.mark.parametrize(
    "unlike",
    [
        VERSION.replace("0x0000000000000001", "0x0000000000000000"),
        "",
    ],
    ids=["0", "none"],
)
def test_the_root_gets_a_version_where_a_brick_of_it_has_none(unlike: str) -> None:
    """Of Gluster 10.3: a brick that was replaced then stayed empty, with 0 entries to heal."""
    step = RootVersion("node1", "disp", (A, B), 5.0)
    assert [question.node for question in step.queries()] == ["node1", "node2"]
    assert step.remaining([ok(VERSION), ok(VERSION)]) is DONE
    remaining = step.remaining([ok(VERSION), ok(unlike)])
    assert remaining
    (command,) = remaining
    assert (command.node, command.argv[-2:]) == ("node1", ("disp", "7"))
    assert step.remaining([ok(VERSION), FAILED])


def test_what_the_daemons_are_connected_to() -> None:
    assert connected(ok(COUNT)) == {A.label: True, B.label: True, C.label: False}
    assert connected(ok(CONNECTED)) == {A.label: True, B.label: True, C.label: True}
    assert connected(FAILED) is None
    assert connected(ok("Brick node1:/b\nNo gathered input for this brick\n")) == {}


def test_which_crawls_the_daemons_remember() -> None:
    assert crawls(ok(STATISTICS)) == Crawls(("2 Thu Nov 26 03:40:28 2026",), running=False)
    assert crawls(ok(IN_PROGRESS)) == Crawls((), running=True)
    assert crawls(ok(NO_FULL)) == Crawls((), running=False)
    assert crawls(FAILED) is None


def test_a_full_heal_is_begun_when_the_daemons_are_connected_and_is_waited_for() -> None:
    step = FullHeal("node1", "gv0", BRICKS)
    assert step.remaining([ok(COUNT), ok(NO_FULL)]) is WAIT
    assert "not connected to node3:" in step.progress([ok(COUNT), ok(NO_FULL)])
    assert step.remaining([FAILED, ok(NO_FULL)]) is WAIT
    assert step.remaining([ok(CONNECTED), FAILED]) is WAIT
    remaining = step.remaining([ok(CONNECTED), ok(NO_FULL)])
    assert [str(command) for command in remaining or ()] == ["gluster --mode=script volume heal gv0 full"]
    assert step.remaining([ok(CONNECTED), ok(IN_PROGRESS)]) is WAIT
    assert step.progress([ok(CONNECTED), ok(IN_PROGRESS)]) == "the crawl is in progress, 1 entries to heal"
    assert step.remaining([ok(CONNECTED), ok(STATISTICS)]) is DONE
    again = FullHeal("node1", "gv0", BRICKS, before=("2 Thu Nov 26 03:40:28 2026",))
    assert again.remaining([ok(CONNECTED), ok(STATISTICS)])


def summary(pending: Dict[BrickAddress, Optional[int]], split: int = 0) -> CommandResult:
    """The answer to `heal info summary` in XML; None: the brick could not be asked."""
    bricks = "".join(
        f'<brick hostUuid="-"><name>{brick.label}</name><status>'
        + (
            f"Connected</status><totalNumberOfEntries>{count}</totalNumberOfEntries>"
            f"<numberOfEntriesInHealPending>{count}</numberOfEntriesInHealPending>"
            f"<numberOfEntriesInSplitBrain>{split}</numberOfEntriesInSplitBrain>"
            "<numberOfEntriesPossiblyHealing>0</numberOfEntriesPossiblyHealing></brick>"
            if count is not None
            else "Transport endpoint is not connected</status></brick>"
        )
        for brick, count in pending.items()
    )
    return ok(
        f"<cliOutput><healInfo><bricks>{bricks}</bricks></healInfo><opRet>0</opRet><opErrno>0</opErrno><opErrstr/>"
        "</cliOutput>"
    )


CLEAN = summary({A: 0, B: 0, C: 0})


def test_healed_needs_zero_on_every_brick_while_the_daemons_are_connected() -> None:
    step = Healed("node1", "gv0", BRICKS)
    assert step.readings > 1
    assert step.remaining([CLEAN, ok(CONNECTED)]) is DONE
    # right after replace-brick all counts are 0, and the daemons have not looked at the new brick
    assert step.remaining([CLEAN, ok(COUNT)]) is WAIT
    assert step.remaining([CLEAN, FAILED]) is WAIT
    assert step.remaining([summary({A: 0, B: 4, C: 0}), ok(CONNECTED)]) is WAIT
    assert step.remaining([summary({A: 0, B: None, C: 0}), ok(CONNECTED)]) is WAIT
    assert step.remaining([summary({A: 0, B: 0}), ok(CONNECTED)]) is WAIT
    with pytest.raises(PreconditionFailed, match="split-brain"):
        step.remaining([summary({A: 0, B: 0, C: 0}, split=1), ok(CONNECTED)])


def counted(entries: int, digest: str = "a") -> CommandResult:
    return ok(json.dumps({"entries": entries, "digest": digest}))


def test_a_new_brick_is_verified_by_what_it_holds() -> None:
    step = SameEntries("node1", "gv0", C, (A, B))
    assert [question.node for question in step.queries()] == ["node1", "node3", "node1", "node2"]
    assert step.remaining([CLEAN, counted(9), counted(9), counted(9)]) is DONE
    for new, first, second in (
        (counted(5), counted(9), counted(9)),
        (counted(9), counted(9), counted(8)),
        (counted(9, "b"), counted(9), counted(9)),
        (FAILED, counted(9), counted(9)),
        (FAILED, FAILED, FAILED),
    ):
        assert step.remaining([CLEAN, new, first, second]) is WAIT
    assert step.remaining([summary({A: 1, B: 0, C: 0}), counted(9), counted(9), counted(9)]) is WAIT
    parsed = step.progress([CLEAN, counted(5), counted(9), counted(9)])
    assert parsed.startswith("not verified: node3:/export/brick1/gluster has 5 entries; node1:")


class Bricks:
    """Nodes whose bricks have as many entries as *held* says, and nothing pending."""

    def __init__(self, held: Dict[str, int]) -> None:
        self.held = held
        self.ran: List[Tuple[str, ...]] = []

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 0, text: Optional[str] = None
    ) -> CommandResult:
        self.ran.append(tuple(argv))
        return ok()

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
    ) -> Tuple[CommandResult, ...]:
        return tuple(CLEAN if "heal" in argv else counted(self.held[node]) for argv in queries)


def test_a_new_brick_that_lacks_entries_is_reported_as_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heal_steps, "_DIFFERENT", 4.0)
    step = SameEntries("node1", "gv0", C, (A, B))
    parsed: List[str] = []
    host = Bricks({"node1": 9, "node2": 9, "node3": 5})
    with pytest.raises(
        PlanStopped, match=r"not verified: node3:\S+ has 5 entries; node1:\S+ has 9 entries; node2:"
    ):
        apply(host, [step], parsed.append)
    # and what may help was tried
    assert (*GLUSTER, "volume", "heal", "gv0", "full") in host.ran
    apply(Bricks({"node1": 9, "node2": 9, "node3": 9}), [step], parsed.append)


# --- what is counted on a node ----------------------------------------------------------------------


def count(brick: Path, *words: str) -> Dict[str, object]:
    argv = [sys.executable, *program(brick_contents, str(brick), *words)[1:]]
    reply = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return dict(json.loads(reply.stdout))


def make(brick: Path, names: Sequence[str]) -> None:
    for name in names:
        path = brick / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 5000)


def test_bricks_are_compared_by_names_and_kinds_in_any_order(tmp_path: Path) -> None:
    make(
        tmp_path / "one",
        ["a", "d/b", "d/c", ".shard/1.1", ".glusterfs/00/1", ".glusterfs-anonymous-inode-1/x"],
    )
    make(tmp_path / "two", [".shard/1.1", "d/c", "d/b", "a", ".glusterfs/11/2", ".trashcan/y"])
    one, two = count(tmp_path / "one"), count(tmp_path / "two")
    assert one == two and one["entries"] == 6
    (tmp_path / "two" / "d" / "b").rename(tmp_path / "two" / "d" / "e")
    assert count(tmp_path / "two")["entries"] == 6 and count(tmp_path / "two") != one
    (tmp_path / "two" / "d" / "e").unlink()
    (tmp_path / "two" / "d" / "b").mkdir()
    assert count(tmp_path / "two")["entries"] == 6 and count(tmp_path / "two") != one


def test_the_sizes_of_a_brick(tmp_path: Path) -> None:
    make(tmp_path, ["a", "d/b"])
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    parsed = count(tmp_path, "--sizes")
    allocated, filesystem, available = (parsed[name] for name in ("allocated", "filesystem", "available"))
    assert isinstance(allocated, int) and 10000 <= allocated < 1 << 20
    assert isinstance(filesystem, int) and isinstance(available, int) and filesystem >= available > 0


def test_a_brick_that_is_not_there_is_not_an_empty_one(tmp_path: Path) -> None:
    argv = [sys.executable, *program(brick_contents, str(tmp_path / "none"))[1:]]
    reply = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (reply.returncode, reply.stdout) == (1, "")
    assert reply.stderr == f"{tmp_path}/none: No such file or directory\n"


# --- whether it is large enough ---------------------------------------------------------------------

GIB = 1 << 30


def test_a_brick_that_is_too_small_for_the_data_is_refused() -> None:
    others = [BrickSize(5 * GIB, 10 * GIB), BrickSize(6 * GIB, 10 * GIB)]
    with pytest.raises(
        PreconditionFailed, match=r"node3:.* is too small: .* have 6\.0G of data, .* room for 4\.8G"
    ):
        capacity_check.check(C, capacity_check.device_space(5 * GIB), others)
    with pytest.raises(PreconditionFailed, match="too small"):
        capacity_check.check(C, Space(20 * GIB, 5 * GIB), others)
    parsed = capacity_check.check(C, capacity_check.device_space(8 * GIB), others)
    assert parsed is not None and "has 8.0G, less than the other bricks of its set (10.0G)" in parsed
    assert capacity_check.check(C, capacity_check.device_space(10 * GIB), others) is None
    assert capacity_check.check(C, capacity_check.device_space(GIB), []) is None


def test_what_is_not_known_is_not_large_enough() -> None:
    with pytest.raises(PreconditionFailed, match="not known how much data node1:"):
        capacity_check.brick_size(A, CommandResult(124, "", "python3: no answer within 600 s"))
    with pytest.raises(PreconditionFailed, match="not known how much space there is for /srv/b"):
        capacity_check.directory_space("/srv/b", CommandResult(1, "", "stat: No such file"))
    assert capacity_check.directory_space("/srv/b", ok("4096 1000 900\n")) == Space(4096000, 3686400)
