"""The leader is nudged once for each event, and until it has understood."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, List, Optional, Tuple

from ganeti_gluster_mon.daemon.cluster.nudger import Nudger, NudgeTarget
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerError
from tests.unit.daemon.cluster.peer_nodes import KEY, run
from tests.unit.gluster.test_merge import NODE1


class Peers:
    """Replies with the given sequences; the last one understands."""

    def __init__(self, *replies: Tuple[bool, str]) -> None:
        self._replies = list(replies)
        self.after: List[str] = []
        self.bricks: List[Tuple[str, ...]] = []

    async def request(self, *_: object, after: str, bricks: Tuple[str, ...], **__: object) -> Any:
        self.after.append(after)
        self.bricks.append(bricks)
        await asyncio.sleep(0)
        if not self._replies:
            raise PeerError("gone")
        nudged, sequence = self._replies.pop(0)
        return SimpleNamespace(nudged=nudged, sequence=sequence)


def nudger(peers: Peers, target: Optional[NudgeTarget]) -> Nudger:
    return Nudger(peers, 1.0, lambda: target)  # type: ignore[arg-type]


TARGET = NudgeTarget("node1", NODE1, KEY, "s1")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_leader_with_a_newer_capture_is_nudged_again() -> None:
    async def work() -> None:
        peers = Peers((False, "s2"), (True, "s2"))
        nudger(peers, TARGET).nudge(["node2:/b"])
        await settle()
        assert (peers.after, peers.bricks) == (["s1", "s2"], [("node2:/b",)] * 2)

    run(work())


def test_what_happens_during_a_request_is_in_the_next_one() -> None:
    async def work() -> None:
        peers = Peers((True, "s2"), (True, "s3"))
        made = nudger(peers, TARGET)
        made.nudge(["node2:/b"])
        await asyncio.sleep(0)
        made.nudge(["node2:/c"])
        await settle()
        assert peers.bricks == [("node2:/b",), ("node2:/c",)]

    run(work())


def test_without_a_leader_and_after_an_error_there_is_no_request() -> None:
    async def work() -> None:
        silent, gone = Peers(), Peers()
        nudger(silent, None).nudge(())
        nudger(gone, TARGET).nudge(())
        await settle()
        assert (silent.after, gone.after) == ([], ["s1"])

    run(work())
