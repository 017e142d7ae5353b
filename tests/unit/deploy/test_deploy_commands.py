"""The arguments of commands that change a pool: what is valid, and one line for what is not."""

from __future__ import annotations

import argparse
from typing import Any, Callable, List, Optional

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import deploy_commands, pool_tasks
from ganeti_gluster_mon.deploy.layout import BrickAddress


@pytest.mark.parametrize(
    ("text", "node", "path"),
    [
        ("/dev/vdb", None, "/dev/vdb"),
        ("node1:/dev/vdb", "node1", "/dev/vdb"),
        ("/dev/disk/by-path/pci-0000:00:1f.2", None, "/dev/disk/by-path/pci-0000:00:1f.2"),
        ("node1:/dev/disk/by-path/pci-0000:00:1f.2", "node1", "/dev/disk/by-path/pci-0000:00:1f.2"),
    ],
)
def test_a_device_of_each_node_or_of_one(text: str, node: Optional[str], path: str) -> None:
    assert deploy_commands._device(text) == (node, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vdb",
        "dev/vdb",
        "/",
        "node1:",
        "node1:/",
        ":/dev/vdb",
        "/dev/../etc/passwd",
        "/dev//vdb",
        "/dev/vdb/",
        "/a\0b",
    ],
)
def test_what_is_no_device(text: str) -> None:
    for function in (deploy_commands._device, deploy_commands._device_of_node, deploy_commands._directory):
        with pytest.raises(argparse.ArgumentTypeError) as refused:
            function(text)
        assert "\n" not in str(refused.value)


def test_a_device_of_a_node_names_the_node() -> None:
    assert deploy_commands._device_of_node("node1:/dev/vdb") == ("node1", "/dev/vdb")
    with pytest.raises(argparse.ArgumentTypeError, match="names no node: NODE:DEVICE"):
        deploy_commands._device_of_node("/dev/vdb")


@pytest.mark.parametrize("path", ["/a b", "/a\tb", "/a:b", '/a"b', "/a'b", "/a\\b", "/a\u00a0b"])
def test_what_gluster_takes_for_no_directory(path: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="Gluster takes no white space"):
        deploy_commands._directory(path)
    assert deploy_commands._directory("node1:/srv/gluster-1/gv0") == ("node1", "/srv/gluster-1/gv0")


@pytest.mark.parametrize("name", ["gv0", "a-b_C9", "_x", "x" * 255])
def test_the_name_of_a_volume(name: str) -> None:
    assert deploy_commands._volume(name) == name


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "a\n", "ü", "x" * 256, "$(reboot)"])
def test_what_is_no_name_of_a_volume(name: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no name of a volume"):
        deploy_commands._volume(name)


def test_a_brick_as_gluster_names_it() -> None:
    assert deploy_commands._brick("node1:/b/gv0") == BrickAddress("node1", "/b/gv0")
    for text in ("", "node1", "/b", ":/b", "node1:b"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no brick: HOST:PATH"):
            deploy_commands._brick(text)


def commands() -> Any:
    """The commands that change a pool, by name."""
    added: Any = argparse.ArgumentParser().add_subparsers()
    deploy_commands.add_commands(added)
    return added.choices


@pytest.mark.parametrize("name", sorted(commands()))
def test_each_command_can_be_shown_first_and_has_its_task(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Callable[[argparse.Namespace], int] = commands()[name].get_default("run")
    done: List[Any] = []

    def run_task(task: Any, arguments: argparse.Namespace) -> int:
        done.append(task)
        return 0

    monkeypatch.setattr("ganeti_gluster_mon.deploy.run_task.run_task", run_task)
    assert run(argparse.Namespace()) == 0
    (task,) = done
    assert getattr(pool_tasks, task.__name__) is task
    options = {option for action in commands()[name]._actions for option in action.option_strings}
    assert {"--dry-run", "--verbose", "--force"} <= options
    assert name in gnt_gluster.parser().format_help()
