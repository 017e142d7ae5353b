"""Whether the files of a volume are spread over all its bricks."""

from __future__ import annotations

from typing import Dict, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import balance
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok
from tests.unit.deploy.test_discarding import spread


class Answers:
    """A host that gives answers by the last word of the command."""

    def __init__(self, answers: Dict[str, CommandResult]) -> None:
        self.answers = answers

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        return tuple(
            self.answers.get(f"{node}:{argv[-1]}", self.answers.get(argv[-1], FAILED)) for argv in queries
        )

    def run(self, *words: object) -> CommandResult:
        raise AssertionError(words)

    def start(self, *words: object) -> object:
        raise AssertionError(words)


def status(code: int, words: str, skipped: int = 0, failures: int = 0) -> CommandResult:
    aggregate = (
        f"<aggregate><files>1</files><size>1</size><lookups>9</lookups><failures>{failures}</failures>"
        f"<skipped>{skipped}</skipped><status>{code}</status><statusStr>{words}</statusStr><runtime>0.0</runtime></aggregate>"
    )
    return ok(
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volRebalance>"
        f"<task-id>6621bf72-7aa5-49d7-a61c-c8d3ebc78ed0</task-id><op>3</op><nodeCount>1</nodeCount>{aggregate}"
        "</volRebalance></cliOutput>"
    )


DONE_STATUS = status(3, "completed")


SHARE = ok("# file: /b\ntrusted.glusterfs.dht=0x583d8a4200000000000000007ffffffe\n")


NO_SHARE = ok("# file: /b\ntrusted.glusterfs.dht=0x583d8a42000000000000000000000000\n")


@pytest.mark.parametrize(
    ("parsed", "third", "expected"),
    [
        (DONE_STATUS, SHARE, True),
        (DONE_STATUS, FAILED, False),  # it was added later, and has no attribute yet
        (DONE_STATUS, NO_SHARE, False),
        (status(3, "completed", skipped=1), SHARE, False),
        (status(3, "completed", failures=1), SHARE, False),
        (status(7, "fix-layout completed"), SHARE, False),
        (status(1, "in progress"), SHARE, False),
        (FAILED, SHARE, False),
    ],
)
def test_what_is_balanced(parsed: CommandResult, third: CommandResult, expected: bool) -> None:
    host = Answers({"status": parsed, "/b": SHARE, "node3.example.org:/b": third})
    context = Context(cluster(3), host, "node1.example.org")  # type: ignore[arg-type]
    assert balance.is_balanced(context, "node1.example.org", spread()) is expected
