"""Which instances a problem affects, by the disks that they have on the bricks."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health.problem import Problem


class Guests:
    """The instances that have disks on a pool, by volume and by brick."""

    def __init__(self, pool: Pool) -> None:
        self._known = pool.disks is not None
        self._of_volume: Dict[str, Set[str]] = {}
        self._of_brick: Dict[Tuple[str, str], Set[str]] = {}
        #: those with a disk whose bricks are not known
        self._anywhere: Dict[str, Set[str]] = {}
        self._bricks: Set[Tuple[str, str]] = set()
        if self._known:
            self._bricks.update(
                (volume.name, brick.label) for volume in pool.volumes or () for brick in volume.bricks
            )
        for disk in pool.disks or ():
            self._of_volume.setdefault(disk.volume, set()).add(disk.instance)
            if disk.bricks is None:
                self._anywhere.setdefault(disk.volume, set()).add(disk.instance)
            for brick in disk.bricks or ():
                self._of_brick.setdefault((disk.volume, brick.label), set()).add(disk.instance)

    def named(self, problems: Sequence[Problem]) -> List[Problem]:
        """*problems* with the names of the instances that each affects."""
        if not self._known:
            return list(problems)
        return [replace(problem, guests=self._affected(problem)) for problem in problems]

    def _affected(self, problem: Problem) -> Optional[Tuple[str, ...]]:
        """By the brick that the problem is about, else by its volume; None: not known, or not about a volume."""
        if not problem.volume:
            return None
        key = (problem.volume, problem.subject)
        if key in self._bricks:
            found = self._of_brick.get(key, set()) | self._anywhere.get(problem.volume, set())
        else:
            found = self._of_volume.get(problem.volume, set())
        return tuple(sorted(found))
