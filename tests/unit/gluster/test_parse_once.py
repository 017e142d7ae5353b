"""An answer that several modules need is parsed once per process."""

from __future__ import annotations

from typing import Any, List

import pytest

from ganeti_gluster_mon.gluster import query, xmlstream
from ganeti_gluster_mon.gluster.merge import other_hosts, own_uuid
from ganeti_gluster_mon.gluster.parse import pool_list_xml
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from tests.unit.gluster.healthy_capture import HEALTHY


def test_the_peers_of_a_capture_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: List[bytes] = []

    def read(output: bytes, *more: Any) -> Any:
        parsed.append(output)
        return original(output, *more)

    original = xmlstream.read
    pool_list_xml.pool_list.cache_clear()
    monkeypatch.setattr(pool_list_xml, "read", read)
    assert own_uuid(HEALTHY) is not None
    assert len(other_hosts(HEALTHY)) == 2
    assert len(build_pool(HEALTHY).peers or ()) == 3
    answer = HEALTHY.answer(query.POOL_LIST)
    assert answer is not None
    assert parsed.count(answer.output) == 1
