"""What the parsers of XML answers share: descriptions of elements, and checks of what they hold.  Pure."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, TypeVar

from ganeti_gluster_mon.gluster.validation import Faults, Parsed, Unreadable, number, quoted
from ganeti_gluster_mon.gluster.xmlstream import Element, Record, read_result

TASK_STATES = {
    "0": "not started",
    "1": "in progress",
    "2": "stopped",
    "3": "completed",
    "4": "failed",
    "5": "fix-layout in progress",
    "6": "fix-layout stopped",
    "7": "fix-layout completed",
    "8": "fix-layout failed",
    "9": "reset due to replace-brick",
    "10": "reset due to reset-brick",
    "11": "unknown",
}

T = TypeVar("T")


def readable(output: bytes) -> Parsed[None]:
    """Only whether *output* is a whole answer in which Gluster did not refuse."""
    faults = Faults()
    read_result(output, faults)
    return Parsed(None, faults.all())


def element(
    *texts: str, many: str = "", make: Optional[Callable[[Record], object]] = None, **children: Element
) -> Element:
    """An `Element` with the names of *texts* and *many* parted by spaces."""
    names = frozenset(" ".join(texts).split())
    if make is None:
        return Element(names, children, frozenset(many.split()))
    return Element(names, children, frozenset(many.split()), make)


def listing(*texts: str, **children: Element) -> Element:
    """An `Element` that is there to hold any number of *children*."""
    return Element(frozenset(texts), children, frozenset(children))


def only(record: Record, name: str) -> Record:
    """The record called *name* in *record*, without which the answer means nothing."""
    if name not in record.children:
        raise Unreadable(f"not the answer to this query: it has no <{name}>")
    child = record.children[name][0]
    assert isinstance(child, Record)
    return child


def children(record: Record, listing: str, name: str, whose: str, faults: Faults) -> List[Any]:
    """What the *listing* in *record* holds."""
    if listing not in record.children:
        faults.add(f"{listing} of {whose} are missing")
        return []
    found: List[Any] = record.children[listing][0].children.get(name, [])
    return found


def once(
    found: Iterable[Optional[T]], what: str, key: Callable[[T], object], faults: Faults
) -> Tuple[T, ...]:
    """The records that could be read, each once; *key* is a name, or a tuple of them, that is its own."""
    records: Dict[object, T] = {}
    for record in found:
        if record is not None and records.setdefault(key(record), record) is not record:
            name = key(record)
            faults.add(f"{what} {':'.join(name) if isinstance(name, tuple) else name} is there twice")
    return tuple(records.values())


def compare_count(
    count_text: Optional[str], listed: int, what: str, whose: str, faults: Faults, fewer: bool = False
) -> None:
    """Add a fault where an answer does not list as many as it counts; *fewer*: more than it counts."""
    count = number(count_text, f"the number of {what}", whose, faults)
    if count is not None and (listed > count if fewer else listed != count):
        faults.add(f"{whose} counts {count} {what} and names {listed}")


def flag(texts: Mapping[str, str], name: str, whose: str, faults: Faults) -> Optional[bool]:
    """What Gluster writes as 0 or 1."""
    text = texts.get(name)
    if text == "1":
        return True
    if text == "0":
        return False
    faults.add(f"{name} of {whose} is " + ("missing" if text is None else quoted(text)))
    return None


def state_word(
    texts: Mapping[str, str], words: Mapping[str, str], whose: str, faults: Faults
) -> Optional[str]:
    """The state that Gluster writes twice, as a number and as a word; None unless they agree."""
    status, word = texts.get("status"), texts.get("statusStr")
    if status is not None and word is not None and words.get(status) == word.lower():
        return word.lower()
    faults.add(f"status of {whose} is {quoted(status or '')}, {quoted(word or '')}")
    return None
