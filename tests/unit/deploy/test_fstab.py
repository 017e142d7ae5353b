"""Lines of /etc/fstab."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.deploy import fstab
from ganeti_gluster_mon.deploy.fstab import entries, line
from tests.unit.deploy.test_brick_steps import UUID
from tests.unit.deploy.test_slot_steps import OTHER


@given(st.text(st.characters(whitelist_categories=("L", "N"), whitelist_characters=" \t\\-_/."), min_size=1))
def test_fstab_keeps_any_path(path: str) -> None:
    (entry,) = entries(f"# a comment\n\n{line(UUID, '/' + path)}\nshort line\n")
    assert (entry.source, entry.mount_point, entry.filesystem) == (f"UUID={UUID}", "/" + path, "xfs")


def test_just_that_line_is_taken_out(tmp_path: Path) -> None:
    lines = [
        "# a comment",
        fstab.line(OTHER, "/export/brick1"),
        fstab.line(OTHER, "/export/brick11"),
        "/dev/sd[ab].* /x\\040y$ ext4 defaults,a/b 0 0",
        "/dev/sdaXX /x\\040y$ ext4 defaults,a/b 0 0",
    ]
    table = tmp_path / "fstab"
    for gone in (lines[1], lines[3]):
        table.write_text("".join(f"{line}\n" for line in lines))
        argv = [*fstab.remove(gone)[:-1], str(table)]
        subprocess.run(argv, check=True, timeout=60)
        assert table.read_text().splitlines() == [line for line in lines if line != gone]
    assert fstab.lines("\n".join(lines), "/export/brick1") == (lines[1],)
    assert fstab.lines("\n".join(lines), "/x y$") == tuple(lines[3:])
