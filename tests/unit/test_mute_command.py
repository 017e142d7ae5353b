"""ganeti-gluster-mon mute, unmute and mutes."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from ganeti_gluster_mon import mutes
from tests.unit.test_mutes import run


def test_mute_list_unmute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "mute", "HEAL_PENDING", "--volume", "gv0", "--for", "2h") == 0
    assert run(tmp_path, "mute", "PEER_SILENT") == 0
    known = mutes.read(str(tmp_path / "state"))
    lasts = {key: entry.until - entry.set_at for key, entry in known.entries.items()}
    assert lasts == {
        ("HEAL_PENDING", "gv0", ""): pytest.approx(7200),
        ("PEER_SILENT", "", ""): pytest.approx(3600),
    }
    capsys.readouterr()
    assert run(tmp_path, "mute") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "HEAL_PENDING",
        "PEER_SILENT",
    ]
    assert run(tmp_path, "unmute", "PEER_SILENT") == 0
    assert run(tmp_path, "unmute", "PEER_SILENT") == 1
    assert "PEER_SILENT is not muted" in capsys.readouterr().err
    assert run(tmp_path, "mute") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["HEAL_PENDING"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["NO_SUCH_CODE"], "there is no code 'NO_SUCH_CODE'"),
        (["HEAL_PENDING", "--volume", "a b"], "no name of a volume"),
        (["HEAL_PENDING", "--host", "a b"], "no name of a host"),
        (["ALL"], "all codes can be muted for a host only"),
    ],
)
def test_what_cannot_be_muted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: List[str], why: str
) -> None:
    assert run(tmp_path, "mute", *words) == 1
    stderr = capsys.readouterr().err
    assert why in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("lasts", ["", "2", "2w", "-1h", "0h", "91d", "1e3h", "٢h"])
def test_a_time_that_is_none(tmp_path: Path, lasts: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(tmp_path, "mute", "HEAL_PENDING", f"--for={lasts}")
    assert ended.value.code == 2
