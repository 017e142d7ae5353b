"""Run one campaign: ``python -m tests.fuzz NAME [--seed N] [--runs N] [--seconds S]``.

NAME: captures, extstorage, hook, ssh, requests or floods.  It prints the seed, what became of the runs, and the seed
of a single run that failed: ``--seed`` with that and ``--runs 1`` repeats it.
"""

from __future__ import annotations

import argparse
import os
import pwd
import random
import resource
import sys
import time
import traceback
from collections import Counter
from typing import Callable, Dict

from tests.fuzz import captures, environments, floods, http_requests
from tests.fuzz.server import serving

RUNS: Dict[str, Callable[[random.Random], str]] = {
    "captures": captures.run,
    "extstorage": environments.extstorage,
    "hook": environments.hook,
    "ssh": environments.ssh,
}


def main() -> int:
    """The exit status: 0, or 1 when a run failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("name", choices=[*RUNS, "requests", "floods"])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--runs", type=int, default=1 << 30)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"{arguments.name}: seed {seed}", flush=True)
    if arguments.name == "floods":
        return _floods(arguments.seconds)
    if arguments.name == "requests":
        return _requests(seed, arguments.runs, arguments.seconds)
    _give_up_privileges()
    return _runs(RUNS[arguments.name], seed, arguments.runs, arguments.seconds)


def _runs(run: Callable[[random.Random], str], seed: int, runs: int, seconds: float) -> int:
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    for number in range(seed, seed + runs):
        try:
            outcomes[run(random.Random(number))] += 1
        except Exception:
            traceback.print_exc()
            print(f"failed with --seed {number} --runs 1")
            return 1
        if time.monotonic() > end:
            break
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()))
    return 0


def _requests(seed: int, runs: int, seconds: float) -> int:
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    sent = 0
    with serving() as server:
        for name, request in http_requests.REQUESTS.items():
            http_requests.check(server, name, request)
        while time.monotonic() < end and sent < runs:
            request = http_requests.random_request(chance)
            http_requests.check(server, f"random request {request[:200]!r}", request)
            sent += 1
        lines = [line for line in server.log if "listening" not in line]
    print(f"{len(http_requests.REQUESTS)} odd requests, {sent} random ones, {len(lines)} log lines")
    if lines:
        print("\n".join(lines[:20]))
    return 1 if len(lines) > 2 or any("Traceback" in line for line in lines) else 0


def _floods(seconds: float) -> int:
    """The time of the answers counts only where the server has not waited for a processor that others use."""
    failed = False
    for name in floods.FLOODS:
        for password in (False, True):
            result = floods.run(name, seconds, password)
            print(f"{name}{', with passwords' if password else ''}: {result}", flush=True)
            slow = result.percentile(99) > 0.25 and result.waited < 0.05
            failed = failed or slow or result.share < 0.99 or result.memory > 128 << 20
    return int(failed)


def _give_up_privileges() -> None:
    """Nothing here may take the machine with it, should a bound not hold."""
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


if __name__ == "__main__":
    sys.exit(main())
