"""The pause of the garbage collector."""

from __future__ import annotations

import gc
import threading

import pytest

from ganeti_gluster_mon.gc_pause import collection_paused


def test_the_collector_runs_again_after_the_block() -> None:
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_runs_again_after_an_error() -> None:
    with pytest.raises(RuntimeError), collection_paused():
        raise RuntimeError
    assert gc.isenabled()


def test_one_that_was_off_before_stays_off() -> None:
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_is_paused_until_the_last_of_several_threads_is_done() -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with collection_paused():
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(30)
    with collection_paused():
        pass
    assert not gc.isenabled()
    leave.set()
    thread.join(30)
    assert gc.isenabled()
