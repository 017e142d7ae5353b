"""Commands on the nodes of a cluster, run as Ganeti runs its own: root's ssh, and the cluster's one host key.

Ganeti knows all nodes by the key of the cluster, in /var/lib/ganeti/known_hosts (lib/ssh.py), and so do we:
a host that pretends to be a node is not talked to.  This is the only place that makes a command line for a
shell, the one that sshd starts on the other side, and every word of it is quoted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.text import one_line

KNOWN_HOSTS = "/var/lib/ganeti/known_hosts"
#: seconds until a host has to have taken the connection, as in Ganeti
CONNECT_TIMEOUT = 10

#: what a command on a node gets to see, on whichever node it is run
ENVIRONMENT: Dict[str, str] = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}

#: the program that queries the other node: it takes [seconds, [command, …]] and gives [[status, out, err], …]
_QUERY_PROGRAM = """
import json, os, signal, subprocess, sys
seconds, queries = json.loads(sys.argv[1])
answers = []
for argv in queries:
    try:
        run = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
    except OSError as err:
        answers.append([127, "", argv[0] + ": " + str(err.strerror)])
        continue
    try:
        output = run.communicate(timeout=seconds)
        answers.append([run.returncode, *(text.decode("utf-8", "surrogateescape") for text in output)])
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        answers.append([124, "", argv[0] + ": no answer within %g s" % seconds])
print(json.dumps(answers))
"""

#: ssh's own exit status, when it is not that of the command
_SSH_FAILED = 255
#: seconds that what was killed has to let go of its pipes
_KILL_TIMEOUT = 2.0
_LONGEST = 300


class NodeUnavailable(CommandError):
    """A node could not be reached, or a command there did not end in time; one line."""


@dataclass(frozen=True)
class CommandResult:
    """The exit status and the output of a command that ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """Why the command failed: the last line on standard error, or else on standard output.

        An indented line continues the line before: mount(8) prints its reason, and below it where to look for more.
        """
        lines = [
            line
            for line in (self.stderr if self.stderr.strip() else self.stdout).splitlines()
            if line.strip()
        ]
        reasons = [line for line in lines if not line[0].isspace()] or lines
        return one_line(reasons[-1].strip(), _LONGEST) if reasons else f"exit status {self.status}"


class Nodes:
    """The nodes of *cluster*, to run commands on; *own* is the name of the node that we are on ourselves.

    Without a cluster, any host that root can log in to without a password, by root's own known_hosts.
    """

    def __init__(self, cluster: Optional[Cluster], own: Optional[str] = None) -> None:
        self.cluster = cluster
        name = own or socket.gethostname()
        here = cluster.node(name) if cluster is not None else None
        self.own = here.name if here is not None else name

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        """Run *argv* on *node* as root, without a shell between; *text* is its standard input, or there is none.

        On our own node it is run without ssh.  *timeout* is in seconds, for all of it; then it is killed, with
        all it started (what runs on another node ends there by itself).  Raises NodeUnavailable.
        """
        if not argv:
            raise ValueError("no command")
        local = node == self.own
        reply = _run(list(argv) if local else self.ssh(node, argv), timeout, text)
        if reply is None:
            raise NodeUnavailable(f"{node}: no end of {argv[0]} within {timeout:g} s")
        if reply.status == _SSH_FAILED and not local:
            raise NodeUnavailable(f"{node}: ssh: {_reason(reply, node)}")
        return reply

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        """Run several commands on *node*, one after the other by one connection; an answer for each.

        Each has *timeout* seconds and is killed there when they are over: its status is then 124, as from
        timeout(1).  Raises NodeUnavailable where none could be run.
        """
        argv = [
            "python3",
            "-I",
            "-S",
            "-c",
            _QUERY_PROGRAM,
            json.dumps([timeout, [list(words) for words in queries]]),
        ]
        reply = self.run(node, argv, timeout * len(queries) + 2 * CONNECT_TIMEOUT)
        try:
            answers = tuple(
                CommandResult(int(status), out, err) for status, out, err in json.loads(reply.stdout)
            )
        except (ValueError, TypeError):
            raise NodeUnavailable(f"{node}: cannot run a query there: {reply.reason}") from None
        if len(answers) != len(queries):
            raise NodeUnavailable(f"{node}: {len(queries)} queries sent, {len(answers)} answers")
        return answers

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start *argv* on *node* and return at once; its standard streams are pipes.

        The process is ssh's, or on our own node that of *argv*.  Raises NodeUnavailable when it cannot be started.
        """
        words = list(argv) if node == self.own else self.ssh(node, argv)
        try:
            return subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        except OSError as err:
            raise NodeUnavailable(f"cannot start {words[0]}: {err.strerror}") from err

    def ssh(self, node: str, argv: Sequence[str]) -> List[str]:
        """The command that runs *argv* on another node."""
        if not node or node.startswith("-") or any(c.isspace() or c == "@" for c in node):
            raise NodeUnavailable(f"{one_line(node)!r} is no name of a host")
        options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_TIMEOUT}", "EscapeChar=none", "LogLevel=ERROR"]
        # a host that vanishes while the command runs is noticed, and not waited for until the deadline
        options += ["ServerAliveInterval=5", "ServerAliveCountMax=3", "StrictHostKeyChecking=yes"]
        known = self.cluster.node(node) if self.cluster is not None else None
        if self.cluster is not None and known is not None:
            options += [
                f"GlobalKnownHostsFile={KNOWN_HOSTS}",
                "UserKnownHostsFile=/dev/null",
                "CheckHostIP=no",
                f"HostKeyAlias={self.cluster.name}",
                f"Port={known.ssh_port}",
            ]
        words = ["env", *(f"{name}={value}" for name, value in ENVIRONMENT.items()), *argv]
        return [
            "ssh",
            *(f"-o{option}" for option in options),
            f"root@{node}",
            " ".join(shlex.quote(word) for word in words),
        ]


def _run(argv: Sequence[str], timeout: float, text: Optional[str]) -> Optional[CommandResult]:
    """Run *argv* here; None when it did not end in time.  Raises NodeUnavailable when it cannot be started."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as err:
        if err.filename == argv[0] or isinstance(err, FileNotFoundError):
            return CommandResult(127, "", f"{argv[0]}: {err.strerror}")
        raise NodeUnavailable(f"cannot start {argv[0]}: {err.strerror}") from err
    try:
        out, error = process.communicate(text, timeout=timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)
    return CommandResult(process.returncode, out, error)


def _environment() -> Dict[str, str]:
    """What a command sees here: ENVIRONMENT, and the administrator's ssh agent."""
    agent = os.environ.get("SSH_AUTH_SOCK")
    return {**ENVIRONMENT, **({} if agent is None else {"SSH_AUTH_SOCK": agent})}


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what is left of *process* and its group, and reap it; one that the kernel holds is left to it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_KILL_TIMEOUT)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _reason(reply: CommandResult, node: str) -> str:
    """Why ssh failed, and what to do about it."""
    words = reply.reason
    if "Host key verification failed" in reply.stderr or "host key" in words.lower():
        return f"{words}; its host key is not the cluster's: gnt-node add --readd {node}, or look who answers there"
    if "Permission denied" in reply.stderr:
        return f"{words}; root's key is not taken there: gnt-cluster renew-crypto --new-ssh-keys, or authorize it"
    return words
