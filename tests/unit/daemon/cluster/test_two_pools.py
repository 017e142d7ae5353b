"""Two pools whose nodes have the same key: as processes, on loopback addresses, each with the data of its own pool.

It happens where a host has moved to another pool, or was made from the image of another one, and its name is still that
of a peer.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.spool import LEAD, CycleRecord, Spool, SpooledCapture, boottime
from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.capture import Capture
from tests.lab.waiting import LabTimeout, wait_until
from tests.unit.gluster.test_merge import NODE1, NODE2, RECORDED

KEY = signing.derived(b"what the nodes of both pools know")
#: seconds between cycles; nothing is too old before a few of them have passed
INTERVAL = 10
LONG = 60.0
OURS, THEIRS = "127.0.0.2", "127.0.0.3"
#: uuids of the other pool: before, and after those of ours
LOW, HIGH = "00000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"


@dataclass
class Daemon:
    """The web process, as a process."""

    url: str
    spool: Spool
    log_file: Path

    def metrics(self) -> List[str]:
        """The lines; none while there is nothing to show yet."""
        with (
            suppress(urllib.error.HTTPError),
            urllib.request.urlopen(f"{self.url}/metrics", timeout=LONG) as answer,
        ):
            return str(answer.read().decode("utf-8")).splitlines()
        return []

    def log(self, *words: str) -> bool:
        """Whether a line of its log has all the words."""
        text = self.log_file.read_text(encoding="utf-8")
        return any(all(word in line for word in words) for line in text.splitlines())

    def wait_log(self, *words: str) -> None:
        try:
            wait_until(lambda: self.log(*words), f"a line with {words}", LONG)
        except LabTimeout as err:
            raise AssertionError(self.log_file.read_text(encoding="utf-8")) from err


def renamed(name: str, words: Dict[str, str]) -> Capture:
    """A recorded capture with other words in all answers; what was recorded of the node besides is left out."""
    recorded = capture.read(str(RECORDED / name))
    answers = []
    for answer in recorded.answers:
        output = answer.output
        for before, after in words.items():
            output = output.replace(before.encode(), after.encode())
        answers.append(replace(answer, output=output))
    return Capture(recorded.recorded_at, tuple(answers), recorded.node, recorded.gluster_version)


@contextmanager
def daemon(directory: Path, address: str, port: int, capture: Capture) -> Iterator[Daemon]:
    directory.mkdir()
    spool = Spool(str(directory / "run"))
    user, group = os.getuid(), os.getgid()
    if user == 0:
        account = pwd.getpwnam("nobody")
        user, group = account.pw_uid, account.pw_gid
    spool.prepare(user, group)
    (directory / "state").mkdir()
    os.chown(directory / "state", user, group)
    spool.write_key(KEY)
    spool.publish(SpooledCapture(capture, CycleRecord(boottime(), 1.0, interval=INTERVAL)))
    log_file = directory / "log"
    argv = [sys.executable, "-m", "ganeti_gluster_mon", "serve", "--role", "web"]
    argv += ["--listen", f"{address}:{port}", "--interval", str(INTERVAL)]
    argv += ["--run-dir", spool.directory, "--state-dir", str(directory / "state")]
    with log_file.open("w") as log:
        process = subprocess.Popen(argv, stderr=log, user=user, group=group, extra_groups=[])
    try:
        made = Daemon(f"http://{address}:{port}", spool, log_file)
        made.wait_log("listening")
        yield made
    finally:
        process.terminate()
        assert process.wait(LONG) == 0, log_file.read_text(encoding="utf-8")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that an unprivileged user can reach, as tmp_path is none."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.fixture
def port() -> int:
    """One that is free on both addresses."""
    with socket.create_server((OURS, 0)) as first:
        port: int = first.getsockname()[1]
        with socket.create_server((THEIRS, port)):
            return port


def leads(one: Daemon, volume: str, other: str) -> bool:
    """Whether it leads, and shows the volume of its pool; the other's it never shows."""
    lines = one.metrics()
    assert not any(f'"{other}"' in line for line in lines)
    return (
        one.spool.role() == LEAD
        and "gluster_leader 1.0" in lines
        and any(f'volume="{volume}"' in line for line in lines)
    )


@pytest.mark.slow
@pytest.mark.parametrize("cloned", [False, True], ids=["another node", "a node with the same uuid"])
def test_pools_that_share_a_key_reject_each_other(place: Path, port: int, cloned: bool) -> None:
    """*cloned*: the other pool's node has the uuid of a node of this pool; requests for that node are accepted then."""
    ours = renamed("healthy-node2", {"node1.lab.test": THEIRS})
    uuids = {NODE2: LOW} if cloned else {NODE1: HIGH, NODE2: LOW}
    theirs = renamed("healthy", {"node2.lab.test": OURS, "gv0": "theirs0", **uuids})
    with (
        daemon(place / "ours", OURS, port, ours) as one,
        daemon(place / "theirs", THEIRS, port, theirs) as two,
    ):
        wait_until(lambda: leads(one, "gv0", "theirs0"), "the first pool to have a leader", LONG)
        wait_until(lambda: leads(two, "theirs0", "gv0"), "the second pool to have a leader", LONG)
        # They have not simply missed each other.
        one.wait_log("request of a peer refused", "or is for another node")
        if cloned:
            one.wait_log("capture refused", "it is of a pool that this node is not in")
        else:
            two.wait_log("request of a peer refused", "or is for another node")
