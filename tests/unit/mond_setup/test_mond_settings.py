"""The settings with the daemon in front of mond, and without it."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.mond_setup import mond_settings
from ganeti_gluster_mon.mond_setup.mond_settings import Files, Mond
from tests.unit.mond_setup.mond_files import GANETI, OURS, words


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", Mond(None, 1815)),
        ("-p 99", Mond(None, 99)),
        ("-p99 -d", Mond(None, 99, ("-d",))),
        ("--port=99 --bind=::1", Mond("::1", 99)),
        ("--no-user-checks -b 10.0.0.1 --port 7", Mond("10.0.0.1", 7, ("--no-user-checks",))),
    ],
)
def test_where_mond_listens(given: str, expected: Mond) -> None:
    assert mond_settings.parse_mond_args(given.split()) == expected
    assert mond_settings.parse_mond_args(expected.words) == expected


@pytest.mark.parametrize("given", ["-p", "-p x", "-p 0", "--port=65536", "-d -b"])
def test_what_mond_would_not_start_with(given: str) -> None:
    with pytest.raises(CommandError, match=r"^/etc/default/ganeti: MOND_ARGS: "):
        mond_settings.parse_mond_args(given.split())


@pytest.mark.parametrize(
    ("mond_args", "args", "new_mond", "new_ours"),
    [
        ("", "", "-p 1817 -b 127.0.0.1", "--listen :1815 --front http://127.0.0.1:1817"),
        (
            "-d -b 10.0.0.1",
            "--listen @ganeti:1816 --interval 60",
            "-p 1817 -b 127.0.0.1 -d",
            "--interval 60 --listen 10.0.0.1:1815 --front http://127.0.0.1:1817",
        ),
        (
            "-b ::1 -p 99",
            "--listen=:1816",
            "-p 1817 -b 127.0.0.1",
            "--listen [::1]:99 --front http://127.0.0.1:1817",
        ),
    ],
)
def test_enabling(mond_args: str, args: str, new_mond: str, new_ours: str) -> None:
    before = Files(f'MOND_ARGS="{mond_args}"\n', f'ARGS="{args}"\n')
    after = mond_settings.enabled(before, 1817)
    assert words(after.ganeti, "MOND_ARGS") == tuple(new_mond.split())
    assert words(after.ours, "ARGS") == tuple(new_ours.split())
    assert mond_settings.enabled(after, 1817) == after, "the second time changes nothing"
    assert mond_settings.current_setup(after) == mond_settings.MondSetup(
        Mond("127.0.0.1", 1817, mond_settings.mond(before).other), mond_settings.mond(before)
    )
    assert mond_settings.disabled(after) == before
    assert mond_settings.disabled(before) == before


def test_enabled_again_with_another_port() -> None:
    before = Files(GANETI, OURS)
    after = mond_settings.enabled(mond_settings.enabled(before, 1817), 1900)
    assert mond_settings.mond(after).port == 1900
    assert "--front http://127.0.0.1:1900" in after.ours
    assert mond_settings.disabled(after) == before


def test_what_was_changed_meanwhile_stays() -> None:
    after = mond_settings.enabled(Files(GANETI, OURS), 1817)
    later = Files(
        after.ganeti.replace("-b 127.0.0.1", "-b 127.0.0.1 -d").replace('KVMD_ARGS=""', 'KVMD_ARGS="-d"'),
        after.ours.replace("--listen :1815", "--listen :1815 --interval 9"),
    )
    undone = mond_settings.disabled(later)
    assert undone.ganeti == GANETI.replace('MOND_ARGS=""', 'MOND_ARGS="-d"').replace(
        'KVMD_ARGS=""', 'KVMD_ARGS="-d"'
    )
    assert words(undone.ours, "ARGS") == ("--interval", "9", "--listen", "@ganeti:1816")
    assert "before" not in undone.ganeti + undone.ours


def test_half_of_it_is_reported_and_can_be_undone() -> None:
    before = Files(GANETI, OURS)
    after = mond_settings.enabled(before, 1817)
    for files in (Files(after.ganeti, OURS), Files(GANETI, after.ours)):
        with pytest.raises(CommandError, match=r"front disable"):
            mond_settings.current_setup(files)
        assert mond_settings.disabled(files) == before


def test_what_cannot_be() -> None:
    with pytest.raises(CommandError, match="--mond-port"):
        mond_settings.enabled(Files(GANETI, OURS), 1815)
    with pytest.raises(CommandError, match="front"):
        mond_settings.enabled(Files(GANETI, 'ARGS="--front http://127.0.0.1:1"\n'), 1817)
