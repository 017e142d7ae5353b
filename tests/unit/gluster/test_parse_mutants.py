"""Answers unlike what Gluster writes: never another exception than NoAnswer, never a silent wrong fact."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeti_gluster_mon.gluster import parse
from tests import hostile, mutate
from tests.unit.answers import ANSWERS, HEALTHY, answer_of, reader_of

pytestmark = pytest.mark.corpus

XML = [file for file in ANSWERS if file.suffix == ".xml"]
STATE = answer_of(Path(__file__).parents[1] / "answers", "get-state", ".txt")


def agrees(found: Any, truth: Any) -> bool:
    """Whether *found* says nothing that *truth* does not: the same, or less, or in another order."""
    if found is None or found == truth:
        return True
    if type(found) is not type(truth):
        return False
    if isinstance(found, parse.NodeStatus):
        # glusterd's way of saying that no inode is left; see test_without_free_inodes.
        full = truth._replace(inodes_free=0)
        return agrees(tuple(found), tuple(truth)) or agrees(tuple(found), tuple(full))
    if dataclasses.is_dataclass(found):
        return all(
            agrees(getattr(found, field.name), getattr(truth, field.name))
            for field in dataclasses.fields(found)
        )
    if isinstance(found, Mapping):
        return bool(found.items() <= truth.items())
    if isinstance(found, tuple) and found and not isinstance(found[0], (str, int, type(None))):
        return all(any(agrees(one, other) for other in truth) for one in found)
    if isinstance(found, tuple):
        return len(found) <= len(truth) and all(map(agrees, found, truth))
    return False


def check(read: Callable[[bytes], parse.Parsed[Any]], truth: Any, mutant: mutate.Mutant) -> None:
    """A mutant gives no answer, or faults, or nothing that is not true."""
    try:
        parsed = read(mutant.output)
    except parse.NoAnswer as error:
        one_line = str(error)
    else:
        assert parsed.faults or agrees(parsed.facts, truth), (mutant.what, parsed.facts)
        return
    assert one_line.isprintable(), mutant.what
    assert one_line, mutant.what


def truth_of(file: Path) -> Any:
    """The facts of the answer in *file* as it is; None where Gluster reports an error."""
    try:
        return reader_of(file)(file.read_bytes()).facts
    except parse.Refused:
        return None


@pytest.mark.parametrize("file", ANSWERS, ids=str)
def test_cut_short(file: Path) -> None:
    """Wherever an answer is cut, nothing of it is taken for whole."""
    read = reader_of(file)
    for mutant in mutate.truncated(file.read_bytes()):
        with pytest.raises(parse.Unreadable):
            pytest.fail(f"{mutant.what}: {read(mutant.output)}")


@pytest.mark.parametrize("file", XML, ids=str)
def test_without_the_newline_at_its_end(file: Path) -> None:
    output = file.read_bytes()
    for cut in (output.rstrip(), output + b"\n \t\n"):
        assert outcome(reader_of(file), cut) == outcome(reader_of(file), output)


def outcome(read: Callable[[bytes], parse.Parsed[Any]], output: bytes) -> Any:
    try:
        return read(output)
    except parse.Refused as refused:
        return refused.op_errno, refused.message


@pytest.mark.parametrize("most", [100, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.parametrize("file", XML, ids=str)
@pytest.mark.parametrize(
    "change", [mutate.dropped, mutate.doubled, mutate.swapped, mutate.misnumbered, mutate.damaged]
)
def test_changed(file: Path, change: Callable[[bytes], Iterator[mutate.Mutant]], most: int) -> None:
    answer, read, truth = file.read_bytes(), reader_of(file), truth_of(file)
    mutants = mutate.sample(list(change(answer)), most)
    assert mutants
    for mutant in mutants:
        check(read, truth, mutant)


@pytest.mark.parametrize("file", XML, ids=str)
def test_something_behind_the_end(file: Path) -> None:
    for mutant in mutate.followed(file.read_bytes()):
        try:
            assert reader_of(file)(mutant.output).faults, mutant.what
        except parse.NoAnswer:
            continue


def test_every_number_that_is_read_is_checked() -> None:
    """No number of a node is taken for another: it is named as a fault, or it is not read at all."""
    answer = answer_of(HEALTHY, "volume-status-detail")
    truth = parse.volume_status(answer)
    read = (
        "nodeCount",
        "status",
        "port",
        "pid",
        "sizeTotal",
        "sizeFree",
        "blockSize",
        "inodesTotal",
        "inodesFree",
    )
    spans = [span for span in mutate.spans(answer) if span.name in read]
    for span in mutate.sample(spans, 40):
        for wrong in mutate.NOT_NUMBERS:
            parsed = parse.volume_status(mutate.replaced(answer, span, wrong).output)
            assert len(parsed.faults) == 1, (span, wrong, parsed.faults)
            assert agrees(parsed.facts, truth.facts)


@pytest.mark.parametrize("change", [mutate.lines_dropped, mutate.lines_doubled, mutate.lines_misnumbered])
def test_changed_state(change: Callable[[bytes], Iterator[mutate.Mutant]]) -> None:
    truth = parse.state(STATE).facts
    for mutant in mutate.sample(list(change(STATE)), 400):
        check(parse.state, truth, mutant)


@pytest.mark.parametrize("file", ANSWERS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_bytes_anywhere(file: Path, data: st.DataObject) -> None:
    """Pieces of an answer taken out, moved and mixed with anything: Parsed or NoAnswer."""
    output = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(output)))
        end = data.draw(st.integers(begin, min(len(output), begin + 400)))
        output[begin:end] = data.draw(
            st.one_of(
                st.binary(max_size=20), st.sampled_from(mutate.NONSENSE), st.text(max_size=20).map(_encoded)
            )
        )
    try:
        assert isinstance(reader_of(file)(bytes(output)), parse.Parsed)
    except parse.NoAnswer:
        return


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@settings(max_examples=200, deadline=None)
@given(output=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(_encoded)))
def test_no_answer_at_all(output: bytes) -> None:
    for read in (parse.volume_status, parse.state, parse.readable):
        with pytest.raises(parse.Unreadable):
            read(output)


@pytest.mark.parametrize("file", XML, ids=str)
def test_answers_to_other_questions(file: Path) -> None:
    """An answer read as that to another question is no answer, not an empty one."""
    for reader in (parse.volume_info, parse.volume_status, parse.pool_list, parse.heal_info,
                   parse.quota_list, parse.rebalance_status, parse.state):  # fmt: skip
        if reader is not reader_of(file):
            with pytest.raises(parse.NoAnswer):
                reader(file.read_bytes())


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lol">%s]>
<cliOutput><opRet>0</opRet><volStatus><volumes><volume><volName>&z;</volName></volume></volumes></volStatus></cliOutput>
"""


@pytest.mark.parametrize(
    "output",
    [
        BOMB
        % b"".join(b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(25)),
        b'<!DOCTYPE cliOutput SYSTEM "file:///etc/passwd"><cliOutput/>',
        b'<!DOCTYPE cliOutput [<!ENTITY x SYSTEM "file:///etc/passwd">]><cliOutput>&x;</cliOutput>',
        b"<cliOutput><opRet>&lol;</opRet></cliOutput>",
        b'<?xml version="1.0" encoding="UTF-16"?><cliOutput><opRet>\xff</opRet></cliOutput>',
        b"<cliOutput><?php ?><opRet>0</opRet></cliOutput>",
        b"<html><opRet>0</opRet></html>",
        b"<cliOutput/>",
        b"<cliOutput><opRet>0</opRet><opRet>0</opRet></cliOutput>",
        b"<cliOutput><opRet>0<x/></opRet></cliOutput>",
        b"<cliOutput><opRet>--1</opRet></cliOutput>",
        b"",
        b"\n\n",
        b"quota: No quota configured on volume gv0\n",
    ],
)
def test_refused_at_sight(output: bytes) -> None:
    with pytest.raises(parse.Unreadable):
        parse.readable(output)


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_a_hundred_megabytes_of_nonsense(kind: str) -> None:
    """Given up soon, in little memory in addition to the answer itself; in a process of its own, to measure it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", kind, "100"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcome, seconds, megabytes = done.stdout.split("\t")
    assert outcome.startswith("Unreadable: ")
    assert float(megabytes) < 100
    # The slowest are well-formed to the end; a machine ten times slower than ours is allowed for.
    assert float(seconds) < 60
