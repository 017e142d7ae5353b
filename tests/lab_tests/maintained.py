"""Guests that write all the time while a node is in maintenance: their longest pause, and their disks at the end."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Dict, Iterator, List

from tests.campaign import guest as guests
from tests.campaign import plan
from tests.campaign.bricks import differences
from tests.campaign.guest import MIB
from tests.campaign.record import Record
from tests.campaign.site import TICKS, VOLUME, Site
from tests.lab import wait_until

#: MiB
SIZE = 24
#: seconds between two looks at what guests have written
_LOOK = 0.02


class WritingGuests:
    """Guests on a site, each with a disk that it writes numbered blocks to, two a second."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._record = Record(site, print)

    def add(self, name: str, template: str, node: int) -> None:
        self.site.prepare(name, node, self._record.new_generation(name), "fsync")
        self.site.add(name, template, "userspace", node, SIZE)

    def read(self) -> int:
        """How many blocks all guests have reported as written.  Raises Fault for what must not be."""
        self._record.read_logs()
        return sum(len(log.written) for log in self._record.logs.values())

    def wait_blocks(self, blocks: int = 4) -> None:
        """Wait until each guest has written so many *blocks* more."""
        self.read()
        before = {name: log.acknowledged for name, log in self._record.logs.items()}

        def written() -> bool:
            self.read()
            return all(self._record.logs[name].acknowledged >= at + blocks for name, at in before.items())

        wait_until(written, f"{blocks} blocks of {', '.join(before)}", 60.0, 0.1)

    @contextmanager
    def pauses(self, *names: str) -> Iterator[Dict[str, float]]:
        """Seconds of the longest time in which each of the guests *names* has completed no write."""
        longest = dict.fromkeys(names, 0.0)
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(longest, ended), daemon=True)
        watch.start()
        try:
            yield longest
        finally:
            ended.set()
            watch.join()

    def _watch(self, longest: Dict[str, float], ended: threading.Event) -> None:
        """A guest that stays on its node has one log, which grows with each write."""
        logs = {name: [self.site.log(name, node) for node in plan.NODES] for name in longest}
        sizes: Dict[str, int] = {}
        last = dict.fromkeys(longest, time.monotonic())
        while True:
            over = ended.is_set()
            now = time.monotonic()
            for name, paths in logs.items():
                size = sum(path.stat().st_size for path in paths if path.exists())
                longest[name] = max(longest[name], now - last[name])
                if size != sizes.get(name):
                    sizes[name], last[name] = size, now
            if over:
                return
            time.sleep(_LOOK)

    def errors(self) -> int:
        """How many I/O errors the guests have had."""
        self.read()
        return sum(log.errors for log in self._record.logs.values())

    def nodes(self) -> Dict[str, int]:
        """On which node each guest runs.  It runs once."""
        found = {}
        for name, places in self.site.guests().items():
            (found[name],) = places
        return found

    def faults(self) -> List[str]:
        """What is wrong with the disks on any brick, byte by byte; the guests stand still meanwhile."""
        with self.site.paused(self.nodes()):
            self._record.wait_healed_while_paused()
            self.read()
            bricks = self.site.bricks()
            found = differences(bricks)
            for name, instance in self.site.instances().items():
                log = self._record.logs[name]
                for path, size in instance.disks.items():
                    for node, brick in bricks.items():
                        wrong = guests.faults(
                            brick.read(path), log.generation, log.acknowledged, size * MIB, TICKS
                        )
                        found += [f"{name} on node{node}: {each}" for each in wrong]
        return found


def brick_processes(site: Site, node: int) -> int:
    """How many bricks run on a node."""
    return len(site.pool.brick_processes(VOLUME, node))
