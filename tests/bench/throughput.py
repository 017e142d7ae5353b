"""How fast QEMU writes and reads a disk by each access: `python -m tests.bench.throughput`, on three hosts of a lab.

Each way in turn, several times, in one run: on a shared machine only the ratios mean something.  With
LAB_ROOT=/var/cache/ganeti-gluster-mon/lab-root-13 the hosts have Debian 13.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.backend.mount import FUSE_OPTIONS
from tests.lab.pool import Pool

#: operations at once, as a guest's disk has them, and rounds, one way after the other
DEPTH, ROUNDS = 32, 8
#: what is done: name → (options of qemu-img bench, operations, bytes of each)
LOADS = {
    "write 4 KiB": (["-w"], 3000, 4096),
    "write 64 KiB": (["-w"], 800, 65536),
    "read 4 KiB": ([], 4000, 4096),
    "read 64 KiB": ([], 1500, 65536),
}
#: the options of a volume
VOLUMES = {
    "group virt, as deploy sets it": (("group", "virt"), ("features.shard", "off")),
    "no options": (),
}
POINT = "/run/ganeti/gluster.d/bench"
MIB = 200
#: how a disk is reached: name → options of qemu-img; Ganeti's disk_aio is threads unless it is set to native
USERSPACE, THREADS, NATIVE, EXT = "userspace", "threads", "native", "ext, native"
WAYS: Dict[str, Sequence[str]] = {USERSPACE: (), THREADS: (), NATIVE: ("-n",), EXT: ("-n",)}


def main() -> int:
    with Pool.first_free("ganeti-gluster-bench") as pool:
        pool.probe()
        print(pool.exec(1, ["qemu-img", "--version"]).stdout.splitlines()[0])
        print(f"qemu-img bench, {DEPTH} at once: MiB/s, the ratio to userspace; median of {ROUNDS}")
        for title, options in VOLUMES.items():
            pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3, start=False)
            for words in options:
                pool.gluster("volume", "set", "gv0", *words)
            pool.start_volume("gv0")
            _table(pool, title)
            pool.delete_volume("gv0")
            pool.remove_former_bricks()
    return 0


def _table(pool: Pool, title: str) -> None:
    rates: Dict[Tuple[str, str], List[float]] = {}
    pool.exec(1, ["mkdir", "-p", POINT])
    pool.exec(1, ["glusterfs", *FUSE_OPTIONS, "--volfile-server=127.0.0.1", "--volfile-id=/gv0", POINT])
    for disk in ("user", "kernel", "ext"):
        # Written once: the first write to a block of a file costs more.
        size = ["bs=1M", f"count={MIB}", "conv=notrunc,fsync"]
        pool.exec(1, ["dd", "if=/dev/zero", f"of={POINT}/{disk}", *size])
    loop = ["losetup", "--find", "--show", "--direct-io=on", f"{POINT}/ext"]
    disks = {USERSPACE: "gluster://127.0.0.1:24007/gv0/user", EXT: pool.exec(1, loop).stdout.strip()}
    ways = list(WAYS)
    for _ in range(ROUNDS):
        for load in LOADS:
            for way in ways:
                rate = _rate(pool, load, way, disks.get(way, f"{POINT}/kernel"))
                rates.setdefault((load, way), []).append(rate)
        # What the way before leaves behind, in caches and processes that end, meets another one in the next round.
        ways = [*ways[1:], ways[0]]
    pool.exec(1, ["losetup", "--detach", disks[EXT]])
    pool.unmount(1, POINT)
    print(f"\n{title:32}" + "".join(f"{way:>16}" for way in WAYS))
    for load in LOADS:
        words = f"{load:32}"
        for way in WAYS:
            pairs = zip(rates[load, way], rates[load, USERSPACE])
            ratio = statistics.median(rate / other for rate, other in pairs)
            words += f"{statistics.median(rates[load, way]):10.1f} {ratio:5.2f}"
        print(words, flush=True)


def _rate(pool: Pool, load: str, way: str, disk: str) -> float:
    """MiB/s.  libgfapi closes a disk in ten seconds, without work: that process is not waited for."""
    options, count, size = LOADS[load]
    numbers = ["-c", str(count), "-s", str(size), "-d", str(DEPTH)]
    argv = [
        "stdbuf",
        "-oL",
        "qemu-img",
        "bench",
        "-f",
        "raw",
        "-t",
        "none",
        *WAYS[way],
        *options,
        *numbers,
        disk,
    ]
    process = pool.popen(1, argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Run completed in "):
            if way != USERSPACE:
                process.wait()
            return count * size / float(line.split()[3]) / (1 << 20)
    raise RuntimeError(f"{' '.join(argv)}: no result")


if __name__ == "__main__":
    sys.exit(main())
