"""Lists as Ganeti's commands put them: fields, units, names, columns; whatever the names hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health, VolumeHealth
from ganeti_gluster_mon.view import info
from ganeti_gluster_mon.view.listing import Listing, NoSuchField, TableFormat, chosen, lines, selected
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.view_commands import LISTINGS
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, NOW, POOL

HOSTILE = (
    "a b",
    "a\tb\nc",
    "\x1b[2J\x07",
    "a\u2028b\x85c\x0bd",
    "\u202eabc",
    "\udcff",
    "$(reboot); `id` | & ' \"",
    "%s{}",
    "x" * 5000,
    "--help",
)
CAPTURES = Path(__file__).parents[2] / "captures" / "recorded"

CLUSTER = Cluster(
    name="cluster.lab.test",
    master="node1.lab.test",
    nodes=(
        Node("node1.lab.test", "10.0.0.1", "10.1.0.1", master_candidate=True),
        Node("node2.lab.test", "10.0.0.2", "10.1.0.2", offline=True),
        Node("node9.lab.test", "10.0.0.9", "10.1.0.9", vm_capable=False),
    ),
    instances=(),
    tags=(),
    gluster_storage_dir=None,
    file_storage_dir=None,
    shared_file_storage_dir=None,
    release="3.0.2",
)
POOL_VIEW = PoolView(POOL, HEALTH, NOW, CLUSTER, source="made by hand")


def shown(
    name: str, *fields: str, view: PoolView = POOL_VIEW, table_format: TableFormat = TableFormat()
) -> list[str]:
    listing = LISTINGS[name]
    rows = listing.rows(view)
    assert rows is not None
    return lines(chosen(listing, ",".join(fields) if fields else None), rows, table_format)


def test_the_volumes() -> None:
    assert shown("list") == [
        "Volume Type       Status   Size Used Free Bricks Online Heal",
        "dist2  distribute healthy  3.7G 3.1G 572M      2      2    -",
        "gv0    replicate  degraded 1.9G 103M 1.7G      3      2    7",
        "old    disperse   stopped     -    -    -      3      -    -",
    ]


def test_more_of_the_volumes() -> None:
    assert shown("list", "name", "layout", "promised", "split_brain", "rebalance", "mounts", "files") == [
        "Volume Layout      Promised Split Rebalance             Mounts  Files",
        "dist2  2               1.0G     - rebalance in progress /mnt/d      ?".replace("1024M", " 1.0G"),
        "gv0    1 x (2 + 1)    10.0G     1 -                     /mnt/a 131072",
        "old    1 x (2 + 1)        ?     - -                                 -",
    ]


def test_the_disks() -> None:
    assert shown(
        "list-disks", "instance", "disk", "volume", "size", "allocated", "missing", "status", "at_risk"
    ) == [
        "Instance        Disk   Volume  Size Allocated Missing                       Status   AtRisk",
        "web.example.org disk/0 gv0    10.0G        3M node2.lab.test:/export/b1/gv0 degraded Y",
        "web.example.org disk/1 dist2   1.0G         ? ?                             healthy  N",
        "db.example.org  disk/0 old        ?         ?                               stopped  ?",
        "db.example.org  disk/1 gone      0M        0M ?                             down     Y",
    ]


def test_manners() -> None:
    assert shown("list", "name", "size", table_format=TableFormat(headers=False, separator=":")) == [
        "dist2:3828",
        "gv0:1914",
        "old:-",
    ]
    verbose = TableFormat(headers=False, units="t", verbose=True)
    assert shown("list", "name", "size", "files", table_format=verbose) == [
        "dist2       0.0  (nodata)",
        "gv0         0.0    131072",
        "old   (unavail) (unavail)",
    ]


def test_fields_are_chosen() -> None:
    listing: Listing[object] = LISTINGS["list"]
    assert [field.name for field in chosen(listing, "size,name")] == ["size", "name"]
    assert [field.name for field in chosen(listing, "+uuid,nodes")] == [*listing.default, "uuid", "nodes"]
    for words in ("", "name,", "name,size ", "nosuch", "+"):
        with pytest.raises(NoSuchField, match="there are: name, uuid"):
            chosen(listing, words)


@pytest.mark.parametrize(
    ("listing", "names", "found"),
    [
        ("list", ["gv0"], 1),
        ("list", ["gv0", "old", "gv0"], 2),
        ("list", ["*"], 3),
        ("list", ["?v*"], 1),
        ("list-bricks", ["gv0"], 3),
        ("list-bricks", ["node1"], 3),
        ("list-bricks", ["node1.lab.test:/export/b1/gv0"], 1),
        ("list-disks", ["web"], 2),
        ("list-disks", ["dist2", "db.example.org"], 3),
    ],
)
def test_names_choose_rows(listing: str, names: list[str], found: int) -> None:
    rows = LISTINGS[listing].rows(POOL_VIEW)
    assert rows is not None
    assert len(selected(LISTINGS[listing], rows, names)) == found


@pytest.mark.parametrize("name", ["gv", "GV0", "", "node", "x*"])
def test_a_name_that_names_nothing(name: str) -> None:
    rows = LISTINGS["list"].rows(POOL_VIEW)
    assert rows is not None
    with pytest.raises(CommandError, match="no volume"):
        selected(LISTINGS["list"], rows, ["gv0", name])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_on_its_line(name: str) -> None:
    assert POOL.volumes is not None
    volumes = tuple(replace(volume, name=name) for volume in POOL.volumes[:1])
    health = Health(0, "", (), {name: VolumeHealth("healthy", 0)})
    disks = tuple(replace(disk, instance=name, path=name) for disk in POOL.disks or ())
    peers = tuple(replace(peer, hostname=name) for peer in POOL.peers or ())
    view = PoolView(replace(POOL, volumes=volumes, disks=disks, peers=peers), health, NOW)
    for listing in LISTINGS.values():
        rows = listing.rows(view)
        assert rows is not None
        parsed = lines(listing.fields, rows, TableFormat())
        assert len(parsed) == 1 + len(rows)
        assert all(line.isprintable() for line in parsed)
    assert all(line.isprintable() for line in info.lines(view, (), "h"))


def test_what_is_not_known_is_no_empty_list() -> None:
    view = PoolView(NOTHING, NOTHING_HEALTH, NOW)
    assert {listing.rows(view) is None for listing in LISTINGS.values()} == {True}
    assert LISTINGS["list"].unknown(view) == "glusterd is not running"
    empty = PoolView(Pool(NOW, peers=(), volumes=(), disks=()), Health(0, "", (), {}), NOW)
    assert [listing.rows(empty) for listing in LISTINGS.values()] == [[], [], [], []]


# --- the command -----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = gnt_gluster.main(words)
    out, err = capsys.readouterr()
    return status, out, err


def test_a_replay(capsys: pytest.CaptureFixture[str]) -> None:
    replay = ("--replay", str(CAPTURES / "brick-killed"))
    status, out, err = run(capsys, "list", *replay, "-o", "name,status,online", "gv0", "arb-vm")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["Volume Status   Online", "arb-vm healthy       3", "gv0    degraded      2"]
    status, out, err = run(capsys, "list-bricks", *replay, "--no-headers", "-o", "status", "gv0")
    assert (status, out.split(), err) == (0, ["online", "offline", "online"], "")
    status, out, err = run(capsys, "list-disks", *replay)
    assert (status, out) == (1, "")
    assert err == "gnt-gluster: not known which there are: instances' disks were not looked at\n"


def test_why_there_is_a_question_mark_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "list", "--replay", str(CAPTURES / "peer-cut"), "-o", "name,online")
    assert status == 0
    assert "dist2   at least 1 of 2" in out
    assert err.startswith("gnt-gluster: not known: ")
    assert all(line.startswith("gnt-gluster: ") for line in err.splitlines())
    assert len(set(err.splitlines())) == len(err.splitlines())


def test_the_fields_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    for name, listing in LISTINGS.items():
        status, out, _ = run(capsys, "list-fields", name, "--separator", "|", "--no-headers")
        assert status == 0
        assert [line.split("|") for line in out.splitlines()] == [
            [field.name, field.kind.value, field.title, field.doc] for field in listing.fields
        ]


def test_a_field_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "list", "-o", "nosuch", "--replay", "/nowhere")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gnt-gluster list: no field 'nosuch'; there are: name, ")
