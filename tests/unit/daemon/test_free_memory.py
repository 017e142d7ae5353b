"""Memory that was freed is returned to the kernel."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import json, psutil
from ganeti_gluster_mon.daemon.free_memory import return_free_memory
mib = lambda: psutil.Process().memory_info().rss / 2**20
many = [bytes(20_000) for _ in range(4000)]
kept = many[::50]
del many
before = mib()
return_free_memory()
print(json.dumps([before, mib(), len(kept)]))
"""

_THREADS = """
import re, sys, threading
from ganeti_gluster_mon.daemon.free_memory import use_one_heap
if sys.argv[1:]:
    use_one_heap()
together = threading.Barrier(4)
def allocate():
    together.wait()
    kept = [bytes(2000) for _ in range(1000)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
# malloc takes 64 MiB of addresses for a heap that is not the first: a part to be used, and the rest without access
maps = open("/proc/self/maps").read()
sizes = [int(end, 16) - int(begin, 16) for begin, end in re.findall("^([0-9a-f]+)-([0-9a-f]+) ---p", maps, re.M)]
print(sum(50 << 20 < size <= 64 << 20 for size in sizes))
"""


def test_what_is_between_objects_that_live_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    before, after, kept = json.loads(done.stdout)
    assert kept == 80
    # of 76 MiB a fiftieth is kept
    assert before - after > 50


def test_all_threads_allocate_from_one_heap() -> None:
    def heaps(*words: str) -> int:
        """The heaps of a program with four threads, in addition to the first."""
        argv = [sys.executable, "-c", _THREADS, *words]
        return int(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout)

    assert heaps() > 0
    assert heaps("one") == 0
