"""What a campaign knows: the state that there should be, what guests have reported, and figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterable

from tests.campaign.guest import Log
from tests.campaign.plan import State
from tests.campaign.site import VOLUME, Site, lines
from tests.lab import wait_until
from tests.lab.waiting import LabTimeout

#: seconds in which a guest has to report another block, on a machine that may be busy
PROGRESS = 180.0
#: seconds in which a volume has to heal
HEAL = 300.0


class Fault(AssertionError):
    """A lost block, a stale one, a hang, a file of no instance."""


@dataclass
class Figures:
    """What a campaign has done."""

    operations: int = 0
    interrupted: int = 0
    checks: int = 0
    acknowledged: int = 0
    boots: int = 0
    #: errors that guests got from their disks, and tried again
    errors: int = 0
    #: bytes that were compared, on all bricks and through the volume
    compared: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.operations} operations, of which {self.interrupted} were interrupted and repeated; "
            f"{self.acknowledged} blocks acknowledged, {self.boots} boots, {self.errors} errors; "
            f"{self.checks} checks of {self.compared / 1e9:.1f} GB; {self.seconds:.0f} s"
        )


class Record:
    """What there should be on a *site*.  *report* takes a line of text."""

    def __init__(self, site: Site, report: Callable[[str], None]) -> None:
        self.site = site
        self.report = report
        self.state = State()
        self.figures = Figures()
        self.logs: Dict[str, Log] = {}
        #: guest → node → bytes of its log that have been read
        self._read: Dict[str, Dict[int, int]] = {}
        #: guest → the beginning of a line whose end has not been read yet
        self._begun: Dict[str, str] = {}
        #: guest → the number of the block that it has to get beyond
        self._reached: Dict[str, int] = {}
        self._generation = 0x10000000
        self._began = time.monotonic()

    def new_generation(self, name: str) -> int:
        """The generation of a disk that a guest is about to get.  Its log begins."""
        self.end(name)
        self._generation += 1
        self.logs[name] = Log(self._generation)
        return self._generation

    def step_done(self) -> None:
        """Take the reports up to now: before its next operation each running guest has to write another block."""
        self.read_logs()
        self._reached = {name: log.acknowledged for name, log in self.logs.items()}
        self.figures.seconds = time.monotonic() - self._began

    def read_logs(self) -> None:
        """Take what guests have reported meanwhile."""
        for name in list(self.logs):
            self._read_log(name)

    def _read_log(self, name: str) -> None:
        log = self.logs[name]
        before = len(log.written), log.boots, log.errors
        done = self._read.setdefault(name, {})
        paths = {node: self.site.log(name, node) for node in self.site.paths}
        there = {node: path for node, path in paths.items() if path.exists()}
        # A guest that migrates stops on the one node, even within a line, before it goes on on the other.
        for node in sorted(there, key=lambda node: there[node].stat().st_mtime_ns):
            with open(there[node], "rb") as file:
                file.seek(done.get(node, 0))
                new = file.read()
            done[node] = done.get(node, 0) + len(new)
            text = self._begun.get(name, "") + new.decode("ascii", "replace")
            self._begun[name] = text[log.read(text) :]
        self.figures.acknowledged += len(log.written) - before[0]
        self.figures.boots += log.boots - before[1]
        self.figures.errors += log.errors - before[2]
        if log.faults:
            raise Fault(f"{name}:{lines(log.faults)}")

    def end(self, name: str) -> None:
        """Read the last reports of a disk that has ended: what its guest reports from now on is of another one."""
        if name in self.logs:
            self._read_log(name)
            del self.logs[name]
            self._begun.pop(name, None)

    def wait_progress(self, names: Iterable[str]) -> None:
        """Wait until each of the guests that should write has reported a block more since the last step."""
        waiting = set(names) & set(self.state.writing())

        def all_have() -> bool:
            self.read_logs()
            return all(self.logs[name].acknowledged > self._reached.get(name, 0) for name in waiting)

        try:
            wait_until(all_have, "progress", PROGRESS, 0.1)
        except LabTimeout:
            stuck = [name for name in waiting if self.logs[name].acknowledged <= self._reached.get(name, 0)]
            raise Fault(f"no block more within {PROGRESS:g} s of {', '.join(stuck)}") from None

    def wait_healed(self) -> None:
        """Wait until every copy is whole.

        What a guest writes to is counted as possibly healing, and so is what is being healed.  So the guests stand
        still for the end of it.
        """
        self._wait_healed(in_use=True)
        with self.site.paused(self.state.running()):
            self.wait_healed_while_paused()

    def wait_healed_while_paused(self) -> None:
        """Wait until nothing is left to heal, while no guest writes."""
        self._wait_healed(in_use=False)

    def _wait_healed(self, in_use: bool) -> None:
        # It fails for a moment while a self-heal daemon starts; `wait_healed` repeats it.
        self.site.pool.exec(1, ["gluster", "--mode=script", "volume", "heal", VOLUME], check=False)
        try:
            self.site.pool.wait_healed(VOLUME, in_use=in_use, timeout=HEAL)
        except LabTimeout as error:
            info = self.site.pool.gluster("volume", "heal", VOLUME, "info")
            raise Fault(f"{error}\n{info}") from error

    def wait_blocks(self, blocks: int) -> int:
        """Wait until each guest that writes has reported so many *blocks* more; how many it was in all."""
        self.read_logs()
        before = {name: self.logs[name].acknowledged for name in self.state.writing()}

        def written() -> bool:
            self.read_logs()
            return all(self.logs[name].acknowledged >= number + blocks for name, number in before.items())

        wait_until(written, f"{blocks} blocks of {', '.join(before)}", PROGRESS, 0.1)
        return sum(self.logs[name].acknowledged - number for name, number in before.items())
