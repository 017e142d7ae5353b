"""Guests that write all the time while a node is in maintenance: their longest pause, and their disks at the end."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from tests.campaign import guest as guests
from tests.campaign.bricks import differences
from tests.campaign.guest import MIB
from tests.campaign.record import Record
from tests.campaign.site import TICKS, VOLUME, Site
from tests.lab import Pool, wait_until

#: MiB
SIZE = 24
#: bricks of a set, on one node after the other
COPIES = 3
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
        logs = {name: [self.site.log(name, node) for node in self.site.paths] for name in longest}
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
            nodes = sorted(bricks)
            sets = [nodes[at : at + COPIES] for at in range(0, len(nodes), COPIES)]
            found = [each for one in sets for each in differences({node: bricks[node] for node in one})]
            for name, instance in self.site.instances().items():
                log = self._record.logs[name]
                for path, size in instance.disks.items():
                    for one in sets:
                        for copy, node in enumerate(one):
                            if path not in bricks[node].files():
                                continue
                            others = [bricks[other[copy]] for other in sets if other != one]
                            content = bricks[node].read(path, others)
                            wrong = guests.faults(
                                content, log.generation, log.acknowledged, size * MIB, TICKS
                            )
                            found += [f"{name} on node{node}: {each}" for each in wrong]
        return found


def brick_processes(site: Site, node: int) -> int:
    """How many bricks run on a node."""
    return len(site.pool.brick_processes(VOLUME, node))


#: the command of `maintenance run`: it names the node that is to be rebooted by a file, and waits until that is gone
WISH = ("sh", "-c", "touch /root/reboot-$GNT_NODE; while [ -e /root/reboot-{} ]; do sleep 0.1; done")


class Rebooter(threading.Thread):
    """Reboots *nodes* in their order, each when `WISH` on the node *control* names it.

    *before* is called before the power of a node is cut, *on* when it has booted.
    """

    def __init__(
        self,
        guests: WritingGuests,
        nodes: Sequence[int],
        control: int = 1,
        before: Callable[[int], None] = lambda node: None,
        on: Callable[[int], None] = lambda node: None,
    ) -> None:
        super().__init__(daemon=True)
        self._guests, self._nodes, self._control = guests, nodes, control
        self._before, self._on = before, on
        self._error: Optional[BaseException] = None

    def run(self) -> None:
        site = self._guests.site
        try:
            for node in self._nodes:
                wish = f"/root/reboot-{site.name(node)}"
                wait_until(
                    lambda w=wish: exists(site.pool, self._control, w),  # type: ignore[misc]
                    wish,
                    400.0,
                )
                self._before(node)
                site.pool.power_off(node)
                site.pool.exec(self._control, ["rm", wish])
                site.pool.power_on(node)
                site.cluster.start_daemons(node)
                self._on(node)
        except BaseException as error:  # `finish` raises it
            self._error = error

    def finish(self) -> None:
        """Wait for its end.  Raises what it met."""
        self.join(timeout=60)
        if self._error is not None:
            raise self._error
        assert not self.is_alive()


def exists(pool: Pool, host: int, path: str) -> bool:
    return pool.exec(host, ["test", "-e", path], check=False).returncode == 0
