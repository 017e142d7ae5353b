"""A capture comes back as it was written, and a bad one is refused in one line."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ganeti_gluster_mon.gluster import capture, query
from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.lvm import LogicalVolume, LvmPool, LvmReport
from ganeti_gluster_mon.gluster.model import DiskFile, Mount, Process
from ganeti_gluster_mon.gluster.profile import BlockCount, FileOperation, StatsDump
from ganeti_gluster_mon.gluster.scrub import ScrubStatus

CAPTURES = Path(__file__).parents[2] / "captures"

FULL = Capture(
    recorded_at=1_795_483_447_000_000_000,
    answers=(
        Answer(query.VOLUME_INFO, b"<a/>\n\xff\x00", returncode=0, seconds=0.09),
        Answer(query.heal_summary("gv0"), b"", stderr="oh\n", failure="no answer within 10 s", taken_at=17),
    ),
    node="node1.lab.test",
    gluster_version="10.3",
    mounts=(
        Mount("gv0", "/mnt/a b", ("node1", "node2"), "/sub", 4096, 10, 5, 4, 100, 90),
        Mount("gv0", "/mnt/hung", failure="does not answer"),
    ),
    reachable={"node2.lab.test": False},
    bricks_answering={("node2.lab.test", "/export/b1/gv0"): True},
    devices={"/dev/mapper/vg-b1": "dm-3"},
    op_version=100000,
    geo_replications=(
        GeoReplication(
            "gv0",
            "far::backup",
            17,
            (
                GeoReplicationWorker("node1", "/b", "active", "history crawl", 15, 1, 2, 3, 4, 5, 6),
                GeoReplicationWorker("node2", "/b", "passive"),
            ),
        ),
        GeoReplication("gv1", "far::backup", 18, failure="no answer"),
    ),
    scrubs=(ScrubStatus("gv0", "node1", 17, 2, 0, 1, 15), ScrubStatus("gv0", "node2", 17)),
    filesystems=(
        BrickFilesystem(
            "/export/b1/gv0", "/export/b1", "ext4", "/dev/mapper/vg-b1", "dm-3", 0, "dm-3", "dm-2"
        ),
        BrickFilesystem("/export/b2/gv0", "/export/b2", "xfs", "/dev/sdb"),
    ),
    stats_dumps=(
        StatsDump(
            "/export/b1/gv0",
            17,
            True,
            3,
            (FileOperation("WRITE", 2, 1.5), FileOperation("RELEASE", 2)),
            4,
            5,
            (BlockCount(4096, 1, 2),),
        ),
        StatsDump("/export/b2/gv0", 18),
    ),
    lvm=LvmReport(
        17,
        (LogicalVolume("dm-3", "vg", "b1", 10, 200, 50, "tp"), LogicalVolume("dm-4", "vg", "b2")),
        (LvmPool("vg", "tp", "thin", 100, 96.5, 3.75, "failed", "vpool"), LvmPool("vg", "vpool", "vdo")),
    ),
    processes=(Process("glusterd", 17, 3.5, 0.25, 1 << 20),),
    disks=(
        DiskFile(
            "web",
            "disk/0",
            "gv0",
            "ganeti/a.0",
            64,
            "node1",
            "gluster",
            copies={"node1:/b": 0},
            to_heal={"node1:/b": 3},
        ),
        DiskFile("web", "disk/1", "gv1", "ganeti/a.1", bricks=("node2:/b",), allocated=7, queried_at=17),
    ),
)


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    capture.write(FULL, str(tmp_path / "kept"))
    assert capture.read(str(tmp_path / "kept")) == FULL
    assert os.listdir(tmp_path) == ["kept"]


def test_shipped_captures_are_read_with_and_without_manifest() -> None:
    healthy = capture.read(str(CAPTURES / "healthy/node1"))
    assert (healthy.recorded_at, healthy.node) == (1_795_483_447_000_000_000, "node1.lab.test")
    without = capture.read(str(CAPTURES / "brick-down/node1"))
    queries = {answer.query for answer in healthy.answers}
    assert {answer.query for answer in without.answers} == queries
    assert without.recorded_at > 0
    assert without.node is None


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "precious").write_text("x")
    with pytest.raises(CaptureError, match="is there already: name a new directory"):
        capture.write(FULL, str(tmp_path / "kept"))
    assert (tmp_path / "kept" / "precious").read_text() == "x"


def test_cut_off_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_path: str, _mode: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganeti_gluster_mon.gluster.capture.os.chmod", interrupt)
    with pytest.raises(KeyboardInterrupt):
        capture.write(FULL, str(tmp_path / "kept"))
    assert os.listdir(tmp_path) == []


def test_no_room_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"cannot write the capture .*: No such file or directory"):
        capture.write(FULL, str(tmp_path / "nowhere" / "kept"))


def _manifest(tmp_path: Path, content: Any) -> str:
    (tmp_path / "manifest.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "not a dict"),
        ({}, "format_version is None"),
        ({"format_version": 2, "recorded_at": 1}, "this program reads 1"),
        ({"format_version": 1}, "recorded_at is None"),
        ({"format_version": 1, "recorded_at": -1}, "recorded_at is -1"),
        ({"format_version": 1, "recorded_at": 10**30}, "recorded_at is 1000"),
        ({"format_version": 1, "recorded_at": 1, "answers": 3}, "answers is 3"),
        ({"format_version": 1, "recorded_at": 1, "answers": [{"command": ["a"]}]}, "file is None"),
        ({"format_version": 1, "recorded_at": 1, "mounts": [{"volume": "v"}]}, "lacks what it must have"),
        (
            {
                "format_version": 1,
                "recorded_at": 1,
                "brick_ports": [{"host": "node1", "path": "/brick", "port": 65536}],
            },
            "port is 65536, not one of",
        ),
        (
            {"format_version": 1, "recorded_at": 1, "mounts": [{"volume": "v", "path": "/", "f_bfree": -3}]},
            "f_bfree is -3",
        ),
        (
            {"format_version": 1, "recorded_at": 1, "mounts": [{"volume": "v", "path": "/", "f_bfree": "x"}]},
            "f_bfree is 'x'",
        ),
        ({"format_version": 1, "recorded_at": 1, "devices": {"/dev/a": 3}}, "devices is 3"),
        (
            {"format_version": 1, "recorded_at": 1, "filesystems": [{"brick": "/b"}]},
            "lacks what it must have",
        ),
        ({"format_version": 1, "recorded_at": 1, "stats_dumps": {}}, "stats_dumps is {}"),
        ({"format_version": 1, "recorded_at": 1, "stats_dumps": [3]}, "stats_dumps is 3"),
        (
            {"format_version": 1, "recorded_at": 1, "stats_dumps": [{"brick": "/b"}]},
            "lacks what it must have",
        ),
        (
            {"format_version": 1, "recorded_at": 1, "stats_dumps": [{"brick": "/b", "written_at": -1}]},
            "written_at is -1",
        ),
        (
            {
                "format_version": 1,
                "recorded_at": 1,
                "stats_dumps": [{"brick": "/b", "written_at": 1, "stale": 3}],
            },
            "stats_dumps: stale is 3",
        ),
        (
            {
                "format_version": 1,
                "recorded_at": 1,
                "stats_dumps": [
                    {"brick": "/b", "written_at": 1, "operations": [{"name": "WRITE", "hits": -3}]}
                ],
            },
            "stats_dumps: operations: hits is -3",
        ),
        (
            {
                "format_version": 1,
                "recorded_at": 1,
                "stats_dumps": [{"brick": "/b", "written_at": 1, "blocks": [{"size": 1, "reads": "x"}]}],
            },
            "stats_dumps: blocks: reads is 'x'",
        ),
        ({"format_version": 1, "recorded_at": 1, "lvm": []}, "lvm is []"),
        ({"format_version": 1, "recorded_at": 1, "lvm": {}}, "lvm: taken_at is None"),
        (
            {"format_version": 1, "recorded_at": 1, "lvm": {"taken_at": 1, "volumes": [{"vg": "vg"}]}},
            "lvm: volumes: an entry lacks",
        ),
        (
            {
                "format_version": 1,
                "recorded_at": 1,
                "lvm": {
                    "taken_at": 1,
                    "pools": [{"vg": "vg", "name": "t", "type": "thin", "data_percent": 100.5}],
                },
            },
            "lvm: a pool is full by 100.5 percent",
        ),
        ({"format_version": 1, "recorded_at": 1, "op_version": "x"}, "op_version is 'x'"),
        ({"format_version": 1, "recorded_at": 1, "filesystems": [{"brick": 3}]}, "filesystems: brick is 3"),
        (
            {"format_version": 1, "recorded_at": 1, "geo_replications": [{"volume": "v", "workers": []}]},
            "geo_replications: an entry lacks what it must have",
        ),
        (
            {
                "format_version": 1,
                "recorded_at": 1,
                "geo_replications": [
                    {
                        "volume": "v",
                        "secondary": "a::b",
                        "queried_at": 1,
                        "workers": [{"host": "n", "path": 3}],
                    }
                ],
            },
            "geo_replications: workers: path is 3",
        ),
    ],
)
def test_manifest_that_says_nonsense(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(CaptureError) as caught:
        capture.read(_manifest(tmp_path, content))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "..", "", "link", "fifo", "directory", "missing", "a\0b"]
)
def test_only_plain_files_of_the_directory_itself_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "capture"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "directory").mkdir()
    os.mkfifo(inside / "fifo")
    answers = [{"command": ["volume", "info"], "file": name}]
    _manifest(inside, {"format_version": 1, "recorded_at": 1, "answers": answers})
    (answer,) = capture.read(str(inside)).answers
    assert answer.output == b""
    assert answer.failure


def test_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "volume-info.xml").write_bytes(b"x" * 11)
    (answer,) = capture.read(str(tmp_path), max_file=10).answers
    assert (answer.output, answer.failure) == (b"", "volume-info.xml is larger than 10 bytes")


def test_directory_without_answers_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="holds no capture"):
        capture.read(str(tmp_path))
    with pytest.raises(CaptureError, match="No such file or directory"):
        capture.read(str(tmp_path / "missing"))


def test_why_the_disks_are_not_known_comes_back_too(tmp_path: Path) -> None:
    unknown = Capture(1, (), disks_unknown="this node is no candidate")
    capture.write(unknown, str(tmp_path / "kept"))
    assert capture.read(str(tmp_path / "kept")) == unknown


@pytest.mark.parametrize(
    "disks",
    [
        "all",
        ["one"],
        [{"instance": "web"}],
        [{"instance": "web", "name": "disk/0", "volume": "v", "path": "p", "size": -1}],
        [{"instance": "web", "name": "disk/0", "volume": "v", "path": "p", "copies": {"a:/b": -1}}],
        [{"instance": "web", "name": "disk/0", "volume": "v", "path": "p", "copies": {"a:/b": True}}],
        [{"instance": "web", "name": "disk/0", "volume": "v", "path": "p", "copies": ["a:/b"]}],
        [{"instance": "web", "name": "disk/0", "volume": "v", "path": "p", "bricks": [1]}],
        [{"instance": ["web"], "name": "disk/0", "volume": "v", "path": "p"}],
    ],
)
def test_disks_that_are_none_are_refused_in_one_line(disks: Any) -> None:
    manifest = {"format_version": 1, "recorded_at": 1, "answers": [], "disks": disks}
    with pytest.raises(CaptureError) as refused:
        capture.from_manifest(manifest, lambda name: (b"", None))
    assert "disks" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["\ud800", "gv0\udc80"])
@pytest.mark.parametrize(
    "manifest",
    [
        lambda text: {"node": text},
        lambda text: {"gluster_version": text},
        lambda text: {"reachable": {text: True}},
        lambda text: {"mounts": [{"volume": "gv0", "path": text}]},
        lambda text: {"answers": [{"command": ["volume", text], "file": "a"}]},
        lambda text: {"unused": [text]},
    ],
)
def test_lone_surrogates_make_a_capture_unreadable(tmp_path: Path, manifest: Any, text: str) -> None:
    content = {"format_version": 1, "recorded_at": 1, **manifest(text)}
    with pytest.raises(CaptureError, match="lone surrogate"):
        capture.read(_manifest(tmp_path, content))


def test_a_name_that_is_not_utf_8_is_kept_as_plain_text(tmp_path: Path) -> None:
    path = os.fsdecode(b"/mnt/caf\xe9")
    capture.write(Capture(1, (), mounts=(Mount("gv0", path),)), str(tmp_path / "capture"))
    assert capture.read(str(tmp_path / "capture")).mounts == (Mount("gv0", "/mnt/caf\\udce9"),)
