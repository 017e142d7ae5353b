"""What is noticed on this node, on real directories and real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Set

from ganeti_gluster_mon.gluster.watch import Watch

#: generous: the event is waited for, not the time
LONG = 20.0


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"])


def has_event(watch: Watch, word: str) -> bool:
    """Whether an event with *word* comes."""
    while True:
        event = watch.wait(LONG)
        if event is None:
            return False
        if any(word in what for what in event.what):
            return True


def test_nothing_happens(tmp_path: Path) -> None:
    with Watch([str(tmp_path)]) as watch:
        assert watch.wait(0.01) is None


def test_a_file_is_written_below_a_directory_that_is_new(tmp_path: Path) -> None:
    with Watch([str(tmp_path)]) as watch:
        (tmp_path / "gv0").mkdir()
        assert has_event(watch, "gv0")
        (tmp_path / "gv0" / "info").write_text("x")
        assert has_event(watch, "info")


def test_reading_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "info").write_text("x")
    with Watch([str(tmp_path)]) as watch:
        (tmp_path / "info").read_text()
        assert watch.wait(0.01) is None


def test_a_directory_that_is_missing_is_watched_when_it_has_come(tmp_path: Path) -> None:
    late = tmp_path / "vols"
    with Watch([str(late)]) as watch:
        assert watch.renew() == (str(late),)
        late.mkdir()
        assert watch.renew() == ()
        (late / "gv0").mkdir()
        assert has_event(watch, "gv0")


def test_a_directory_that_was_replaced_is_watched_again(tmp_path: Path) -> None:
    directory = tmp_path / "vols"
    directory.mkdir()
    with Watch([str(directory)]) as watch:
        directory.rmdir()
        watch.wait(0.01)
        directory.mkdir()
        assert watch.renew() == ()
        (directory / "gv0").mkdir()
        assert has_event(watch, "gv0")


def test_a_process_that_ends_is_reported_by_its_name(tmp_path: Path) -> None:
    process = sleeper()
    with Watch([str(tmp_path)]) as watch:
        watch.processes([(process.pid, "brick /b1")])
        assert watch.wait(0.01) is None
        process.kill()
        event = watch.wait(LONG)
        assert event is not None
        assert event.what == ("brick /b1 ended",)
        assert watch.wait(0.01) is None, "reported once"
    process.wait()


def test_a_process_that_is_not_watched_any_more_is_forgotten(tmp_path: Path) -> None:
    process = sleeper()
    with Watch([str(tmp_path)]) as watch:
        watch.processes([(process.pid, "brick")])
        watch.processes([])
        process.kill()
        process.wait()
        assert watch.wait(0.01) is None


def test_one_that_ended_before_it_could_be_watched_is_reported(tmp_path: Path) -> None:
    process = sleeper()
    process.kill()
    process.wait()
    with Watch([str(tmp_path)]) as watch:
        watch.processes([(process.pid, "brick")])
        event = watch.wait(LONG)
        assert event is not None
        assert event.what == ("brick ended",)


def test_a_flat_directory_takes_one_watch_whatever_is_made_in_it(tmp_path: Path) -> None:
    other, flat = tmp_path / "other", tmp_path / "flat"
    other.mkdir()
    (flat / "before" / "deep").mkdir(parents=True)
    with Watch([str(other)], flat=[str(flat)]) as watch:
        for number in range(1000):
            (flat / str(number)).mkdir()
        assert watch.wait(LONG) is not None
        assert len(watch._manager.watches) == 2
        (flat / "before" / "file").touch()
        assert watch.wait(0.0) is None
        (flat / "file").touch()
        assert watch.wait(LONG) is not None


def test_another_descriptor(tmp_path: Path) -> None:
    read, write = os.pipe()
    with Watch([str(tmp_path)]) as watch:
        watch.also(read, "written to")
        os.write(write, b"x")
        event = watch.wait(LONG)
        assert event is not None
        assert event.what == ("written to",)
    os.close(read)
    os.close(write)


def test_every_descriptor_is_given_back(tmp_path: Path) -> None:
    def descriptors() -> Set[str]:
        return set(os.listdir("/proc/self/fd"))

    process = sleeper()
    before = descriptors()
    with Watch([str(tmp_path)]) as watch:
        watch.processes([(process.pid, "brick")])
        assert descriptors() > before
    assert descriptors() == before
    process.kill()
    process.wait()


def test_it_needs_nothing_that_newer_pythons_lack() -> None:
    """From 3.12 on asyncore is gone, which pyinotify imports: our dependencies bring it in another way."""
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    if sys.version_info >= (3, 12):
        import asyncore  # noqa: F401
    assert "pyasyncore; python_version >= '3.12'" in pyproject.read_text()
