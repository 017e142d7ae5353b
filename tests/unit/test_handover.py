"""What one half hands the other."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster import capture, parcel
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError
from ganeti_gluster_mon.serve.handover import FOLLOW, LEAD, Cycle, Handed, Handover, boottime

RECORDED = capture.read(str(Path(__file__).parents[1] / "captures/recorded/healthy"))


@pytest.fixture
def handover(tmp_path: Path) -> Handover:
    between = Handover(str(tmp_path / "run"))
    between.prepare()
    return between


def handed(recorded: Capture = RECORDED, **more: object) -> Handed:
    return Handed(recorded, replace(Cycle(boottime(), 0.25, {"glusterd-down": 2}), **more))  # type: ignore[arg-type]


def test_what_is_handed_over_comes_out_the_same(handover: Handover) -> None:
    given = handed(event="brick ended")
    handover.publish(given)
    got = handover.current()
    assert got.cycle == given.cycle
    assert {answer.question: answer.output for answer in got.capture.answers} == {
        answer.question: answer.output for answer in RECORDED.answers
    }
    assert 0 <= got.age() < 60


def test_it_can_be_looked_into_whoever_made_it_and_how(tmp_path: Path) -> None:
    """Ganeti's node daemon, whose umask is 077, may have put something into the directory before."""
    before = os.umask(0o077)
    try:
        (tmp_path / "run").mkdir()
        Handover(str(tmp_path / "run")).prepare()
    finally:
        os.umask(before)
    for path in ("run", "run/captures", "run/word", "run/seen"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o755


def test_before_the_first_there_is_none(handover: Handover) -> None:
    with pytest.raises(CaptureError):
        handover.current()


def test_only_the_last_two_are_kept(handover: Handover) -> None:
    for number in range(5):
        handover.publish(handed(replace(RECORDED, recorded_at=number)))
    assert sorted(os.listdir(handover.captures)) == ["4", "5"]
    assert handover.current().capture.recorded_at == 4


def test_whether_somebody_asks_is_seen(handover: Handover) -> None:
    assert not handover.is_asking()
    with handover.asking():
        assert handover.is_asking()
        with handover.asking():  # one that takes over
            assert handover.is_asking()
        assert handover.is_asking()
    assert not handover.is_asking()


def test_what_a_killed_asker_left_is_swept(handover: Handover) -> None:
    handover.publish(handed())
    half = Path(handover.captures) / ".2.abcdef"
    half.mkdir()
    (half / "volume-info.xml").write_text("<half")
    (Path(handover.directory) / ".current").symlink_to("captures/.2.abcdef")
    handover.publish(handed(replace(RECORDED, recorded_at=7)))
    assert sorted(os.listdir(handover.captures)) == ["1", "2"]
    assert handover.current().capture.recorded_at == 7


def test_where_nothing_can_be_written_the_old_one_stays(
    handover: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    handover.publish(handed(replace(RECORDED, recorded_at=1)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture, "_write_file", full)
    with pytest.raises(CaptureError, match="No space left"):
        handover.publish(handed(replace(RECORDED, recorded_at=2)))
    monkeypatch.undo()
    assert handover.current().capture.recorded_at == 1
    handover.publish(handed(replace(RECORDED, recorded_at=3)))
    assert handover.current().capture.recorded_at == 3


def test_a_reader_never_sees_half_of_anything(handover: Handover) -> None:
    """While one is handed over after the other, each that is read is whole."""
    small = replace(RECORDED, answers=RECORDED.answers[:2])
    handover.publish(handed(small))
    stop = threading.Event()
    failed = []

    def write() -> None:
        try:
            number = 0
            while not stop.is_set():
                number += 1
                handover.publish(handed(replace(small, recorded_at=number)))
        except Exception as err:  # told below, in the thread that can fail the test
            failed.append(err)

    writer = threading.Thread(target=write)
    writer.start()
    whole = 0
    try:
        for _ in range(200):
            try:
                got = handover.current()
            except CaptureError:
                continue  # overtaken twice, and said so
            # A file that went while it was read is said by its answer's failure, never by half a text.
            if not any(answer.failure for answer in got.capture.answers):
                assert [answer.output for answer in got.capture.answers] == [a.output for a in small.answers]
                whole += 1
    finally:
        stop.set()
        writer.join()
    assert not failed
    assert whole > 20


@pytest.mark.parametrize("text", ["", "nonsense", "lead" * 100, "\0\0"])
def test_a_word_that_is_none_of_ours_is_no_role(handover: Handover, text: str) -> None:
    (Path(handover.word) / "role").write_text(text)
    assert handover.role() is None


def test_a_role_that_is_no_plain_file_is_none(handover: Handover, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("lead")
    (Path(handover.word) / "role").symlink_to(secret)
    assert handover.role() is None
    (Path(handover.word) / "role").unlink()
    os.mkfifo(Path(handover.word) / "role")
    assert handover.role() is None


def test_the_role_is_what_was_said_last(handover: Handover) -> None:
    assert handover.role() is None
    handover.say_role(LEAD)
    assert handover.role() == LEAD
    handover.say_role(FOLLOW)
    assert handover.role() == FOLLOW
    assert os.listdir(handover.word) == ["role"]
    handover.nudge()
    assert sorted(os.listdir(handover.word)) == ["nudge", "role"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"boottime": 1}', '{"boottime": 1, "seconds": 1, "more": 2}']
)
def test_a_cycle_that_cannot_be_read(handover: Handover, text: str) -> None:
    handover.publish(handed())
    (Path(handover.directory) / "current/cycle.json").write_text(text)
    with pytest.raises(CaptureError):
        handover.current()


def test_the_http_half_gets_into_what_another_has_made(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    Handover(str(directory)).prepare()
    assert directory.stat().st_mode & 0o777 == 0o755


def test_what_the_leader_told_can_be_read_by_commands(handover: Handover) -> None:
    assert handover.followed() is None
    handover.tell_followed(parcel.pack(RECORDED), 17, "own-uuid")
    told = handover.followed()
    assert told is not None
    assert told[1:] == (17, "own-uuid")
    assert {answer.question for answer in told[0].answers} == {answer.question for answer in RECORDED.answers}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"[]\n",
        b"{}\nx",
        b'{"format_version": 1, "boottime": "x", "uuid": ""}\n' + parcel.pack(RECORDED),
        b'{"format_version": 2, "boottime": 1, "uuid": ""}\n' + parcel.pack(RECORDED),
        b'{"format_version": 1, "boottime": 1, "uuid": ""}\n' + parcel.pack(RECORDED)[:-9],
        b"[" * 100000,
    ],
)
def test_of_nonsense_from_the_leader_nothing_is_read(handover: Handover, content: bytes) -> None:
    (Path(handover.seen) / "leader").write_bytes(content)
    assert handover.followed() is None


def test_no_link_is_followed_where_another_user_writes(handover: Handover, tmp_path: Path) -> None:
    handover.tell_followed(parcel.pack(RECORDED), 17, "own-uuid")
    os.rename(Path(handover.seen) / "leader", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", Path(handover.seen) / "leader")
    assert handover.followed() is None
    os.unlink(Path(handover.seen) / "leader")
    os.mkfifo(Path(handover.seen) / "leader")
    assert handover.followed() is None
