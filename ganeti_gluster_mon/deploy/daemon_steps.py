"""Steps for daemons of a volume that do not run, or whose work does not go on: quota, bitrot, snapshots, self-heal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.heal_steps import OTHER_DAEMON_FAILED, OWN_DAEMON_FAILED, Healed, heal_command
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON

#: what `volume status` calls the host of the glusterd that answers, where it lists daemons
LOCALHOST = "localhost"

#: it prints the self-heal daemons of the node: [pid, …]
_SELF_HEAL_DAEMONS = """
import json, os
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as file:
            words = file.read().split(b"\\0")
        with open("/proc/%s/stat" % pid, "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0].decode()
    except OSError:
        continue
    pairs = set(zip(words, words[1:]))
    shd = (b"--process-name", b"glustershd") in pairs or any(
        one == b"--volfile-id" and other.startswith(b"shd/") for one, other in pairs)
    if os.path.basename(words[0]) == b"glusterfs" and shd and state not in "ZX":
        found.append(int(pid))
print(json.dumps(sorted(found)))
"""


#: it ends the self-heal daemons of the node, and waits for that; glusterd starts none while one runs
_END_SELF_HEAL_DAEMONS = f"""{_SELF_HEAL_DAEMONS}
import signal, time
for pid in found:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
until = time.monotonic() + 10
while time.monotonic() < until and any(os.path.exists("/proc/%d" % pid) for pid in found):
    time.sleep(0.1)
"""

#: the node whose self-heal daemon did not take `volume heal`
_NODE_OF_DAEMON = re.compile(rf"{OTHER_DAEMON_FAILED} (\S+?)\.? ")


@dataclass(frozen=True)
class EndSelfHealDaemon(Step):
    """A node without a self-heal daemon that glusterd has lost track of: its pid file is gone, and it runs.

    glusterd starts no other one while it runs, and calls the daemon offline all the time.  Only healing pauses.
    """

    coordinator: str
    volume: str
    #: what `volume status` of the coordinator calls the node
    host: str

    @property
    def description(self) -> str:
        return "the self-heal daemon that glusterd has lost track of ended"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.node, ("python3", "-I", "-S", "-c", _SELF_HEAL_DAEMONS)),
            NodeQuery(self.coordinator, gluster_cli.volume_status(self.volume)),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        online = daemon_online(answers[1], self.volume, SELF_HEAL_DAEMON, self.host)
        if online is None:
            raise PreconditionFailed(
                f"it is not known whether the self-heal daemon of {self.node} runs: "
                f"gluster volume status {self.volume}"
            )
        try:
            pids = [int(pid) for pid in json.loads(answers[0].stdout)]
        except (ValueError, TypeError) as err:
            raise PreconditionFailed(
                f"{self.node}: its self-heal daemons are not known: {answers[0].reason}"
            ) from err
        if online or not pids:
            return DONE
        return (Command(self.node, ("kill", "-TERM", *map(str, pids))),)


@dataclass(frozen=True)
class StartDaemon(Step):
    """A daemon of a volume that runs: of quota, bitrot, the scrubber, snapshots."""

    volume: str
    daemon: str
    #: what `volume status` of the coordinator, which is the node of this step, calls the host
    host: str

    @property
    def description(self) -> str:
        host = self.node if self.host == LOCALHOST else self.host
        return f"{self.daemon} of {self.volume} on {host} online"

    @property
    def effect_timeout(self) -> float:
        return 30.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, gluster_cli.volume_status(self.volume)),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        online = daemon_online(answers[0], self.volume, self.daemon, self.host)
        if online is None:
            raise PreconditionFailed(
                f"it is not known whether {self.daemon} runs on {self.host}: gluster volume status {self.volume}"
            )
        return DONE if online else (gluster(self.node, "volume", "start", self.volume, "force"),)


@dataclass(frozen=True)
class HealBacklog(Healed):
    """A volume whose backlog did not fall, healed: a round of healing, then a crawl over whole bricks."""

    #: other volumes that the self-heal daemons may serve: one process of a node serves all
    others: Tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"{self.volume} healed, by a round of healing and then a full heal"

    @property
    def effect_timeout(self) -> float:
        """Seconds without a change of the number of entries."""
        return 900.0

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = super().remaining(answers)
        if found is not WAIT:
            return found
        return (
            heal_command(self.node, self.volume),
            heal_command(self.node, self.volume, "full"),
        )

    def cure(self, failure: str) -> Tuple[Command, ...]:
        """Start the self-heal daemon of a node anew that takes no commands though it runs.

        glusterd calls it online, and has no connection to it: seen with GlusterFS 11.1 after glusterd was restarted,
        and it does not end by itself.  Only healing pauses.
        """
        match = _NODE_OF_DAEMON.search(failure)
        if match is not None:
            node = self.node if match[1] == LOCALHOST else match[1]
        elif OWN_DAEMON_FAILED in failure:
            node = self.node
        else:
            return ()
        if node not in {brick.node for brick in self.bricks}:
            return ()
        return (
            Command(node, ("python3", "-I", "-S", "-c", _END_SELF_HEAL_DAEMONS)),
            *(gluster(self.node, "volume", "start", name, "force") for name in (self.volume, *self.others)),
        )


def daemon_online(reply: CommandResult, volume: str, daemon: str, host: str) -> Optional[bool]:
    """Whether *daemon* runs on *host* by ``volume status``; None where that is not known."""
    parsed = gluster_cli.status(reply, volume)
    if parsed is None:
        return None
    found = [node.online for node in parsed.nodes if (node.hostname, node.path) == (daemon, host)]
    return found[0] if found else None
