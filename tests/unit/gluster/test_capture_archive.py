"""A capture through the wire and back, and what is no archive."""

from __future__ import annotations

import contextlib
import json
import zlib
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster import capture, capture_archive
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*/*"))

PACKED = capture_archive.pack(
    Capture(1, (Answer(("pool", "list"), b"one\n"), Answer(("volume", "info"), b"\0two")))
)


@pytest.mark.parametrize("directory", CAPTURES, ids=lambda path: path.name)
def test_it_comes_back_whole(directory: Path) -> None:
    sent = capture.read(str(directory))
    got = capture_archive.unpack(capture_archive.pack(sent))
    assert capture.manifest_of(got) == capture.manifest_of(sent)
    assert [answer.output for answer in got.answers] == [answer.output for answer in sent.answers]


def test_each_end_too_early_is_noticed() -> None:
    for length in range(len(PACKED)):
        with pytest.raises(CaptureError):
            capture_archive.unpack(PACKED[:length])


def test_each_byte_that_is_another_is_refused_or_read() -> None:
    """Never another exception: what comes is input like any other."""
    for place in range(len(PACKED)):
        mutant = PACKED[:place] + bytes([PACKED[place] ^ 0x41]) + PACKED[place + 1 :]
        with contextlib.suppress(CaptureError):
            capture_archive.unpack(mutant)


def test_a_bomb_does_not_go_off() -> None:
    with pytest.raises(CaptureError, match="unpacks to more than 1000000 bytes"):
        capture_archive.unpack(zlib.compress(bytes(100_000_000)), 1_000_000)


def _sent(manifest: object, content: bytes = b"") -> bytes:
    return zlib.compress(json.dumps(manifest).encode() + b"\n" + content)


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {},
        {"answers": [], "lengths": None},
        {"answers": [{}], "lengths": [0]},
        {"answers": [{"file": "a"}], "lengths": [-1]},
        {"answers": [{"file": "a"}], "lengths": [3]},
        {"answers": [{"file": "a"}], "lengths": []},
        {"answers": [{"file": "a"}], "lengths": ["x"]},
    ],
)
def test_lengths_that_do_not_fit(manifest: object) -> None:
    with pytest.raises(CaptureError):
        capture_archive.unpack(_sent(manifest))


def test_names_that_lead_elsewhere_lead_nowhere() -> None:
    manifest = {
        "format_version": 1,
        "recorded_at": 5,
        "answers": [{"command": ["volume", "info"], "file": "../../etc/passwd"}],
        "lengths": [3],
    }
    (answer,) = capture_archive.unpack(_sent(manifest, b"abc")).answers
    assert answer.output == b"abc"
