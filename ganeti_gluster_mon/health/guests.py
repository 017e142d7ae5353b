"""Which instances a problem affects, by the disks that they have on the bricks."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health.bricks import set_name
from ganeti_gluster_mon.health.problem import CRITICAL, Problem
from ganeti_gluster_mon.text import one_line

#: letters of the name of an instance that are shown, and names
_LONGEST, _MOST_NAMES = 80, 3
#: codes of problems that take a copy away from each disk on what they are about, or access to it
_AT_RISK_CODES = frozenset(
    {
        "BRICK_OFFLINE",
        "BRICK_HANGS",
        "BRICK_UNREACHABLE",
        "BRICK_FILESYSTEM",
        "BRICK_FILESYSTEM_NOT_MOUNTED",
        "BRICK_HOST_NOT_IN_POOL",
        "SUBVOLUME_QUORUM_LOST",
    }
)
#: codes of problems of the pool that are about one of its hosts
_HOST_CODES = ("PEER_", "GLUSTERD_", "NOT_KNOWN")


class Guests:
    """The instances that have disks on a pool, by volume, subvolume, brick and host."""

    def __init__(self, pool: Pool) -> None:
        self._known = pool.disks is not None
        self._of_volume: Dict[str, Set[str]] = {}
        self._of_brick: Dict[Tuple[str, str], Set[str]] = {}
        #: those with a disk whose bricks are not known
        self._anywhere: Dict[str, Set[str]] = {}
        #: by volume and subject of a problem, the bricks that it is about
        self._bricks: Dict[Tuple[str, str], Tuple[Tuple[str, str], ...]] = {}
        #: by host name of a peer, the bricks on it; None: not known which
        self._of_host: Dict[str, Optional[List[Tuple[str, str]]]] = {}
        if self._known:
            self._index_bricks(pool)
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

    def _index_bricks(self, pool: Pool) -> None:
        for volume in pool.volumes or ():
            for number, subvolume in enumerate(volume.subvolumes, 1):
                name = set_name(subvolume, number, len(volume.subvolumes))
                self._bricks[volume.name, name] = tuple(
                    (volume.name, brick.label) for brick in subvolume.bricks
                )
            for brick in volume.bricks:
                key = (volume.name, brick.label)
                self._bricks[key] = (key,)
        if pool.volumes is None:
            return
        every = [brick for volume in pool.volumes for brick in volume.bricks]
        for peer in pool.peers or ():
            # A brick may have another name of its host than the peer.
            certain = all(brick.uuid is not None or brick.host == peer.hostname for brick in every)
            mine = [brick for brick in every if peer.hostname == brick.host or peer.uuid == brick.uuid]
            keys = [(brick.volume, brick.label) for brick in mine]
            self._of_host[peer.hostname] = keys if certain or keys else None

    def _affected(self, problem: Problem) -> Optional[Tuple[str, ...]]:
        """By what the problem is about: a brick, a subvolume or a host, else its volume; None: not known, or none."""
        if not problem.volume:
            if not problem.subject or not problem.code.startswith(_HOST_CODES):
                return None
            bricks = self._of_host.get(problem.subject)
            return None if bricks is None else tuple(sorted(self._on(bricks)))
        about = self._bricks.get((problem.volume, problem.subject))
        found = self._of_volume.get(problem.volume, set()) if about is None else self._on(about)
        return tuple(sorted(found))

    def _on(self, bricks: Iterable[Tuple[str, str]]) -> Set[str]:
        """The instances with a disk that lies, or may lie, on one of *bricks* (volume and label)."""
        found: Set[str] = set()
        for key in bricks:
            found |= self._of_brick.get(key, set()) | self._anywhere.get(key[0], set())
        return found


def affected_guests(problems: Iterable[Problem]) -> Optional[Tuple[str, ...]]:
    """The names of all instances that *problems* affect; None: not known of one of them."""
    names: Set[str] = set()
    for problem in problems:
        if problem.guests is None:
            return None
        names.update(problem.guests)
    return tuple(sorted(names))


def guests_text(problems: Sequence[Problem]) -> str:
    """The instances that *problems*, of one kind, affect: "12 guests at risk: web1, web2, web3, …".

    "may affect …" where the disks keep their copies, or that is not certain.  "" where it is not known which instances
    are affected, or none is.
    """
    names = affected_guests(problems)
    if not names:
        return ""
    shown = ", ".join(one_line(name, _LONGEST) for name in names[:_MOST_NAMES])
    more = ", …" if len(names) > _MOST_NAMES else ""
    count = "1 guest" if len(names) == 1 else f"{len(names)} guests"
    at_risk = all(problem.code in _AT_RISK_CODES and problem.severity == CRITICAL for problem in problems)
    return f"{count} at risk: {shown}{more}" if at_risk else f"may affect {count}: {shown}{more}"
