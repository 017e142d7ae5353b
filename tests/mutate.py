"""Ways in which an answer of Gluster may be wrong: cut short, with elements missing, doubled, swapped,
with numbers that are none, with bytes that no answer has.

Each function yields `Mutant`s of one answer.  They serve the tests of the parser and those of
the whole way from capture to report.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Iterator, List, Sequence, TypeVar
from xml.parsers import expat

T = TypeVar("T")

#: what may stand where a number belongs, and is none that Gluster would write there
NOT_NUMBERS = (
    b"-5",
    b"",
    b"x",
    b"0x10",
    b"1e3",
    b"1.5",
    b"+1",
    b"1_000",
    b" 7 ",
    "\u0661\u0662".encode(),
    "\u00b2".encode(),
    b"9223372036854775808",
    b"99999999999999999999999999",
    b"9" * 5000,
    b"nan",
    b"N/A ",
)

#: bytes that are in no answer, to be put anywhere
NONSENSE = (b"\0", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"&bomb;", b"&#0;", b"]]>", b"<", b"\x1b[2J")


@dataclass(frozen=True)
class Mutant:
    """An answer that something was done to."""

    #: what was done, for the message of a failing test
    what: str
    output: bytes


@dataclass(frozen=True)
class Span:
    """Where an element stands in an answer."""

    name: str
    depth: int
    #: from its "<" to behind its last ">"
    start: int
    end: int
    #: of an element that has text only; empty for others
    text: bytes


def spans(answer: bytes) -> List[Span]:
    """All elements of an XML answer, in the order in which they end."""
    found: List[Span] = []
    open_: List[int] = []
    parser = expat.ParserCreate("UTF-8")

    def start(name: str, attributes: object) -> None:
        open_.append(parser.CurrentByteIndex)

    def end(name: str) -> None:
        begin = open_.pop()
        # Of <empty/> the end is reported where it begins.
        stop = answer.index(b">", parser.CurrentByteIndex) + 1
        leaf = re.fullmatch(rb"<[^>]*>([^<]*)</[^>]*>", answer[begin:stop])
        found.append(Span(name, len(open_), begin, stop, leaf.group(1) if leaf else b""))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(answer, True)
    return found


def sample(of: Sequence[T], most: int, seed: int = 3) -> List[T]:
    """At most *most* of them, the same ones every time."""
    if len(of) <= most:
        return list(of)
    return random.Random(seed).sample(of, most)


def truncated(answer: bytes, most: int = 4000) -> Iterator[Mutant]:
    """Cut short within the document: anywhere in a small one, in others around tags and here and there."""
    whole = len(answer.rstrip())
    offsets = list(range(whole))
    if whole > most:
        tags = [match.start() + step for match in re.finditer(rb"[<>]", answer) for step in (0, 1)]
        offsets = sorted({*sample(tags, most), *sample(offsets, most // 8)} - {whole})
    for offset in offsets:
        yield Mutant(f"cut after {offset} bytes", answer[:offset])


def dropped(answer: bytes) -> Iterator[Mutant]:
    """Each element in turn is missing."""
    for span in spans(answer)[:-1]:
        yield Mutant(f"without {_show(answer, span)}", answer[: span.start] + answer[span.end :])


def doubled(answer: bytes) -> Iterator[Mutant]:
    """Each element in turn is there twice."""
    for span in spans(answer)[:-1]:
        yield Mutant(f"twice {_show(answer, span)}", answer[: span.end] + answer[span.start :])


def swapped(answer: bytes) -> Iterator[Mutant]:
    """Each element in turn changes places with the one after it."""
    elements = sorted(spans(answer), key=lambda span: span.start)
    for place, one in enumerate(elements):
        for other in elements[place + 1 :]:
            if other.start >= one.end:
                if other.depth == one.depth:
                    between = answer[one.end : other.start]
                    moved = answer[other.start : other.end] + between + answer[one.start : one.end]
                    yield Mutant(
                        f"{_show(answer, one)} behind {_show(answer, other)}",
                        answer[: one.start] + moved + answer[other.end :],
                    )
                break


def misnumbered(answer: bytes) -> Iterator[Mutant]:
    """Each number in turn is none."""
    for span in spans(answer):
        if re.fullmatch(rb"-?[0-9]+", span.text):
            for wrong in NOT_NUMBERS:
                yield replaced(answer, span, wrong)


def replaced(answer: bytes, span: Span, text: bytes) -> Mutant:
    """Another *text* in the element at *span*."""
    name = span.name.encode()
    element = b"<" + name + b">" + text + b"</" + name + b">"
    what = f"{text[:30]!r} in {_show(answer, span)}"
    return Mutant(what, answer[: span.start] + element + answer[span.end :])


def damaged(answer: bytes, most: int = 200) -> Iterator[Mutant]:
    """Nonsense here and there."""
    for offset in sample(range(len(answer)), most):
        for nonsense in NONSENSE:
            yield Mutant(f"{nonsense!r} at {offset}", answer[:offset] + nonsense + answer[offset:])


def followed(answer: bytes) -> Iterator[Mutant]:
    """Something behind the end of the document."""
    for rest in (b"x", b"\0", answer, b"<more/>", b"<!-- -->", b"\n\nerror: out of cheese\n", b"\xff"):
        yield Mutant(f"followed by {rest[:20]!r}", answer + rest)


def lines_dropped(state: bytes) -> Iterator[Mutant]:
    """For `get-state`: each line in turn is missing."""
    lines = state.splitlines(keepends=True)
    for place, line in enumerate(lines):
        yield Mutant(f"without line {line!r}", b"".join(lines[:place] + lines[place + 1 :]))


def lines_doubled(state: bytes) -> Iterator[Mutant]:
    """For `get-state`: each line in turn is there twice."""
    lines = state.splitlines(keepends=True)
    for place, line in enumerate(lines):
        yield Mutant(f"twice line {line!r}", b"".join(lines[: place + 1] + lines[place:]))


def lines_misnumbered(state: bytes) -> Iterator[Mutant]:
    """For `get-state`: each number in turn is none."""
    for match in re.finditer(rb": ([0-9]+)(?=\n|Bytes)", state):
        for wrong in NOT_NUMBERS:
            what = f"{wrong[:30]!r} at {match.start()}"
            yield Mutant(what, state[: match.start(1)] + wrong + state[match.end(1) :])


def _show(answer: bytes, span: Span) -> str:
    shown = answer[span.start : min(span.end, span.start + 60)].decode("utf-8", "replace")
    return f"{' '.join(shown.split())} (at {span.start})"
