"""Nodes and bricks may be named by short names wherever a command of gnt-gluster takes one."""

from __future__ import annotations

import argparse
import re
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple, cast

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import releasing
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.command_arguments import (
    UsageError,
    brick_by_name,
    nodes_by_name,
    requested_places,
)
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.split_brain_repair import choices_by_name
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.gluster.model import Brick, Disk, Peer, Pool, Volume
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.maintenance.rolling_maintenance import nodes_and_command
from ganeti_gluster_mon.view import diagnose_command, disk_list
from ganeti_gluster_mon.view.listing import _names
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.targets import targets
from ganeti_gluster_mon.view.view_commands import LISTINGS
from tests.unit.deploy.fake_nodes import cluster
from tests.unit.deploy.test_discarding import spread

FULL, SHORT, ADDRESS = "node3.example.org", "node3", "192.0.2.3"
CLUSTER = cluster(3)
BRICK = BrickAddress(FULL, "/b")

#: what each argument that names a node or a brick is resolved by: (command, argument) → function of what was typed
Resolved = Callable[[pytest.MonkeyPatch, argparse.Namespace], Any]


def _nodes(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    return nodes_by_name(CLUSTER, arguments.nodes)


def _brick(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    return brick_by_name(CLUSTER, spread(), arguments.brick)


def _places(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    places = requested_places(CLUSTER, nodes_by_name(CLUSTER, arguments.nodes), arguments)
    return [place.node for place in places]


def _diagnosed(monkeypatch: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    monkeypatch.setattr(ssconf, "read", lambda: CLUSTER)
    return diagnose_command._nodes(arguments.nodes)


def _stopped(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    pool = Pool(1, peers=(Peer(FULL, "u"), Peer("other.example.org", "v")), volumes=())
    return targets(pool, CLUSTER, arguments.names)[0]


def _listed(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    brick = Brick("v", FULL, "/b")
    volume = Volume("v", "u", "distribute", "started", "tcp", (brick,), ())
    disks = (
        Disk("web", "disk/0", "v", "web.0", bricks=(brick,)),
        Disk("db", "disk/0", "v", "db.0", bricks=()),
    )
    view = PoolView(
        Pool(1, peers=(Peer(FULL, "u"),), volumes=(volume,), disks=disks), Health(0, "", (), {}), 1, CLUSTER
    )
    every = disk_list.rows(view)
    assert every is not None
    return len(disk_list.narrow(view, every, arguments))


def _released(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    return [nodes_by_name(CLUSTER, [node])[0] for node, _ in arguments.disks]


def _kept(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> object:
    return [nodes_by_name(CLUSTER, [node])[0] for node, _ in arguments.discard_kept]


def _given_up(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    context = Context(CLUSTER, cast(LockHost, None), FULL)
    return choices_by_name(context, "v", arguments.discard_copy)[0].node


def _maintained(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    return nodes_by_name(CLUSTER, [arguments.node])


def _target(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    return nodes_by_name(CLUSTER, [arguments.target_node])


def _rolled(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    return nodes_and_command(CLUSTER, arguments.words, "node1.example.org")[0]


def _removed(_: pytest.MonkeyPatch, arguments: argparse.Namespace) -> Any:
    found = CLUSTER.node_of_host(arguments.nodes[0])
    return None if found is None else found.name


_PLACE = "/dev/vdb"
CASES: Dict[Tuple[str, str], Tuple[List[str], Resolved, Any]] = {
    ("deploy", "nodes"): (["deploy", "{}", "--device", _PLACE], _nodes, (FULL,)),
    ("create-volume", "nodes"): (["create-volume", "v", "{}", "--device", _PLACE], _nodes, (FULL,)),
    ("expand-volume", "nodes"): (["expand-volume", "v", "{}", "--device", _PLACE], _nodes, (FULL,)),
    ("replace-brick", "nodes"): (["replace-brick", "v", "n:/b", "{}", "--device", _PLACE], _nodes, (FULL,)),
    ("replace-brick", "brick"): (["replace-brick", "v", "{}:/b", "node1", "--device", _PLACE], _brick, BRICK),
    ("restart-brick", "brick"): (["restart-brick", "v", "{}:/b"], _brick, BRICK),
    ("add-node", "nodes"): (["add-node", "{}"], _nodes, (FULL,)),
    ("remove-node", "nodes"): (["remove-node", "{}"], _removed, FULL),
    ("release-disk", "disks"): (["release-disk", "{}:/dev/vdb"], _released, [FULL]),
    ("release-disk", "discard_kept"): (
        ["release-disk", "node2:/dev/vdb", "--discard-kept", "{}:/dev/vdb"],
        _kept,
        [FULL],
    ),
    ("repair", "discard_copy"): (["repair", "v", "--discard-copy", "{}:v:f"], _given_up, FULL),
    ("diagnose", "nodes"): (["diagnose", "{}"], _diagnosed, [FULL]),
    ("maintenance start", "node"): (["maintenance", "start", "{}"], _maintained, (FULL,)),
    ("maintenance start", "target_node"): (
        ["maintenance", "start", "node2", "--target-node", "{}"],
        _target,
        (FULL,),
    ),
    ("maintenance finish", "node"): (["maintenance", "finish", "{}"], _maintained, (FULL,)),
    ("maintenance run", "target_node"): (
        ["maintenance", "run", "--target-node", "{}", "node2", "--", "true"],
        _target,
        (FULL,),
    ),
    ("maintenance run", "words"): (["maintenance", "run", "{}", "--", "true"], _rolled, (FULL,)),
    ("ok-to-stop", "names"): (["ok-to-stop", "{}"], _stopped, {FULL}),
    ("impact", "names"): (["impact", "{}"], _stopped, {FULL}),
    ("list-disks", "brick"): (["list-disks", "--brick", "{}:/b"], _listed, 1),
    ("list-disks", "node"): (["list-disks", "--node", "{}"], _listed, 1),
}
for _command in ("deploy", "create-volume", "expand-volume", "replace-brick"):
    _before = {"deploy": [], "replace-brick": ["v", "n:/b"]}.get(_command, ["v"])
    for _option, _path in (("device", _PLACE), ("directory", "/srv/b")):
        _words = [_command, *_before, "node3", f"--{_option}", f"{{}}:{_path}"]
        CASES[_command, _option] = (_words, _places, [FULL])
    CASES[_command, "wipe"] = (
        [_command, *_before, "node3", "--device", _PLACE, "--wipe", f"{{}}:{_PLACE}"],
        _places,
        [FULL],
    )
    _disk = f"node3:{_PLACE}"
    CASES[_command, "discard_kept"] = (
        [
            _command,
            *_before,
            "node3",
            "--device",
            _PLACE,
            "--wipe",
            _disk,
            "--discard-kept",
            f"{{}}:{_PLACE}",
        ],
        _places,
        [FULL],
    )


def arguments_that_name_hosts() -> Set[Tuple[str, str]]:
    """(command, argument) for each argument of gnt-gluster whose help says that it takes a node or a brick."""
    return set(_of_parser(gnt_gluster.parser(), ""))


def _of_parser(parser: argparse.ArgumentParser, name: str) -> Iterator[Tuple[str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, inner in action.choices.items():
                yield from _of_parser(inner, f"{name} {verb}".strip())
        elif re.search(r"\bNODE\b|\bBRICK\b", str(action.metavar)):
            yield name, action.dest


def test_every_argument_that_names_a_host_is_looked_at_here() -> None:
    assert arguments_that_name_hosts() == set(CASES)


@pytest.mark.parametrize("name", [FULL, SHORT, ADDRESS])
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_it_may_be_short(monkeypatch: pytest.MonkeyPatch, case: Tuple[str, str], name: str) -> None:
    words, resolve, expected = CASES[case]
    arguments = gnt_gluster.parser().parse_args([word.replace("{}", name) for word in words])
    assert resolve(monkeypatch, arguments) == expected


def test_kept_copies_are_given_up_of_a_disk_that_is_wiped() -> None:
    words = ["create-volume", "v", "node3", "--device", _PLACE, "--discard-kept"]
    for option in ([f"node3:{_PLACE}"], ["node3:/dev/vdc", "--wipe", f"node3:{_PLACE}"]):
        arguments = gnt_gluster.parser().parse_args([*words, *option])
        with pytest.raises(
            UsageError, match=r"--discard-kept node3.*: name that device in --device and --wipe"
        ):
            requested_places(CLUSTER, (FULL,), arguments)
    arguments = gnt_gluster.parser().parse_args([*words, f"node3:{_PLACE}", "--wipe", f"node3:{_PLACE}"])
    (place,) = requested_places(CLUSTER, (FULL,), arguments)
    assert place.wipe and place.discard_kept


def test_release_disk_resolves_names_as_here() -> None:
    assert releasing.nodes_by_name is nodes_by_name  # type: ignore[attr-defined]


@pytest.mark.parametrize("listing", LISTINGS)
def test_lists_take_short_names_of_hosts_and_bricks(listing: str) -> None:
    fields = {field.name for field in LISTINGS[listing].fields if field.names}
    assert fields
    assert _names(SHORT, FULL)
    assert _names(f"{SHORT}:/b", f"{FULL}:/b")
    assert not _names("node", FULL)
    assert not _names("node:/b", f"{FULL}:/b")
