"""The queries, and the files of a capture that keep their answers."""

import pytest

from ganeti_gluster_mon.gluster import query


@pytest.mark.parametrize("volume", ["gv0", "a-b_C9", "_x", "9", "x" * 255])
def test_query_and_file_name_determine_each_other(volume: str) -> None:
    for of_volume in (
        query.heal_summary,
        query.heal_split_brain,
        query.quota_list,
        query.rebalance_status,
        query.profile,
    ):
        sent = of_volume(volume)
        assert query.query_in_file(query.file_of_query(sent)) == sent


def test_the_file_about_a_remove_brick_does_not_name_the_bricks() -> None:
    sent = query.remove_brick_status("gv0", ("node1:/b/1", "node2:/b/1"))
    assert sent == ("volume", "remove-brick", "gv0", "node1:/b/1", "node2:/b/1", "status")
    assert query.file_of_query(sent) == "remove-brick-gv0.xml"
    assert query.volume_of(sent) == "gv0"
    assert query.query_in_file("remove-brick-gv0.xml") is None
    without = ("volume", "remove-brick", "gv0", "status")
    for other in (without, ("volume", "remove-brick", "-x", "b", "status"), (*sent[:-1], "commit")):
        with pytest.raises(ValueError, match="not a query"):
            query.file_of_query(other)


@pytest.mark.parametrize("volume", ["", "-x", "a/b", "../x", "a b", "a\n", "ü", "x" * 256])
def test_hostile_volume_names_name_no_file(volume: str) -> None:
    with pytest.raises(ValueError, match="not a query"):
        query.file_of_query(query.heal_summary(volume))
    assert query.query_in_file(f"heal-summary-{volume}.xml") is None


@pytest.mark.parametrize(
    "wanted",
    [
        query.VOLUME_INFO,
        query.POOL_LIST,
        query.PEER_STATUS,
        query.VOLUME_STATUS,
        query.VOLUME_STATUS_DETAIL,
        query.VOLUME_STATUS_TASKS,
        query.VOLUME_STATUS_CLIENTS,
        query.MAX_OP_VERSION,
        query.SNAPSHOT_INFO,
        query.GET_STATE,
        query.volume_status("gv0"),
    ],
)
def test_each_query_has_a_file_of_its_own(wanted: query.Query) -> None:
    assert query.query_in_file(query.file_of_query(wanted)) == wanted


@pytest.mark.parametrize(
    "file", ["manifest.json", "volume-info.xml.orig", "heal-summary-.xml", "x-gv0.xml", ""]
)
def test_other_files_keep_no_answer(file: str) -> None:
    assert query.query_in_file(file) is None


@pytest.mark.parametrize(
    ("wanted", "heals"),
    [
        (query.heal_summary("gv0"), True),
        (query.heal_split_brain("gv0"), True),
        (query.volume_status("heal"), False),
        (query.VOLUME_INFO, False),
    ],
)
def test_queries_of_the_heal_backlog(wanted: query.Query, heals: bool) -> None:
    assert query.is_heal_query(wanted) is heals


@pytest.mark.parametrize(
    ("uuid", "valid"),
    [
        ("db9a84dd-92c8-4b35-b53f-103e15043a1d", True),
        ("DB9A84DD-92c8-4b35-b53f-103e15043a1d", False),
        ("db9a84dd-92c8-4b35-b53f-103e15043a1d\n", False),
        ("db9a84dd-92c8-4b35-b53f-103e15043a1", False),
    ],
)
def test_the_uuid_of_a_host(uuid: str, valid: bool) -> None:
    assert bool(query.HOST_UUID.match(uuid)) is valid


def test_the_volume_that_a_query_is_about() -> None:
    assert query.volume_of(query.heal_summary("gv0")) == "gv0"
    assert query.volume_of(query.volume_status("status")) == "status"
    assert query.volume_of(query.VOLUME_STATUS_DETAIL) is None
    with pytest.raises(ValueError, match="not a query"):
        query.volume_of(("volume", "top", "gv0"))
