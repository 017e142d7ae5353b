"""Answers of Gluster with other names in the place of those they have: XML, and the state of glusterd.  Pure.

The bytes between the names stay as they are: an answer that is cut short, or is no XML, stays so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Mapping, Optional

from ganeti_gluster_mon.gluster.anonymous_text import AnonymousText, around, each_of
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.query import GET_STATE

_PIECE = re.compile(r"<[^<>]*>|[^<]+|<")
_TAG = re.compile(r"<(/?)([^\s/>]+)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?: \+0000)?")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_STATE_LINE = re.compile(r"([^:\n]+):( ?)(.*)", re.DOTALL)
_STATE_SECTION = re.compile(r"\[[A-Z][a-z]+( [a-z]+)?\]")
_STATE_OPTION = re.compile(r"(Volume\d+\.options\.)(.+)")
_STATE_NAME = re.compile(r"[A-Za-z0-9_. -]+")

#: kinds of places, and what is done with their texts
_OWN, _MESSAGE, _OPTION, _VALUE = "own", "message", "option", "value"
_CHANGES: Mapping[str, Callable[[AnonymousText, str], str]] = {
    _OWN: AnonymousText.own,
    _MESSAGE: AnonymousText.message,
    _OPTION: AnonymousText.option_name,
    _VALUE: AnonymousText.value,
    "volume": lambda texts, text: texts.names.volume(text),
    "host": AnonymousText.daemon_or_host,
    "hosts": lambda texts, text: each_of(text, ",", texts.names.host),
    "brick": lambda texts, text: texts.names.brick(text),
    "path": AnonymousText.path_or_host,
    "device": lambda texts, text: texts.names.device(text),
    "time": lambda texts, text: text if _TIME.fullmatch(text) else texts.value(text),
    "mount options": AnonymousText.mount_options,
}
#: kinds of places whose texts are Gluster's own words
OWN_KINDS = frozenset({_OWN, _OPTION})

#: by name of an element of XML
_ELEMENTS: Dict[str, str] = {
    "volName": "volume",
    "volname": "volume",
    "hostname": "host",
    "nodeName": "host",
    "brickName": "brick",
    "brick": "brick",
    "path": "path",
    "file": "path",
    "device": "device",
    "createTime": "time",
    "mntOptions": "mount options",
    "opErrstr": _MESSAGE,
    "output": _MESSAGE,
    "errstr": _MESSAGE,
    **dict.fromkeys(
        "status statusStr stateStr state typeStr type fsName inodeSize transport hl_exceeded sl_exceeded cliOp"
        " soft_limit_percent".split(),
        _OWN,
    ),
}
#: of the element <name>, by the element around it
_NAMES: Dict[str, str] = {
    "volume": "volume",
    "originVolume": "volume",
    "brick": "brick",
    "option": _OPTION,
    "fop": _OWN,
}
#: by the last word of a key in a state of glusterd
_STATE_KEYS: Dict[str, str] = {
    "primary_hostname": "host",
    "hostname": "host",
    "othernames": "hosts",
    "path": "brick",
    "device": "device",
    **dict.fromkeys(
        "type status state online_status quorum_status transport_type connected fs_type".split(), _OWN
    ),
}


@dataclass(frozen=True)
class Piece:
    """A piece of an answer: what stays (*kind* is ""), or a text and the kind of place in which it is."""

    kind: str
    text: str


def anonymous_output(answer: Answer, texts: AnonymousText) -> bytes:
    """The output of *answer* with the names of *texts*."""
    pieces = state_pieces if answer.query == GET_STATE else xml_pieces
    text = answer.output.decode("utf-8", "surrogateescape")
    escaped = pieces is xml_pieces
    return "".join(_changed(piece, texts, escaped) for piece in pieces(text)).encode(
        "utf-8", "surrogateescape"
    )


def pieces_of(answer: Answer) -> Iterator[Piece]:
    """The texts of *answer* that may hold names, as they are without entities."""
    text = answer.output.decode("utf-8", "surrogateescape")
    for piece in state_pieces(text) if answer.query == GET_STATE else xml_pieces(text):
        if piece.kind and piece.kind not in OWN_KINDS:
            yield Piece(piece.kind, _ENTITY.sub(_character, piece.text))


def _changed(piece: Piece, texts: AnonymousText, escaped: bool) -> str:
    if not piece.kind:
        return piece.text
    change = _CHANGES[piece.kind]
    plain = _ENTITY.sub(_character, piece.text) if escaped and "&" in piece.text else piece.text
    new = around(plain, lambda text: change(texts, text))
    if new == plain:
        return piece.text
    return _escaped(new) + _no_xml(piece.text) if escaped else new


def _no_xml(text: str) -> str:
    """What in *text* makes an answer no XML, which it has to be still; "" where nothing does."""
    if "]]>" in text:
        return "]]>"
    return "&" if "&" in text and "&" in _ENTITY.sub("", text) else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if not name.startswith("#"):
        return _ENTITIES[name]
    code = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else match[0]


def xml_pieces(text: str) -> Iterator[Piece]:
    """The pieces of an answer in XML, or of anything that came in its place."""
    around_it: List[str] = []
    for match in _PIECE.finditer(text):
        piece = match[0]
        tag = _TAG.match(piece) if piece.endswith(">") else None
        if tag is None:
            # A "<" without its ">" is what makes the answer no XML.
            yield Piece("" if piece == "<" else _place(around_it), piece)
            continue
        yield from _attributes(piece)
        closes, name = tag.groups()
        if not closes and not piece.endswith("/>") and name[0] not in "!?":
            around_it.append(name)
        elif name in around_it:
            while around_it.pop() != name:
                pass


def _place(around_it: List[str]) -> str:
    """The kind of place in the element *around_it*, outermost first."""
    if not around_it:
        return _MESSAGE
    name = around_it[-1]
    if name == "name":
        return _NAMES.get(around_it[-2], _VALUE) if len(around_it) > 1 else _VALUE
    return _ELEMENTS.get(name, _VALUE)


def _attributes(tag: str) -> Iterator[Piece]:
    if tag[1] == "!":  # a comment or the like, which Gluster never writes
        yield Piece("", tag[:2])
        yield Piece(_MESSAGE, tag[2:-1])
        yield Piece("", tag[-1])
        return
    end = 0
    for match in _QUOTED.finditer(tag):
        yield Piece("", tag[end : match.start() + 1])
        yield Piece(_VALUE, match[0][1:-1])
        end = match.end() - 1
    yield Piece("", tag[end:])


def state_pieces(text: str) -> Iterator[Piece]:
    """The pieces of a state of glusterd, as `get-state` has it."""
    section = ""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Piece("", "\n")
        if _STATE_SECTION.fullmatch(line):
            section = line[1:-1]
            yield Piece("", line)
            continue
        match = _STATE_LINE.fullmatch(line)
        if match is None:
            yield Piece(_MESSAGE, line)
            continue
        key, blank, value = match.groups()
        option = _option_of(key, section)
        if option is not None:
            yield Piece("", key[: len(key) - len(option)])
            yield Piece(_OPTION, option)
        else:
            yield Piece("" if _STATE_NAME.fullmatch(key) else _MESSAGE, key)
        yield Piece("", f":{blank}")
        yield Piece(_VALUE if option is not None else _state_place(key), value)


def _option_of(key: str, section: str) -> Optional[str]:
    if section == "Global options":
        return key
    match = _STATE_OPTION.fullmatch(key)
    return match[2] if match else None


def _state_place(key: str) -> str:
    if key.startswith("Volume") and key.endswith(".name") and key.count(".") == 1:
        return "volume"
    if key.startswith("svc"):
        return _OWN
    return _STATE_KEYS.get(key.rpartition(".")[2], _VALUE)
