"""The clients of a brick; a part of the model.  None means *not known*."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Iterable, Mapping, Optional, Tuple


@dataclass(frozen=True)
class BrickClient:
    """One connection of a client to a brick: a guest, a mount, a self-heal daemon."""

    #: the address of its host, without the port
    address: str
    #: the newest op-version that the client supports; None: not known
    op_version: Optional[int] = None


@dataclass(frozen=True)
class BrickClients:
    """The clients that one brick reports."""

    volume: str
    host: str
    path: str
    #: None: the brick does not run, or not all of them can be read
    clients: Optional[Tuple[BrickClient, ...]]


def uneven(bricks: Iterable[Optional[Tuple[BrickClient, ...]]]) -> Mapping[str, Tuple[int, ...]]:
    """By address: the connections to each of *bricks*, of one subvolume, where they are not the same to each.

    A client connects to all bricks of a volume.  Empty where the clients of one brick are not known.
    """
    counts = []
    for clients in bricks:
        if clients is None:
            return {}
        counts.append(Counter(client.address for client in clients))
    addresses = dict.fromkeys(address for count in counts for address in count)
    by_address = {address: tuple(count[address] for count in counts) for address in addresses}
    return {address: each for address, each in by_address.items() if len(set(each)) > 1}
