"""Floods of clients that misbehave, and one client that does not, which has to be served all the same.

The client that behaves is a process of its own: it measures the server and not the interpreter of the attackers.
"""

from __future__ import annotations

import base64
import json
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

import bcrypt

from tests.fuzz.server import serving

#: connections of a flood; the server takes 2,000
CONNECTIONS = 2050
#: seconds between two requests of the client that behaves
_PAUSE = 0.05
_GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Flood:
    """How each of the clients of a flood misbehaves."""

    #: what it sends at once
    request: bytes
    #: what it sends every two seconds
    drip: bytes = b""
    #: bytes that it reads every half a second; 0: it reads all at once, so that it is only idle
    reads: int = 0
    #: the bytes that its kernel takes for it, so that it blocks the server soon
    buffer: int = 0


FLOODS: Dict[str, Flood] = {
    "idle": Flood(b""),
    "slow headers": Flood(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-a", drip=b"a"),
    "half a TLS hello": Flood(bytes.fromhex("16030100a5010000a103")),
    "requests in advance": Flood(_GET * 400, reads=1, buffer=2048),
    "small requests in advance": Flood(b"GET / HTTP/1.1\r\n\r\n" * 4000, reads=1, buffer=2048),
    "slow readers": Flood(_GET * 40, reads=1000, buffer=2048),
}


@dataclass(frozen=True)
class Result:
    """How the client that behaves fared."""

    served: int
    failed: int
    #: seconds, of those that were served, sorted
    times: Tuple[float, ...]
    #: the most memory of the server, bytes
    memory: int
    #: of one processor, the share that the server had, and the share of the time that it waited for one
    processor: float
    waited: float

    @property
    def share(self) -> float:
        """Of its requests, those that were served."""
        return self.served / max(1, self.served + self.failed)

    def __str__(self) -> str:
        p50, p99 = (self.percentile(percent) for percent in (50, 99))
        return (
            f"{self.served} served, {self.failed} failed ({100 * self.share:.1f} %), "
            f"p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, memory {self.memory >> 20} MiB; "
            f"processor {100 * self.processor:.0f} %, and {100 * self.waited:.0f} % of the time waiting for one"
        )

    def percentile(self, percent: int) -> float:
        """Seconds within which so many per cent of the requests were served; infinity if none was."""
        if not self.times:
            return float("inf")
        return self.times[min(len(self.times) - 1, len(self.times) * percent // 100)]


def run(name: str, seconds: float, password: bool = False) -> Result:
    """Let the flood *name* run for *seconds*; *password*: the server asks for one, and the good client has it."""
    with tempfile.TemporaryDirectory() as directory:
        options: List[str] = []
        header = ""
        if password:
            hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
            config = Path(directory, "web.yml")
            config.write_text(f"basic_auth_users: {{good: {hashed}}}\n")
            options = ["--web.config.file", str(config)]
            header = "Authorization: Basic " + base64.b64encode(b"good:secret").decode() + "\r\n"
        with serving(options) as server:
            argv = [
                sys.executable,
                "-m",
                "tests.fuzz.floods",
                str(server.address[1]),
                str(seconds + 1),
                header,
            ]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as good:
                assert good.stdout is not None
                assert good.stdout.readline() == "begun\n"
                began, before = time.monotonic(), server.processor_times()
                _attack(server.address, FLOODS[name], seconds)
                served, failed, times = json.loads(good.stdout.read())
                took, after = time.monotonic() - began, server.processor_times()
            used, waited = ((now - then) / took for now, then in zip(after, before))
            return Result(served, failed, tuple(sorted(times)), server.memory, used, waited)


def _attack(address: Tuple[str, int], flood: Flood, seconds: float) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    selector = selectors.DefaultSelector()
    clients: List[socket.socket] = []

    def dial() -> None:
        client = socket.socket()
        if flood.buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, flood.buffer)
        client.setblocking(False)
        with suppress(BlockingIOError):
            client.connect(address)
        selector.register(client, selectors.EVENT_WRITE)
        clients.append(client)

    def hang_up(client: socket.socket) -> None:
        with suppress(KeyError):
            selector.unregister(client)
        clients.remove(client)
        client.close()

    def closed(client: socket.socket, most: int) -> bool:
        try:
            return not client.recv(most)
        except BlockingIOError:
            return False
        except OSError:
            return True

    end = time.monotonic() + seconds
    try:
        for _ in range(CONNECTIONS):
            dial()
        dripped = read = time.monotonic()
        while time.monotonic() < end:
            for key, events in selector.select(0.1):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                if events & selectors.EVENT_WRITE:
                    try:
                        client.send(flood.request)
                    except OSError:
                        hang_up(client)
                        dial()
                        continue
                    if flood.reads:
                        selector.unregister(client)
                    else:
                        selector.modify(client, selectors.EVENT_READ)
                elif closed(client, 65536):
                    hang_up(client)
                    dial()
            now = time.monotonic()
            if flood.drip and now - dripped > 2:
                dripped = now
                for client in clients:
                    with suppress(OSError):
                        client.send(flood.drip)
            if flood.reads and now - read > 0.5:
                read = now
                for client in [each for each in clients if each not in selector.get_map()]:
                    if closed(client, flood.reads):
                        hang_up(client)
                        dial()
    finally:
        for client in clients:
            client.close()
        selector.close()


def _behave() -> None:
    """The client that behaves: one request at a time, for argv[2] seconds, from 127.0.0.1 as the flood is."""
    port, seconds, header = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n".encode()
    times: List[float] = []
    failed = 0
    end = time.monotonic() + seconds
    print("begun", flush=True)
    while time.monotonic() < end:
        began = time.monotonic()
        answer = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(request)
            while True:
                part = client.recv(65536)
                if not part:
                    break
                answer += part
        if answer.startswith(b"HTTP/1.1 200 "):
            times.append(time.monotonic() - began)
        else:
            failed += 1
        time.sleep(_PAUSE)  # the rate at which it asks
    print(json.dumps([len(times), failed, times]))


if __name__ == "__main__":
    _behave()
