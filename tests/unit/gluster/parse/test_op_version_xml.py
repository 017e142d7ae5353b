"""The answer to `volume get all cluster.max-op-version`."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import parse
from tests.unit.answers import xml

#: as GlusterFS 10.3 answers
ANSWER = (
    "<volGetopts><count>1</count><Opt><Option>cluster.max-op-version</Option>"
    "<Value>100000</Value></Opt></volGetopts>"
)


def test_the_highest_op_version() -> None:
    assert parse.max_op_version(xml(ANSWER)) == parse.Parsed(100000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("100000", ""),
        ("100000", "many"),
        ("max-op-version", "op-version"),
        ("Opt>", "Other>"),
        ("volGetopts", "x"),
    ],
)
def test_another_answer_is_none(old: str, new: str) -> None:
    with pytest.raises(parse.Unreadable):
        parse.max_op_version(xml(ANSWER.replace(old, new)))
