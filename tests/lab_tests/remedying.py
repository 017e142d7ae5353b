"""The commands of the runbook against a fault of the lab: what `check` calls the fix is typed, and so is verify."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Optional

from ganeti_gluster_mon.health import Problem, remedy_of
from tests.lab import Pool, wait_until
from tests.lab.waiting import LabTimeout
from tests.lab_tests.shell import type_in

#: seconds until a fault is reported, or is not reported any more, with some for busy processors
LONG = 120.0

#: commands that a check names, and that are done for what an earlier fault or its fix leaves
_NAMED = re.compile(
    r"fix: (gluster volume (?:heal|start) \S+(?: force)?|gnt-gluster restart-brick \S+ [^\s;]+|gnt-gluster repair \w+)"
)


def problems(pool: Pool, host: int = 1) -> List[Problem]:
    """All problems of the pool, by a query of node1 now; of another host, those of its own processes."""
    result = pool.run_command(
        host, ["collect", "gluster" if host == 1 else "glusterd", "--query", "--verbose"], timeout=60
    )
    listed: List[Dict[str, Any]] = json.loads(result.stdout)["data"]["status"]["problems"]
    return [
        Problem(one["code"], one["severity"], one["text"], one["volume"], one["subject"]) for one in listed
    ]


def wait_problem(pool: Pool, code: str, volume: str, host: int = 1) -> Problem:
    history: List[List[Problem]] = []

    def found() -> Optional[Problem]:
        history.append(problems(pool, host))
        return next((one for one in history[-1] if (one.code, one.volume) == (code, volume)), None)

    try:
        problem: Problem = wait_until(found, f"{code} of {volume or 'the pool'}", LONG, 0.5)
    except LabTimeout as error:
        raise AssertionError(f"no {code} of {volume or 'the pool'}: {history[-1]}") from error
    return problem


def fix(pool: Pool, problem: Problem, host: int = 1, **chosen: str) -> None:
    """Inspect, fix and verify *problem* by the commands of the runbook, typed on *host*, whose check shows them."""
    inspect_and_fix(pool, problem, host, **chosen)
    wait_verified(pool, remedy_of(problem).verify, host)


def inspect_and_fix(pool: Pool, problem: Problem, host: int = 1, **chosen: str) -> None:
    """Type the first two commands and wait until *problem* is gone; other problems of the volume may be left."""
    commands = remedy_of(problem)
    check = pool.run_command(host, ["check", "--query"], check=False, timeout=60).stdout
    assert commands.fix in check or "fix: gnt-gluster diagnose" in check, (commands.fix, check)
    for command in (commands.inspect, commands.fix):
        line = re.sub(r"\b[A-Z]{4,}\b", lambda word: chosen[word[0]], command) if chosen else command
        assert not re.search(r"(?<![-\w])[A-Z]{4,}(?![-\w])", re.sub(r"'[^']*'", "", line)), line
        # diagnose ends with 1 where something is wrong, as it is now
        result = type_in(pool, line, host, check=not line.startswith("gnt-gluster diagnose"))
        assert result.stdout or result.stderr or line.startswith(("ssh", "systemctl", "journalctl")), line

    def gone() -> bool:
        return all(
            (one.code, one.volume, one.subject) != (problem.code, problem.volume, problem.subject)
            for one in problems(pool, host)
        )

    wait_until(gone, f"{problem.code} to be gone after: {commands.fix}", LONG, 0.5)


def wait_verified(pool: Pool, verify: str = "ganeti-gluster-mon check --query", host: int = 1) -> None:
    """Wait until *verify* ends with 0.  What a fault leaves for the self-heal daemons is done as the check says."""
    outputs: List[str] = []

    def ends_well() -> bool:
        done = type_in(pool, verify, host, check=False)
        outputs.append(done.stdout + done.stderr)
        for command in _NAMED.findall(done.stdout):
            type_in(pool, command, check=False)
        return done.returncode == 0

    try:
        wait_until(ends_well, verify, LONG, 0.5)
    except Exception as error:
        raise AssertionError(f"{verify}: {outputs[-1]}") from error
