"""The start of the daemon: its user, its secret and its limits."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Set

import pytest

from ganeti_gluster_mon import cli, cli_options
from ganeti_gluster_mon.daemon import privileges, run
from ganeti_gluster_mon.daemon.web.annotations import Annotations
from ganeti_gluster_mon.snapshot import Snapshot
from tests.unit.example_pool import HEALTH, NOW, POOL


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Set[str]:
    """The names of the users that there are."""
    there: Set[str] = {"nobody"}

    def find(name: str) -> pwd.struct_passwd:
        if name not in there:
            raise privileges.NoSuchUser(f"there is no user {name}: adduser --system --group {name}")
        return pwd.struct_passwd((name, "x", 1234, 1234, "", "/", "/bin/false"))

    monkeypatch.setattr(privileges, "find", find)
    return there


def options(*words: str) -> run.Options:
    parsed = cli._parser().parse_args(["serve", *words])
    parsed.words = list(words)
    return cli_options.serve_options(parsed)


def test_the_daemon_refuses_to_share_a_user_with_other_programs(users: Set[str]) -> None:
    with pytest.raises(run.CannotServe, match="there is no user ganeti-gluster-mon: adduser"):
        run._user(options())
    users.add("ganeti-gluster-mon")
    assert run._user(options()).pw_name == "ganeti-gluster-mon"


def test_a_named_user_is_taken_and_no_other(users: Set[str]) -> None:
    assert run._user(options("--user", "nobody")).pw_name == "nobody"
    with pytest.raises(run.CannotServe, match="there is no user monitor"):
        run._user(options("--user", "monitor"), shared=True)


def test_a_capture_that_is_shown_needs_no_user_of_its_own(users: Set[str]) -> None:
    assert run._user(options("--replay", "x"), shared=True).pw_name == "nobody"


def test_the_watchdog_waits_longer_than_all_timeouts_of_a_cycle() -> None:
    settings = options().settings
    timeouts = settings.timeout + settings.peer_timeout + 3 * settings.brick_timeout + settings.mount_timeout
    assert run._watchdog_timeout(settings) > timeouts


def test_without_root_the_daemon_refuses_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for function in (run.run_daemon, run.run_poller):
        with pytest.raises(run.CannotServe, match="glusterd answers root only: run this as root") as refused:
            function(options())
        assert refused.value.status == 1


def test_a_secret_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    missing = str(tmp_path / "secret")
    with pytest.raises(run.CannotServe, match="secret"):
        run._must_have_secret(options("--secret-file", missing))
    run._must_have_secret(options())


def test_the_page_has_the_last_day_of_each_volume_that_the_daemon_keeps(tmp_path: Path) -> None:
    kept = Annotations(str(tmp_path))
    kept.apply(Snapshot(POOL, HEALTH, NOW))
    page = run._page(options(), kept.volume_letters)(POOL, HEALTH, NOW).decode()
    assert page.count("last 24 h: ") == len(POOL.volumes or ())
    assert "not recorded 23 h 55 min" in page
    assert "last 24 h" not in run._page(options())(POOL, HEALTH, NOW).decode()
    node = run._node_page(options())(POOL, HEALTH, NOW, "node1.lab.test")
    assert node is not None and b"node1.lab.test" in node
