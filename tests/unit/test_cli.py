"""The command as it is typed: what it prints where, and its exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest
from freezegun import freeze_time

from ganeti_gluster_mon import cli
from ganeti_gluster_mon.gluster import anonymize, capture, cycle, query, session
from ganeti_gluster_mon.gluster.capture import Capture

CAPTURES = Path(__file__).parents[1] / "captures"
HEALTHY = str(CAPTURES / "healthy/node1")
BRICK_DOWN = str(CAPTURES / "brick-down/node1")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(words)
    out, err = capsys.readouterr()
    return status, out, err


def test_one_collector_gives_an_object_and_several_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    _, one, _ = run(capsys, "collect", "gluster", "--replay", HEALTHY)
    assert list(json.loads(one)) == [
        "name",
        "version",
        "format_version",
        "timestamp",
        "category",
        "kind",
        "data",
    ]
    _, two, _ = run(capsys, "collect", "gluster", "glusterd", "--replay", HEALTHY)
    assert [report["name"] for report in json.loads(two)] == ["gluster", "glusterd"]
    _, every, _ = run(capsys, "collect", "--replay", HEALTHY)
    names = [report["name"] for report in json.loads(every)]
    assert names == ["gluster", "gluster-bricks", "gluster-capacity", "gluster-disks", "glusterd"]


def test_a_replay_names_brick_host_and_what_is_left_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "collect", "--replay", BRICK_DOWN, "gluster", "--verbose")
    report = json.loads(out)
    assert (status, err, report["data"]["status"]["code"]) == (0, "", 4)
    message = report["data"]["status"]["message"]
    assert "brick node2.lab.test:/export/b1/gv0 is offline, 2 of 3 replicas left" in message


def test_a_replay_carries_the_time_it_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with freeze_time("2031-05-05"):
        _, out, _ = run(capsys, "collect", "gluster", "--verbose", "--replay", HEALTHY)
    report = json.loads(out)
    assert report["timestamp"] == 1795483447000000000
    assert (report["data"]["age"], report["data"]["status"]["code"]) == (0, 0)


@pytest.mark.parametrize(("seconds", "code"), [(0, 0), (60, 0), (91, 2)])
def test_answers_that_were_kept_grow_old(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: int, code: int
) -> None:
    now = 1_795_483_447
    recorded = capture.read(HEALTHY)

    def ask(_settings: cycle.Settings, _previous: Optional[Capture] = None) -> Capture:
        answers = [
            replace(answer, taken_at=(now - seconds) * 10**9)
            if answer.query == query.VOLUME_STATUS
            else answer
            for answer in recorded.answers
        ]
        return replace(recorded, recorded_at=now * 10**9, answers=tuple(answers))

    monkeypatch.setattr(cycle, "query_gluster", ask)
    with freeze_time("2026-11-24 01:24:07"):
        status, out, _ = run(capsys, "collect", "gluster", "--verbose")
    report = json.loads(out)
    assert (status, report["timestamp"]) == (0, now * 10**9)
    assert (report["data"]["age"], report["data"]["status"]["code"]) == (seconds, code)
    if code:
        assert f"{seconds} s old" in report["data"]["status"]["message"]


def test_no_source_is_status_2_everywhere_and_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ask(_settings: cycle.Settings, _previous: Optional[Capture] = None) -> Capture:
        raise session.GlusterdDown("glusterd does not run on this node: systemctl start glusterd")

    monkeypatch.setattr(cycle, "query_gluster", ask)
    line = "ganeti-gluster-mon: glusterd does not run on this node: systemctl start glusterd\n"
    status, out, err = run(capsys, "collect", "gluster", "--verbose")
    data = json.loads(out)["data"]
    assert (status, err, data["status"]["code"], data["volumes"], data["peers"]) == (0, line, 2, None, None)
    status, out, err = run(capsys, "check")
    assert (status, err) == (3, line)
    assert out.startswith("GLUSTER UNKNOWN - not known: the pool (glusterd does not run")
    textfile = tmp_path / "gluster.prom"
    status, out, err = run(capsys, "metrics", "--textfile", str(textfile))
    assert (status, out, err) == (0, "", line)
    text = textfile.read_text()
    assert "gluster_up 0.0" in text
    assert 'gluster_collect_failures_total{reason="glusterd-down"} 1.0' in text
    status, out, err = run(capsys, "record", str(tmp_path / "kept"))
    assert (status, out, err) == (1, "", line)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "required: COMMAND"),
        (("serv",), "invalid choice: 'serv'"),
        (("collect", "--replay"), "expected one argument"),
        (("collect", "nonsense", "--replay", HEALTHY), "no collector 'nonsense'; there are: gluster"),
        (("check", "--warning-free", "120%"), "'120%' is not a percentage"),
        (("check", "--timeout", "-1"), "not a number of seconds"),
        (("check", "--timeout", "nan"), "not a number of seconds"),
        (("check", "--max-output", "0"), "not a whole number of MiB"),
        (("record",), "required: DIR"),
        (("anonymize", HEALTHY), "required: NEW"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], words: Any, complaint: str
) -> None:
    try:
        status = cli.main(words)
    except SystemExit as leaving:
        status = int(str(leaving.code))
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert complaint in err


@pytest.mark.parametrize("words", [("collect",), ("metrics",)])
def test_a_capture_that_is_none_is_one_line_and_exit_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: Any
) -> None:
    for directory in (str(tmp_path / "missing"), str(tmp_path)):
        status, out, err = run(capsys, *words, "--replay", directory)
        assert (status, out, err.count("\n")) == (1, "", 1)
    status, out, err = run(capsys, "check", "--replay", str(tmp_path))
    assert (status, err) == (3, "")
    assert out.startswith("GLUSTER UNKNOWN - ")


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "list")
    assert [line.split()[:3] for line in out.splitlines()] == [
        ["gluster", "storage", "status"],
        ["gluster-bricks", "storage", "performance"],
        ["gluster-capacity", "storage", "performance"],
        ["gluster-disks", "storage", "performance"],
        ["glusterd", "daemon", "status"],
    ]


def test_limits_decide(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "--replay", HEALTHY)[0] == 0
    assert run(capsys, "check", "--replay", HEALTHY, "--warning-free", "99.5%")[0] == 1
    status, out, _ = run(
        capsys, "check", "--replay", HEALTHY, "--warning-free", "99.9", "--critical-free", "99.5%"
    )
    assert status == 2
    assert "nearly full" in out


def test_a_reader_that_goes_away_is_no_error() -> None:
    shell = f"{sys.executable} -m ganeti_gluster_mon collect --verbose --replay {HEALTHY} | head -c 10"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert (ran.returncode, ran.stderr, len(ran.stdout)) == (0, "", 10)


def test_anonymize_copies_a_capture_without_its_names(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    new = tmp_path / "new"
    assert run(capsys, "anonymize", BRICK_DOWN, str(new)) == (0, "", f"anonymized in {new}\n")
    status, out, _ = run(capsys, "check", "--replay", str(new))
    assert status == run(capsys, "check", "--replay", BRICK_DOWN)[0] == 2
    assert re.search(r"brick host\d\.example\.org:/d\d+/d\d+/d\d+ is offline", out)
    assert all(b"lab.test" not in path.read_bytes() for path in new.iterdir())
    before = {path.name: path.read_bytes() for path in new.iterdir()}
    status, out, err = run(capsys, "anonymize", HEALTHY, str(new))
    assert (status, out) == (1, "")
    assert err == f"ganeti-gluster-mon: {new} is there already: name a new directory\n"
    assert {path.name: path.read_bytes() for path in new.iterdir()} == before


def test_record_anonymize_writes_no_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cycle, "query_gluster", lambda settings: capture.read(BRICK_DOWN))
    named, new = tmp_path / "named", tmp_path / "new"
    assert run(capsys, "record", str(named)) == (0, "", f"recorded in {named}\n")
    assert run(capsys, "record", "--anonymize", str(new)) == (0, "", f"recorded in {new}\n")
    assert any(b"lab.test" in path.read_bytes() for path in named.iterdir())
    assert all(b"lab.test" not in path.read_bytes() for path in new.iterdir())


def test_a_capture_that_cannot_be_anonymized_is_not_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(anonymize, "remaining", lambda changed, names: "node1.lab.test")
    status, out, err = run(capsys, "anonymize", BRICK_DOWN, str(tmp_path / "new"))
    assert (status, out) == (1, "")
    assert err.startswith(
        "ganeti-gluster-mon: the capture cannot be anonymized: 'node1.lab.test' would be left in it"
    )
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
