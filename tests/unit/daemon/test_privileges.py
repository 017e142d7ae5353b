"""As which user the unprivileged process runs."""

from __future__ import annotations

import pwd
from typing import Set

import pytest

from ganeti_gluster_mon import cli, cli_options
from ganeti_gluster_mon.daemon import privileges, run


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
