"""Bodies of responses, plain and compressed."""

from __future__ import annotations

import gzip
import random
import subprocess
import zlib
from typing import Tuple

import pytest

from ganeti_gluster_mon.daemon.web.bodies import Body, BodyWriter, PackedBody, SharedPart, body
from tests.unit.daemon.web.serving import RENDERED


def test_packed_is_the_same_and_smaller() -> None:
    for one in (RENDERED.metrics, RENDERED.openmetrics, RENDERED.page, RENDERED.reports.all.verbose):
        assert one is not None and one.gzipped is not None
        assert gzip.decompress(one.gzipped) == one.plain
        assert len(one.gzipped) < len(one.plain)
    assert body("text/plain", b"x" * 1023).gzipped is None
    assert body("text/plain", b"x" * 1024).gzipped is not None


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [((), Body), ((3, 5), Body), ((1 << 19, 1 << 19), Body), ((1 << 19, 1 << 19, 1), PackedBody)],
)
def test_a_long_body_is_kept_compressed(sizes: Tuple[int, ...], kind: type) -> None:
    writer = BodyWriter("text/plain")
    parts = [bytes([65 + place]) * size for place, size in enumerate(sizes)]
    for part in parts:
        writer.write(part)
    made = writer.body()
    assert type(made) is kind
    assert made.content_type == "text/plain"
    assert made.plain == b"".join(parts)
    assert made.plain is made.plain, "all clients share one"
    assert (made.gzipped is None) == (sum(sizes) < 1024)
    if made.gzipped is not None:
        assert gzip.decompress(made.gzipped) == made.plain


@pytest.mark.parametrize(
    "sizes", [(20_000,), (20_000, 30), (30, 20_000, 40, 50, 1 << 21, 20_000), (0, 20_000, 0)]
)
def test_a_shared_part_is_compressed_once_and_is_a_part_of_each_body(sizes: Tuple[int, ...]) -> None:
    """As gzip(1) and a decoder that takes one member only read it, as browsers do."""
    parts = [SharedPart.of(random.Random(size).randbytes(64) * (size // 64 + 1)) for size in sizes]
    assert [part.packed is not None for part in parts] == [size >= 20_000 for size in sizes]
    for head in (b"", b"one head", b"another " * 5000):
        writer = BodyWriter("text/plain")
        for part in parts:
            writer.write(head)
            writer.write_shared(part)
        gzipped, plain = writer.body().gzipped, b"".join(head + part.plain for part in parts)
        assert gzipped is not None and all(part.packed in gzipped for part in parts if part.packed)
        decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert decoder.decompress(gzipped) == plain and decoder.eof and decoder.unused_data == b""
        unpacked = subprocess.run(["gzip", "--decompress"], input=gzipped, capture_output=True, check=True)
        assert unpacked.stdout == plain
