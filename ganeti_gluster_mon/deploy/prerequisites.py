"""What the commands of a plan need on their nodes, checked on all of them before the first command is run.

A command needs its program, and what it writes to has to be writable, with some room.  `requirements` derives that
from the commands, purely; one query per node looks, and `faults` returns what is missing.  What a step itself can
tell from its own answers, connected peers for example, it refuses by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

from ganeti_gluster_mon.deploy.step import Command, NodeQuery
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line, short_size

#: the Debian package of each program that is run on a node
PACKAGES: Mapping[str, str] = {
    "blkid": "util-linux",
    "cat": "coreutils",
    "chmod": "coreutils",
    "cp": "coreutils",
    "findmnt": "util-linux",
    "find": "findutils",
    "getfattr": "attr",
    "gluster": "glusterfs-server",
    "gnt-cluster": "ganeti",
    "gnt-instance": "ganeti",
    "gnt-node": "ganeti",
    "kill": "procps",
    "lsblk": "util-linux",
    "mkdir": "coreutils",
    "mkfs.xfs": "xfsprogs",
    "mount": "mount",
    "mountpoint": "util-linux",
    "mv": "coreutils",
    "rm": "coreutils",
    "sed": "sed",
    "setfattr": "attr",
    "stat": "coreutils",
    "sync": "coreutils",
    "systemctl": "systemd",
    "tee": "coreutils",
    "umount": "mount",
    "wipefs": "util-linux",
    "xfs_db": "xfsprogs",
}

#: those that change the cluster, by way of its master
_GANETI = ("gnt-cluster", "gnt-instance", "gnt-node")

GLUSTERD_DIRECTORY = "/var/lib/glusterd"
GANETI_DIRECTORY = "/var/lib/ganeti"
GLUSTERD_PORT = 24007

#: prints "The drain flag is set" or "unset", and fails where Ganeti's master daemons do not run
QUEUE = ("gnt-cluster", "queue", "info")

#: bytes that have to be free where a line is appended or a directory is made, and where a daemon keeps its state
_LITTLE, _STATE = 1 << 20, 16 << 20

#: it takes {"programs": […], "paths": [[path, bytes]], "hosts": [[host, port]]} and prints those that fail:
#: {"programs": […], "paths": [[path, reason, bytes free or null]], "hosts": [[host, reason]]}
_CHECK = """
import json, os, shutil, socket, sys
wanted = json.loads(sys.argv[1])
found = {"programs": [], "paths": [], "hosts": []}
for program in wanted["programs"]:
    if shutil.which(program) is None:
        found["programs"].append(program)
for path, needed in wanted["paths"]:
    at = path
    while not os.path.lexists(at) and at != "/":
        at = os.path.dirname(at)
    try:
        if os.path.isdir(at):
            if os.statvfs(at).f_flag & os.ST_RDONLY:
                raise OSError(0, "Read-only file system")
            if not os.access(at, os.W_OK | os.X_OK):
                raise OSError(0, "cannot be written to")
        else:
            os.close(os.open(at, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC))
        room = os.statvfs(at)
        if room.f_bavail * room.f_frsize < needed:
            found["paths"].append([path, "", room.f_bavail * room.f_frsize])
        elif room.f_files and not room.f_favail:
            found["paths"].append([path, "no inodes are left there", None])
    except OSError as err:
        found["paths"].append([path, err.strerror, None])
for host, port in wanted["hosts"]:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError as err:
        found["hosts"].append([host, err.strerror or str(err) or "timed out"])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Requirements:
    """What commands need on one node."""

    programs: Tuple[str, ...] = ()
    #: what is written to, with the bytes that have to be free there; a path that is not there is going to be made
    paths: Tuple[Tuple[str, int], ...] = ()
    #: hosts on which glusterd has to be reachable from here
    hosts: Tuple[str, ...] = ()

    def query(self, node: str) -> NodeQuery:
        """The query that checks it."""
        wanted = {
            "programs": self.programs,
            "paths": self.paths,
            "hosts": [(host, GLUSTERD_PORT) for host in self.hosts],
        }
        return NodeQuery(node, ("python3", "-I", "-S", "-c", _CHECK, json.dumps(wanted)))


def requirements(commands: Sequence[Command]) -> Dict[str, Requirements]:
    """What *commands* need, by node.  Pure."""
    programs: Dict[str, List[str]] = {}
    paths: Dict[str, List[Tuple[str, int]]] = {}
    hosts: Dict[str, List[str]] = {}
    for command in commands:
        programs.setdefault(command.node, []).append(command.argv[0])
        paths.setdefault(command.node, []).extend(_written(command))
    if any(command.argv[0] == "gluster" for command in commands):
        # a change of the pool or of a volume is stored on every peer
        for node in paths:
            paths[node].append((GLUSTERD_DIRECTORY, _STATE))
    for command in commands:
        if command.argv[0] == "gluster" and command.argv[-3:-1] == ("peer", "probe"):
            peer = command.argv[-1]
            hosts.setdefault(command.node, []).append(peer)
            hosts.setdefault(peer, []).append(command.node)
    return {
        node: Requirements(
            tuple(dict.fromkeys(programs.get(node, ()))),
            tuple(dict.fromkeys(paths.get(node, ()))),
            tuple(dict.fromkeys(hosts.get(node, ()))),
        )
        for node in dict.fromkeys((*programs, *hosts))
    }


def _written(command: Command) -> Tuple[Tuple[str, int], ...]:
    program, *words = command.argv
    if program in ("tee", "mkdir", "sed"):
        return tuple((word, _LITTLE) for word in words if word.startswith("/"))
    if program in _GANETI:
        return ((GANETI_DIRECTORY, _STATE),)
    return ()


def queries(commands: Sequence[Command]) -> Tuple[NodeQuery, ...]:
    """The queries that have to be answered before *commands* are run."""
    queried = [needed.query(node) for node, needed in requirements(commands).items()]
    queried += [NodeQuery(command.node, QUEUE) for command in commands if command.argv[0] in _GANETI]
    return tuple(dict.fromkeys(queried))


def faults(answers: Mapping[NodeQuery, CommandResult]) -> Tuple[str, ...]:
    """What is missing by the *answers* to `queries`, a line each; empty: the commands can be run.  Pure."""
    found: List[str] = []
    for question, reply in answers.items():
        found += _queue(question.node, reply) if question.argv == QUEUE else _node(question.node, reply)
    return tuple(dict.fromkeys(found))


def _node(node: str, reply: CommandResult) -> Iterable[str]:
    try:
        parsed = json.loads(reply.stdout)
        found = [missing(node, program) for program in parsed["programs"]]
        for path, reason, free in parsed["paths"]:
            why = reason if free is None else f"only {short_size(free)} are free there"
            found.append(f"{node}: {path} cannot be written to: {one_line(why, 200)}")
        for host, reason in parsed["hosts"]:
            found.append(
                f"{node}: glusterd of {host} cannot be reached on port {GLUSTERD_PORT} from there "
                f"({one_line(reason, 200)}): is it running, and is a firewall between them?"
            )
    except (ValueError, KeyError, TypeError):
        return [f"{node}: it cannot be checked what is missing there: {reply.reason}"]
    return found


def missing(node: str, program: str) -> str:
    """That a program is not there, and which package has it."""
    package = PACKAGES.get(program)
    return f"{node}: {program} is missing there" + (f": apt-get install {package}" if package else "")


def _queue(node: str, reply: CommandResult) -> Iterable[str]:
    if reply.status == 127:
        return []  # reported already
    if reply.status:
        return [f"{node}: Ganeti's master does not answer there ({reply.reason}): gnt-cluster verify"]
    if "drain flag is set" in reply.stdout:
        return [f"{node}: Ganeti's job queue is drained: gnt-cluster queue undrain"]
    return []
