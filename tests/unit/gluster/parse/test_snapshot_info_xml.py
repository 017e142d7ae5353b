"""The answer to `snapshot info`: the lab has no LVM, so it is made in the form that heketi's source documents."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from tests.unit.answers import HEALTHY, answer_of, xml

SNAPSHOT = """
<snapshot><name>%s</name><uuid>b0a12f9e-192b-4691-82e9-1bdb3c33e9f5</uuid><description/>
<createTime>%s</createTime><volCount>1</volCount><snapVolume><name>4516d565579c47cf82081e84f8049ae9</name>
<status>%s</status><originVolume><name>%s</name><snapCount>2</snapCount><snapRemaining>%s</snapRemaining>
</originVolume></snapVolume></snapshot>"""
ONE = SNAPSHOT % ("daily", "2018-03-12 14:35:16", "Stopped", "gv0", "254")


def answer(*snapshots: str, count: int = -1) -> bytes:
    number = len(snapshots) if count < 0 else count
    return xml(f"<snapInfo><count>{number}</count><snapshots>{''.join(snapshots)}</snapshots></snapInfo>")


def test_snapshots() -> None:
    other = SNAPSHOT % ("weekly", "2018-03-12 14:35:16 +0000", "Started", "gv1", "0")
    assert parse.snapshot_info(answer(ONE, other)) == parse.Parsed(
        (
            VolumeSnapshot("daily", "gv0", 1520865316, activated=False, remaining=254),
            VolumeSnapshot("weekly", "gv1", 1520865316, activated=True, remaining=0),
        )
    )


def test_a_recorded_one_without_snapshots() -> None:
    assert parse.snapshot_info(answer_of(HEALTHY, "snapshot-info")) == parse.Parsed(())


@pytest.mark.parametrize(
    ("snapshots", "fault"),
    [
        ((ONE, ONE), "is there twice"),
        ((ONE.replace("<name>daily</name>", ""),), "a snapshot is called ''"),
        ((ONE.replace("originVolume", "other"),), "of volume ''"),
        ((ONE.replace("<name>gv0</name>", "<name>a/b</name>"),), "of volume 'a/b'"),
        ((ONE.replace("snapVolume", "other"),), "of volume ''"),
        ((ONE.replace("Stopped", "Maybe"),), "status of the snapshot daily is 'Maybe'"),
        (
            (ONE.replace("2018-03-12", "yesterday"),),
            "createTime of the snapshot daily is 'yesterday 14:35:16'",
        ),
        ((ONE.replace("254", "many"),), "snapRemaining of the snapshot daily is 'many'"),
    ],
)
def test_a_fault_is_named(snapshots: tuple[str, ...], fault: str) -> None:
    assert any(fault in each for each in parse.snapshot_info(answer(*snapshots)).faults)


def test_a_count_that_is_wrong() -> None:
    assert "counts 3 snapshots and names 1" in parse.snapshot_info(answer(ONE, count=3)).faults[0]
