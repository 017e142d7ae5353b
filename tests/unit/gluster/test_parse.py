"""What each kind of answer says: on captured answers, and on the odd ones Gluster's source promises."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import pytest

from ganeti_gluster_mon.gluster import parse
from tests.unit.answers import ANSWERS, HEALTHY, answer_of, reader_of, xml


@pytest.mark.parametrize("file", ANSWERS, ids=str)
def test_captured_answers_are_understood_wholly(file: Path) -> None:
    output = file.read_bytes()
    if b"<opRet>0</opRet>" in output or file.suffix == ".txt":
        assert reader_of(file)(output).faults == ()
    else:
        with pytest.raises(parse.Refused):
            reader_of(file)(output)


def test_many_faults_are_counted_and_not_kept() -> None:
    healthy = answer_of(HEALTHY, "volume-status-detail")
    faults = parse.volume_status(healthy.replace(b"<sizeTotal>2", b"<sizeTotal>x" + b"y" * 10_000)).faults
    assert len(faults) == 21 or len(faults) == healthy.count(b"<sizeTotal>2")
    assert all(len(fault) <= 200 for fault in faults)
    worse = healthy.replace(b"<sizeTotal>", b"<sizeTotal>x").replace(b"<sizeFree>", b"<sizeFree>x")
    assert parse.volume_status(worse).faults[-1] == f"… and {2 * worse.count(b'<node>') - 20} more"


@pytest.mark.parametrize(
    ("before", "faults"),
    [
        ("", ()),
        ("\n", ()),
        ("Welcome to gluster prompt, type 'help' to see the available commands.\n", ()),
        ("gluster> ", ()),
        ("warning: 2 options\n", ("plain text stands before the answer: 'warning: 2 options'",)),
    ],
)
def test_plain_text_before_an_answer_is_a_fault(before: str, faults: Tuple[str, ...]) -> None:
    assert parse.readable(before.encode() + xml("")).faults == faults
