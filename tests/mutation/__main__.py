"""python -m tests.mutation: how many small faults in the code do its unit tests detect?

For each module of TARGETS some mutants are chosen by the seed.  The module's tests run on each in a process of its
own, which imports the mutant in place of the module; nothing is written to the tree.  A mutant is detected if a test
fails, or does not end.  Exit code 1: fewer than the required share were detected.
"""

from __future__ import annotations

import argparse
import glob
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import select
import signal
import sys
import time
import types
from collections import deque
from dataclasses import dataclass
from typing import Deque, List, Optional, Sequence, Tuple

import pytest

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.targets import TARGETS

PACKAGE = "ganeti_gluster_mon"
#: seconds for the tests of one module: a mutant that makes a loop endless is detected
TIMEOUT = 120.0


@dataclass(frozen=True)
class Case:
    """A mutant and the tests that should detect it."""

    module: str
    path: str
    mutant: Mutant
    tests: Tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.mutant.line}: {self.mutant.change}"


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from a mutant's source."""

    mutated = ""

    def get_code(self, fullname: str) -> Optional[types.CodeType]:
        """The code of the mutant, not of the file."""
        return compile(self.mutated, self.get_filename(fullname), "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutant in place of the module."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def find_spec(
        self, fullname: str, _path: object = None, _target: object = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        """The mutant, if it is what is imported."""
        if fullname != self._case.module:
            return None
        loader = _Loader(fullname, os.path.abspath(self._case.path))
        loader.mutated = self._case.mutant.source
        return importlib.util.spec_from_file_location(fullname, self._case.path, loader=loader)


def start_tests(tests: Sequence[str], case: Optional[Case] = None) -> int:
    """Run pytest on *tests* in a new process, with the mutant of *case*; returns its process id."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    output = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(output, descriptor)
    code = 3
    try:
        if case is not None:
            sys.meta_path.insert(0, _Finder(case))
        code = int(pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider"]))
    finally:
        os._exit(code)


def wait_for(process: int, timeout: float) -> Optional[int]:
    """The exit code of *process*; None if it did not end within *timeout* seconds: it is killed."""
    descriptor = os.pidfd_open(process)
    try:
        ended, _, _ = select.select([descriptor], [], [], timeout)
    finally:
        os.close(descriptor)
    if not ended:
        os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


def undetected(cases: Sequence[Case], jobs: int) -> List[Case]:
    """The cases whose tests pass; *jobs* of them run at the same time."""
    found: List[Case] = []
    running: Deque[Tuple[int, float, Case]] = deque()
    for case in cases:
        if len(running) == jobs:
            _collect(running, found)
        running.append((start_tests(case.tests, case), time.monotonic() + TIMEOUT, case))
    while running:
        _collect(running, found)
    return found


def _collect(running: Deque[Tuple[int, float, Case]], found: List[Case]) -> None:
    process, until, case = running.popleft()
    if wait_for(process, max(0.0, until - time.monotonic())) == 0:
        found.append(case)
        print(f"not detected: {case}", flush=True)


def tests_of(patterns: Sequence[str]) -> Tuple[str, ...]:
    """The files that match *patterns*, in their order: the first failure ends the run of a mutant."""
    return tuple(dict.fromkeys(name for pattern in patterns for name in sorted(glob.glob(pattern))))


def chosen(path: str, tests: Tuple[str, ...], most: int, seed: int) -> List[Case]:
    """Up to *most* mutants of the module at *path*, by *seed*."""
    with open(path, encoding="utf-8") as file:
        every = list(mutants(file.read()))
    few = random.Random(f"{seed} {path}").sample(every, min(most, len(every)))
    module = path[: -len(".py")].replace("/", ".")
    return [Case(module, path, mutant, tests) for mutant in sorted(few, key=lambda each: each.line)]


def main() -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=__doc__.split("\n", 1)[1], add_help=True
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="paths of modules; all of targets.py")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of mutants")
    parser.add_argument("--per-module", type=int, default=12, metavar="N", help="mutants of each module (12)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--required", type=float, default=95.0, metavar="PERCENT", help="at least (95)")
    options = parser.parse_args()
    targets = {
        path: tests for path, tests in TARGETS.items() if not options.modules or path in options.modules
    }
    cases: List[Case] = []
    for path, patterns in targets.items():
        tests = tests_of(patterns)
        if not tests:
            parser.error(f"no tests for {path}: {' '.join(patterns)}; see tests/mutation/targets.py")
        if wait_for(start_tests(tests), TIMEOUT) != 0:
            parser.error(f"the tests of {path} fail without a mutant: {' '.join(tests)}")
        cases += chosen(path, tests, options.per_module, options.seed)
    survivors = undetected(cases, options.jobs)
    share = 100.0 * (len(cases) - len(survivors)) / max(1, len(cases))
    print(
        f"{len(cases) - len(survivors)} of {len(cases)} mutants detected ({share:.1f} %), seed {options.seed}"
    )
    return 0 if share >= options.required else 1


if __name__ == "__main__":
    sys.exit(main())
