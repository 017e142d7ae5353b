"""The job of a hook, in the queue of the master."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from ganeti_gluster_mon.hooks import job_queue


def queue(directory: Path, number: int, *operations: Dict[str, Any]) -> None:
    (directory / f"job-{number}").write_text(json.dumps({"id": number, "ops": list(operations)}))


def operation(
    name: str, status: str = "running", kind: str = "OP_INSTANCE_SET_PARAMS", **more: Any
) -> Dict[str, Any]:
    return {"status": status, "input": {"OP_ID": kind, "instance_name": name, **more}}


def test_the_job_is_found_in_the_queue(tmp_path: Path) -> None:
    queue(tmp_path, 7, operation("web.x", status="success", n=1))
    queue(tmp_path, 9, operation("db.x", n=2), operation("web", n=3))
    queue(
        tmp_path, 10, operation("web.x", status="waiting", n=4), operation("web.x", kind="OP_INSTANCE_REBOOT")
    )
    (tmp_path / "job-11").write_text("{")
    (tmp_path / "job-12").mkdir()
    (tmp_path / "job-13").write_text('{"ops": [1, {"status": "running", "input": []}]}')
    (tmp_path / "serial").write_text("13\n")
    found = job_queue.given("OP_INSTANCE_SET_PARAMS", "web.x", str(tmp_path))
    assert found is not None and found["n"] == 3
    assert job_queue.given("OP_INSTANCE_SET_PARAMS", "we.x", str(tmp_path)) is None
    assert job_queue.given("OP_INSTANCE_SET_PARAMS", "web.x", str(tmp_path / "nosuch")) is None
