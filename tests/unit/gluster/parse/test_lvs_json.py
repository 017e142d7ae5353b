"""`lvs --reportformat json`.

tests/unit/answers/lvs-linear.json is the answer of lvs 2.03.16 of Debian 12, without a device mapper.  This kernel has
none, so that the others have its form, and the figures and attributes of published output: lvs-thin.json those of
https://github.com/lvmteam/lvm2/issues/57 (the sizes of the volume group and the kernel's numbers are not in it),
lvs-vdo.json those of the example in lvmvdo(7).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.lvm import LogicalVolume, LvmPool

ANSWERS = Path(__file__).parents[2] / "answers"

Report = Tuple[Tuple[LogicalVolume, ...], Tuple[LvmPool, ...]]


def recorded(name: str) -> Report:
    parsed = parse.logical_volumes((ANSWERS / f"lvs-{name}.json").read_bytes())
    assert parsed.faults == ()
    return parsed.facts


def row(**fields: str) -> Dict[str, str]:
    return {"vg_name": "vg", "vg_size": "9", "vg_free": "1", "lv_size": "5", "lv_kernel_minor": "7", **fields}


def read(*rows: Any) -> parse.Parsed[Report]:
    return parse.logical_volumes(json.dumps({"report": [{"lv": list(rows)}]}).encode())


def test_a_volume_that_is_not_active_has_no_device() -> None:
    assert recorded("linear") == ((), ())


def test_a_thin_pool_that_is_nearly_full() -> None:
    volumes, pools = recorded("thin")
    sizes = (498925043712, 17179869184)
    assert [each for each in volumes if each.device in ("dm-8", "dm-1")] == [
        LogicalVolume("dm-8", "pve", "ct-template", 214748364800, *sizes, "data"),
        LogicalVolume("dm-1", "pve", "root", 103079215104, *sizes, None),
    ]
    assert pools == (LvmPool("pve", "data", "thin", 343177953280, 97.33, 3.75),)


def test_a_vdo_pool() -> None:
    volumes, pools = recorded("vdo")
    assert (volumes[0].device, volumes[0].name, volumes[0].pool) == ("dm-2", "vdo0", "vdopool0")
    assert pools == (LvmPool("vg", "vdopool0", "vdo", 10737418240, 30.16, None),)


def test_a_thin_pool_on_a_vdo_pool() -> None:
    found = read(
        row(
            lv_name="tp",
            lv_attr="twi-aotz--",
            data_lv="[tp_tdata]",
            data_percent="1.00",
            metadata_percent="2.0",
        ),
        row(lv_name="[tp_tdata]", lv_attr="Twi-ao----", pool_lv="vpool"),
        row(lv_name="vpool", lv_attr="dwi-ao----", data_percent="96.0"),
    )
    assert found.facts[1] == (
        LvmPool("vg", "tp", "thin", 5, 1.0, 2.0, pool="vpool"),
        LvmPool("vg", "vpool", "vdo", 5, 96.0),
    )


def test_the_pool_of_a_cached_volume_holds_copies_only() -> None:
    found = read(
        row(
            lv_name="b1", lv_attr="Cwi-aoC---", pool_lv="[fast]", data_percent="99.90", metadata_percent="5.0"
        ),
        row(lv_name="[fast]", lv_attr="Cwi---C---", data_percent="99.90", metadata_percent="5.0"),
    )
    assert [volume.pool for volume in found.facts[0]] == [None, None]
    assert found.facts[1] == ()


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ("twi-aotz--", None),
        ("twi-aotzD-", "out of data space"),
        ("twi-aotzM-", "metadata is read-only"),
        ("twi-aotzF-", "failed"),
        ("twi-cotz--", "metadata needs a check"),
        ("twi-Cotz--", "metadata needs a check"),
        # lvs is not shown all disks, so that one that is missing to it may be there
        ("twi-aotzp-", None),
        ("t", None),
    ],
)
def test_what_lvm_reports_to_be_wrong_with_a_pool(attributes: str, fault: str) -> None:
    (pool,) = read(row(lv_name="tp", lv_attr=attributes, data_percent="5.0")).facts[1]
    assert pool.fault == fault


def test_a_volume_of_several_segments_is_one() -> None:
    found = read(*[row(lv_name="b1", lv_attr="-wi-ao----")] * 3)
    assert len(found.facts[0]) == 1


@pytest.mark.parametrize(
    ("percent", "value", "faults"),
    [
        ("", None, 0),
        ("0.00", 0.0, 0),
        ("100.00", 100.0, 0),
        ("100.01", None, 1),
        ("-1", None, 1),
        ("nan", None, 1),
        ("1e2", None, 1),
        ("97,33", None, 1),
        ("٣", None, 1),
    ],
)
def test_percentages(percent: str, value: float, faults: int) -> None:
    found = read(row(lv_name="tp", lv_attr="twi-aotz--", data_percent=percent, metadata_percent="1.0"))
    assert (found.facts[1][0].data_percent, len(found.faults)) == (value, faults)


def test_as_many_volumes_as_may_be() -> None:
    rows = [row(lv_name=f"b{number}", lv_attr="-") for number in range(10_000)]
    assert len(read(*rows).facts[0]) == 10_000


def test_names_that_are_none_are_left_out() -> None:
    found = read(
        row(lv_name="", lv_attr="-"), row(lv_name="a\nb", lv_attr="-"), row(lv_name="b1", lv_attr="-")
    )
    assert [volume.name for volume in found.facts[0]] == ["b1"]
    assert len(found.faults) == 2


def test_sizes_that_are_none_are_not_known() -> None:
    found = read(row(lv_name="b1", lv_attr="-", lv_size="1.00g", vg_free="", vg_size="9" * 30))
    (volume,) = found.facts[0]
    assert (volume.size, volume.vg_size, volume.vg_free, len(found.faults)) == (None, None, None, 3)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"report": 3}',
        b'{"report": [{"lv": 3}]}',
        b'{"report": [{"lv": "row"}]}',
        b'{"report": [[]]}',
        b'{"report": [{"lv": [{"lv_name": 3}]}]}',
        b'{"report": [{"lv": [[]]}]}',
        b"[" * 100_000,
        json.dumps({"report": [{"lv": [{}] * 10_001}]}).encode(),
    ],
    ids=range(12),
)
def test_what_is_no_report(output: bytes) -> None:
    with pytest.raises(parse.Unreadable) as caught:
        parse.logical_volumes(output)
    assert "\n" not in str(caught.value)


@given(st.dictionaries(st.sampled_from(sorted(row(lv_name="", lv_attr="", data_percent=""))), st.text()))
def test_any_texts_are_facts_or_faults(fields: Dict[str, str]) -> None:
    volumes, pools = read(fields).facts
    assert len(volumes) <= 1 and len(pools) <= 1
