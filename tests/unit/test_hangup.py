"""Tests that send SIGHUP to their children work when nohup started the tests."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Iterator

import pytest


@pytest.fixture
def nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, "as it was"
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("nohup", "hangup_not_ignored")
def test_a_hangup_ends_a_child_and_not_the_tests() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        child.send_signal(signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert child.wait(10) == -signal.SIGHUP
