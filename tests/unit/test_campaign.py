"""The campaign's pure parts: the guest's program and blocks, what its log says, and the plan."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Dict, List, cast

import pytest

from tests.campaign import guest, plan
from tests.campaign.bricks import Brick, differences
from tests.campaign.guest import BLOCK, IMAGE, MIB, SECTOR, SLOTS, Log
from tests.campaign.plan import Operation, State
from tests.campaign.record import Record
from tests.campaign.site import Site

GENERATION = 0x10000001
SIZE = 32 * MIB
SOURCE = Path(guest.__file__).with_name("guest.S")


@pytest.mark.skipif(not (shutil.which("as") and shutil.which("ld")), reason="binutils are not installed")
def test_the_program_is_the_assembled_source(tmp_path: Path) -> None:
    built = tmp_path / "guest.o", tmp_path / "guest.bin"
    subprocess.run(["as", "--32", "-o", built[0], SOURCE], check=True, timeout=30)
    flags = ["-m", "elf_i386", "-Ttext=0x7c00", "--oformat=binary"]
    subprocess.run(["ld", *flags, "-o", built[1], built[0]], check=True, timeout=30)
    assert guest.program() == built[1].read_bytes()


def test_parameters_are_where_the_source_has_them() -> None:
    sector = guest.program(GENERATION, ticks=3)
    assert len(sector) == SECTOR
    assert sector[0x1F4:0x1F6] == b"\3\0"
    assert sector[0x1F8:0x1FC] == GENERATION.to_bytes(4, "little")
    assert sector[-2:] == b"\x55\xaa"


def disk(acknowledged: int) -> bytearray:
    return guest.image(GENERATION, acknowledged, SIZE, 3)


def wrong(content: bytes, acknowledged: int) -> List[str]:
    return guest.faults(content, GENERATION, acknowledged, SIZE, 3)


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [0, 1, SLOTS - 1, SLOTS, 1000])
def test_a_disk_with_all_its_blocks_is_right(acknowledged: int) -> None:
    assert wrong(disk(acknowledged), acknowledged) == []
    # One more block may have been written whose report is missing, or half of it.
    assert wrong(disk(acknowledged + 1), acknowledged) == []
    half, after = disk(acknowledged), disk(acknowledged + 1)
    start = guest.offset((acknowledged + 1) % SLOTS)
    half[start + SECTOR : start + BLOCK] = after[start + SECTOR : start + BLOCK]
    assert wrong(half, acknowledged) == []


def test_a_lost_block_is_named() -> None:
    content, older = disk(101), disk(99)
    start = guest.offset(100 % SLOTS)
    content[start : start + BLOCK] = older[start : start + BLOCK]
    assert wrong(content, 101) == [
        f"at byte {start} there is block {100 - SLOTS} of generation 10000001, "
        "not block 100 of generation 10000001"
    ]


def test_a_stale_image_over_a_block_is_named() -> None:
    content = disk(40)
    start = guest.offset(40 % SLOTS)
    content[start : start + BLOCK] = guest.line(GENERATION).encode() * (BLOCK // 16)
    (fault,) = wrong(content, 40)
    assert "there is the image of generation 010000001, not block 40" in fault


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, MIB - 1, guest.offset(5), IMAGE - 1, IMAGE, SIZE - 1])
def test_each_other_byte_matters(place: int) -> None:
    content = disk(70)
    content[place] ^= 1
    assert len(wrong(content, 70)) == 1


def test_the_size_matters() -> None:
    assert wrong(disk(3)[:-1], 3) == [f"the disk has {SIZE - 1} bytes, not {SIZE}"]


def report(letter: str, number: int, generation: int = GENERATION, sectors: str = "") -> str:
    return f"{letter} {generation:08x} {number:08x}{sectors}\n"


def read(*lines: str) -> Log:
    log = Log(GENERATION)
    text = "".join(lines)
    assert log.read(text) == len(text)
    return log


def test_a_log_is_read_line_by_line() -> None:
    log = Log(GENERATION)
    text = report("B", 0, sectors=" 00018000") + report("A", 1) + report("E", 4) + report("A", 2)
    position = log.read(text[:-3])
    assert (position, log.acknowledged) == (len(text) - len(report("A", 2)), 1)
    log.read(text[position:])
    assert (log.acknowledged, log.boots, log.errors, log.sectors, log.faults) == (2, 1, 1, 98304, [])


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([report("A", 1), report("A", 2), report("B", 1)], "the highest block was 1; 2 was acknowledged"),
        ([report("A", 1), report("B", 3)], "block 3 was there; 1 was the last one"),
        ([report("A", 1), report("A", 1)], "block 1 was reported twice"),
        ([report("B", 0, GENERATION - 1)], "generation 10000000 ran, and not 10000001"),
        ([report("A", 7), report("I", 3)], "slot 3 had a damaged block"),
        (["nonsense\n"], "'nonsense'"),
    ],
)
def test_what_must_not_be_in_a_log(lines: List[str], fault: str) -> None:
    (found,) = read(*lines).faults
    assert fault in found


def test_what_a_kill_leaves_is_no_fault() -> None:
    assert read(report("A", 7), report("I", 8), report("B", 7), report("A", 8)).faults == []
    assert read(report("A", 7), report("B", 8), report("A", 9)).faults == []


@pytest.mark.parametrize("cut", range(1, len(report("A", 8))))
def test_a_guest_that_is_killed_within_a_line_begins_another(cut: int) -> None:
    log = read(report("A", 7), report("A", 8)[:cut], report("B", 7), report("A", 8))
    assert (log.acknowledged, log.boots, log.faults) == (8, 1, [])


@pytest.mark.parametrize("cut", range(len(report("A", 2)) + 1))
def test_a_guest_that_migrates_within_a_line_ends_it_on_the_other_node(tmp_path: Path, cut: int) -> None:
    """Each node has a log of its own."""
    paths = dict.fromkeys((1, 2, 3), "/brick")
    site = cast(Site, SimpleNamespace(paths=paths, log=lambda name, node: tmp_path / str(node)))
    record = Record(site, print)
    record.logs["g1"] = log = Log(GENERATION)
    line = report("A", 2)
    source, target = tmp_path / "1", tmp_path / "2"
    source.write_text(report("A", 1) + line[:cut])
    record.read_logs()
    target.write_text(line[cut:] + report("A", 3)[:-1])
    record.read_logs()
    assert (log.written, log.faults) == ({1, 2}, [])
    with source.open("a") as file:  # it has migrated back
        file.write("\n" + report("A", 4))
    record.read_logs()
    assert (log.written, log.faults) == ({1, 2, 3, 4}, [])


# --- the plan ---------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_steps_and_they_can_be_replayed() -> None:
    first, again, other = (list(itertools.islice(plan.generate(seed), 300)) for seed in (7, 7, 8))
    assert first == again != other
    assert plan.steps(["# seed 7", "", *map(plan.line, first)]) == first


@pytest.mark.parametrize("seed", range(20))
def test_each_operation_is_possible_when_it_comes(seed: int) -> None:
    state = State()
    for step in itertools.islice(plan.generate(seed), 300):
        assert step
        names = [operation.words[0] for operation in step if operation.verb in plan.GUEST_VERBS]
        assert len(names) == len(set(names)), "one operation on a guest at a time"
        for operation in step:
            assert state.possible(operation), operation
        lasting = {operation.verb for operation in step} & {*plan.LASTING, *plan.LASTING.values()}
        assert len(step) == 1 or lasting <= set(plan.WHILE_GUESTS_RUN)
        assert len(lasting) <= 1
        for operation in step:
            state.apply(operation)


def test_in_five_hundred_operations_there_is_each() -> None:
    counts: Dict[str, int] = {}
    kinds = set()
    for step in itertools.islice(plan.generate(1), 400):
        for operation in step:
            counts[operation.verb] = counts.get(operation.verb, 0) + 1
            if operation.verb == "create":
                kinds.add(operation.words[1:3])
    assert sum(counts.values()) > 500
    counts.pop("check")
    expected = {*plan.GUEST_VERBS, *plan.LASTING, *plan.LASTING.values(), *plan.HITS, *plan.FAULT_WEIGHTS}
    assert expected == set(counts)
    assert kinds == set(itertools.product(("gluster", "ext"), plan.ACCESS))


def test_an_operation_that_is_not_possible() -> None:
    state = State()
    assert not state.possible(Operation("start", ("g1",)))
    state.apply(Operation("create", ("g1", "ext", "userspace", "2", "plain")))
    assert not state.possible(Operation("start", ("g1",)))
    state.apply(Operation("cut", ("2",)))
    assert not state.possible(Operation("kill", ("g1",)))
    assert not state.possible(Operation("kill-brick", ("3",)))
    assert state.writing() == []
    state.apply(Operation("join", ("2",)))
    assert state.writing() == ["g1"]


# --- bricks -----------------------------------------------------------------------------------------------


def test_files_that_are_not_on_all_bricks(tmp_path: Path) -> None:
    for node, names in {1: ["a", "b"], 2: ["a"], 3: ["a", "b"]}.items():
        folder = tmp_path / str(node) / "ganeti"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_bytes(b"x")
        (tmp_path / str(node) / ".glusterfs").mkdir()
        (tmp_path / str(node) / ".glusterfs" / "anything").write_bytes(b"")
    bricks = {node: Brick(tmp_path / str(node)) for node in (1, 2, 3)}
    assert differences(bricks) == ["ganeti/b is on the bricks of nodes [1, 3] alone"]
    assert bricks[2].files() == {"ganeti/a": 1}
    assert bricks[2].read("ganeti/a") == b"x"
