"""What a scrape of a large pool costs: `python -m tests.bench.scrape`.

The server runs in a process of its own, over a pool of a thousand bricks.  Twenty clients keep their
connections and ask for ``/metrics`` ten times a second each; a thousand more are there and say nothing.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import Iterator, List, Tuple

import psutil

from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.content import CurrentContent, render
from ganeti_gluster_mon.daemon.web.handlers import application
from ganeti_gluster_mon.daemon.web.server import HttpServer
from ganeti_gluster_mon.health import Limits, evaluate
from tests.bench.large_pool import BRICKS, large_pool
from tests.unit.example_pool import NOW

CLIENTS = 20
ROUNDS = 100
IDLE = 1000


async def serve(what: str) -> None:
    authenticator = Authenticator(None)
    current = CurrentContent()
    if what == "large":
        pool = large_pool()
        current.content = render(pool, evaluate(pool, Limits(), NOW), NOW, leader=True)
    server = HttpServer(application(current, authenticator=authenticator), authenticator)
    server.listen("127.0.0.1:0")
    print(server.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def scrapes(port: int) -> List[float]:
    """Seconds of each scrape."""
    took = []

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        await asyncio.sleep(number * 0.1 / CLIENTS)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return sorted(took)


def line(words: str, figure: float, unit: str) -> None:
    print(f"{words:<58} {figure:8.1f} {unit}")


def main() -> int:
    pool = large_pool()
    health = evaluate(pool, Limits(), NOW)
    began = time.process_time()
    rendered = render(pool, health, NOW, leader=True)
    line(f"render {BRICKS} bricks, once a change", (time.process_time() - began) * 1e3, "ms")
    line("  metrics", len(rendered.metrics.plain) / 1e3, "kB")
    for level in (1, 2, 4, 6):
        began = time.process_time()
        packed = len(gzip.compress(rendered.metrics.plain, level))
        line(f"  gzip level {level}: {packed / 1e3:.0f} kB in", (time.process_time() - began) * 1e3, "ms")

    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 200,) * 2)
    with a_server("large") as (process, port):
        line("resident memory of the server", process.memory_info().rss / 1e6, "MB")
        measure("20 clients", process, port)
        with idle_clients(process, port):
            measure(f"20 clients and {IDLE} idle ones", process, port)
    # Without a snapshot: what rendering has left free would be taken first, and hide what they cost.
    with a_server("nothing") as (process, port):
        before = process.memory_info().rss
        with idle_clients(process, port):
            line(
                f"{IDLE} idle clients, resident memory more", (process.memory_info().rss - before) / 1e6, "MB"
            )
    return 0


@contextmanager
def a_server(what: str) -> Iterator[Tuple[psutil.Process, int]]:
    """A server that shows *what*, "large" or "nothing", and its port."""
    words = [sys.executable, "-m", "tests.bench.scrape", what]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield psutil.Process(server.pid), int(server.stdout.readline())
        finally:
            server.terminate()


@contextmanager
def idle_clients(process: psutil.Process, port: int) -> Iterator[None]:
    """A thousand connections that were used once."""
    with ExitStack() as open_ones:
        for _ in range(IDLE):
            client = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /1 HTTP/1.1\r\n\r\n")
            client.recv(4096)
        if process.num_fds() < IDLE:
            raise AssertionError("the idle clients were sent away")
        yield


def measure(words: str, process: psutil.Process, port: int) -> None:
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    took = asyncio.run(scrapes(port))
    share = (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)
    line(f"{words}: /metrics, median", statistics.median(took) * 1e3, "ms")
    line(f"{words}: /metrics, p99", took[int(len(took) * 0.99)] * 1e3, "ms")
    line(f"{words}: processor of the server", share * 100, "%")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(sys.argv[1]))
    else:
        sys.exit(main())
