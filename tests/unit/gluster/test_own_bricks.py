"""get-state that Gluster did not write to its end: its part is used, and processes stand in for the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster import own_bricks, parse
from ganeti_gluster_mon.gluster.facts import BrickInfo, LocalState, VolumeInfo
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON, Daemon, Process
from ganeti_gluster_mon.gluster.validation import Unreadable
from ganeti_gluster_mon.health import CRITICAL, Limits, evaluate
from tests.unit.answers import answer_of
from tests.unit.example_pool import NOW, POOL

WHOLE = answer_of(Path(__file__).parents[1] / "answers", "get-state", ".txt")

#: glusterd 10.3, with gv0's rebalance "reset due to replace-brick"; the only volume, of which nothing is written
PART = b"""[Global]
MYUUID: 3244332e-d896-48b8-9e33-8a6829370517
op-version: 100000

[Global options]

[Peers]
Peer1.primary_hostname: node2.lab.test
Peer1.uuid: aa7dd961-4df3-445b-b537-06feff2c4b67
Peer1.state: Peer in Cluster
Peer1.connected: Connected
Peer1.othernames:

[Volumes]
"""
UUID = "3244332e-d896-48b8-9e33-8a6829370517"


def info(name: str, *uuids: str, state: str = "started") -> VolumeInfo:
    bricks = tuple(BrickInfo(f"node{n}", f"/b/{name}", uuid, False) for n, uuid in enumerate(uuids, 1))
    return VolumeInfo(
        name, "11111111-2222-3333-4444-555555555555", state, "replicate", "tcp", bricks, 3, 0, 0, 0
    )


def process(path: Optional[str]) -> Process:
    return Process("brick", 1, 1.0, 1.0, 1, "gv0", path)


def runs(processes: Optional[Tuple[Process, ...]]) -> Optional[bool]:
    state, missing = own_bricks.complete(
        parse.state_in_part(PART).facts, [info("gv0", UUID, "other")], processes
    )
    assert missing == ("gv0",)
    ((brick,),) = (volume.bricks for volume in state.volumes)
    assert (brick.host, brick.path, brick.size, brick.free) == ("node1", "/b/gv0", None, None)
    return brick.started


def test_the_part_that_was_written_is_read() -> None:
    read = parse.state_in_part(PART)
    assert read.faults == () and not read.facts.whole
    with pytest.raises(Unreadable, match="cut short"):
        parse.state(PART)
    assert [peer.hostname for peer in read.facts.peers] == ["node2.lab.test"]
    assert read.facts.uuid == UUID and read.facts.volumes == ()


def test_volumes_before_the_one_that_failed_are_whole() -> None:
    every = parse.state(WHOLE).facts
    assert every.whole and len(every.volumes) == 1
    part = parse.state_in_part(WHOLE[: WHOLE.index(b"[Services]")] + b"Volume2.name: gv9\nVolume2.id: ")
    assert part.facts.volumes == every.volumes and not part.facts.whole


@pytest.mark.parametrize("cut", [b"[Peers]\n", b"[Global options]\n"])
def test_without_its_peers_it_is_no_state(cut: bytes) -> None:
    with pytest.raises(Unreadable):
        parse.state_in_part(PART[: PART.index(cut) + len(cut)])


def test_processes_say_which_of_the_other_bricks_run() -> None:
    assert runs((process("/b/gv0"),)) is True
    assert runs((process("/b/other"),)) is False
    assert runs(()) is False
    assert runs((process(None),)) is None  # multiplexing: it may serve any
    assert runs(None) is None


def test_only_volumes_that_have_bricks_here_and_run_are_missing() -> None:
    state = parse.state_in_part(PART).facts
    there = [info("gv0", "other"), info("off", UUID, state="stopped")]
    assert own_bricks.complete(state, there, ()) == (state, ())
    whole = LocalState(UUID, (), (), whole=True)
    assert own_bricks.complete(whole, [info("gv0", UUID)], ()) == (whole, ())


def test_a_self_heal_daemon_matters_where_there_are_bricks() -> None:
    assert POOL.volumes is not None
    (gv0,) = [volume for volume in POOL.volumes if volume.name == "gv0"]
    dead = Daemon(SELF_HEAL_DAEMON, "node7.lab.test", "77777777-0000-0000-0000-000000000000", False)

    def problems(uuid: Optional[str]) -> list[str]:
        volume = replace(gv0, daemons=(replace(dead, uuid=uuid),))
        pool = replace(POOL, volumes=(volume,))
        return [p.code for p in evaluate(pool, Limits(), NOW).problems if p.severity == CRITICAL]

    assert "HEAL_DAEMON_DOWN" not in problems(dead.uuid)
    assert "HEAL_DAEMON_DOWN" in problems(gv0.bricks[0].uuid)
    assert "HEAL_DAEMON_DOWN" in problems(None)
