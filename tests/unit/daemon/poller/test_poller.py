"""When the root process asks Gluster, and when it does not."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.poller import poller
from ganeti_gluster_mon.daemon.spool import Spool
from ganeti_gluster_mon.gluster import capture_archive, cycle
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.gluster.watch import Event

#: seconds that one cycle takes
TAKES = 3.0


class Clock:
    now = 1000.0


class BusyWatch:
    """Something happens all the time."""

    def __init__(self, clock: Clock, place: Spool, what: str) -> None:
        self._clock = clock
        self._place = place
        self._what = what

    def renew(self) -> None:
        """Nothing is missing."""

    def processes(self, _processes: object) -> None:
        """None is watched."""

    def wait(self, timeout: float) -> Optional[Event]:
        """What happens after a tenth of a second."""
        self._clock.now += min(timeout, 0.1)
        if self._what == self._place.to_poller:
            self._place.nudge(["node1:/brick"])
        return Event((self._what,))


@pytest.mark.parametrize(
    "what", ["/var/lib/glusterd/vols/gv0/info was written", "word", "glusterfsd 4711 ended"]
)
@pytest.mark.parametrize("takes", [TAKES, 0.01])
def test_at_most_half_of_the_time_is_spent_asking_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, takes: float
) -> None:
    """Also where another node that has the key reports a change again and again."""
    place, clock = Spool(str(tmp_path)), Clock()
    place.prepare()
    made = poller.Poller(Settings(), 30.0, place, lambda: None)
    began: List[float] = []

    def ask(_event: Tuple[str, ...], _descriptor: int) -> float:
        began.append(clock.now)
        clock.now += takes
        return 0.0

    monkeypatch.setattr(poller, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(made, "_run_cycle", ask)
    watch = BusyWatch(clock, place, place.to_poller if what == "word" else what)
    healed, notify = os.pipe()
    try:
        for _ in range(5):
            made._cycle_and_wait(watch, (), healed, notify)  # type: ignore[arg-type]
    finally:
        for descriptor in (healed, notify, made._prober.descriptor):
            with suppress(OSError):
                os.close(descriptor)
    pauses = [later - earlier for earlier, later in zip(began, began[1:])]
    assert min(pauses) >= max(2 * takes, poller.MIN_INTERVAL) - 1e-9


class FakeCycle:
    """A cycle that records the previous capture that it was given."""

    previous: ClassVar[List[Optional[Capture]]] = []
    waited, targets, all_there, about_healing = 0.0, None, True, ()

    def __init__(self, _settings: Settings, previous: Optional[Capture], *_more: object) -> None:
        self.previous.append(previous)

    def run_queries(self, _leads: bool) -> Capture:
        """The brick listens on the port that this node saw when it led last."""
        return Capture(recorded_at=1, answers=(), node="node2", brick_ports={BRICK: 49152})

    def run_heal_queries(self) -> Tuple[()]:
        """No volume has copies."""
        return ()

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""


BRICK = ("node1", "/brick")


def test_a_new_leader_uses_the_brick_ports_that_the_former_leader_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own are from the last time that it led; the brick was started again since, on another port."""
    place = Spool(str(tmp_path))
    place.prepare()
    monkeypatch.setattr(FakeCycle, "previous", [])
    monkeypatch.setattr(cycle, "Cycle", FakeCycle)
    made = poller.Poller(Settings(), 30.0, place, lambda: None, lambda: True)
    place.write_role(spool.FOLLOW)
    made._run_cycle((), -1)
    theirs = Capture(recorded_at=2, answers=(), node="node3", brick_ports={BRICK: 49999})
    place.write_leader_capture(capture_archive.pack(theirs), spool.boottime(), str(uuid.uuid4()))
    place.write_role(spool.LEAD)
    made._run_cycle((), -1)
    made._run_cycle((), -1)
    ports = [None if each is None else each.brick_ports[BRICK] for each in FakeCycle.previous]
    assert ports == [None, 49999, 49152]  # once only: what this leader found since is newer


def test_it_notifies_its_watchdog_however_long_the_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Enough(Exception):
        pass

    notified: List[float] = []

    def alive() -> None:
        notified.append(time.monotonic())
        if len(notified) == 4:
            raise Enough

    monkeypatch.setattr(poller, "NOTIFY_INTERVAL", 0.05)
    spool = Spool(str(tmp_path))
    spool.prepare()
    made = poller.Poller(Settings(gluster="/nowhere/gluster"), 3600, spool, alive)
    with pytest.raises(Enough):
        made.run()
    assert notified[-1] - notified[0] < 60
