"""The XML answers of Gluster as a stream: records, faults, and the bounds of what is read."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti_gluster_mon.gluster.validation import Faults, Refused, Unreadable
from ganeti_gluster_mon.gluster.xmlstream import Element, read, read_result
from tests.unit.answers import xml

ITEM = Element(texts=frozenset({"name", "size"}), make=lambda record: dict(record.texts))
LIST = Element(children={"item": ITEM}, many=frozenset({"item"}))


def items(body: str, faults: Faults | None = None) -> Any:
    return read(xml(f"<list>{body}</list>"), "list", LIST, faults or Faults()).children.get("item", [])


def test_each_record_has_the_texts_that_are_wanted() -> None:
    assert items("<item><name>a</name><size>1</size><other>x</other></item><item/>") == [
        {"name": "a", "size": "1"},
        {},
    ]


def test_texts_are_decoded_and_joined() -> None:
    long = "x" * 20_000
    (item,) = items(f"<item><name>a&amp;&lt;b&#228;</name><size>{long}</size></item>")
    assert item == {"name": "a&<bä", "size": long}


def test_a_text_that_is_there_twice_is_no_text_but_a_fault() -> None:
    faults = Faults()
    assert items("<item><name>a</name><size>1</size><size>2</size></item>", faults) == [{"name": "a"}]
    assert faults.all() == ("<size> of item a is there twice, or is more than text",)


def test_a_text_that_holds_elements_is_a_fault() -> None:
    faults = Faults()
    assert items("<item><name>a<b/></name></item>", faults) == [{}]
    assert faults.all() == ("<name> of item is there twice, or is more than text",)


def test_a_section_that_is_there_twice_is_a_fault() -> None:
    faults = Faults()
    read(xml("<list/><list/>"), "list", LIST, faults)
    assert faults.all() == ("<list> of one record is there twice",)


def test_the_result_decides() -> None:
    refusal = xml("").replace(b"<opRet>0", b"<opRet>-1").replace(b"<opErrno>0", b"<opErrno>30800")
    with pytest.raises(Refused) as refused:
        read_result(refusal, Faults())
    assert (refused.value.op_errno, refused.value.message) == (30800, "gluster refused and gave no reason")
    with pytest.raises(Unreadable, match="does not contain whether it worked"):
        read_result(xml("").replace(b"<opRet>0</opRet>", b""), Faults())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<!-- x -->", "a comment"),
        ("<?php x?>", "a processing instruction"),
        ("<x>" * 40 + "</x>" * 40, "deep"),
        ("<list>" + "<item/>" * 100_001 + "</list>", "records"),
        ("".join(f"<x{n}/>" for n in range(1001)), "kinds of elements"),
        (f"<list><item><name>{'x' * 300_000}</name></item></list>", "a text of more than"),
        (f"<{'x' * 600_000}/>", "a tag of more than"),
    ],
    ids=lambda value: value[:20],
)
def test_what_gluster_never_writes_is_refused(body: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(xml(body), "list", LIST, Faults())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", "the answer is empty"),
        (b" \n", "the answer is empty"),
        (b"Connection failed", "the answer is not XML: 'Connection failed'"),
        (b"\0<cliOutput/>", "not XML"),
        (b"<html/>", "begins with <html>"),
        (b"<!DOCTYPE x><cliOutput/>", "a document type"),
        (xml("").replace(b"</opRet>", b"</opret>"), "the answer is not XML"),
        (
            xml("\udcff".encode("utf-8", "surrogateescape").decode("latin-1")).replace(b"\xc3\xbf", b"\xff"),
            "not XML",
        ),
    ],
)
def test_what_is_no_answer(output: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_result(output, Faults())


@pytest.mark.parametrize("cut", range(1, 160, 7))
def test_an_answer_that_is_cut_short_is_none(cut: int) -> None:
    whole = xml("<list><item><name>a</name></item></list>")
    with pytest.raises(Unreadable, match=r"cut short|empty|not XML"):
        read_result(whole[:cut], Faults())


def test_what_follows_an_answer_is_a_fault() -> None:
    faults = Faults()
    read_result(xml("") + b"<more/>", faults)
    assert faults.all() == ("something follows the end of the answer",)
