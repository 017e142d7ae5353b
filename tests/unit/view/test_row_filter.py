"""Filters of lists: what Ganeti's language says, for what is known and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.view.listing import as_json, chosen, filtered
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.row_filter import BadFilter, is_filter, row_filter
from ganeti_gluster_mon.view.view_commands import LISTINGS, _report_unknown
from tests.unit.view.test_listing import CAPTURES, POOL_VIEW, shown


def names(listing: str, text: str, field: str = "name", view: PoolView = POOL_VIEW) -> List[str]:
    rows = LISTINGS[listing].rows(view)
    assert rows is not None
    of = {one.name: one for one in LISTINGS[listing].fields}[field]
    return [str(of.value(row)) for row in filtered(LISTINGS[listing], rows, text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('name == "gv0"', ["gv0"]),
        ("name == 'gv0' or name == \"old\"", ["gv0", "old"]),
        ('name != "gv0"', ["dist2", "old"]),
        ('status != "healthy" and status != "stopped"', ["gv0"]),
        ("name =~ /^g/", ["gv0"]),
        ("name =~ m|^G|i", ["gv0"]),
        ("name !~ /[0-9]$/", ["old"]),
        ('name =* "*2"', ["dist2"]),
        ('name !* "*2"', ["gv0", "old"]),
        ("bricks > 2", ["gv0", "old"]),
        ("bricks >= 2 and bricks < 3", ["dist2"]),
        ("not (bricks == 3)", ["dist2"]),
        ('not name == "gv0" and bricks == 3', ["old"]),
        # sizes in MiB, as a script sees them: dist2 has 3.7G
        ("size > 3000", ["dist2"]),
        ("free < 1000", ["dist2"]),
        # a list field, by a name that is cut at a dot
        ('"node3" in nodes', ["gv0", "old"]),
        ('"node3.lab.test" not in nodes', ["dist2"]),
        ('nodes == "node3"', ["gv0", "old"]),
        # of old no heal can be known: it equals nothing, and the negation of that holds
        ("heal == 7", ["gv0"]),
        ("heal >= 0", ["gv0"]),
        ("heal != 7", ["dist2", "old"]),
    ],
)
def test_rows_are_chosen(text: str, found: List[str]) -> None:
    assert names("list", text) == found


def test_a_boolean_field_stands_for_itself() -> None:
    assert names("list-bricks", "arbiter", "brick") == names("list-bricks", 'arbiter == "true"', "brick")
    everything = len(LISTINGS["list-bricks"].rows(POOL_VIEW) or ())
    assert 0 < len(names("list-bricks", "arbiter", "brick")) < everything
    assert (
        len(names("list-bricks", "not arbiter", "brick")) + len(names("list-bricks", "arbiter", "brick"))
        == everything
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a field, a value or \\(, and there is nothing more"),
        ("name ==", "expected a value"),
        ("name == gv0", "expected a value, and there is 'gv0'"),
        ('nope == "x"', "no field 'nope'; there are: name, uuid"),
        ('name == "x" name', "expected and, or"),
        ("(name", "expected \\)"),
        ("name =~ /[/", "the pattern /\\[/ cannot be understood"),
        ("name =~ x", "expected a pattern between slashes"),
        ('bricks > "many"', "bricks is a number"),
        ("name & 1", "expected a"),
        ("not " * 200 + "name", "too many"),
        ("(" * 200 + "name" + ")" * 200, "too many brackets"),
        ("x" * 20_000, "at most"),
    ],
)
def test_what_is_no_filter_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(BadFilter, match=words) as refused:
        row_filter(text, LISTINGS["list"].fields)
    assert "\n" not in str(refused.value)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="name=!~<>*\"'/()\\ and or not in 07.-\n\0é", max_size=60))
def test_anything_else_is_a_filter_or_refused(text: str) -> None:
    try:
        test = row_filter(text, LISTINGS["list"].fields)
    except BadFilter:
        return
    rows = LISTINGS["list"].rows(POOL_VIEW)
    assert rows is not None
    assert {test(row) for row in rows} <= {True, False}


def test_what_looks_like_a_filter_is_one_and_names_are_none() -> None:
    assert is_filter(['name == "gv0"']) and is_filter(["name=~/x/"])
    for name in (["gv0"], ["gv*"], ["node3:/export/b1"], ["a", "b == c"], []):
        assert not is_filter(name)


# --- the command ----------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str, capture: str = "brick-killed") -> str:
    status = gnt_gluster.main([words[0], "--replay", str(CAPTURES / capture), *words[1:]])
    reply = capsys.readouterr()
    assert status == 0, reply.err
    return reply.out


def test_the_command_takes_a_filter_as_ganetis_do(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("list", "-o", "name", "--no-headers", "-F", 'status == "degraded"')
    assert run(capsys, *words) == "gv0\n"
    assert (
        run(
            capsys,
            "list",
            "--no-headers",
            "-o",
            "name",
            'name =~ "x" or name == "gv0"'.replace('=~ "x"', "=~ /^x/"),
        )
        == "gv0\n"
    )
    assert gnt_gluster.main(["list", "-F", "name =="]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert gnt_gluster.main(["list", "-F"]) == 2
    assert "one filter" in capsys.readouterr().err


def test_all_fields_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = json.loads(run(capsys, "list", "-o", "all", "--json"))
    assert [list(row) for row in parsed] == [[field.name for field in LISTINGS["list"].fields]] * len(parsed)
    (gv0,) = [row for row in parsed if row["name"] == "gv0"]
    assert (gv0["status"], gv0["bricks"], gv0["online"], gv0["size"]) == (
        "degraded",
        3,
        2,
        2006818816 // 4096 * 4096,
    )
    header = run(capsys, "list", "-o", "all", "--separator", ";").splitlines()[0]
    assert header.count(";") == len(LISTINGS["list"].fields) - 1


def test_what_is_not_known_is_null() -> None:
    rows = LISTINGS["list"].rows(POOL_VIEW)
    assert rows is not None
    parsed = json.loads(as_json(chosen(LISTINGS["list"], "name,files,heal"), rows))
    assert parsed[0] == {"name": "dist2", "files": None, "heal": None}


# --- what is known in part ------------------------------------------------------------------------------


def partly(pool: Pool) -> Pool:
    """The pool, with one brick of gv0 online, one not known."""
    assert pool.volumes is not None
    states = (True, True, None)
    volumes = [
        volume
        if volume.name != "gv0"
        else replace(volume, bricks=tuple(replace(b, online=s) for b, s in zip(volume.bricks, states)))
        for volume in pool.volumes
    ]
    return replace(pool, volumes=tuple(volumes))


def test_bricks_that_are_known_to_run_are_counted() -> None:
    view = replace(POOL_VIEW, pool=partly(POOL_VIEW.pool))
    (line,) = [line for line in shown("list", "name", "online", view=view) if line.startswith("gv0")]
    assert line == "gv0    at least 2 of 3"
    assert names("list", "online >= 2", view=view) == ["dist2"]  # gv0 may have two, or three


def test_a_dead_brick_has_no_free_space() -> None:
    lines = shown("list-bricks", "brick", "status", "free", "files_free")
    (dead,) = [line.split() for line in lines if " offline " in line]
    assert dead[2:] == ["-", "-"]


def test_a_list_of_one_volume_warns_of_that_volume_only(capsys: pytest.CaptureFixture[str]) -> None:
    view = replace(POOL_VIEW, health=evaluate(partly(POOL_VIEW.pool), Limits(), POOL_VIEW.now))
    _report_unknown(view)
    everything = capsys.readouterr().err
    assert "gv0" in everything
    _report_unknown(view, {"gv0"})
    assert "gv0" in capsys.readouterr().err
    _report_unknown(view, {"dist2"})
    assert "gv0" not in capsys.readouterr().err


def test_bricks_are_named_by_short_names(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("node2:/export/b1/gv0", "node2.lab.test:/export/b1/gv0"):
        assert (
            run(capsys, "list-bricks", name, "-o", "brick", "--no-headers")
            == "node2.lab.test:/export/b1/gv0\n"
        )


def test_online_of_a_node_counts_bricks_of_started_volumes(tmp_path: Path) -> None:
    rows = LISTINGS["list-nodes"].rows(POOL_VIEW)
    assert rows is not None
    for row in rows:
        assert {brick.volume for brick in row.started} <= {"gv0", "dist2"}
