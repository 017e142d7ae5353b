"""The entries that `heal info split-brain` lists."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster.parse.split_brain_xml import split_brain_entries
from ganeti_gluster_mon.gluster.validation import Refused, Unreadable

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>'
_TAIL = "<opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>\n"


def answer(*bricks: str) -> bytes:
    return f"{_HEAD}<healInfo><bricks>{''.join(bricks)}</bricks></healInfo>{_TAIL}".encode()


def brick(name: str, files: str, count: str, status: str = "Connected") -> str:
    return (
        f'<brick hostUuid="8"><name>{name}</name><status>{status}</status>{files}'
        f"<numberOfEntries>{count}</numberOfEntries></brick>"
    )


FILES = '<file gfid="1">/ganeti/a.0</file><file gfid="2">&lt;gfid:2&gt;</file>'


def test_paths_and_gfids_of_each_brick() -> None:
    found = split_brain_entries(answer(brick("a:/b", FILES, "2"), brick("c:/d", "", "0"))).facts
    assert [(one.host, one.path, one.entries, one.complete) for one in found] == [
        ("a", "/b", ("/ganeti/a.0", "<gfid:2>"), True),
        ("c", "/d", (), True),
    ]


@pytest.mark.parametrize(
    ("files", "count", "status"),
    [
        (FILES, "3", "Connected"),
        (FILES, "-", "Connected"),
        ("", "-", "Transport endpoint is not connected"),
        ("", "0", "Failed to process entries completely. (Input/output error)"),
    ],
)
def test_a_brick_that_did_not_list_all_is_not_complete(files: str, count: str, status: str) -> None:
    (found,) = split_brain_entries(answer(brick("a:/b", files, count, status))).facts
    assert not found.complete


def test_an_answer_that_is_none() -> None:
    with pytest.raises(Unreadable):
        split_brain_entries(b"")
    with pytest.raises(Refused):
        split_brain_entries(
            f"{_HEAD}<opRet>-1</opRet><opErrno>22</opErrno><opErrstr>no</opErrstr></cliOutput>".encode()
        )
