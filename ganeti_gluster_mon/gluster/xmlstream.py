"""Reads one XML answer of Gluster as a stream, and takes no harm from what is not one.

The caller names what it wants of a document: an `Element` for each kind of record, with the
names of the texts to keep and what to make of a record once it is whole.  Everything else
is passed over.  So memory holds what was made of the records and one record in the making,
however large the answer.

The writer is Gluster's cli/src/cli-xml-output.c, for heal info heal/src/glfs-heal.c.  It writes
elements and text, in UTF-8, never a document type, comment or processing instruction.
Attributes repeat what is in elements too, and are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NoReturn, Tuple
from xml.parsers import expat

from ganeti_gluster_mon.gluster.validation import Faults, Refused, Unreadable, is_number, quoted
from ganeti_gluster_mon.text import one_line

_CHUNK = 64 * 1024
#: bytes of text that expat gathers before it hands them out
_PIECE = 8 * 1024
#: bounds that no answer of a real pool comes near; what is beyond them is nonsense
_DEEPEST = 32
_LONGEST_TEXT = 16 * _PIECE
_LONGEST_TAG = 4 * _CHUNK
_MOST_NAMES = 1000
_MOST_RECORDS = 100_000
#: plain text that may stand before an answer
_LONGEST_PREFACE = 4096
_GREETING = re.compile(
    r"Welcome to gluster prompt, type 'help' to see the available commands\.|(?:gluster>\s*)+"
)


class Record:
    """One element as it was read."""

    __slots__ = ("children", "doubled", "text", "texts")

    def __init__(self) -> None:
        #: of the elements in it that hold text only
        self.texts: Dict[str, str] = {}
        #: what was made of the records in it, by their name and in their order
        self.children: Dict[str, List[Any]] = {}
        #: its own text, of one without children
        self.text = ""
        #: texts that were there more than once; which of them is right is not known
        self.doubled: Tuple[str, ...] = ()


def _itself(record: Record) -> Any:
    return record


@dataclass(frozen=True)
class Element:
    """What to read of an element, and what to make of it."""

    #: elements in it that hold text only; each is there once
    texts: FrozenSet[str] = frozenset()
    #: elements in it that are records themselves; each is there once, unless it is among ``many``
    children: Mapping[str, Element] = field(default_factory=dict)
    many: FrozenSet[str] = frozenset()
    #: called with each one that has been read whole; what it returns is kept in its parent
    make: Callable[[Record], Any] = _itself


def read(output: bytes, section: str, element: Element, faults: Faults) -> Any:
    """What *element* makes of the *section* of the answer in *output*.

    Raises Refused where Gluster refused, Unreadable for anything but a whole answer with
    that section.
    """
    answer = _answer(output, {section: element}, faults)
    if section not in answer.children:
        raise Unreadable(f"not the answer to this query: it has no <{section}>")
    return answer.children[section][0]


def read_result(output: bytes, faults: Faults) -> None:
    """See that *output* is a whole answer and that Gluster did not refuse; raises as `read`."""
    _answer(output, {}, faults)


def _answer(output: bytes, sections: Mapping[str, Element], faults: Faults) -> Record:
    root = Element(texts=frozenset({"opRet", "opErrno", "opErrstr", "output"}), children=sections)
    answer = _document(output, Element(children={"cliOutput": root}), faults).children["cliOutput"][0]
    result = answer.texts.get("opRet", "")
    if not is_number(result[result.startswith("-") :]):
        raise Unreadable("the answer does not contain whether it worked (opRet)")
    if int(result) != 0:
        errno = answer.texts.get("opErrno", "")
        message = one_line(answer.texts.get("opErrstr") or answer.texts.get("output") or "", 500)
        raise Refused(
            int(errno) if is_number(errno) else None, message or "gluster refused and gave no reason"
        )
    assert isinstance(answer, Record)
    return answer


def _document(output: bytes, whole: Element, faults: Faults) -> Record:
    """The first document in *output*, as the one child of what is returned."""
    position = begin = _preface(output, faults)
    tree = _Tree(whole, faults)
    parser = tree.parser()
    view = memoryview(output)
    try:
        while position < len(output):
            parser.Parse(view[position : position + _CHUNK], False)
            position = min(position + _CHUNK, len(output))
            tree.check(parser, position - begin)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        if tree.complete:
            faults.add("something follows the end of the answer")
        elif position >= len(output):
            raise Unreadable(f"the answer is cut short, after {len(output)} bytes") from error
        else:
            reason = expat.ErrorString(error.code)
            raise Unreadable(f"the answer is not XML: {reason} in line {error.lineno}") from error
    return tree.top


def _preface(output: bytes, faults: Faults) -> int:
    """Where the document begins, after whitespace and gluster's greeting; other plain text is a fault."""
    head = output[:_LONGEST_PREFACE]
    if head.lstrip().startswith(b"Usage:"):
        raise Unreadable("this gluster does not know the command: it printed its usage")
    begin = head.find(b"<")
    if begin < 0 or b"\0" in head[:begin]:
        if not output or output.isspace():
            raise Unreadable("the answer is empty")
        raise Unreadable(f"the answer is not XML: {quoted(head[:400].decode('utf-8', 'replace'))}")
    text = head[:begin].decode("utf-8", "replace").strip()
    if text and not _GREETING.fullmatch(text):
        faults.add(f"plain text stands before the answer: {quoted(text)}")
    return begin


class _Tree:
    """What has been read so far: the records still open, and what was made of the others."""

    def __init__(self, whole: Element, faults: Faults) -> None:
        #: holds the document once it is complete
        self.top = Record()
        self.complete = False
        self._faults = faults
        #: the text since the last tag began
        self._pieces: List[str] = []
        self._whole = whole

    def check(self, parser: expat.XMLParserType, fed: int) -> None:
        """Stop *parser*, after *fed* bytes, at what would fill the memory without ever being an answer."""
        if sum(map(len, self._pieces)) > _LONGEST_TEXT:
            raise _nonsense(f"a text of more than {_LONGEST_TEXT} bytes")
        if fed - parser.CurrentByteIndex > _LONGEST_TAG:
            raise _nonsense(f"a tag of more than {_LONGEST_TAG} bytes")
        if len(parser.intern) > _MOST_NAMES:
            raise _nonsense(f"more than {_MOST_NAMES} kinds of elements")

    def parser(self) -> expat.XMLParserType:
        """A parser whose handlers fill this tree.

        They are closures over plain variables, and text goes into its list without a handler in
        Python: a large answer has a quarter of a million elements, and every name looked up in
        an object for each of them can be felt.  The tree does not keep the parser: its handlers
        refer to the tree, and a cycle of references would stay in memory until a garbage collection.
        """
        pieces = self._pieces
        clear, join, close = pieces.clear, "".join, self._close
        #: the records around the open one, outermost first
        around: List[Tuple[Element, Record]] = []
        element, record = self._whole, self.top
        texts, wanted, children = record.texts, element.texts, element.children
        #: how many elements are open that are no records: the last one is a text, if alone
        others = 0
        nested = False
        records = 0

        def start(name: str, attributes: object) -> None:
            nonlocal element, record, texts, wanted, children, others, nested, records
            clear()
            if others:
                others += 1
                nested = True
                if others > _DEEPEST:
                    raise _nonsense(f"elements more than {_DEEPEST} deep")
            elif name in children:
                records += 1
                if records > _MOST_RECORDS:
                    raise _nonsense(f"more than {_MOST_RECORDS} records")
                around.append((element, record))
                element, record = children[name], Record()
                texts, wanted, children = record.texts, element.texts, element.children
            elif around:
                others = 1
            else:
                raise Unreadable(f"not an answer of gluster: it begins with <{one_line(name, 60)}>")

        def end(name: str) -> None:
            nonlocal element, record, texts, wanted, children, others, nested
            if others == 1:
                others = 0
                if name in wanted:
                    if name not in texts and not nested:
                        texts[name] = join(pieces)
                    elif name not in record.doubled:
                        record.doubled += (name,)
                if nested:
                    nested = False
            elif others:
                others -= 1
            else:
                inner, whole = element, record
                whole.text = join(pieces)
                element, record = around.pop()
                texts, wanted, children = record.texts, element.texts, element.children
                listed = record.children.get(name)
                if listed and name in element.many and not whole.doubled:
                    listed.append(inner.make(whole))  # nearly all: one of many bricks
                else:
                    close(name, inner, whole, element, record)

        parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.buffer_size = _PIECE
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = pieces.append
        parser.StartDoctypeDeclHandler = _refuse("a document type")
        parser.EntityDeclHandler = _refuse("an entity declaration")
        parser.CommentHandler = _refuse("a comment")
        parser.ProcessingInstructionHandler = _refuse("a processing instruction")
        return parser

    def _close(self, name: str, element: Element, record: Record, around: Element, parent: Record) -> None:
        """Convert *record*, which has been read whole, by *element*, and keep the result in *parent*."""
        for text in record.doubled:
            self._faults.add(f"<{text}> of {_label(name, record)} is there twice, or is more than text")
        for text in record.doubled:
            record.texts.pop(text, None)
        made = parent.children.setdefault(name, [])
        if made and name not in around.many:
            self._faults.add(f"<{name}> of {_label('one record', parent)} is there twice")
        made.append(element.make(record))
        if parent is self.top:
            self.complete = True


def _label(name: str, record: Record) -> str:
    """What a fault calls a record: "volume gv0"."""
    for naming in ("name", "volName", "hostname", "path"):
        if naming in record.texts:
            return f"{name} {one_line(record.texts[naming], 60)}"
    return name


def _nonsense(what: str) -> Unreadable:
    return Unreadable(f"the answer is nonsense: {what}")


def _refuse(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise Unreadable(f"the answer holds {what}, which gluster never writes")

    return refuse
