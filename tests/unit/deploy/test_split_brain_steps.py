"""The steps that end a split-brain: each looks first, and does nothing to a copy that it does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence

import pytest

from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.split_brain import CopyBrick, FileCopy
from ganeti_gluster_mon.deploy.split_brain_steps import DiscardCopy, KeepCopy, SameCopies, must_be_stopped
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, ok

GFID = "0a5c8b52-7f4e-4f29-9d4c-6a0a4d2f8e11"
BRICKS = tuple(CopyBrick(BrickAddress(f"h{n}", "/b"), f"node{n}") for n in (1, 2))
DESTINATION = "/k/gv0/ganeti/a.0.7"
KEEP = KeepCopy("node1", BRICKS[0], "gv0", "ganeti/a.0", 9, 8, 7, DESTINATION)
COPIES = tuple(FileCopy(brick, "file", GFID, 9, 8, 7) for brick in BRICKS)
DISCARD = DiscardCopy("node1", "gv0", "ganeti/a.0", COPIES, BRICKS[1].address, "node1", "web")
SAME = SameCopies("node1", "gv0", "ganeti/a.0", BRICKS, 9)


def report(
    aside: Optional[Sequence[str]] = None,
    blocks: Optional[Sequence[str]] = ("x",),
    space: int = 100,
    **more: Any,
) -> CommandResult:
    copy: Dict[str, Any] = {
        "entry": "/ganeti/a.0",
        "path": "ganeti/a.0",
        "kept": [],
        "kind": "file",
        "gfid": GFID,
    }
    copy.update({"size": 9, "allocated": 8, "modified": 7, "open": 0, "blocks": blocks, **more})
    parsed = {"copies": [copy], "disks": {}, "keep": [{"directory": "/k", "available": space}]}
    return ok(json.dumps({**parsed, "aside": {DESTINATION: aside}}))


def listing(*entries: str, status: str = "Connected") -> CommandResult:
    files = "".join(f"<file>{one.replace('<', '&lt;')}</file>" for one in entries)
    bricks = "".join(
        f"<brick><name>h{n}:/b</name><status>{status}</status>{files}"
        f"<numberOfEntries>{len(entries)}</numberOfEntries></brick>"
        for n in (1, 2)
    )
    return ok(
        f"<?xml version='1.0'?><cliOutput><healInfo><bricks>{bricks}</bricks></healInfo><opRet>0</opRet>"
        "<opErrno>0</opErrno><opErrstr/></cliOutput>"
    )


SPLIT = listing("/ganeti/a.0")


def programs(answers: Sequence[CommandResult]) -> List[str]:
    return [command.argv[0] for command in DISCARD.remaining(answers) or ()]


def test_a_copy_is_written_under_another_name_and_renamed_when_it_is_on_disk() -> None:
    commands = KEEP.remaining([report()])
    assert commands is not None
    assert [command.argv[0] for command in commands] == ["mkdir", "cp", "chmod", "sync", "mv", "sync"]
    assert commands[1].argv[-2:] == ("/b/ganeti/a.0", f"{DESTINATION}.partial")
    assert KEEP.remaining([report(["x"])]) is DONE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (report(["y"]), "has other content"),
        (report(blocks=None), "cannot be read to its end"),
        (report(modified=8), "has changed"),
        (report(size=8), "has changed"),
        (report(kind="directory"), "has changed"),
        (report(open=1), "is open on h1:/b"),
        (report(space=7), "no space to keep"),
        (FAILED, "cannot be read"),
    ],
)
def test_a_copy_that_is_not_kept(answer: CommandResult, words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        KEEP.remaining([answer])


def test_gluster_heals_from_the_copy_that_is_left() -> None:
    commands = DISCARD.remaining([SPLIT, report(), report(), ok("ADMIN_down\n")])
    assert commands is not None
    assert commands[0].argv[-4:] == ("split-brain", "source-brick", "h2:/b", "/ganeti/a.0")
    for entry in ("/ganeti/a.0", f"<gfid:{GFID}>"):
        assert DISCARD.remaining([listing(entry), report(), report(), ok("ADMIN_down\n")])
    # what is not in split-brain is left alone, whatever runs
    assert DISCARD.remaining([listing("/other"), report(), report(), ok("running\n")]) is DONE


def test_a_shard_is_healed_by_its_path() -> None:
    """Gluster 10.3 takes it, though no client has a path to a shard."""
    path = f".shard/{GFID}.1"
    answer = ok(report().stdout.replace("/ganeti/a.0", f"/{path}"))
    shard = replace(DISCARD, path=path)
    commands = shard.remaining([listing(f"/{path}"), answer, answer, ok("ADMIN_down\n")])
    assert commands is not None and commands[0].argv[-1] == f"/{path}"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([SPLIT, report(), report(), ok("running\n")], "web is not stopped"),
        ([SPLIT, report(), report(), FAILED], "not known whether web runs"),
        ([SPLIT, report(), report(), ok("\n")], "not known whether web runs"),
        ([SPLIT, report(), report(modified=8), ok("ADMIN_down\n")], "has changed"),
        ([SPLIT, report(), report(open=3), ok("ADMIN_down\n")], "is open on h2:/b"),
        ([SPLIT, report(), FAILED, ok("ADMIN_down\n")], "cannot be read"),
        ([listing(status="-"), report(), report(), ok("ADMIN_down\n")], "cannot be queried"),
        ([FAILED, report(), report(), ok("ADMIN_down\n")], "not known what of gv0 is in split-brain"),
    ],
)
def test_a_copy_that_is_not_given_up(answers: List[CommandResult], words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        DISCARD.remaining(answers)


@pytest.mark.parametrize(
    ("answers", "progress"),
    [
        ([listing(), report(), report()], ""),
        ([listing(), report(), report(blocks=("y",))], "not verified: the copies differ"),
        ([listing(), report(), report(size=8)], "not verified: the copies differ"),
        (
            [listing(), report(), report(blocks=None)],
            "not verified: the copy on h2:/b cannot be read to its end",
        ),
        ([SPLIT, report(), report()], "it is still in split-brain"),
    ],
)
def test_only_the_same_content_everywhere_is_the_end(answers: List[CommandResult], progress: str) -> None:
    assert SAME.progress(answers) == progress
    assert SAME.remaining(answers) is (WAIT if progress else DONE)


def test_an_instance_is_stopped_only_by_ganetis_word() -> None:
    for status in ("ADMIN_down", "USER_down", "ERROR_down"):
        must_be_stopped(ok(f"{status}\n"), "web")
    for status in ("running", "ERROR_up", "ERROR_nodedown", "ERROR_wrongnode", "?"):
        with pytest.raises(PreconditionFailed):
            must_be_stopped(ok(f"{status}\n"), "web")
