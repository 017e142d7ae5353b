"""The metrics of logs."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional

from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL


def lines(logs: Optional[LogReport]) -> List[str]:
    text = render(replace(POOL, logs=logs), HEALTH, NOW, leader=False).decode()
    return [line for line in text.splitlines() if line.startswith("gluster_log_")]


def test_each_node_exports_its_own() -> None:
    assert lines(LogReport({("brick", "error"): 3, ("brick", "info"): 0}, {"brick": 5}, 4096)) == [
        'gluster_log_messages_total{level="error",process="brick"} 3.0',
        'gluster_log_messages_total{level="info",process="brick"} 0.0',
        'gluster_log_skipped_bytes_total{process="brick"} 5.0',
        "gluster_log_directory_bytes 4096.0",
    ]


def test_what_is_not_known_has_no_sample() -> None:
    assert lines(None) == lines(LogReport()) == []
