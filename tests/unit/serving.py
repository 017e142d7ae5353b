"""A server on loopback in a process of its own, as `serve --replay` runs it, and a client that sends raw bytes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

CAPTURES = Path(__file__).parents[1] / "captures/recorded"
#: generous: events are waited for, not times
LONG = 20.0


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: Dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """The server, and where it listens."""

    process: subprocess.Popen[str]
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), LONG)

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """One request on a connection of its own."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    def raw(self, request: bytes) -> Reply:
        """What comes back until the server closes the connection."""
        with self.connect() as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(request)
            return reply(read_all(client))

    def stop(self) -> float:
        """End it by SIGTERM; the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LONG) == 0
        return time.monotonic() - began


def read_all(client: socket.socket) -> bytes:
    """All that comes until the end."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := client.recv(65536):
            data += more
    return data


def reply(data: bytes) -> Reply:
    """The answer in *data*; status 0 when there is none."""
    if not data:
        return Reply(0, {}, b"")
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(int(first.split()[1]), headers, body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(capture: str, limit: Optional[int] = None) -> Iterator[Served]:
    """Serve a recorded *capture*; with *limit*, with no more than so many descriptors."""
    port = free_port()
    argv = [sys.executable, "-m", "ganeti_gluster_mon", "serve"]
    argv += ["--replay", str(CAPTURES / capture), "--listen", f"127.0.0.1:{port}"]
    if limit is not None:
        argv = ["prlimit", f"--nofile={limit}:{limit}", *argv]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    served = Served(process, port)
    try:
        until = time.monotonic() + LONG
        while True:
            assert process.poll() is None, process.communicate()[1]
            try:
                served.connect().close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < until, "it does not listen"
                time.sleep(0.02)  # nobody announces that a port is listened on
        yield served
    finally:
        process.kill()
        process.communicate()


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = re.sub(r".*\) ", "", stat).split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
