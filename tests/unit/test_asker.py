"""When the root process asks Gluster, and when it does not."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import List, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.gluster.watch import Event
from ganeti_gluster_mon.serve import asker
from ganeti_gluster_mon.serve.handover import Handover

#: seconds that one cycle takes
TAKES = 3.0


class Clock:
    now = 1000.0


class BusyWatch:
    """Something happens all the time."""

    def __init__(self, clock: Clock, place: Handover, what: str) -> None:
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
        if self._what == self._place.word:
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
    place, clock = Handover(str(tmp_path)), Clock()
    place.prepare()
    made = asker.Asker(Settings(), asker.Rhythm(30.0), place, lambda: None)
    began: List[float] = []

    def ask(_event: Tuple[str, ...], _tell: int) -> float:
        began.append(clock.now)
        clock.now += takes
        return 0.0

    monkeypatch.setattr(asker, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(made, "_ask", ask)
    watch = BusyWatch(clock, place, place.word if what == "word" else what)
    healed, tell = os.pipe()
    try:
        for _ in range(5):
            made._round(watch, (), healed, tell)  # type: ignore[arg-type]
    finally:
        for descriptor in (healed, tell, made._prober.descriptor):
            with suppress(OSError):
                os.close(descriptor)
    pauses = [later - earlier for earlier, later in zip(began, began[1:])]
    assert min(pauses) >= max(2 * takes, asker.SHORTEST) - 1e-9
