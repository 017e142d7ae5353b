"""Three nodes of a pool with volume gv0, whose commands are answered here; the lock is a real one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import change_lock
from ganeti_gluster_mon.deploy.gluster_cli import VOLUME_INFO
from ganeti_gluster_mon.ganeti.ssh import CommandResult, Nodes, NodeUnavailable
from tests.unit.deploy.fake_nodes import ok, uuid, volume, volume_info

PATH = "/export/b1/gv0"
VOLUME_ID = "11111111222233334444555555555555"
NAMES = ("node1", "node2", "node3")
FORCED = ("gluster", "--mode=script", "volume", "start", "gv0", "force")


@dataclass
class RepairNodes:
    """What the commands on the nodes answer, and the commands that changed something."""

    directory: Path
    #: hosts whose brick, or self-heal daemon, is offline
    bricks: Tuple[str, ...] = ("node2",)
    daemons: Tuple[str, ...] = ()
    #: 1 started, 2 stopped
    state: int = 1
    status: Optional[CommandResult] = None
    #: of node2, what differs from a brick that is there
    probe: Dict[str, Any] = field(default_factory=dict)
    options: CommandResult = field(default_factory=lambda: ok("rw,relatime\n"))
    inside: CommandResult = field(default_factory=ok)
    table: CommandResult = field(default_factory=lambda: ok("UUID=1 /export/b1 ext4 defaults 0 2\n"))
    #: nodes that cannot be reached
    away: Tuple[str, ...] = ()
    result: CommandResult = field(default_factory=ok)
    #: the command does not end in time
    hangs: bool = False
    changes: List[Tuple[str, Tuple[str, ...]]] = field(default_factory=list)

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        if node.partition(".")[0] in self.away:
            raise NodeUnavailable(f"{node}: ssh: No route to host")
        words = [str(self.directory / node) if word == change_lock.PATH else word for word in argv]
        return Nodes(None, "here").start("here", words)

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        self.changes.append((node, tuple(argv)))
        if self.hangs:
            raise NodeUnavailable(f"{node}: no end of gluster within {timeout:g} s")
        return self.result

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        name = node.partition(".")[0]
        if name in self.away:
            raise NodeUnavailable(f"{node}: ssh: No route to host")
        return tuple(self._answer(name, tuple(argv)) for argv in queries)

    def _answer(self, name: str, argv: Tuple[str, ...]) -> CommandResult:
        if argv == VOLUME_INFO:
            return volume_info(volume("gv0", [f"{one}:{PATH}" for one in NAMES], self.state))
        if argv[0] == "gluster":
            return self.status or self._status()
        differs = name == "node2"
        if argv[0] == "python3":
            found: Dict[str, Any] = {
                "point": "/export/b1",
                "source": "/dev/sdb",
                "type": "ext4",
                "uuid": None,
                "volume_id": VOLUME_ID,
                "error": None,
                "recorded": [],
                "there": True,
                "indexed": True,
                "pid": None,
            }
            return ok(json.dumps({**found, **(self.probe if differs else {})}))
        answers = {"findmnt": self.options, "test": self.inside, "cat": self.table}
        return answers[argv[0]] if differs else ok("rw\n" if argv[0] == "findmnt" else "")

    def _status(self) -> CommandResult:
        nodes = "".join(
            f"<node><hostname>{name}</hostname><path>{path}</path><peerid>{uuid(one)}</peerid>"
            f"<status>{int(one not in gone)}</status><port>49152</port><pid>7</pid></node>"
            for one in NAMES
            for name, path, gone in ((one, PATH, self.bricks), ("Self-heal Daemon", one, self.daemons))
        )
        return ok(
            "<?xml version='1.0'?>\n<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes>"
            f"<volume><volName>gv0</volName><nodeCount>6</nodeCount>{nodes}<tasks/></volume></volumes></volStatus>"
            "</cliOutput>"
        )
