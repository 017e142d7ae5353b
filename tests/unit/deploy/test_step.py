"""Steps and commands."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, Step


@pytest.mark.parametrize(
    "argv",
    [("echo", "a"), ("echo", "a b"), ("echo", "$(reboot); `id` | & ' \""), ("echo", ""), ("echo", "a\nb")],
)
def test_a_command_is_shown_as_one_would_type_it(argv: tuple[str, ...]) -> None:
    assert tuple(shlex.split(str(Command("node1", argv)))) == argv


def test_its_standard_input_is_shown_too() -> None:
    command = Command("node1", ("cat",), text="one\n$two\n")
    assert str(command) == "cat <<'END'\none\n$two\nEND"
    done = subprocess.run(["sh", "-c", str(command)], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == command.text


def test_done_and_wait_differ() -> None:
    assert DONE is None and WAIT == () and DONE != WAIT


def test_a_step_has_to_say_what_it_does_and_helps_itself_with_nothing() -> None:
    step = Step("node1")
    for needed in (lambda: step.description, step.queries, lambda: step.remaining(())):
        with pytest.raises(NotImplementedError):
            needed()
    assert (step.kick(), step.cure("failure"), step.progress(()), step.readings) == ((), (), "", 1)
