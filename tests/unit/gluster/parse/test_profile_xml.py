"""The answer to `volume profile V info cumulative`."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.profile import BlockCount, BrickProfile, FileOperation
from tests.unit.answers import HEALTHY, answer_of, xml

BRICK = (
    "<brick><brickName>%s</brickName><cumulativeStats><blockStats/><fopStats>"
    "<fop><name>%s</name><hits>%s</hits><avgLatency>%s</avgLatency><minLatency>1.0</minLatency><maxLatency>2.0</maxLatency></fop></fopStats>"
    "<duration>6</duration><totalRead>1</totalRead><totalWrite>2</totalWrite></cumulativeStats></brick>"
)


def answer(*bricks: str) -> bytes:
    return xml(
        f"<volProfile><volname>v</volname><brickCount>{len(bricks)}</brickCount>{''.join(bricks)}</volProfile>"
    )


def test_a_recorded_one() -> None:
    parsed = parse.profile(answer_of(HEALTHY, "profile-gv0"))
    assert not parsed.faults
    assert [(brick.host, brick.path) for brick in parsed.facts] == [
        (f"node{number}.lab.test", "/export/b1/gv0") for number in (1, 2, 3)
    ]
    assert all(operation.hits for brick in parsed.facts for operation in brick.operations)
    for operation in (operation for brick in parsed.facts for operation in brick.operations):
        assert operation.least is not None and operation.latency is not None and operation.largest is not None
        mean = operation.latency / operation.hits
        assert operation.least <= mean <= operation.largest
    # of the 32 sizes that Gluster lists those that a file operation had
    assert parsed.facts[0].blocks == (BlockCount(512, 2, 0), BlockCount(131072, 0, 160))


def test_a_brick() -> None:
    parsed = parse.profile(answer(BRICK % ("n1:/b", "WRITE", "3", "1.500000")))
    assert parsed == parse.Parsed(
        (BrickProfile("n1", "/b", (FileOperation("WRITE", 3, 4.5, 1.0, 2.0),), 1, 2),)
    )


def test_a_brick_that_has_served_nothing_and_one_that_does_not_answer() -> None:
    idle = (
        "<brick><brickName>n1:/b</brickName><cumulativeStats><totalRead>0</totalRead><totalWrite>0</totalWrite>"
        "</cumulativeStats></brick>"
    )
    parsed = parse.profile(answer(idle, "<brick><brickName>n2:/b</brickName></brick>"))
    assert parsed.facts == (BrickProfile("n1", "/b", (), 0, 0),)


@pytest.mark.parametrize(
    ("values", "fault", "left"),
    [
        (("n1", "WRITE", "3", "1"), "a brick of the profile is called 'n1'", None),
        (("n1:/b", "<b>", "3", "1"), "", None),
        (("n1:/b", "write it", "3", "1"), "a file operation is called 'write it'", ()),
        (("n1:/b", "WRITE", "-3", "1"), "hits of WRITE is '-3'", ()),
        (
            ("n1:/b", "WRITE", "3", "1e300"),
            "avgLatency of WRITE is '1e300'",
            (FileOperation("WRITE", 3, None, 1.0, 2.0),),
        ),
        (
            ("n1:/b", "WRITE", "3", "nan"),
            "avgLatency of WRITE is 'nan'",
            (FileOperation("WRITE", 3, None, 1.0, 2.0),),
        ),
    ],
)
def test_nonsense(values: tuple[str, ...], fault: str, left: object) -> None:
    try:
        parsed = parse.profile(answer(BRICK % values))
    except parse.NoAnswer:
        assert not fault
        return
    assert parsed.faults == (fault,)
    assert (parsed.facts[0].operations if parsed.facts else None) == left


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("<size>3</size><reads>0</reads><writes>0</writes>", "a block has 3 bytes, which is no power of two"),
        ("<size>0</size><reads>0</reads><writes>0</writes>", "a block has 0 bytes, which is no power of two"),
        ("<size>8</size><reads>-1</reads><writes>0</writes>", "reads of blocks of 8 bytes is '-1'"),
        ("<size>8</size><reads>0</reads>", "writes of blocks of 8 bytes is missing"),
        ("<size>x</size><reads>0</reads><writes>0</writes>", "size of a block is 'x'"),
        (
            "<size>4</size><reads>0</reads><writes>0</writes>",
            "a size in the profile of n1:/b:4 is there twice",
        ),
    ],
)
def test_without_all_counts_by_size_none_is_known(block: str, fault: str) -> None:
    """A sum that lacks one would be too small."""
    made = f"<block><size>4</size><reads>1</reads><writes>2</writes></block><block>{block}</block>"
    text = (BRICK % ("n1:/b", "WRITE", "3", "1")).replace("<blockStats/>", f"<blockStats>{made}</blockStats>")
    parsed = parse.profile(answer(text))
    assert parsed.faults == (fault,)
    assert parsed.facts[0].blocks is None
    assert parsed.facts[0].read == 1


def test_profiling_that_was_not_started() -> None:
    with pytest.raises(parse.Refused, match=r"Profile on Volume .* is not started"):
        parse.profile(answer_of(HEALTHY, "profile-dist2"))
