"""When the root process asks Gluster, and when it does not."""

from __future__ import annotations

import os
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, ClassVar, Dict, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.poller import poller
from ganeti_gluster_mon.daemon.spool import Spool
from ganeti_gluster_mon.gluster import capture_archive, cycle, session
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.gluster.heal_order import TURN_TO_COME
from ganeti_gluster_mon.gluster.query import Query, heal_summary
from ganeti_gluster_mon.gluster.watch import Event
from ganeti_gluster_mon.repair_tries import AutoRepairs

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
    waited, targets, all_there = 0.0, None, True
    heal_queries: ClassVar[Tuple[Query, ...]] = ()
    #: how many of them have an answer
    answered: ClassVar[int] = 0
    settings: ClassVar[List[Settings]] = []

    def __init__(self, settings: Settings, previous: Optional[Capture], *_more: object) -> None:
        self.settings.append(settings)
        self.previous.append(previous)

    def run_queries(self, _leads: bool) -> Capture:
        """The brick listens on the port that this node saw when it led last."""
        return Capture(recorded_at=1, answers=(), node="node2", brick_ports={BRICK: 49152})

    def run_heal_queries(self) -> Tuple[Answer, ...]:
        """Those for which there was time."""
        return tuple(Answer(each, b"<new/>") for each in self.heal_queries[: self.answered])

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


class WaitingCycle(FakeCycle):
    """A cycle that waits for a peer, which probes find to be silent meanwhile; an urgent one does not wait."""

    silence: ClassVar[List[Callable[[], None]]] = []

    def __init__(self, settings: Settings, previous: Optional[Capture], *more: object) -> None:
        super().__init__(settings, previous)
        *_, self.urgent = more
        self.given_up = threading.Event()

    def give_up(self) -> None:
        """From the thread of the probes."""
        self.given_up.set()

    def run_queries(self, leads: bool) -> Capture:
        """What an urgent cycle finds."""
        threading.Thread(target=self.silence[0]).start()
        if self.urgent:
            assert not self.given_up.wait(0.2), "one that is urgent comes to its end"
            return super().run_queries(leads)
        assert self.given_up.wait(20)
        raise session.GivenUp


def test_a_cycle_that_waits_for_what_became_silent_is_followed_by_an_urgent_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Spool(str(tmp_path))
    place.prepare()
    monkeypatch.setattr(cycle, "Cycle", WaitingCycle)
    made = poller.Poller(Settings(), 30.0, place, lambda: None)
    monkeypatch.setattr(WaitingCycle, "silence", [made._give_up])
    made._run_cycle((), -1)
    assert made._kept.capture is not None
    assert place.current().capture.recorded_at == 1, "what the urgent one found is published"


def test_counts_for_which_a_cycle_had_no_time_stay_with_their_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count that is kept is never as new as its capture."""
    place = Spool(str(tmp_path))
    place.prepare()
    first, second, third = queries = tuple(map(heal_summary, ("gv0", "gv1", "gv2")))
    monkeypatch.setattr(FakeCycle, "heal_queries", queries)
    monkeypatch.setattr(FakeCycle, "answered", 1)
    monkeypatch.setattr(FakeCycle, "previous", [])
    monkeypatch.setattr(FakeCycle, "settings", [])
    monkeypatch.setattr(cycle, "Cycle", FakeCycle)
    made = poller.Poller(Settings(), 30.0, place, lambda: None)
    before = (Answer(first, b"<old/>", taken_at=7), Answer(second, b"<old/>", taken_at=8))
    made._kept.capture = Capture(recorded_at=9, answers=before)
    made._run_cycle((), -1)
    found = {answer.query: answer for answer in place.current().capture.answers}
    assert (found[first].output, found[first].taken_at) == (b"<new/>", None)
    assert (found[second].output, found[second].taken_at) == (b"<old/>", 8)
    assert (found[third].output, found[third].failure) == (b"", TURN_TO_COME)
    assert [each.heal_budget for each in FakeCycle.settings] == [10.0]


def test_late_counts_replace_those_of_their_volumes_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Spool(str(tmp_path))
    place.prepare()
    first, second, third = queries = tuple(map(heal_summary, ("gv0", "gv1", "gv2")))
    may_end = threading.Event()

    class SlowCycle(FakeCycle):
        all_there = False
        heal_queries = queries

        def run_heal_queries(self) -> Tuple[Answer, ...]:
            assert may_end.wait(30)
            return (Answer(first, b"<new/>"),)

    monkeypatch.setattr(cycle, "Cycle", SlowCycle)
    made = poller.Poller(Settings(), 30.0, place, lambda: None)
    made._kept.capture = Capture(recorded_at=9, answers=(Answer(second, b"<old/>", taken_at=8),))

    def found() -> Dict[Query, Tuple[bytes, Optional[str]]]:
        return {each.query: (each.output, each.failure) for each in place.current().capture.answers}

    heal_done, heal_write = os.pipe()
    try:
        began = time.time_ns()
        made._run_cycle((), heal_write)
        running = {
            first: (b"", cycle.STILL_RUNNING),
            second: (b"<old/>", None),
            third: (b"", cycle.STILL_RUNNING),
        }
        assert found() == running
        may_end.set()
        assert os.read(heal_done, 1)
        made._publish_heal_answers()
    finally:
        os.close(heal_done)
        os.close(heal_write)
    assert found() == {**running, first: (b"<new/>", None), third: (b"", TURN_TO_COME)}
    (new,) = [each for each in place.current().capture.answers if each.query == first]
    assert new.taken_at is not None and began <= new.taken_at <= time.time_ns()


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


class RecordingRepair:
    """Automatic repairs that record what the poller has them do."""

    def __init__(self) -> None:
        self.calls: List[str] = []

    def report(self) -> AutoRepairs:
        """Nothing was repaired."""
        return AutoRepairs()

    def forget(self) -> None:
        """The count of cycles begins anew."""
        self.calls.append("forget")

    def after_cycle(self, _capture: Capture) -> bool:
        """A cycle was completed."""
        self.calls.append("after_cycle")
        return True


@pytest.mark.parametrize(
    ("role", "others_may_lead", "answers", "expected"),
    [
        (spool.LEAD, True, True, "after_cycle"),
        (spool.FOLLOW, True, True, "forget"),
        (None, True, True, "forget"),
        (spool.ALONE, True, True, "forget"),
        # without a secret each node queries for itself, whatever an old file has
        (spool.LEAD, False, True, "forget"),
        (spool.LEAD, True, False, "forget"),
    ],
)
def test_only_the_leader_repairs_and_after_a_cycle_that_was_answered(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: Optional[str],
    others_may_lead: bool,
    answers: bool,
    expected: str,
) -> None:
    place = Spool(str(tmp_path))
    place.prepare()
    if role is not None:
        place.write_role(role)
    monkeypatch.setattr(FakeCycle, "previous", [])
    monkeypatch.setattr(cycle, "Cycle", FakeCycle)
    if not answers:

        def fail(_self: FakeCycle, _leads: bool) -> Capture:
            raise session.GlusterUnavailable("glusterd-down", "glusterd is not running")

        monkeypatch.setattr(FakeCycle, "run_queries", fail)
    repairs = RecordingRepair()
    made = poller.Poller(
        Settings(),
        30.0,
        place,
        lambda: None,
        lambda: others_may_lead,
        repairs,  # type: ignore[arg-type]
    )
    made._run_cycle((), -1)
    assert repairs.calls == [expected]
    assert place.current().cycle.auto_repairs == {"last": [], "counts": []}
    # the brick that was started is looked at soon
    assert (made._follow_up == poller.FOLLOW_UP_DELAY) == (expected == "after_cycle")
