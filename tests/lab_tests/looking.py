"""What our command says on a host of the lab, read as its users read it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.pool import Pool
from tests.lab.process import Process
from tests.lab.waiting import LabTimeout, wait_until

#: a cycle's own limits (10 s, and 20 s for heal info) and some for two busy cores
LONGEST = 40.0

Labels = Tuple[Tuple[str, str], ...]


@dataclass(frozen=True)
class Look:
    """The pool as one host's `collect`, `metrics` and `check` show it, one after the other."""

    reports: Dict[str, Any]
    metrics: Dict[str, Dict[Labels, float]]
    check: str
    check_status: int
    stderr: str
    #: of the slowest of the three commands
    seconds: float

    @property
    def code(self) -> int:
        return int(self.reports["gluster"]["data"]["status"]["code"])

    @property
    def message(self) -> str:
        return str(self.reports["gluster"]["data"]["status"]["message"])

    def volume(self, name: str) -> Dict[str, Any]:
        """A volume of the `gluster` report."""
        (found,) = [each for each in self.reports["gluster"]["data"]["volumes"] if each["name"] == name]
        return dict(found)

    def brick(self, volume: str, host: str) -> Dict[str, Any]:
        """The first brick of a volume on a host."""
        return dict(next(each for each in self.volume(volume)["bricks"] if each["host"] == host))

    def sample(self, name: str, **labels: str) -> float:
        """The sample of a metric; KeyError where there is none."""
        return self.metrics[name][tuple(sorted(labels.items()))]

    def has(self, name: str, **labels: str) -> bool:
        return tuple(sorted(labels.items())) in self.metrics.get(name, {})


def look(pool: Pool, host: int = 1, flags: Sequence[str] = ()) -> Look:
    """Look at the pool from *host*, and see that nothing is left of the looking."""
    slowest = 0.0
    ran = []
    for words in (["collect", "--verbose"], ["metrics"], ["check"]):
        began = time.monotonic()
        ran.append(pool.run_command(host, [*words, *flags], check=False, timeout=LONGEST))
        slowest = max(slowest, time.monotonic() - began)
    collect, metrics, check = ran
    assert collect.returncode == 0, collect.stderr
    assert metrics.returncode == 0, metrics.stderr
    assert check.stdout.count("\n") == 1, check.stdout
    wait_nothing_left(pool, host)
    return Look(
        reports={report["name"]: report for report in json.loads(collect.stdout)},
        metrics=samples(metrics.stdout),
        check=check.stdout,
        check_status=check.returncode,
        stderr=collect.stderr,
        seconds=slowest,
    )


def wait_nothing_left(pool: Pool, host: int) -> None:
    """Nothing of looking runs any more; the kernel may take a moment to end what was killed in a mount that hung."""
    left: List[Process] = []

    def nothing_left() -> bool:
        left[:] = left_running(pool, host)
        return not left

    try:
        wait_until(nothing_left, "nothing left", 2, 0.05)
    except LabTimeout:
        raise AssertionError(left) from None


def left_running(pool: Pool, host: int) -> List[Process]:
    """What is left of looking that should not be: all but one stuck worker for each mount that hangs.

    A zombie of glusterd's own is not ours to reap: one that is frozen does not get to it.
    """
    daemons = {found.pid for found in pool.host(host).find("glusterd")}
    left = [
        found
        for found in pool.left_running(host)
        if not (found.state == "Z" and _parent(found.pid) in daemons)
    ]
    workers: Dict[str, Process] = {}
    for each in left:
        if each.program == "stat" and each.state == "D":
            workers.setdefault(each.argv[-1], each)
    return [each for each in left if each not in workers.values()]


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return 0


def samples(text: str) -> Dict[str, Dict[Labels, float]]:
    """Prometheus text as name → labels → value."""
    found: Dict[str, Dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def sentences(message: str) -> List[str]:
    """The problems of a status message."""
    return message.split("; ")
