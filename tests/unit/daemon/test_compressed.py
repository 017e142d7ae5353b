"""Values that are compressed until they are needed."""

from __future__ import annotations

from ganeti_gluster_mon.daemon.compressed import Compressed
from tests.generate import large_capture


def test_the_value_is_the_same_and_takes_little_memory() -> None:
    large = large_capture(300, 3, False)
    compressed = Compressed(large)
    assert compressed.load() == large
    assert len(compressed) < sum(len(each.output) for each in large.answers) / 10
