"""How long reading a large answer takes, compared with expat alone: `python -m tests.bench.bench_parse`.

Three passes over the same bytes, in turn, the best of several rounds each: expat with no
handlers at all, expat with three handlers in Python that do nothing, and ours.  Peak memory
is that of a process of its own, in addition to what it had with the answer loaded.

And the files of statistics that a hundred bricks of a node write: read, and looked at again while they are the same.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable
from xml.parsers import expat

from ganeti_gluster_mon.gluster import parse, stats_dump_reader
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.gluster.parse.stats_dump_json import dump_name
from tests.generate import volume_status_detail
from tests.hostile import peak_memory

BRICKS = 12_000
ROUNDS = 7
DUMPS = 100


def bare(answer: bytes) -> None:
    """Expat alone."""
    expat.ParserCreate().Parse(answer, True)


def empty_handlers(answer: bytes) -> None:
    """Expat, and the calls into Python that any reader in Python pays for."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: None
    parser.EndElementHandler = lambda name: None
    parser.CharacterDataHandler = lambda text: None
    parser.Parse(answer, True)


def ours(answer: bytes) -> None:
    """All facts of the answer."""
    parsed = parse.volume_status(answer)
    if parsed.faults or sum(len(status.nodes) for status in parsed.facts) != BRICKS:
        raise AssertionError(f"not read rightly: {parsed.faults}")


def dumps() -> None:
    """Processor time that the stats dumps of a node take in a cycle."""
    recorded = Path(__file__).parents[1] / "unit/gluster/stats_dumps/glusterfs-10.3.dump"
    content = recorded.read_text(encoding="utf-8")
    paths = [f"/export/b{number}/gv0" for number in range(DUMPS)]
    options = {"diagnostics.stats-dump-interval": "10"}
    bricks = tuple(BrickInfo("node1", path, "u", arbiter=False) for path in paths)
    volume = VolumeInfo("gv0", "u", "started", "distribute", "tcp", bricks, 1, 0, 0, 0, options)
    with tempfile.TemporaryDirectory() as directory:
        for path in paths:
            name = path.replace("/", "_")
            Path(directory, dump_name(path)).write_text(
                content.replace("_export_b1_gv0", name), encoding="utf-8"
            )
        first = again = float("inf")
        for _ in range(ROUNDS):
            begin = time.process_time()
            found = stats_dump_reader.read_dumps([volume], {"u"}, None, directory)
            first = min(first, time.process_time() - begin)
            assert len(found) == DUMPS and not any(dump.stale for dump in found)
            begin = time.process_time()
            stats_dump_reader.read_dumps([volume], {"u"}, Capture(1, (), stats_dumps=found), directory)
            again = min(again, time.process_time() - begin)
    print(f"stats dumps of {DUMPS} bricks, {len(content) * DUMPS / 1e6:.1f} MB")
    print(f"written anew {first * 1e3:6.1f} ms, not written anew {again * 1e3:6.1f} ms")


def seconds(work: Callable[[bytes], None], answer: bytes) -> float:
    gc.collect()
    begin = time.perf_counter()
    work(answer)
    return time.perf_counter() - begin


def main() -> None:
    answer = volume_status_detail(BRICKS)
    if sys.argv[1:] == ["memory"]:
        print(peak_memory(lambda: parse.volume_status(answer)))
        return
    works = (bare, empty_handlers, ours)
    best = {work: float("inf") for work in works}
    for _ in range(ROUNDS):
        for work in works:
            best[work] = min(best[work], seconds(work, answer))
    memory = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_parse", "memory"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"`volume status all detail` of {BRICKS} bricks, {len(answer) / 1e6:.1f} MB")
    print(f"{'':24} {'ms':>6} {'x bare':>7} {'x empty':>8}")
    for work in works:
        took = best[work]
        name = work.__name__.replace("_", " ")
        print(f"{name:24} {took * 1e3:6.0f} {took / best[bare]:7.2f} {took / best[empty_handlers]:8.2f}")
    print(f"peak memory in addition to the answer: {float(memory.stdout):.0f} MB")
    dumps()


if __name__ == "__main__":
    main()
