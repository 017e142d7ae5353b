"""Runs the steps of a campaign, and checks after them what has become of the disks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, Iterable, List, Tuple

from tests.campaign import plan
from tests.campaign.checks import Checks
from tests.campaign.operations import Operations
from tests.campaign.plan import Operation, Step
from tests.campaign.record import Fault, Figures, Record
from tests.campaign.site import Site
from tests.lab import LabError

CHECK: Step = (Operation("check"),)


class Campaign:
    """A campaign on a site.  *report* takes a line for each step, before it begins."""

    def __init__(self, site: Site, report: Callable[[str], None] = print) -> None:
        self.record = Record(site, report)
        self.figures = self.record.figures
        self._operations = Operations(self.record)
        self._checks = Checks(self.record)

    def run(self, steps: Iterable[Step], operations: int) -> Figures:
        """Take steps until so many *operations* are done; end with a check.  Raises Fault or LabError."""
        for step in steps:
            if self.figures.operations >= operations:
                break
            self.step(step)
        fault = self.record.state.fault
        if fault is not None:
            self.step(plan.repair(fault))
        self.step(CHECK)
        return self.figures

    def step(self, step: Step) -> None:
        """Take one step.  What is not possible, in steps that were edited by hand, is left out."""
        began = time.monotonic()
        state, report = self.record.state, self.record.report
        possible = [operation for operation in step if state.possible(operation)]
        for operation in set(step) - set(possible):
            report(f"# not possible now: {operation}")
        report(plan.line(tuple(possible)))
        guests = {operation.words[0] for operation in possible if operation.verb in plan.GUEST_VERBS}
        self.record.wait_progress(guests)
        if any(operation.verb in plan.TAKES_A_COPY for operation in possible):
            # A BIOS that cannot read its disk gives up for good: the guests have booted first.
            self.record.wait_progress(state.guests)
            self.record.wait_healed()
        self._do(possible)
        for operation in possible:
            state.apply(operation)
            if operation.verb == "check":
                self._checks.everything()
            else:
                self.figures.operations += 1
        self.record.step_done()
        self._checks.processes()
        report(f"# {time.monotonic() - began:.1f} s; {self.figures.operations} operations")

    def flushes(self, blocks: int) -> Tuple[int, List[int]]:
        """Have each running guest write so many *blocks*: how many it was in all, and how often each brick flushed."""
        with self.record.site.profiled():
            written = self.record.wait_blocks(blocks)
            return written, self.record.site.flushes()

    def _do(self, operations: List[Operation]) -> None:
        """Do operations at the same time; repeat those that failed, where they could have been interrupted."""
        failed: Dict[Operation, LabError] = {}

        def attempt(operation: Operation) -> None:
            try:
                self._operations.do(operation)
            except LabError as error:
                failed[operation] = error

        with ThreadPoolExecutor(max_workers=len(operations)) as pool:
            list(pool.map(attempt, [each for each in operations if each.verb != "check"]))
        hits = [operation for operation in operations if operation.verb in plan.HITS]
        for operation, error in failed.items():
            if not hits or operation in hits:
                raise Fault(f"{operation}: {error}") from error
            self.record.report(f"# interrupted: {operation}: {str(error).splitlines()[-1]}")
            self.figures.interrupted += 1
            self._operations.repeat(operation)
