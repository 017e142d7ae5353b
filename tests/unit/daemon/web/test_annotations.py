"""The history and the mutes of a node are kept and added to snapshots."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from ganeti_gluster_mon import mutes
from ganeti_gluster_mon.daemon.web.annotations import Annotations
from ganeti_gluster_mon.mutes import Mute
from ganeti_gluster_mon.snapshot import Snapshot
from tests.unit.test_history import EMPTY, NOW, OFFLINE, health


def mute(code: str, now: float) -> Mute:
    return Mute(code, "", now + 3600, now)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    first = Snapshot(EMPTY, health(OFFLINE), round(NOW * 1e9))
    Annotations(str(tmp_path)).apply(first)
    later = Annotations(str(tmp_path)).apply(replace(first, now=round((NOW + 3600) * 1e9)))
    assert [problem.since for problem in later.health.problems] == [NOW]
    assert [problem.since for problem in later.health.volumes["gv0"].problems] == [NOW]


def test_the_daemon_takes_mutes_of_a_command_and_of_a_node(tmp_path: Path) -> None:
    now = time.time()
    daemon = Annotations(str(tmp_path))
    mutes.add([mute("HEAL_PENDING", now)], str(tmp_path))
    assert daemon.refresh()
    assert not daemon.refresh()
    assert daemon.merge([mute("PEER_SILENT", now)])
    assert not daemon.merge([mute("PEER_SILENT", now)])
    assert set(mutes.read(str(tmp_path)).entries) == {("HEAL_PENDING", "", ""), ("PEER_SILENT", "", "")}
    assert set(Annotations(str(tmp_path)).mutes.entries) == {
        ("HEAL_PENDING", "", ""),
        ("PEER_SILENT", "", ""),
    }
