"""The demo without hosts: from the shipped captures, and it says so."""

from __future__ import annotations

import pytest

from tests import demo


def test_replay_shows_a_brick_die_and_says_that_it_is_a_replay(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO", "replay")
    assert demo.main() == 0
    out, err = capfd.readouterr()
    assert "DEMO=replay: no hosts are made" in err
    assert '"code": 0' in out
    assert "brick node2.lab.test:/export/b1/gv0 is offline, 2 of 3 replicas left" in out
    assert "GLUSTER CRITICAL" in out


def test_without_what_a_lab_needs_it_is_a_replay_too(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEMO", raising=False)
    monkeypatch.setattr(demo, "obstacles", lambda: ["a lab needs root: namespaces, mounts and loop devices"])
    assert demo.main() == 0
    _, err = capfd.readouterr()
    assert "no hosts can be made here (a lab needs root" in err
