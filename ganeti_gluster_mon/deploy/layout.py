"""Which bricks of which nodes keep which data: the layout of a volume.

Gluster takes the bricks of a volume in an order, and cuts it into sets of equal size; the bricks of a set
hold copies (replica) or fragments (disperse) of the same files.  It warns of two bricks of one set on one
host and can be forced; here there is no way to get them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.text import some

REPLICATE, DISPERSE, DISTRIBUTE = "replicate", "disperse", "distribute"


class NoLayout(CommandError):
    """No such volume can be made of these bricks; one line with what is needed."""


@dataclass(frozen=True)
class BrickAddress:
    """A directory on a node."""

    node: str
    path: str

    @property
    def label(self) -> str:
        """``node:path``, as Gluster writes a brick."""
        return f"{self.node}:{self.path}"


@dataclass(frozen=True)
class Layout:
    """How a volume keeps its data."""

    #: REPLICATE, DISPERSE or DISTRIBUTE
    kind: str
    #: bricks of a set: copies, or fragments; 1 for DISTRIBUTE
    size: int = 1
    #: the last brick of each set of copies holds names and no data
    arbiter: bool = False
    #: how many bricks of a disperse set may be missing
    redundancy: int = 0

    @property
    def words(self) -> Tuple[str, ...]:
        """As in ``gluster volume create NAME …``."""
        if self.kind == REPLICATE:
            return ("replica", str(self.size), *(("arbiter", "1") if self.arbiter else ()))
        if self.kind == DISPERSE:
            return ("disperse", str(self.size), "redundancy", str(self.redundancy))
        return ()

    @property
    def title(self) -> str:
        """For people."""
        return " ".join(self.words) or DISTRIBUTE

    @property
    def keeps_copies(self) -> bool:
        """Whether a host may die without its data being gone."""
        return self.kind != DISTRIBUTE


def replica(copies: int, arbiter: bool = False) -> Layout:
    """*copies* of everything, the last without data where *arbiter* is set.  Raises NoLayout."""
    if arbiter and copies != 3:
        raise NoLayout(f"an arbiter is the third of replica 3, there is none with replica {copies}")
    if not 2 <= copies <= 16:
        raise NoLayout(f"replica {copies} cannot be: 3, or 2 to 16; without copies it is --distribute")
    return Layout(REPLICATE, copies, arbiter)


def disperse(bricks: int, redundancy: int) -> Layout:
    """Fragments on *bricks*, of which *redundancy* may be missing.  Raises NoLayout."""
    if redundancy < 1 or bricks <= 2 * redundancy:
        raise NoLayout(
            f"disperse {bricks} redundancy {redundancy} cannot be: redundancy is at least 1, "
            f"and less than half of the bricks"
        )
    return Layout(DISPERSE, bricks, redundancy=redundancy)


def distribute() -> Layout:
    """Each file on one brick alone."""
    return Layout(DISTRIBUTE)


def arrange(layout: Layout, bricks: Sequence[BrickAddress]) -> Tuple[BrickAddress, ...]:
    """*bricks* in the order that Gluster has to get them in: no set has two bricks on one node.

    Sets take the nodes in the order in which they are first named, so the last named of a set gets the
    arbiter.  Raises NoLayout, with the number that is missing, when they make no whole sets.
    """
    if not bricks:
        raise NoLayout("no bricks: name a --device or a --directory")
    waiting: Dict[str, List[BrickAddress]] = {}
    for brick in bricks:
        waiting.setdefault(brick.node, []).append(brick)
    if len(set(bricks)) != len(bricks):
        raise NoLayout("a brick is named twice")
    _must_come_out_even(layout, waiting)
    order = list(waiting)
    arranged: List[BrickAddress] = []
    while len(arranged) < len(bricks):
        # Those with most bricks left first, or a node could be left alone with several in the end.
        chosen = sorted(order, key=lambda node: (-len(waiting[node]), order.index(node)))[: layout.size]
        arranged += [waiting[node].pop(0) for node in sorted(chosen, key=order.index)]
    return tuple(arranged)


def sets(layout: Layout, bricks: Sequence[BrickAddress]) -> Tuple[Tuple[BrickAddress, ...], ...]:
    """Arranged *bricks* as Gluster cuts them into sets."""
    return tuple(tuple(bricks[at : at + layout.size]) for at in range(0, len(bricks), layout.size))


def whole_sets(layout: Layout, bricks: Sequence[BrickAddress]) -> Tuple[BrickAddress, ...]:
    """As many of *bricks* as make whole sets, the first named first, arranged; empty when they make none.

    What is left over has to wait for more bricks.
    """
    for count in range(len(bricks) - len(bricks) % layout.size, 0, -layout.size):
        # of the nodes with most bricks some have to wait; none has more than there are sets
        most = count // layout.size
        taken: List[BrickAddress] = []
        for brick in bricks:
            if len(taken) < count and [other.node for other in taken].count(brick.node) < most:
                taken.append(brick)
        if len(taken) == count:
            return arrange(layout, taken)
    return ()


def _must_come_out_even(layout: Layout, bricks: Dict[str, List[BrickAddress]]) -> None:
    count = sum(map(len, bricks.values()))
    over = count % layout.size
    if len(bricks) < layout.size:
        raise NoLayout(
            f"{layout.title} needs {layout.size} nodes and there {_are(len(bricks))}: a set never has two bricks "
            f"on one node; name {layout.size - len(bricks)} more, or another layout"
        )
    if over:
        raise NoLayout(
            f"{count} bricks do not make whole sets of {layout.title}: "
            f"{layout.size - over} more, or {over} fewer"
        )
    most = count // layout.size
    crowded = [node for node, own in bricks.items() if len(own) > most]
    if crowded:
        raise NoLayout(
            f"{some(crowded, 3)} has {max(map(len, bricks.values()))} of {count} bricks, and {layout.title} makes "
            f"{most} {'set' if most == 1 else 'sets'} of them: a set never has two bricks on one node; "
            f"name bricks on other nodes, or fewer there"
        )


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"
