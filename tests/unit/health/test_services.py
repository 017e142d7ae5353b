"""The daemons other than bricks, by the options that require them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping, Optional

import pytest

from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON, Brick, Daemon, Subvolume, Volume
from ganeti_gluster_mon.health.services import (
    expected_daemons,
    is_off,
    is_on,
    required,
    service_problems,
    switched_off,
    with_bricks,
)

BRICKS = (Brick("gv0", "node1", "/b", "u1"), Brick("gv0", "node2", "/b", "u2"))


def volume(kind: str = "replicate", daemons: tuple[Daemon, ...] = (), **options: Any) -> Volume:
    named = {name.replace("__", ".").replace("_", "-"): value for name, value in options.items()}
    return Volume(
        "gv0", "u", kind, "started", "tcp", BRICKS, (Subvolume(kind, BRICKS),), named, daemons=daemons
    )


def daemon(name: str = "Quota Daemon", uuid: Optional[str] = "u1", online: Optional[bool] = False) -> Daemon:
    return Daemon(name, "node1", uuid, online)


@pytest.mark.parametrize(
    ("options", "on", "off"),
    [
        ({}, False, False),
        ({"x": "On"}, True, False),
        ({"x": "Disable"}, False, True),
        ({"x": "?"}, False, False),
    ],
)
def test_an_option_that_is_not_set_is_neither_on_nor_off(
    options: Mapping[str, str], on: bool, off: bool
) -> None:
    assert (is_on(options, "x"), is_off(options, "x")) == (on, off)


def test_daemons_on_hosts_without_bricks_of_the_volume_do_not_count() -> None:
    here, elsewhere, unknown = daemon(uuid="u1"), daemon(uuid="u3"), daemon(uuid=None)
    assert with_bricks(volume(), (here, elsewhere, unknown)) == (here, unknown)
    nameless = replace(volume(), bricks=(replace(BRICKS[0], uuid=None),))
    assert with_bricks(nameless, (here, elsewhere)) == (here, elsewhere)


@pytest.mark.parametrize(
    ("kind", "options", "names"),
    [
        ("replicate", {}, [SELF_HEAL_DAEMON]),
        ("replicate", {"cluster__self_heal_daemon": "off"}, []),
        ("distribute", {}, []),
        ("distribute", {"features__quota": "on"}, ["Quota Daemon"]),
        ("distribute", {"features__bitrot": "on"}, ["Bitrot Daemon", "Scrubber Daemon"]),
    ],
)
def test_the_daemons_that_glusterd_lists(kind: str, options: Any, names: list[str]) -> None:
    assert list(expected_daemons(volume(kind, **options))) == names


@pytest.mark.parametrize(
    ("kind", "options", "off"),
    [
        ("replicate", {"cluster__data_self_heal": "off"}, ()),
        ("replicate", {"cluster__self_heal_daemon": "off"}, ("cluster.self-heal-daemon",)),
        (
            "replicate",
            {"cluster__self_heal_daemon": "off", "cluster__data_self_heal": "off"},
            ("cluster.self-heal-daemon", "cluster.data-self-heal"),
        ),
        ("disperse", {"cluster__self_heal_daemon": "off"}, ()),
        (
            "disperse",
            {"cluster__disperse_self_heal_daemon": "off", "cluster__data_self_heal": "off"},
            ("cluster.disperse-self-heal-daemon",),
        ),
    ],
)
def test_the_options_that_switch_self_heal_off(kind: str, options: Any, off: tuple[str, ...]) -> None:
    assert switched_off(volume(kind, **options)) == off


@pytest.mark.parametrize(
    ("name", "options", "needed"),
    [
        ("Quota Daemon", {}, True),
        ("Quota Daemon", {"features__quota": "off"}, False),
        ("Another Daemon", {}, True),
        ("NFS Server", {}, False),
        ("NFS Server", {"nfs__disable": "off"}, True),
    ],
)
def test_a_daemon_is_required_unless_its_option_is_off(name: str, options: Any, needed: bool) -> None:
    assert required(volume(**options), daemon(name)) is needed


@pytest.mark.parametrize(
    ("dead", "reported"),
    [
        (daemon(), True),
        (daemon(online=None), False),
        (daemon(online=True), False),
        (daemon(SELF_HEAL_DAEMON), False),
        (daemon("NFS Server"), False),
        (daemon(uuid="u3"), False),
    ],
)
def test_a_required_daemon_that_does_not_run_is_a_problem(dead: Daemon, reported: bool) -> None:
    problems = [(one.code, one.subject) for one in service_problems(volume(daemons=(dead,)))]
    assert problems == [("DAEMON_DOWN", f"{dead.name} on node1")] * reported
