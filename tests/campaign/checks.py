"""What has become of the disks, on each brick and through the volume, and what is left that should not be."""

from __future__ import annotations

import hashlib
from typing import Dict, List, Optional

from tests.campaign import guest as guests
from tests.campaign.bricks import Brick, differences
from tests.campaign.guest import MIB
from tests.campaign.plan import RUNNING, STOPPED
from tests.campaign.record import Fault, Record
from tests.campaign.site import TICKS, lines
from tests.lab import wait_until
from tests.lab.waiting import LabTimeout
from tests.lab_tests.extstorage import left

#: seconds in which nodes release what no guest needs
RELEASE = 90.0


class Checks:
    """Compares a site with the record of a campaign.  Each method raises Fault."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._site = record.site

    def processes(self) -> None:
        """Each running guest runs once, where it should, and no other runs."""
        there = self._site.guests()
        for name in sorted({*there, *self._record.state.guests}):
            guest = self._record.state.guests.get(name)
            expected = [guest.node] if guest is not None and guest.status == RUNNING else []
            found = sorted(there.get(name, {}))
            if found != expected:
                raise Fault(f"{name} runs on the nodes {found}, not {expected}")

    def everything(self) -> None:
        """The disks on all bricks, byte by byte, and what else the nodes and Ganeti have."""
        self._record.wait_progress(self._record.state.guests)
        if self._record.state.fault is not None:
            return
        self._configuration()
        self._record.wait_healed()
        self._leftovers()
        with self._site.paused(self._record.state.running()):
            self._record.wait_healed_while_paused()
            self._record.read_logs()
            bricks = self._site.bricks()
            found = self._compare(bricks) or self._compare_mounted(bricks)
        if found:
            raise Fault(lines(found))
        self._record.figures.checks += 1

    def _configuration(self) -> None:
        """Ganeti has each guest where it should be, with disks of the right size."""
        instances = self._site.instances()
        if sorted(instances) != sorted(self._record.state.guests):
            raise Fault(
                f"Ganeti has the instances {sorted(instances)}, not {sorted(self._record.state.guests)}"
            )
        for name, guest in self._record.state.guests.items():
            instance = instances[name]
            sizes = [guest.size, *[8] * guest.others]
            admin_state = "down" if guest.status == STOPPED else "up"
            there = (instance.node, list(instance.disks.values()), instance.admin_state)
            if there != (guest.node, sizes, admin_state):
                raise Fault(f"{name}: Ganeti has {there}, not {(guest.node, sizes, admin_state)}")

    def _leftovers(self) -> None:
        """Nodes have nothing mounted that no guest of theirs needs, and no piece of a removed file is left."""
        needed = {
            guest.node
            for guest in self._record.state.guests.values()
            if guest.access == "kernelspace" and guest.status != STOPPED
        }

        def rest() -> List[str]:
            there = left(self._site.cluster)
            found = [
                f"node{node} has {points} mounted"
                for node, points in there.mounts.items()
                if node not in needed
            ]
            found += [
                f"node{node} has loops on {files}"
                for node, files in there.loops.items()
                if node not in needed
            ]
            found += [
                f"node{node}: {piece}"
                for node, brick in self._site.bricks().items()
                for piece in brick.stray()
            ]
            return found

        before: List[str] = []

        def nothing() -> bool:
            found = rest()
            if found and found != before:
                self._record.report(f"# not yet gone: {'; '.join(found)}")
            before[:] = found
            return not found

        try:
            wait_until(nothing, "nothing left over", RELEASE, 1.0)
        except LabTimeout:
            raise Fault(f"left over:{lines(before)}") from None

    def _compare(self, bricks: Dict[int, Brick]) -> List[str]:
        """What is wrong with the disks, on any of the bricks."""
        found = differences(bricks)
        disks = {path: name for name, each in self._site.instances().items() for path in each.disks}
        for node, brick in bricks.items():
            there = set(brick.files())
            found += [f"node{node}: {path} is a file of no instance" for path in sorted(there - set(disks))]
            found += [
                f"node{node}: {path} of {disks[path]} is missing" for path in sorted(set(disks) - there)
            ]
        if found:
            return found
        for name, instance in self._site.instances().items():
            for number, (path, size) in enumerate(instance.disks.items()):
                first: Optional[bytes] = None
                for node, brick in bricks.items():
                    content = brick.read(path)
                    self._record.figures.compared += len(content)
                    if first is None:
                        first = content
                        found += [
                            f"{name} on node{node}: {each}"
                            for each in self._faults(name, number, size, content)
                        ]
                    elif content != first:
                        found.append(f"{name}: node{node} has another content of {path} than the first brick")
                        found += [
                            f"{name} on node{node}: {each}"
                            for each in self._faults(name, number, size, content)
                        ]
        return found

    def _faults(self, name: str, number: int, size: int, content: bytes) -> List[str]:
        """What is wrong with a disk of *size* MiB, the first (0) or another."""
        if number:
            return [] if content == bytes(size * MIB) else ["a disk without any write is not zero"]
        log = self._record.logs[name]
        return guests.faults(content, log.generation, log.acknowledged, size * MIB, TICKS)

    def _compare_mounted(self, bricks: Dict[int, Brick]) -> List[str]:
        """What is wrong with a disk, another each time, as a new client of the volume reads it."""
        disks = sorted(path for each in self._site.instances().values() for path in each.disks)
        if not disks:
            return []
        path = disks[self._record.figures.checks % len(disks)]
        content = bricks[1].read(path)
        self._record.figures.compared += len(content)
        read = self._site.digest(path)
        return [] if read == hashlib.sha256(content).hexdigest() else [f"the volume reads {path} otherwise"]
