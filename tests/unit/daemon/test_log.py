"""A log event is one line of fields, whatever the names hold."""

from __future__ import annotations

import logging

import pytest

from ganeti_gluster_mon.daemon import log


def test_one_line_of_fields(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(log.LOG, name, getattr(log.LOG, name))
    log.to_stderr("poller", "info")
    log.log_event(logging.DEBUG, "not logged", {})
    log.log_event(logging.WARNING, "a name", {"host": "node1", "name": 'a\n"b"', "count": 3})
    assert capsys.readouterr().err == (
        'level=warning role=poller event="a name" host=node1 name="a\\n\'b\'" count=3\n'
    )
