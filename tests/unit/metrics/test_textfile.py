"""The textfile for node_exporter."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from ganeti_gluster_mon.metrics.textfile import TextfileError, write_textfile


class TestTextfile:
    """What node_exporter reads."""

    def test_written(self, tmp_path: Path) -> None:
        path = tmp_path / "gluster.prom"
        old = os.umask(0o077)  # as a cautious administrator's; node_exporter is another user
        try:
            write_textfile(path, b"one\n")
            write_textfile(str(path), b"two\n")
        finally:
            os.umask(old)
        assert path.read_bytes() == b"two\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert list(tmp_path.iterdir()) == [path]

    def test_it_is_another_file_each_time(self, tmp_path: Path) -> None:
        path = tmp_path / "gluster.prom"
        write_textfile(path, b"one\n")
        with open(path, "rb") as reader:
            write_textfile(path, b"two\n")
            assert reader.read() == b"one\n"

    def test_no_such_directory(self, tmp_path: Path) -> None:
        path = tmp_path / "none" / "gluster.prom"
        with pytest.raises(TextfileError, match=rf"cannot write {path}: No such file or directory"):
            write_textfile(path, b"")

    def test_a_directory_stands_there(self, tmp_path: Path) -> None:
        (tmp_path / "gluster.prom").mkdir()
        with pytest.raises(TextfileError, match="Is a directory"):
            write_textfile(tmp_path / "gluster.prom", b"")
        assert [path.name for path in tmp_path.iterdir()] == ["gluster.prom"]

    def test_no_room(self, tmp_path: Path) -> None:
        path = tmp_path / "gluster.prom"
        path.write_bytes(b"old\n")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        try:
            with pytest.raises(TextfileError, match="File too large"):
                write_textfile(path, bytes(100_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert path.read_bytes() == b"old\n"
        assert list(tmp_path.iterdir()) == [path]
