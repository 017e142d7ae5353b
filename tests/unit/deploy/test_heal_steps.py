"""After replace-brick: only a new brick that was compared with its copies is called healed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import heal_steps, wait
from ganeti_gluster_mon.deploy.apply import PlanStopped, apply
from ganeti_gluster_mon.deploy.gluster_cli import GLUSTER
from ganeti_gluster_mon.deploy.heal_steps import FullHeal, Healed, RootVersion, SameEntries
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.remote import brick_contents, program
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
    """The answer to `heal info summary` in XML; None: the brick could not be queried."""
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


def test_a_brick_that_goes_offline_blocks_the_wait_for_its_heal() -> None:
    """Without that the wait would last for six hours."""
    why = (
        "node2:/export/brick1/gluster is not online any more: gnt-gluster repair gv0 starts it, or names what a dead "
        "disk needs"
    )
    offline = summary({A: 3, B: None, C: 3})
    healed, same = Healed("node1", "gv0", BRICKS), SameEntries("node1", "gv0", C, (A, B))
    assert healed.blocked([offline, ok(COUNT)]) == why
    assert healed.blocked([CLEAN, ok(COUNT)]) == ""
    # nothing is known of it
    assert healed.blocked([FAILED, FAILED]) == ""
    nine = counted(9)
    assert same.blocked([offline, nine, nine, nine]) == why
    assert same.blocked([CLEAN, nine, nine, nine]) == ""
    dead = same.blocked(
        [CLEAN, CommandResult(1, "", "/export/brick1/gluster: Input/output error"), nine, nine]
    )
    assert dead.startswith("node3:/export/brick1/gluster cannot be read (") and "Input/output error" in dead
    full = FullHeal("node1", "gv0", BRICKS)
    assert full.blocked([ok(COUNT), ok(NO_FULL)]) == (
        "the self-heal daemons are not connected to node3:/export/brick1/gluster: gnt-gluster repair gv0 starts it, or "
        "names what a dead disk needs"
    )
    assert full.blocked([ok(CONNECTED), ok(NO_FULL)]) == full.blocked([FAILED, FAILED]) == ""


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_wait_that_is_blocked_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "_BLOCKED_TIMEOUT", 1.0)

    class Offline(Bricks):
        def query(
            self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
        ) -> Tuple[CommandResult, ...]:
            return tuple(
                summary({A: 3, B: None, C: 3}) if "summary" in argv else ok(COUNT) for argv in queries
            )

    with pytest.raises(
        PlanStopped, match=r"gv0 healed: node2:\S+ is not online any more: gnt-gluster repair gv0"
    ):
        apply(Offline({}), [Healed("node1", "gv0", BRICKS)], lambda line: None)


# --- what is counted on a node ----------------------------------------------------------------------


def count(brick: Path, *words: str) -> Dict[str, object]:
    argv = [sys.executable, *program(brick_contents, str(brick), *words)[1:]]
    reply = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return dict(json.loads(reply.stdout))


# --- whether it is large enough ---------------------------------------------------------------------
