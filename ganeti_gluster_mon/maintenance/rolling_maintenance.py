"""Runs a maintenance: of one node, or of one node after the other with a command for each."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import gluster_cli, prerequisites
from ganeti_gluster_mon.deploy.apply import Host
from ganeti_gluster_mon.deploy.command_arguments import UsageError, nodes_by_name
from ganeti_gluster_mon.deploy.run_task import run_task
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.deploy.wait import print_line
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssh import Nodes, NodeUnavailable
from ganeti_gluster_mon.maintenance.maintenance_tasks import (
    maintenance_finish,
    maintenance_start,
    next_nodes,
    query_pool,
)

#: the environment variable that names the node to the command
NODE_VARIABLE = "GNT_NODE"
#: stands for the node in the arguments of the command
PLACEHOLDER = "{}"

#: differs after each boot: the kernel's id of the boot, and when its first process began (a container has its own)
_BOOT_PROGRAM = (
    "print(open('/proc/sys/kernel/random/boot_id').read().strip(), "
    "open('/proc/1/stat').read().rpartition(')')[2].split()[19])"
)
_BOOT = ("python3", "-I", "-S", "-c", _BOOT_PROGRAM)
_QUERY_TIMEOUT = 15.0
#: seconds between two looks whether a node is back, and until that is reported
_PAUSE, _REPORT_AFTER = 2.0, 60.0


def start(arguments: argparse.Namespace) -> int:
    """`maintenance start`; returns the exit status."""
    return run_task(maintenance_start, arguments, of_maintenance=True)


def finish(arguments: argparse.Namespace) -> int:
    """`maintenance finish`; returns the exit status.  At its end it says whether the next node may follow."""
    status = run_task(maintenance_finish, arguments, of_maintenance=True)
    if status == 0 and not arguments.dry_run:
        try:
            cluster = ssconf.read()
            finished = cluster.node_of_host(arguments.node)
            print_line(next_nodes(query_pool(), cluster, "" if finished is None else finished.name))
        except CommandError as err:
            print_line(f"it is not known whether the next node may follow: {err}")
    return status


def run(arguments: argparse.Namespace) -> int:
    """`maintenance run`; returns the exit status."""
    cluster = ssconf.read()
    nodes = Nodes(cluster)
    try:
        names, command = nodes_and_command(cluster, arguments.words, nodes.own)
    except UsageError as err:
        print(f"gnt-gluster maintenance run: {err}", file=sys.stderr)
        return 2
    for number, name in enumerate(names):
        arguments.node = name
        try:
            _one(arguments, nodes, cluster.master, name, command)
        except CommandError as err:
            print(f"gnt-gluster: {name}: {err}", file=sys.stderr)
            for line in how_to_go_on(name, names[number + 1 :], command):
                print(f"gnt-gluster: {line}", file=sys.stderr)
            return 1
    return 0


def nodes_and_command(
    cluster: ssconf.Cluster, words: Sequence[str], own: str
) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """The nodes, by their full names, and the command.  Raises UsageError."""
    if "--" not in words:
        raise UsageError("a -- has to stand between the nodes and the command: NODE… -- COMMAND")
    at = list(words).index("--")
    named, command = words[:at], tuple(words[at + 1 :])
    options = [word for word in named if word.startswith("-")]
    if options:
        raise UsageError(f"options come before the nodes: {options[0]}")
    if not named or not command:
        raise UsageError("at least one node and a command are needed: NODE… -- COMMAND")
    names = nodes_by_name(cluster, named)
    if own in names[:-1]:
        raise UsageError(
            f"{own} is this node: name it last, or run the command on a node that is not among them"
        )
    return names, command


def how_to_go_on(node: str, rest: Sequence[str], command: Sequence[str]) -> List[str]:
    """What an administrator does after a problem with *node*, a line each."""
    found = [
        "gnt-gluster maintenance status shows what is left to do; when the problem is solved: gnt-gluster maintenance "
        f"finish {node}"
    ]
    if rest:
        found.append(
            f"and then, for the other nodes: gnt-gluster maintenance run {' '.join(rest)} -- {shlex.join(command)}"
        )
    return found


def _one(arguments: argparse.Namespace, host: Host, master: str, node: str, command: Sequence[str]) -> None:
    """The maintenance of one node.  Raises CommandError."""
    print_line(f"{node}: maintenance starts")
    if start(arguments):
        raise CommandError("its maintenance did not start")
    before = boot(host, node)
    argv = [word.replace(PLACEHOLDER, node) for word in command]
    print_line(f"{node}: {shlex.join(argv)}")
    run_command(argv, node, arguments.timeout)
    wait_until_back(host, node, master, before if arguments.wait_for_reboot else None, arguments.timeout)
    if finish(arguments):
        raise CommandError("its maintenance did not finish")


def run_command(argv: Sequence[str], node: str, timeout: float) -> None:
    """Run the administrator's command for *node*.  Raises CommandError where it fails, or takes too long."""
    try:
        process = subprocess.Popen(argv, env={**os.environ, NODE_VARIABLE: node})
    except OSError as err:
        raise CommandError(f"cannot start {argv[0]}: {err.strerror}") from err
    try:
        status = process.wait(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CommandError(f"{argv[0]} did not end within {timeout:.0f} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status:
        raise CommandError(f"{shlex.join(argv)} ended with exit status {status}")


def boot(host: Host, node: str) -> str:
    """What identifies the present boot of *node*.  Raises NodeUnavailable."""
    (reply,) = host.query(node, (_BOOT,), _QUERY_TIMEOUT)
    if reply.status:
        raise NodeUnavailable(f"{node}: it is not known when it booted: {reply.reason}")
    return reply.stdout.strip()


def wait_until_back(host: Host, node: str, master: str, before: Optional[str], timeout: float) -> None:
    """Wait until glusterd on *node* answers, and on the master Ganeti; in a boot that is not *before*.

    Raises CommandError.
    """
    began = time.monotonic()
    reported = False
    while True:
        missing = _missing(host, node, master, before)
        if not missing:
            return
        waited = time.monotonic() - began
        if waited >= timeout:
            raise CommandError(f"it is not back after {timeout:.0f} s: {missing}")
        if waited >= _REPORT_AFTER and not reported:
            print_line(f"    waiting, {timeout:.0f} s at most: {missing}")
            reported = True
        time.sleep(_PAUSE)


def _missing(host: Host, node: str, master: str, before: Optional[str]) -> str:
    """Why *node* is not back; "" where it is."""
    try:
        if before is not None and boot(host, node) == before:
            return f"{node} has not booted again"
        (answer,) = host.query(node, (gluster_cli.POOL_LIST,), _QUERY_TIMEOUT)
        gluster_cli.peers(answer)
        (queue,) = host.query(master, (prerequisites.QUEUE,), _QUERY_TIMEOUT)
    except (NodeUnavailable, PreconditionFailed) as err:
        return str(err)
    return f"Ganeti on {master} does not answer: {queue.reason}" if queue.status else ""
