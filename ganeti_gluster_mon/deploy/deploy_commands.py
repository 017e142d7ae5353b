"""The commands of ``gnt-gluster`` that change something: their arguments, and what they have confirmed."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

from ganeti_gluster_mon.gluster.query import VOLUME_NAME

if TYPE_CHECKING:
    from ganeti_gluster_mon.deploy.layout import BrickAddress
    from ganeti_gluster_mon.deploy.split_brain import CopyChoice

_NODE = "a node, by its name or an unmistakable beginning of it"


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    """Add them to *commands*, the subparsers of ``gnt-gluster``."""
    deploy = commands.add_parser(
        "deploy",
        help="from empty disks to a volume that Ganeti uses",
        description="Bricks, pool, volume and Ganeti's settings, on the nodes named or on all of the cluster. "
        "It can be run again: a volume that exists is compared with the request, and what it has lost (a mount, "
        "a line in /etc/fstab, a brick that does not run) is repaired.",
    )
    deploy.add_argument("nodes", nargs="*", metavar="NODE", help=f"{_NODE} (default: all that are online)")
    deploy.add_argument("--volume", type=_volume, default="gv0", metavar="NAME", help="default: %(default)s")
    deploy.add_argument(
        "--access",
        choices=("userspace", "kernelspace"),
        help="how guests reach their disks: QEMU itself, or a FUSE mount (default: as it is, or userspace)",
    )
    _add_places(deploy)
    _add_layout(deploy)
    deploy.set_defaults(run=_run("deploy"))

    create = commands.add_parser("create-volume", help="make and start a volume, and leave Ganeti as it is")
    create.add_argument("volume", type=_volume, metavar="VOLUME")
    create.add_argument("nodes", nargs="*", metavar="NODE", help=f"{_NODE} (default: all that are online)")
    _add_places(create)
    _add_layout(create)
    create.set_defaults(run=_run("create_volume"))

    expand = commands.add_parser(
        "expand-volume", help="add whole sets of bricks to a volume, and rebalance it"
    )
    expand.add_argument("volume", type=_volume, metavar="VOLUME")
    expand.add_argument("nodes", nargs="+", metavar="NODE", help=_NODE)
    _add_places(expand)
    expand.add_argument(
        "--no-rebalance", action="store_true", help="leave what is there where it is; new files go everywhere"
    )
    expand.set_defaults(run=_run("expand_volume"))

    rebalance = commands.add_parser("rebalance", help="spread the files of a volume over all its bricks")
    rebalance.add_argument("volume", type=_volume, metavar="VOLUME")
    rebalance.set_defaults(run=_run("rebalance"))

    replace = commands.add_parser(
        "replace-brick", help="put another brick in the place of one, and wait for heal"
    )
    replace.add_argument("volume", type=_volume, metavar="VOLUME")
    replace.add_argument("brick", type=_brick, metavar="BRICK", help="the one to go, as HOST:PATH")
    replace.add_argument("nodes", nargs=1, metavar="NODE", help="where the new one is to be")
    _add_places(replace)
    _add_discard(replace, "the brick")
    replace.set_defaults(run=_run("replace_brick"))

    restart = commands.add_parser(
        "restart-brick", help="end the process of a brick that hangs, and start it again"
    )
    restart.add_argument("volume", type=_volume, metavar="VOLUME")
    restart.add_argument("brick", type=_brick, metavar="BRICK", help="the one that hangs, as HOST:PATH")
    restart.set_defaults(run=_run("restart_brick"))

    repair = commands.add_parser(
        "repair",
        help="bring back what volumes have lost: glusterd, mounts of bricks, processes of bricks, self-heal daemons",
    )
    repair.add_argument(
        "volume", nargs="?", type=_volume, metavar="VOLUME", help="default: all that are started"
    )
    repair.add_argument(
        "--discard-copy",
        action="append",
        default=[],
        type=_copy,
        metavar="NODE:VOLUME:FILE",
        help="end the split-brain of FILE, a disk with all its shards or one file, by giving up the copy on NODE; the "
        "copy is kept aside first, and the guest has to be stopped; may be repeated",
    )
    repair.set_defaults(run=_run("repair"))

    add = commands.add_parser("add-node", help="make nodes peers of the pool, without bricks")
    add.add_argument("nodes", nargs="+", metavar="NODE", help=_NODE)
    add.add_argument(
        "--join",
        action="store_true",
        help="with bricks, as described for nodes that come: what the hook for gnt-node add does",
    )
    add.set_defaults(run=_run("add_node"))

    remove = commands.add_parser("remove-node", help="take a node out of the pool")
    remove.add_argument("nodes", nargs=1, metavar="NODE", help="its name in the pool")
    remove.add_argument(
        "--reduce-replica",
        action="store_true",
        help="where its bricks are copies: keep one copy less, if no other node can take them",
    )
    _add_discard(remove, "its bricks")
    remove.set_defaults(run=_run("remove_node"))

    destroy = commands.add_parser("destroy-volume", help="stop and delete a volume that no instance uses")
    destroy.add_argument("volume", type=_volume, metavar="VOLUME")
    destroy.set_defaults(run=_run("destroy_volume"))

    release = commands.add_parser(
        "release-disk",
        help="give up the filesystem that an earlier volume left on a disk: unmount it, and erase its signature",
    )
    release.add_argument(
        "disks",
        nargs="+",
        type=_device_of_node,
        metavar="NODE:DEVICE",
        help="a disk that no volume uses any more",
    )
    _add_discard_kept(release)
    release.set_defaults(run=_run("release_disk"))

    for one in (deploy, create, expand, rebalance, replace, restart, repair, add, remove, destroy, release):
        one.add_argument(
            "--dry-run",
            action="store_true",
            help="print the commands that would be run, and run none of them",
        )
        one.add_argument("-f", "--force", action="store_true", help="do not ask for confirmation")
        one.add_argument(
            "-v", "--verbose", action="store_true", help="name each step, also those that are done already"
        )


def _add_places(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where the bricks are")
    group.add_argument(
        "--device",
        action="append",
        default=[],
        type=_device,
        metavar="[NODE:]DEVICE",
        help="an empty disk, partition or logical volume, on each node or on the one named; may be repeated",
    )
    group.add_argument(
        "--directory",
        action="append",
        default=[],
        type=_directory,
        metavar="[NODE:]DIR",
        help="an empty directory, or one to be made, on a filesystem that is there; may be repeated",
    )
    group.add_argument(
        "--wipe",
        action="append",
        default=[],
        type=_directory,
        metavar="NODE:PATH",
        help="lose for good what is on this device, or the stale brick in this directory; the node may be left out "
        "where there is only one",
    )
    _add_discard_kept(group)


def _add_discard_kept(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--discard-kept",
        action="append",
        default=[],
        type=_device_of_node,
        metavar="NODE:DEVICE",
        help="a disk whose kept copies, of repair --discard-copy, are lost for good; may be repeated",
    )


def _add_discard(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--discard-data",
        action="store_true",
        help=f"give up what is on {what}, where no other copy exists and it cannot be read; what is lost is named",
    )


def _add_layout(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("layout")
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--replica", type=int, metavar="N", help="N copies (default: 3)")
    kind.add_argument("--disperse", type=int, metavar="N", help="fragments on N bricks, see --redundancy")
    kind.add_argument("--distribute", action="store_true", help="no copies: a dead disk is lost data")
    group.add_argument(
        "--arbiter", action="store_true", help="the third copy has names only, and needs little space"
    )
    group.add_argument(
        "--redundancy", type=int, metavar="R", help="how many of N bricks may be missing (default: 1)"
    )
    group.add_argument(
        "--no-shard",
        action="store_true",
        help="keep each disk of a guest as one file; it can never be changed once there are disks",
    )


def _run(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from ganeti_gluster_mon.deploy import pool_tasks, run_task

        return run_task.run_task(getattr(pool_tasks, name), arguments)

    return run


def _volume(text: str) -> str:
    if not VOLUME_NAME.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a volume: letters, digits, - and _")
    return text


def _device(text: str) -> Tuple[Optional[str], str]:
    return _placed(text, "device")


def _device_of_node(text: str) -> Tuple[Optional[str], str]:
    node, path = _placed(text, "device")
    if node is None:
        raise argparse.ArgumentTypeError(f"{text!r} names no node: NODE:DEVICE")
    return node, path


def _directory(text: str) -> Tuple[Optional[str], str]:
    node, path = _placed(text, "directory")
    # Gluster cuts a brick's path at white space, and its name at a colon
    if any(c.isspace() or c in ":\"'\\" for c in path):
        raise argparse.ArgumentTypeError(
            f"{text!r}: Gluster takes no white space, colon, quote or backslash there"
        )
    return node, path


def _placed(text: str, what: str) -> Tuple[Optional[str], str]:
    """[NODE:]/path"""
    node, colon, path = ("", "", text) if text.startswith("/") else text.partition(":")
    if not path.startswith("/") or "\0" in text or os.path.normpath(path) != path or path == "/":
        raise argparse.ArgumentTypeError(
            f"{text!r} is no {what}: an absolute path, without . and .., or NODE:PATH"
        )
    if colon and not node:
        raise argparse.ArgumentTypeError(f"{text!r} names no node before the colon")
    return node or None, path


def _brick(text: str) -> BrickAddress:
    from ganeti_gluster_mon.deploy.layout import BrickAddress

    host, colon, path = text.partition(":")
    if not host or not colon or not path.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no brick: HOST:PATH, as gluster volume info has it")
    return BrickAddress(host, path)


def _copy(text: str) -> CopyChoice:
    from ganeti_gluster_mon.deploy.split_brain import CopyChoice

    node, _, rest = text.partition(":")
    volume, _, path = rest.partition(":")
    path = path.lstrip("/")
    if (
        not node
        or not VOLUME_NAME.match(volume)
        or not path
        or os.path.normpath(path) != path
        or "\0" in path
    ):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no copy of a file: NODE:VOLUME:FILE, as gnt-gluster repair VOLUME names it"
        )
    if path == ".." or path.startswith("../"):
        raise argparse.ArgumentTypeError(f"{text!r}: FILE is a path in the volume, without ..")
    return CopyChoice(node, volume, path)
