"""Split-brain in repair: what is named, what is refused, and in which order a copy is given up.

The program that reads copies runs on directories here; Gluster's and Ganeti's answers are made up.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, cast

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import problem_repair
from ganeti_gluster_mon.deploy.apply import PlanStopped, apply
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.command_arguments import UsageError
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.remote import split_copies
from ganeti_gluster_mon.deploy.repairing import repair
from ganeti_gluster_mon.deploy.split_brain_steps import SameCopies
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list, volume, volume_info
from tests.unit.deploy.test_repairing import Hosts

NODES = tuple(f"node{n}.example.org" for n in (1, 2, 3))
GFID = "0a5c8b52-7f4e-4f29-9d4c-6a0a4d2f8e11"
DISK = "ganeti/11111111-2222-3333-4444-555555555555.0"
SHARD = f".shard/{GFID}.1"
MIB = 1 << 20


class SplitPool:
    """Three bricks below a directory, with files in split-brain."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: entries in split-brain, as heal info names them
        self.entries: List[str] = [f"/{DISK}"]
        self.gfids: Dict[str, str] = {}
        #: node → of the shard there, where it is another one
        self.own_gfids: Dict[str, str] = {}
        self.status = "ADMIN_down"
        self.opened: Dict[str, int] = {}
        self.space = 1 << 40
        self.not_connected: Tuple[str, ...] = ()
        self.ran: List[Tuple[str, ...]] = []
        #: what a command does in addition, before it
        self.fail: Optional[str] = None
        self.hosts = Hosts()
        #: a second set of bricks, which has none of the files
        self.distributed = False
        self.write(DISK, [b"a" * MIB + b"b" * MIB, b"a" * MIB + b"c" * MIB, b"a" * MIB + b"c" * MIB])

    def brick(self, node: str) -> Path:
        return self.root / node / "fs" / "brick"

    def write(self, path: str, contents: Sequence[bytes], gfid: str = GFID) -> None:
        for node, content in zip(NODES, contents):
            file = self.brick(node) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            self.gfids[path] = gfid
            link = Path(split_copies.handle(str(self.brick(node)), gfid))
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            os.link(file, link)

    def read(self, node: str, path: str = DISK) -> bytes:
        return (self.brick(node) / path).read_bytes()

    # --- the nodes ----------------------------------------------------------------------------------------

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        return tuple(self._answer(node, tuple(argv)) for argv in queries)

    def _answer(self, node: str, argv: Tuple[str, ...]) -> CommandResult:
        if argv == POOL_LIST:
            return pool_list(node, *(other for other in NODES if other != node))
        if argv == VOLUME_INFO:
            bricks = [f"{one}:{self.brick(one)}" for one in NODES]
            if not self.distributed:
                return volume_info(volume("gv0", bricks))
            return volume_info(
                volume("gv0", [*bricks, *(f"{one}2" for one in bricks)], kind="Distributed-Replicate")
            )
        if "split-brain" in argv:
            return self._split_brain()
        if "status" in argv and "volume" in argv:
            found = self.hosts._status().stdout
            for one in NODES:
                found = found.replace(
                    f"<hostname>{one}</hostname><path>/b<",
                    f"<hostname>{one}</hostname><path>{self.brick(one)}<",
                )
            if self.distributed:
                nodes = found[found.index("<node>") : found.index("<tasks/>")]
                found = found.replace("<tasks/>", f"{nodes.replace('/brick<', '/brick2<')}<tasks/>")
            return ok(found)
        if argv[0] == "cat":
            return ok(json.dumps(self._configuration()))
        if argv[0] == "gnt-instance":
            return ok(f"{self.status}\n") if self.status else FAILED
        if argv[0] == "python3" and "programs" in argv[-1]:
            return ok(json.dumps({"programs": [], "paths": [], "hosts": []}))
        if argv[0] == "python3" and argv[-1].startswith('{"brick"'):
            return ok(json.dumps(split_copies.look(json.loads(argv[-1]))))
        return ok()

    def _split_brain(self) -> CommandResult:
        bricks = ""
        for one in NODES:
            files = "".join(
                f"<file gfid='{GFID}'>{each.replace('<', '&lt;').replace('>', '&gt;')}</file>"
                for each in self.entries
            )
            away = one in self.not_connected
            bricks += f"<brick hostUuid='-'><name>{one}:{self.brick(one)}</name>" + (
                "<status>Transport endpoint is not connected</status><numberOfEntries>-</numberOfEntries></brick>"
                if away
                else f"<status>Connected</status>{files}<numberOfEntries>{len(self.entries)}</numberOfEntries></brick>"
            )
        for one in NODES if self.distributed else ():
            (self.root / one / "fs" / "brick2").mkdir(exist_ok=True)
            bricks += f"<brick hostUuid='-'><name>{one}:{self.brick(one)}2</name><status>Connected</status>"
            bricks += "<numberOfEntries>0</numberOfEntries></brick>"
        return ok(
            f"<?xml version='1.0'?><cliOutput><healInfo><bricks>{bricks}</bricks></healInfo><opRet>0</opRet>"
            "<opErrno>0</opErrno><opErrstr/></cliOutput>"
        )

    def _configuration(self) -> Dict[str, Any]:
        disk = {"dev_type": "gluster", "logical_id": ["file", DISK], "size": 2, "params": {"volume": "gv0"}}
        return {
            "cluster": {"enabled_disk_templates": ["gluster"]},
            "nodes": {"n": {"name": NODES[0]}},
            "instances": {"i": {"name": "web", "primary_node": "n", "disks": ["d"]}},
            "disks": {"d": disk},
        }

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        if self.fail is not None and self.fail in argv:
            raise NodeUnavailable(f"{node}: {self.fail} was interrupted")
        self.ran.append((node[:5], *argv))
        if argv[0] == "mkdir":
            Path(argv[-1]).mkdir(parents=True, exist_ok=True)
        elif argv[0] == "cp":
            shutil.copy2(argv[-2], argv[-1])
        elif argv[0] == "mv":
            os.rename(argv[-2], argv[-1])
        elif "source-brick" in argv:
            source, path = argv[-2].partition(":")[0], argv[-1].lstrip("/")
            content = self.read(source, path)
            self.write(path, [content] * 3, self.gfids[path])
            if path == SHARD and self.own_gfids:
                self.own_gfids.clear()
                self.entries.remove("/.shard")
            else:
                self.entries.remove(f"/{path}")
        return ok()


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SplitPool:
    made = SplitPool(tmp_path)
    monkeypatch.setattr(problem_repair, "query_problems", lambda: ((), ""))

    def attribute(path: str, name: str) -> Optional[bytes]:
        found = next((gfid for end, gfid in made.gfids.items() if path.endswith(f"/{end}")), None)
        if path.endswith(SHARD):
            found = next((gfid for node, gfid in made.own_gfids.items() if node in path), found)
        return bytes.fromhex(found.replace("-", "")) if found and name == "trusted.gfid" else None

    def places(brick: str) -> List[str]:
        return [str(Path(brick).parent / "kept"), str(tmp_path / "node")]

    monkeypatch.setattr(split_copies, "attribute", attribute)
    monkeypatch.setattr(split_copies, "keep_directories", places)
    monkeypatch.setattr(split_copies, "available", lambda directory: made.space)
    monkeypatch.setattr(split_copies, "open_files", lambda brick: made.opened)
    return made


def proposal(pool: SplitPool, *words: str) -> Proposal:
    arguments = gnt_gluster.parser().parse_args(["repair", *words])
    return repair(Context(cluster(3), cast(LockHost, pool), NODES[0]), arguments)


def give_up(pool: SplitPool, *nodes: str, path: str = DISK) -> Proposal:
    words = [word for node in nodes for word in ("--discard-copy", f"{node}:gv0:{path}")]
    return proposal(pool, "gv0", *words)


def kept(pool: SplitPool, node: str) -> List[Path]:
    return [path for path in (pool.root / node / "fs" / "kept").rglob("*") if path.is_file()]


def test_each_file_is_named_with_its_guest_and_its_copies(pool: SplitPool) -> None:
    found = proposal(pool)
    assert found.steps == ()
    first, *copies, last = found.notes
    assert first == f"gv0: {DISK} (disk/0 of web) is in split-brain; 1 of 2 blocks of 1 MiB differ: 1"
    assert [line.split(": ")[0].strip() for line in copies] == [f"{one}:{pool.brick(one)}" for one in NODES]
    assert all(f"{2 * MIB} bytes, written 2" in line for line in copies)
    assert last.endswith(f"with web stopped: gnt-gluster repair gv0 --discard-copy {NODES[2]}:gv0:{DISK}")


def test_a_shard_is_named_with_the_disk_that_it_is_a_part_of(pool: SplitPool) -> None:
    pool.write(SHARD, [b"x", b"y", b"y"], "99999999-7f4e-4f29-9d4c-6a0a4d2f8e11")
    pool.entries = [f"/{SHARD}"]
    found = proposal(pool)
    assert found.notes[0].startswith(f"gv0: {SHARD} (part 1 of {DISK}, disk/0 of web) is in split-brain")
    assert found.notes[-1].endswith(f"--discard-copy {NODES[2]}:gv0:{DISK}")


def test_a_file_that_bricks_list_by_path_and_by_gfid_is_named_once(pool: SplitPool) -> None:
    """So it is with Gluster 10.3: a brick lists a path only where it has it in its memory."""
    pool.entries = [f"<gfid:{GFID}>", f"/{DISK}"]
    assert sum("is in split-brain" in note for note in proposal(pool).notes) == 1
    assert [type(step).__name__ for step in give_up(pool, "node1").steps] == [
        "KeepCopy",
        "DiscardCopy",
        "SameCopies",
    ]
    pool.entries = [f"<gfid:{GFID}>"]
    assert proposal(pool).notes[0].startswith(f"gv0: {DISK} (disk/0 of web) is in split-brain")
    assert len(give_up(pool, "node1").steps) == 3


def test_a_file_on_one_set_of_a_distributed_volume(pool: SplitPool) -> None:
    pool.distributed = True
    found = give_up(pool, "node1")
    assert [type(step).__name__ for step in found.steps] == ["KeepCopy", "DiscardCopy", "SameCopies"]
    # the other set may have a pointer to the file, which has its GFID and no data
    for node in NODES:
        pointer = pool.root / node / "fs" / "brick2" / DISK
        pointer.parent.mkdir(parents=True)
        pointer.write_bytes(b"")
    assert len(give_up(pool, "node1").steps) == 3
    assert sum("is in split-brain" in note for note in proposal(pool).notes) == 1


def test_a_directory_is_named_and_not_repaired(pool: SplitPool) -> None:
    pool.entries = ["/"]
    notes = proposal(pool).notes
    assert notes[0] == "gv0: / is in split-brain; a directory" and "healed when they are" in notes[-1]


def test_the_copy_is_kept_before_it_is_given_up_and_all_are_compared(pool: SplitPool) -> None:
    lost, good = pool.read(NODES[0]), pool.read(NODES[1])
    found = give_up(pool, "node1")
    assert [type(step).__name__ for step in found.steps] == ["KeepCopy", "DiscardCopy", "SameCopies"]
    assert apply(cast(LockHost, pool), found.steps, print)
    (aside,) = kept(pool, NODES[0])
    assert aside.read_bytes() == lost
    assert f"{NODES[0]}:{aside}" in found.result
    assert [pool.read(one) for one in NODES] == [good] * 3
    heal = next(argv for argv in pool.ran if "source-brick" in argv)
    assert heal[-2:] == (f"{NODES[1]}:{pool.brick(NODES[1])}", f"/{DISK}")
    assert [argv[1] for argv in pool.ran].index("mv") < pool.ran.index(heal)


def test_a_disk_is_chosen_with_its_shards(pool: SplitPool) -> None:
    pool.write(SHARD, [b"x", b"y", b"y"], "99999999-7f4e-4f29-9d4c-6a0a4d2f8e11")
    pool.entries.append(f"/{SHARD}")
    found = give_up(pool, "node1")
    apply(cast(LockHost, pool), found.steps, print)
    assert pool.entries == [] and len(kept(pool, NODES[0])) == 2
    assert (f"/{SHARD}",) in {argv[-1:] for argv in pool.ran}
    pool.entries = [f"/{DISK}", f"/{SHARD}"]
    pool.write(SHARD, [b"x", b"y", b"y"], "99999999-7f4e-4f29-9d4c-6a0a4d2f8e11")
    steps = give_up(pool, "node1", path=SHARD).steps
    assert [getattr(step, "path", "") for step in steps] == [SHARD] * 3


@pytest.mark.parametrize("interrupted", ["cp", "mv", "source-brick"])
def test_it_goes_on_where_it_was_interrupted(pool: SplitPool, interrupted: str) -> None:
    lost = pool.read(NODES[0])
    pool.fail = interrupted
    with pytest.raises(PlanStopped, match="the same command again goes on from there"):
        apply(cast(LockHost, pool), give_up(pool, "node1").steps, print)
    assert pool.entries and pool.read(NODES[0]) == lost
    pool.fail = None
    apply(cast(LockHost, pool), give_up(pool, "node1").steps, print)
    assert [path.read_bytes() for path in kept(pool, NODES[0])] == [lost]
    # and once more, when all is done
    again = give_up(pool, "node1")
    assert [type(step).__name__ for step in again.steps] == ["SameCopies"]
    assert not apply(cast(LockHost, pool), again.steps, print)
    assert str(kept(pool, NODES[0])[0]) in again.result


def test_an_instance_that_runs_or_whose_state_is_not_known(pool: SplitPool) -> None:
    for status, words in (
        ("running", r"web is not stopped \(running\)"),
        ("ERROR_nodedown", r"web is not stopped \(ERROR_nodedown\)"),
        ("", "not known whether web runs"),
    ):
        pool.status = status
        with pytest.raises(PreconditionFailed, match=words):
            give_up(pool, "node1")


def test_an_instance_that_was_started_meanwhile(pool: SplitPool) -> None:
    found = give_up(pool, "node1")
    pool.status = "running"
    with pytest.raises(Exception, match="web is not stopped"):
        apply(cast(LockHost, pool), found.steps, print)
    assert not any("source-brick" in argv for argv in pool.ran)


def test_a_copy_that_was_written_meanwhile(pool: SplitPool) -> None:
    found = give_up(pool, "node1")
    os.utime(pool.brick(NODES[1]) / DISK, ns=(1, 1))
    with pytest.raises(Exception, match="has changed since it was looked at"):
        apply(cast(LockHost, pool), found.steps, print)
    assert not any("source-brick" in argv for argv in pool.ran)


def test_a_file_that_is_open(pool: SplitPool) -> None:
    status = os.stat(pool.brick(NODES[1]) / DISK)
    pool.opened = {f"{status.st_dev}:{status.st_ino}": 1}
    with pytest.raises(PreconditionFailed, match="is open on node2"):
        give_up(pool, "node1")


def test_copies_that_would_be_left_and_differ(pool: SplitPool) -> None:
    with pytest.raises(PreconditionFailed, match="would be left differ"):
        give_up(pool, "node3")
    found = give_up(pool, "node3", "node2")
    apply(cast(LockHost, pool), found.steps, print)
    assert pool.read(NODES[2]) == b"a" * MIB + b"b" * MIB
    assert [len(kept(pool, node)) for node in NODES] == [0, 1, 1]


def test_no_copy_would_be_left(pool: SplitPool) -> None:
    with pytest.raises(PreconditionFailed, match="no copy with data would be left"):
        give_up(pool, "node1", "node2", "node3")


def test_no_space_to_keep_the_copy(pool: SplitPool) -> None:
    pool.space = MIB
    with pytest.raises(PreconditionFailed, match="no space to keep the copy"):
        give_up(pool, "node1")


def test_nothing_is_done_while_a_brick_cannot_be_queried(pool: SplitPool) -> None:
    pool.not_connected = NODES[2:]
    with pytest.raises(PreconditionFailed, match="cannot be queried"):
        give_up(pool, "node1")
    assert any("cannot be queried" in note for note in proposal(pool).notes)
    pool.not_connected = ()
    pool.hosts = Hosts(daemons=NODES[2:])
    with pytest.raises(PreconditionFailed, match="does not run"):
        give_up(pool, "node1")


def test_a_brick_that_dies_meanwhile(pool: SplitPool) -> None:
    """One line, the copy that was kept stays, and the same command goes on when the brick is back."""
    found = give_up(pool, "node1")
    apply(cast(LockHost, pool), found.steps[:1], print)
    pool.not_connected = NODES[1:2]
    with pytest.raises(CommandError) as stopped:
        apply(cast(LockHost, pool), found.steps, print)
    assert "cannot be queried" in str(stopped.value)
    assert not any("source-brick" in argv for argv in pool.ran)
    pool.not_connected = ()
    apply(cast(LockHost, pool), give_up(pool, "node1").steps, print)
    assert len(kept(pool, NODES[0])) == 1 and pool.entries == []


def test_a_shard_that_was_created_on_its_own_on_two_sides(pool: SplitPool) -> None:
    """Gluster lists the directory of the shards only; the shards have different GFIDs."""
    own, other = (f"9999999{n}-7f4e-4f29-9d4c-6a0a4d2f8e11" for n in (1, 2))
    pool.write(SHARD, [b"x", b"y", b"y"], own)
    pool.own_gfids[NODES[0]] = other
    pool.entries = ["/.shard"]
    notes = proposal(pool).notes
    assert any(
        note.startswith(f"gv0: {SHARD} (part 1 of {DISK}, disk/0 of web) is in split-brain") for note in notes
    )
    found = give_up(pool, "node1")
    assert [type(step).__name__ for step in found.steps] == ["KeepCopy", "DiscardCopy", "SameCopies"]
    pool.own_gfids[NODES[1]] = f"9999999{3}-7f4e-4f29-9d4c-6a0a4d2f8e11"
    with pytest.raises(PreconditionFailed, match="would be left differ"):
        give_up(pool, "node1")
    del pool.own_gfids[NODES[1]]
    apply(cast(LockHost, pool), give_up(pool, "node1").steps, print)
    assert [pool.read(node, SHARD) for node in NODES] == [b"y"] * 3
    assert [path.read_bytes() for path in kept(pool, NODES[0])] == [b"x"]


def test_a_shard_whose_copy_was_kept_is_compared_by_the_next_run(
    pool: SplitPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.write(SHARD, [b"x", b"y", b"y"], "99999999-7f4e-4f29-9d4c-6a0a4d2f8e11")
    pool.entries = [f"/{SHARD}"]
    apply(cast(LockHost, pool), give_up(pool, "node1").steps[:2], print)
    pool.write(SHARD, [b"x", b"y", b"y"], "99999999-7f4e-4f29-9d4c-6a0a4d2f8e11")  # not healed yet
    *_, step = give_up(pool, "node1").steps
    assert step.description == f"{SHARD} of gv0 verified: 3 copies are the same"
    monkeypatch.setattr(SameCopies, "effect_timeout", 0.0)
    with pytest.raises(CommandError, match="not verified: the copies differ"):
        apply(cast(LockHost, pool), (step,), print)


def test_copies_that_are_no_files(pool: SplitPool) -> None:
    path = pool.brick(NODES[1]) / DISK
    path.unlink()
    path.mkdir()
    with pytest.raises(PreconditionFailed, match="not all of its copies are files"):
        give_up(pool, "node1")


def test_a_file_that_is_not_in_split_brain(pool: SplitPool) -> None:
    with pytest.raises(PreconditionFailed, match=r"not in split-brain|no file of that name"):
        give_up(pool, "node1", path="ganeti/other")
    pool.entries = []
    with pytest.raises(PreconditionFailed, match="it is not in split-brain"):
        give_up(pool, "node1")


def test_a_choice_of_another_volume_or_node_is_a_usage_error(pool: SplitPool) -> None:
    with pytest.raises(UsageError, match="is no node of"):
        give_up(pool, "node9")
    with pytest.raises(UsageError, match="of volume other"):
        proposal(pool, "gv0", "--discard-copy", f"node1:other:{DISK}")


@pytest.mark.parametrize(
    "text", ["gv0:a", "node1:gv0", "node1:gv0:", "node1:gv0:../a", "node1:g v:a", ":gv0:a", "n:v:a//b"]
)
def test_what_is_no_copy(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        gnt_gluster.parser().parse_args(["repair", "gv0", "--discard-copy", text])
    assert ended.value.code == 2
    assert "--discard-copy" in capsys.readouterr().err
