"""The files that the poller and the web process hand to each other."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon.spool import FOLLOW, LEAD, CycleRecord, Spool, SpooledCapture, boottime
from ganeti_gluster_mon.gluster import capture, capture_archive
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError

RECORDED = capture.read(str(Path(__file__).parents[2] / "captures/recorded/healthy"))


OWN = "2f5fe442-3b7d-413f-a157-e783a5d0af1b"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    between = Spool(str(tmp_path / "run"))
    between.prepare()
    return between


def handed(recorded: Capture = RECORDED, **more: object) -> SpooledCapture:
    return SpooledCapture(recorded, replace(CycleRecord(boottime(), 0.25, {"glusterd-down": 2}), **more))  # type: ignore[arg-type]


def test_what_is_handed_over_comes_out_the_same(spool: Spool) -> None:
    given = handed(event="brick ended")
    spool.publish(given)
    got = spool.current()
    assert got.cycle == given.cycle
    assert {answer.query: answer.output for answer in got.capture.answers} == {
        answer.query: answer.output for answer in RECORDED.answers
    }
    assert 0 <= got.age() < 60


def test_it_can_be_read_by_others_whatever_the_umask(tmp_path: Path) -> None:
    """Ganeti's node daemon, whose umask is 077, may have put something into the directory before."""
    before = os.umask(0o077)
    try:
        (tmp_path / "run").mkdir()
        Spool(str(tmp_path / "run")).prepare()
    finally:
        os.umask(before)
    for path in ("run", "run/to-poller", "run/web-state"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "run/captures").stat().st_mode) == 0o750


def test_before_the_first_there_is_none(spool: Spool) -> None:
    with pytest.raises(CaptureError):
        spool.current()


def test_only_the_last_two_are_kept(spool: Spool) -> None:
    for number in range(5):
        spool.publish(handed(replace(RECORDED, recorded_at=number)))
    assert sorted(os.listdir(spool.captures)) == ["4", "5"]
    assert spool.current().capture.recorded_at == 4


def test_whether_there_is_a_request_is_known(spool: Spool) -> None:
    assert not spool.is_poller_running()
    with spool.poller_running():
        assert spool.is_poller_running()
        with spool.poller_running():  # one that takes over
            assert spool.is_poller_running()
        assert spool.is_poller_running()
    assert not spool.is_poller_running()


def test_what_a_killed_poller_left_is_removed(spool: Spool) -> None:
    spool.publish(handed())
    half = Path(spool.captures) / ".2.abcdef"
    half.mkdir()
    (half / "volume-info.xml").write_text("<half")
    (Path(spool.directory) / ".current").symlink_to("captures/.2.abcdef")
    spool.publish(handed(replace(RECORDED, recorded_at=7)))
    assert sorted(os.listdir(spool.captures)) == ["1", "2"]
    assert spool.current().capture.recorded_at == 7


def test_where_nothing_can_be_written_the_old_one_stays(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.publish(handed(replace(RECORDED, recorded_at=1)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture, "_write_file", full)
    with pytest.raises(CaptureError, match="No space left"):
        spool.publish(handed(replace(RECORDED, recorded_at=2)))
    monkeypatch.undo()
    assert spool.current().capture.recorded_at == 1
    spool.publish(handed(replace(RECORDED, recorded_at=3)))
    assert spool.current().capture.recorded_at == 3


def test_a_reader_never_sees_half_of_anything(spool: Spool) -> None:
    """While captures are published one after the other, each that is read is whole."""
    small = replace(RECORDED, answers=RECORDED.answers[:2])
    spool.publish(handed(small))
    stop = threading.Event()
    failed = []

    def write() -> None:
        try:
            number = 0
            while not stop.is_set():
                number += 1
                spool.publish(handed(replace(small, recorded_at=number)))
        except Exception as err:  # reported below, in the thread that can fail the test
            failed.append(err)

    writer = threading.Thread(target=write)
    writer.start()
    whole = reads = 0
    until = time.monotonic() + 60
    try:
        # a reader that gets little of the processor is overtaken more often
        while (reads < 200 or whole <= 20) and time.monotonic() < until:
            reads += 1
            try:
                got = spool.current()
            except CaptureError:
                continue  # overtaken twice, and reported as such
            # The answer of a file that is deleted while it is read has a failure, and never half a text.
            if not any(answer.failure for answer in got.capture.answers):
                assert [answer.output for answer in got.capture.answers] == [a.output for a in small.answers]
                whole += 1
    finally:
        stop.set()
        writer.join()
    assert not failed
    assert whole > 20


@pytest.mark.parametrize("text", ["", "nonsense", "lead" * 100, "\0\0"])
def test_a_word_that_is_none_of_ours_is_no_role(spool: Spool, text: str) -> None:
    (Path(spool.to_poller) / "role").write_text(text)
    assert spool.role() is None


def test_a_role_that_is_no_plain_file_is_none(spool: Spool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("lead")
    (Path(spool.to_poller) / "role").symlink_to(secret)
    assert spool.role() is None
    (Path(spool.to_poller) / "role").unlink()
    os.mkfifo(Path(spool.to_poller) / "role")
    assert spool.role() is None


def test_the_role_is_the_last_one_written(spool: Spool) -> None:
    assert spool.role() is None
    spool.write_role(LEAD)
    assert spool.role() == LEAD
    spool.write_role(FOLLOW)
    assert spool.role() == FOLLOW
    assert os.listdir(spool.to_poller) == ["role"]
    spool.nudge()
    assert sorted(os.listdir(spool.to_poller)) == ["nudge", "role"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"boottime": 1}', '["boottime"]'])
def test_a_cycle_that_cannot_be_read(spool: Spool, text: str) -> None:
    spool.publish(handed())
    (Path(spool.directory) / "current/cycle.json").write_text(text)
    with pytest.raises(CaptureError):
        spool.current()


def test_the_http_half_gets_into_what_another_has_made(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    Spool(str(directory)).prepare()
    assert directory.stat().st_mode & 0o777 == 0o755


def test_what_the_leader_sent_can_be_read_by_commands(spool: Spool) -> None:
    assert spool.leader_capture() is None
    spool.write_leader_capture(capture_archive.pack(RECORDED), 17, OWN)
    assert stat.S_IMODE(Path(spool.web_state, "leader").stat().st_mode) == 0o640  # not for everybody
    received = spool.leader_capture()
    assert received is not None
    assert received[1:] == (17, OWN)
    assert {answer.query for answer in received[0].answers} == {answer.query for answer in RECORDED.answers}


def leader(version: int = 1, moment: str = "1", uuid: str = f'"{OWN}"') -> bytes:
    """The file that the web process keeps of what the leader sent."""
    head = f'{{"format_version": {version}, "boottime": {moment}, "uuid": {uuid}}}'
    return head.encode() + b"\n" + capture_archive.pack(RECORDED)


def test_the_file_of_the_leader_is_read_where_it_is_well_formed(spool: Spool) -> None:
    (Path(spool.web_state) / "leader").write_bytes(leader())
    assert spool.leader_capture() is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"[]\n",
        b"{}\nx",
        leader(version=2),
        *(leader(moment=moment) for moment in ('"x"', "true", "0", "-1", "1e9", "9" * 40, "9" * 5000, "NaN")),
        *(leader(uuid=uuid) for uuid in ('""', "1", "[]", '"\\ud800"', '"../../etc"')),
        leader()[:-9],
        b"[" * 100000,
    ],
)
def test_of_nonsense_from_the_leader_nothing_is_read(spool: Spool, content: bytes) -> None:
    (Path(spool.web_state) / "leader").write_bytes(content)
    assert spool.leader_capture() is None


def test_no_link_is_followed_where_another_user_writes(spool: Spool, tmp_path: Path) -> None:
    spool.write_leader_capture(capture_archive.pack(RECORDED), 17, OWN)
    os.rename(Path(spool.web_state) / "leader", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", Path(spool.web_state) / "leader")
    assert spool.leader_capture() is None
    os.unlink(Path(spool.web_state) / "leader")
    os.mkfifo(Path(spool.web_state) / "leader")
    assert spool.leader_capture() is None


def make_odd(path: Path, kind: str) -> None:
    """Something that is no plain file of the right owner at *path*."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "full directory":
        path.mkdir()
        for number in range(1000):
            (path / str(number)).mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "link to nothing":
        path.symlink_to("/nowhere")
    elif kind == "device":
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    elif kind == "large":
        path.write_bytes(b"lead" + b" " * 100_000_000)
    elif kind == "of another user":
        path.write_bytes(b"lead")
        os.chown(path, 12345, 12345)


ODD = ["fifo", "directory", "full directory", "socket", "link", "link to nothing", "large"]
ODD_BY_ROOT = ["device", "of another user"]


@pytest.mark.parametrize("kind", [*ODD, *ODD_BY_ROOT])
def test_a_role_that_is_no_plain_file_of_the_right_owner_is_logged_once_and_ignored(
    spool: Spool, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    if kind in ODD_BY_ROOT and os.geteuid():
        pytest.skip("only root can make that")
    make_odd(Path(spool.to_poller) / "role", kind)
    for _ in range(3):
        assert spool.role() is None
    assert [record.getMessage() for record in caplog.records] == ["role ignored"]
    caplog.clear()
    spool.remove_role()  # as the daemon does when it starts; it does not end it
    if "directory" not in kind:
        assert spool.role() is None
        spool.write_role(LEAD)
        assert spool.role() == LEAD
    assert not caplog.records or "directory" in kind


@pytest.mark.parametrize("kind", [*ODD, *ODD_BY_ROOT])
def test_a_leaders_file_that_is_no_plain_file_is_not_read(spool: Spool, kind: str) -> None:
    if kind in ODD_BY_ROOT and os.geteuid():
        pytest.skip("only root can make that")
    make_odd(Path(spool.web_state) / "leader", kind)
    assert spool.leader_capture() is None


def test_captures_are_for_one_group_only(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files to a group")
    spool = Spool(str(tmp_path / "run"))
    before = os.umask(0o077)
    try:
        spool.prepare(12345, 12346)
        spool.publish(SpooledCapture(RECORDED, CycleRecord(1, 1.0)))
    finally:
        os.umask(before)
    top = Path(spool.captures)
    for path in (top, *top.rglob("*")):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (0, 12346)
        assert stat.S_IMODE(status.st_mode) == (0o750 if path.is_dir() else 0o640)


def test_a_report_and_a_nudge_carry_bricks(spool: Spool) -> None:
    assert spool.silent_bricks() == ()
    spool.write_silent_bricks(["node1:/b1", "node1:/b\u00e9 2"])
    assert spool.silent_bricks() == ("node1:/b1", "node1:/b\u00e9 2")
    assert spool.take_nudge() is None
    spool.nudge(["node2:/b"])
    assert spool.take_nudge() == ("node2:/b",)
    assert spool.take_nudge() is None, "it counts once"
    spool.nudge()
    assert spool.take_nudge() == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"now\n",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b'{"id": 1, "bricks": []}',
        b'{"id": "1", "bricks": "ab"}',
    ],
)
def test_what_the_other_half_wrote_may_be_nonsense(spool: Spool, content: bytes) -> None:
    path = Path(spool.to_poller) / "nudge"
    path.write_bytes(content)
    assert spool.take_nudge() is None
    path.write_bytes(b'{"id": "1", "bricks": ["node1:/b", 1, null, []]}')
    assert spool.take_nudge() == ("node1:/b",)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert spool.take_nudge() is None
    path.unlink()
    os.mkfifo(path)
    assert spool.take_nudge() is None


def test_no_more_bricks_are_taken_than_there_is_room_for(spool: Spool) -> None:
    spool.nudge([f"node{number}:/b" for number in range(1000)])
    assert len(spool.take_nudge() or ()) == 64


def test_without_room_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing."""

        def write(self, _content: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match="No space left"):
        Spool(str(tmp_path)).prepare()
