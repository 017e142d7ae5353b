"""Runs scripts of the ExtStorage provider on a host, each killed after another of its steps: killed.py < WHAT > FOUND.

A step is a call that changes something outside of the process.  It is run by Debian's Python on the host itself, and
without pytest: hundreds of scripts in seconds.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Dict, List, Optional

# Before all forks, and what they import late.
from ganeti_gluster_mon.backend.extstorage import provider, script

STEPS = frozenset("mkdir rmdir link unlink ftruncate setxattr ioctl fork fork_exec setsid dup2 flock".split())
#: seconds in which the kernel and a loop holder should have tidied up
CLEANUP_TIMEOUT = 10.0
#: what the last script has written to its standard error
MESSAGES = "/run/killed-messages"


def run(action: str, environment: Dict[str, str], kill_after: Optional[int] = None) -> int:
    """The status of a script whose caller ends with it; negative: it was killed after step *kill_after*."""
    caller = os.fork()
    if caller == 0:
        child = os.fork()
        if child == 0:
            _be_script(action, environment, kill_after)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os._exit(99 if status < 0 else status)
    status = os.waitstatus_to_exitcode(os.waitpid(caller, 0)[1])
    return -9 if status == 99 else status


def _be_script(action: str, environment: Dict[str, str], kill_after: Optional[int]) -> None:
    os.setsid()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDWR)
    messages = os.open(MESSAGES, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, file in enumerate((nothing, nothing, messages)):
        os.dup2(file, descriptor)
    steps = 0

    def count(frame: FrameType, event: str, function: Any) -> None:
        nonlocal steps
        if event == "c_return" and function.__name__ in STEPS:
            steps += 1
            if steps == kill_after:
                os.killpg(0, signal.SIGKILL)  # what it has forked, too, but for those that left it

    if kill_after is not None:
        sys.setprofile(count)
    os._exit(script.main(action, []))


def what_is_there(name: str) -> Dict[str, List[str]]:
    """What a disk's name, or a process of the provider's, still has on this host."""
    devices, holders = [], []
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        with suppress(OSError), open(path, encoding="utf-8") as file:
            if name in file.read():
                devices.append(path)
    for path in glob.glob("/proc/[0-9]*/comm"):
        with suppress(OSError), open(path, encoding="utf-8") as file:
            if file.read().rstrip() in ("gluster-holder", "gluster-watcher"):
                holders.append(path)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line for line in file if "/gluster.d/" in line]
    return {"devices": devices, "holders": holders, "mounts": mounts}


def settled(name: str, kinds: List[str]) -> Dict[str, List[str]]:
    """What there is of *kinds* when there is nothing any more, or time is up."""
    until = time.monotonic() + CLEANUP_TIMEOUT
    while True:
        found = what_is_there(name)
        if not any(found[kind] for kind in kinds) or time.monotonic() > until:
            return {kind: found[kind] for kind in kinds if found[kind]}
        time.sleep(0.02)


def main() -> None:
    what = json.load(sys.stdin)
    environment, action = what["environment"], what["action"]
    found = []
    for step in range(1, 200):
        for before in what["before"]:
            assert run(before, environment) == 0, before
        status = run(action, environment, step)
        # A disk that was only looked at goes by itself; others stay on request, and detach ends that.
        alone = settled(environment["VOL_NAME"], ["devices", "holders"]) if action == "attach" else {}
        after = {}
        for verb in what["after"]:
            status_after = run(verb, environment)
            with open(MESSAGES, encoding="utf-8", errors="replace") as file:
                after[verb] = [status_after, file.read() if status_after else ""]
        left = settled(environment["VOL_NAME"], ["devices", "holders", "mounts"])
        found.append({"step": step, "status": status, "alone": alone, "after": after, "left": left})
        if status != -9:
            break
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    assert provider.ACTIONS
    main()
