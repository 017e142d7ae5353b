"""Files in split-brain, as they are named, and the answers about them."""

from __future__ import annotations

import json
from typing import Optional, Tuple

import pytest

from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.split_brain import (
    BrickAnswer,
    CopyBrick,
    CopyChoice,
    FileCopy,
    SplitFile,
    described,
    difference,
    must_be_complete,
    read_seconds,
    shard_of,
    split_brain_listing,
)
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.parse.split_brain_xml import SplitBrainEntries

GFID = "0a5c8b52-7f4e-4f29-9d4c-6a0a4d2f8e11"
BRICK = CopyBrick(BrickAddress("h1", "/b"), "node1")


def copy(*blocks: str, arbiter: bool = False, unknown: bool = False, node: str = "node1") -> FileCopy:
    found: Optional[Tuple[str, ...]] = None if unknown else blocks
    return FileCopy(
        CopyBrick(BrickAddress(node, "/b"), node, arbiter), "file", GFID, 5, 5, 1_000_000_000, blocks=found
    )


def test_which_blocks_differ() -> None:
    assert difference([copy("a", "b"), copy("a", "c", "d")]) == "2 of 3 blocks of 1 MiB differ: 1, 2"
    assert "attributes only" in difference([copy("a"), copy("a")])
    assert "not known" in difference([copy("a"), copy(unknown=True)])
    assert "not known" in difference([copy("a")])


def test_an_arbiter_is_named_and_not_compared() -> None:
    file = SplitFile("gv0", "f", (copy("a"), copy("b", node="node2"), copy(arbiter=True, node="node3")))
    lines = described(file)
    assert lines[0] == "gv0: f is in split-brain; 1 of 1 blocks of 1 MiB differ: 0"
    assert lines[3].startswith("  node3:/b: arbiter, without data")
    assert lines[4].endswith("of node1, node2: gnt-gluster repair gv0 --discard-copy node2:gv0:f")


def test_a_file_whose_path_is_not_known_has_no_command_that_gives_it_up() -> None:
    lines = described(SplitFile("gv0", f"<gfid:{GFID}>", (FileCopy(BRICK), copy("a"))))
    assert lines[1] == "  h1:/b: it has no copy"
    assert "--discard-copy" not in "".join(lines)


def test_a_choice_of_a_disk_names_its_shards() -> None:
    disk = DiskFile("web", "disk/0", "gv0", "ganeti/a.0", size=5, template="gluster")
    shard = SplitFile("gv0", f".shard/{GFID}.12", (), disk)
    assert (shard.shard, shard_of(shard.path), shard_of("ganeti/a.0")) == (12, GFID, None)
    assert shard.chosen_by(CopyChoice("n", "gv0", "ganeti/a.0"))
    assert shard.chosen_by(CopyChoice("n", "gv0", shard.path))
    assert not shard.chosen_by(CopyChoice("n", "gv1", "ganeti/a.0"))
    assert not shard.chosen_by(CopyChoice("n", "gv0", "ganeti/a.1"))


def test_a_brick_that_did_not_list_all_is_not_known() -> None:
    listed = [SplitBrainEntries("h1", "/b", (), True), SplitBrainEntries("h2", "/b", (), False)]
    must_be_complete(listed, [BrickAddress("h1", "/b")], "gv0")
    for away in ("h2", "h3"):
        with pytest.raises(PreconditionFailed, match=f"{away}:/b cannot be queried"):
            must_be_complete(listed, [BrickAddress(away, "/b")], "gv0")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"copies": [{}], "keep": [], "disks": {}, "aside": {}}', "x"]
)
def test_an_answer_that_is_none_is_not_an_empty_one(text: str) -> None:
    with pytest.raises(PreconditionFailed, match="h1:/b: its files cannot be read"):
        BrickAnswer.read(BRICK, CommandResult(124, text, "no answer within 50 s"))
    with pytest.raises(PreconditionFailed, match="not known what of gv0 is in split-brain"):
        split_brain_listing(CommandResult(1, text, ""), "gv0")


def test_a_copy_as_its_node_reports_it() -> None:
    parsed = {
        "copies": [
            {"entry": "/f", "path": "f", "kept": ["/k/f.1"]},
            {
                "entry": "/g",
                "path": "g",
                "kept": [],
                "kind": "file",
                "gfid": GFID,
                "size": 9,
                "open": 2,
                "allocated": 8,
                "modified": 7,
                "blocks": ["a"],
            },
        ],
        "keep": [{"directory": "/k", "available": 3}],
        "disks": {},
        "aside": {"/k/f.1": ["b"], "/k/g": None},
    }
    found = BrickAnswer.read(BRICK, CommandResult(0, json.dumps(parsed), ""))
    assert found.copies["/f"] == ("f", FileCopy(BRICK, kept=("/k/f.1",), places=(("/k", 3),)))
    assert found.copies["/g"][1].opened == 2 and found.copies["/g"][1].blocks == ("a",)
    assert found.aside == {"/k/f.1": ("b",), "/k/g": None}


def test_a_large_file_gets_more_time_and_never_all_of_it() -> None:
    assert read_seconds(0) == 30.0
    assert read_seconds(20_000_000_000) == 1030.0
