"""The conversation with `gluster`: which answer is whose, and that nothing survives it."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import List

import psutil
import pytest

from ganeti_gluster_mon.gluster import session
from ganeti_gluster_mon.gluster.query import heal_summary
from ganeti_gluster_mon.gluster.session import GlusterSession
from tests.lab.waiting import wait_until
from tests.unit.fake_gluster import EXITS, FLOODS, HANGS, FakeGluster

A, B, C = ("volume", "info"), ("pool", "list"), ("volume", "status", "all")


def soon(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


def children() -> List[psutil.Process]:
    """What we started and is not reaped, and what that started."""
    return psutil.Process().children(recursive=True)


def started(path: str) -> List[psutil.Process]:
    """The processes that were started from *path*, and theirs; a lab may run, too, with processes of its own."""
    # of a zombie, which another test may have left, psutil 7 has no words
    children = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    found = [each for each in children if path in each.cmdline()]
    return found + [below for each in found for below in each.children(recursive=True)]


@pytest.fixture(autouse=True)
def nothing_left() -> object:
    before = children()
    yield
    assert children() == before


def test_xml_text_and_nothing_are_each_given_to_their_question(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: ["<?xml?>\n<cliOutput/>\n"], B: [""], C: ["No volumes present\n"]})
    with GlusterSession(fake.path) as gluster:
        answers = gluster.run_queries([A, B, C], soon())
        assert [answer.output for answer in answers] == [
            b"<?xml?>\n<cliOutput/>\n",
            b"",
            b"No volumes present\n",
        ]
        assert [answer.failure for answer in answers] == [None] * 3
        (again,) = gluster.run_queries([C], soon())
        assert again.output == b"No volumes present\n"
    assert fake.heard == ["started", "volume info", "pool list", "volume status all", "volume status all"]


def test_what_an_ended_process_did_not_answer_is_sent_to_a_new_one(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: [f"{EXITS}refused\n"], B: ["b\n"], C: [EXITS]})
    with GlusterSession(fake.path) as gluster:
        refused, whole, silent = gluster.run_queries([A, B, C], soon())
    assert (refused.output, refused.returncode, refused.failure) == (b"refused\n", 2, None)
    assert (whole.output, whole.returncode) == (b"b\n", None)
    assert (silent.output, silent.returncode) == (b"", 2)
    assert fake.heard == ["started", "volume info", "started", "pool list", "volume status all"]
    assert "Welcome" not in refused.stderr


def test_deadline_leaves_what_was_answered(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: ["a\n"], B: [HANGS], C: ["c\n"]})
    began = time.monotonic()
    with GlusterSession(fake.path) as gluster:
        whole, late, never = gluster.run_queries([A, B, C], soon(1))
    assert time.monotonic() - began < 3
    assert (whole.output, whole.failure) == (b"a\n", None)
    assert late.failure == never.failure == "no answer within 1 s"


def test_flood_is_stopped(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: ["a\n"], B: [FLOODS]})
    with GlusterSession(fake.path, max_output=2 << 20) as gluster:
        whole, flood = gluster.run_queries([A, B], soon())
    assert whole.failure is None
    assert flood.failure == "more than 2 MiB of output"
    assert len(flood.output) < 4 << 20


def test_large_answers_and_many_questions_do_not_block_each_other(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: ["<x/>" * 1_000_000], B: ["b\n"]})
    with GlusterSession(fake.path) as gluster:
        large, *others = gluster.run_queries([A, B], soon())
        assert (len(large.output), others[0].output) == (4_000_000, b"b\n")
        for _ in range(500):
            (answer,) = gluster.run_queries([B], soon())
            assert answer.output == b"b\n"


@pytest.mark.parametrize(
    "question",
    [
        (),
        ("",),
        ("volume", "a b"),
        ("volume", "a\nvolume"),
        ("--xml",),
        ("volume", "heal", "$(x)", "info"),
        ("x" * 1100,),
    ],
)
def test_what_gluster_would_misunderstand_is_not_sent(tmp_path: Path, question: tuple[str, ...]) -> None:
    fake = FakeGluster(tmp_path, {A: ["a\n"]})
    with GlusterSession(fake.path) as gluster:
        refused, sent = gluster.run_queries([question, A], soon())
    assert refused.failure is not None
    assert refused.failure.startswith("invalid query")
    assert sent.output == b"a\n"
    assert fake.heard == ["started", "volume info"]


def test_glusterd_that_goes_away_is_reported_at_once(tmp_path: Path) -> None:
    gone = "Connection failed. Please check if gluster daemon is operational.\n"
    fake = FakeGluster(tmp_path, {A: [f"{EXITS}{gone}"], B: ["b\n"]})
    with GlusterSession(fake.path) as gluster:
        answers = gluster.run_queries([A, B], soon())
    assert [answer.failure for answer in answers] == [
        "glusterd does not answer on this node: connection failed"
    ] * 2


def test_an_exception_ends_the_whole_group(tmp_path: Path) -> None:
    script = tmp_path / "gluster"
    script.write_text("#!/bin/sh\ntrap '' TERM INT HUP\nsleep 600 &\nsleep 600 & wait\n")
    script.chmod(0o755)
    family: List[psutil.Process] = []

    def interrupted() -> None:
        with GlusterSession(str(script)):
            while len(family) < 3:  # the shell, and its two children
                family[:] = started(str(script))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    # reaping the two is for process 1, which takes its time on some machines
    _, alive = psutil.wait_procs(family, timeout=5)
    assert all(each.status() == psutil.STATUS_ZOMBIE for each in alive)


def test_ending_a_conversation_ends_the_asking_in_another_thread(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: [HANGS], B: ["b\n"]})
    answers: List[object] = []
    with GlusterSession(fake.path) as gluster:
        asking = threading.Thread(target=lambda: answers.extend(gluster.run_queries([A, B], soon(60))))
        asking.start()
        wait_until(
            lambda: (tmp_path / "log").exists() and fake.heard == ["started", "volume info"], "the query", 20
        )
    asking.join(5)
    assert not asking.is_alive()
    assert len(answers) == 2


def test_queries_that_are_given_up_from_another_thread(tmp_path: Path) -> None:
    fake = FakeGluster(tmp_path, {A: [HANGS], B: ["b\n"]})
    raised: List[session.GivenUp] = []

    def query(gluster: GlusterSession) -> None:
        try:
            gluster.run_queries([A, B], soon(60))
        except session.GivenUp as err:
            raised.append(err)

    with GlusterSession(fake.path) as gluster:
        querying = threading.Thread(target=query, args=(gluster,))
        querying.start()
        wait_until(
            lambda: (tmp_path / "log").exists() and fake.heard == ["started", "volume info"], "the query", 20
        )
        gluster.give_up()
        querying.join(5)
        assert not querying.is_alive()
        assert len(raised) == 1
        with pytest.raises(session.GivenUp):
            gluster.run_queries([B], soon())
    assert fake.heard == ["started", "volume info"]


def test_gluster_that_cannot_be_started() -> None:
    with pytest.raises(session.NoGluster, match="there is no command /nowhere/gluster: apt install"):
        GlusterSession("/nowhere/gluster")
    with pytest.raises(session.GlusterUnavailable, match="cannot start /etc/passwd: Permission denied"):
        GlusterSession("/etc/passwd")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets as far as looking for glusterd")
def test_glusterd_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(session.GlusterdDown, match="does not run on this node: systemctl start glusterd"):
        session.check_glusterd(str(tmp_path / "socket"))


def test_only_root_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(session.NotRoot, match="run this as root"):
        session.check_glusterd()


def test_signals_of_a_terminal_do_not_reach_gluster(tmp_path: Path) -> None:
    """It leads a group of its own, so Ctrl-C is for us to handle."""
    fake = FakeGluster(tmp_path, {A: ["a\n"]})
    with GlusterSession(fake.path) as gluster:
        gluster.run_queries([A], soon())
        (process,) = started(fake.path)
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_the_last_moment_to_begin_no_query_is_sent_and_none_has_an_answer(tmp_path: Path) -> None:
    first, second = heal_summary("gv0"), heal_summary("gv1")
    gluster = FakeGluster(tmp_path, {first: ["<cliOutput/>\n"], second: ["<cliOutput/>\n"]})
    with GlusterSession(gluster.path) as queries:
        now = time.monotonic()
        assert queries.run_queries([first, second], now + 30, now) == ()
        (answer,) = queries.run_queries([first], now + 30, now + 30)
    assert answer.failure is None and gluster.heard == ["started", " ".join(first)]
