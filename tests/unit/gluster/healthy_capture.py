"""A recorded capture of a healthy pool, and outputs in it."""

from __future__ import annotations

from pathlib import Path

from ganeti_gluster_mon.gluster import capture, parse, query

HEALTHY = capture.read(str(Path(__file__).parents[2] / "captures/healthy/node1"))
STATUS, DETAIL = query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL


def output(one_query: query.Query) -> str:
    answer = HEALTHY.answer(one_query)
    assert answer is not None
    return answer.output.decode()


VOLUMES = parse.volume_info(output(query.VOLUME_INFO).encode()).facts
