"""The files are changed as a whole."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.mond_setup import change
from tests.unit.mond_setup.mond_files import GANETI, _fails


def test_files_keep_their_mode_and_a_symlink_stays_one(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path_factory.mktemp("default")
    real, link = directory / "real", directory / "ganeti"
    real.write_text(GANETI)
    real.chmod(0o640)
    link.symlink_to(real)
    change._write(str(link), "new\n")
    assert (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink()) == ("new\n", 0o640, True)
    change._write(str(directory / "fresh"), "x\n")
    assert (directory / "fresh").stat().st_mode & 0o777 == 0o644
    monkeypatch.setattr("os.replace", _fails)
    with pytest.raises(CommandError, match=r"cannot write .*: No space left"):
        change._write(str(real), "half")
    assert real.read_text() == "new\n"
    assert sorted(path.name for path in directory.iterdir()) == ["fresh", "ganeti", "real"]
