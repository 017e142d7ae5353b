"""The result of parsing an answer of Gluster: facts with faults, or an exception.

An answer is read strictly.  What cannot be understood is left out or None, and named as a
fault; nothing is guessed.  An answer that is not whole is no answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, List, Optional, Tuple, TypeVar

from ganeti_gluster_mon.text import one_line

T = TypeVar("T")

#: no count, size or id of Gluster is larger; Prometheus, JSON readers and Ganeti agree
LARGEST = 2**63 - 1

#: faults that are kept by name; the rest of them is only counted
MOST_FAULTS = 20
LONGEST_FAULT = 200

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class NoAnswer(ValueError):
    """An answer cannot be used; ``str()`` is the reason in one line."""


class Refused(NoAnswer):
    """Gluster refused the query (``opRet`` is not 0)."""

    def __init__(self, op_errno: Optional[int], message: str) -> None:
        #: Gluster's own error number; None where it gave none that can be read
        self.op_errno = op_errno
        #: Gluster's own words, on one line
        self.message = message
        super().__init__(message)


class Unreadable(NoAnswer):
    """Not a whole answer of the expected kind: empty, cut short, not XML, hostile."""


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """The facts of one answer, and what in it could not be understood."""

    facts: T
    #: one short phrase each; empty when every word of the answer made sense
    faults: Tuple[str, ...] = ()


class Faults:
    """Gathers the faults of one answer; bounded, however much is wrong with it."""

    def __init__(self) -> None:
        self._named: List[str] = []
        self._count = 0

    def add(self, fault: str) -> None:
        """Note *fault*, on one line and not too long."""
        self._count += 1
        if len(self._named) < MOST_FAULTS:
            self._named.append(one_line(fault, LONGEST_FAULT))

    def all(self) -> Tuple[str, ...]:
        """The faults so far, the first ones by name."""
        if self._count > len(self._named):
            return (*self._named, f"… and {self._count - len(self._named)} more")
        return tuple(self._named)


def quoted(text: str) -> str:
    """*text* as a fault shows what it is about: in quotes, and shortened."""
    return f"'{one_line(text, 60)}'"


def is_number(text: str) -> bool:
    """Whether *text* is a plain decimal number; signs, spaces, underscores and other scripts are not."""
    return text.isdecimal() and text.isascii() and len(text) <= 19 and int(text) <= LARGEST


def number(text: Optional[str], what: str, whose: str, faults: Faults, most: int = LARGEST) -> Optional[int]:
    """*text* as a number from 0 to *most*; anything else is None and a fault of *what* of *whose*."""
    # The length comes first: int() of a million digits takes minutes.
    if text is not None and text.isdecimal() and text.isascii() and len(text) <= 19:
        value = int(text)
        if value <= most:
            return value
    if text is None:
        faults.add(f"{what} of {whose} is missing")
    else:
        faults.add(f"{what} of {whose} is {quoted(text)}")
    return None


def uuid_of(text: Optional[str], what: str, whose: str, faults: Faults) -> Optional[str]:
    """*text* if it is a uuid; anything else is None and a fault."""
    if text is not None and _is_uuid(text):
        return text
    faults.add(f"{what} of {whose} is " + ("missing" if text is None else quoted(text)))
    return None


# A pool has few hosts and many bricks, each with its host's uuid.
@lru_cache(maxsize=256)
def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def brick_of(text: str) -> Optional[Tuple[str, str]]:
    """Host and path of a brick written ``host:/path``; None where it is not one.

    A path of Gluster has no colon in it, the host may (IPv6), so the last one parts them.
    """
    host, separator, rest = text.rpartition(":/")
    if not separator or not host or not is_name(text):
        return None
    return host, "/" + rest


def is_name(text: str) -> bool:
    """Whether *text* can be a name or path of Gluster: not empty, no control characters."""
    # isprintable() alone would refuse letters newer than Python's tables of them.
    return bool(text) and (text.isprintable() or not _CONTROL.search(text))
