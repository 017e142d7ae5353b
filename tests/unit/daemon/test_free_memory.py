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


def test_what_is_between_objects_that_live_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    before, after, kept = json.loads(done.stdout)
    assert kept == 80
    # of 76 MiB a fiftieth is kept
    assert before - after > 50
