"""A queue that serves client addresses in turn, however many items one address has.

So a flood from one address delays a client at another by one item.  The newest item of an address may come first: in
an overload the latest clients are served at once, and those who have waited longest have most likely given up.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Deque, Generic, Iterator, Tuple, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Waiting items, by address."""

    def __init__(self, newest_first: bool) -> None:
        """*newest_first*: the order of the items of one address."""
        self._newest_first = newest_first
        #: by address, in the order of their turns, the oldest first; only addresses with items
        self._waiting: OrderedDict[str, Deque[Item]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, address: str, item: Item) -> None:
        """Add *item* of *address*."""
        self._waiting.setdefault(address, deque()).append(item)
        self._count += 1

    def put_back(self, address: str, item: Item) -> None:
        """Add *item*, which was taken too early, behind all others of *address*."""
        items = self._waiting.setdefault(address, deque())
        if self._newest_first:
            items.appendleft(item)
        else:
            items.append(item)
        self._count += 1

    def take(self, most: int) -> Iterator[Tuple[str, Item]]:
        """Up to *most* items, each with its address, in turn; what is added meanwhile waits with the others."""
        for _ in range(min(most, self._count)):
            address, items = self._waiting.popitem(last=False)
            item = items.pop() if self._newest_first else items.popleft()
            if items:
                self._waiting[address] = items
            self._count -= 1
            yield address, item

    def drop(self) -> Item:
        """The item that has waited longest of the address with the most.  Raises ValueError if there is none."""
        address, items = max(self._waiting.items(), key=lambda each: len(each[1]))
        item = items.popleft()
        if not items:
            del self._waiting[address]
        self._count -= 1
        return item
