"""What a scrape of a large pool costs: `python -m tests.bench.scrape`.

The server runs in a process of its own, over a pool of a thousand bricks.  Twenty clients keep their
connections and ask for ``/metrics`` ten times a second each; a thousand more are there and say nothing.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import Dict, Iterator, List, Tuple

import psutil

from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.content import CurrentContent, render
from ganeti_gluster_mon.daemon.web.handlers import application
from ganeti_gluster_mon.daemon.web.server import HttpServer
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.metrics import pool_metrics
from tests.bench.large_pool import large_pool
from tests.unit.example_pool import NOW

#: what is on in the pools that are served
PLAIN, EVERYTHING = "1000 bricks without features", "everything on, profile too"
POOLS: Dict[str, Dict[str, bool]] = {
    PLAIN: {"features": False},
    "all features but profile": {"profile": False},
    EVERYTHING: {},
}
RENDERINGS = 5
CLIENTS = 20
ROUNDS = 100
IDLE = 1000


async def serve(what: str) -> None:
    authenticator = Authenticator(None)
    current = CurrentContent()
    if what in POOLS:
        pool = large_pool(**POOLS[what])
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


def rendering(what: str) -> None:
    """Processor time of rendering the pool *what*: once a change, of that the metrics alone, and the reports."""
    pool = large_pool(**POOLS[what])
    health = evaluate(pool, Limits(), NOW)
    whole = metrics = reports = float("inf")
    for _ in range(RENDERINGS):
        began = time.process_time()
        rendered = render(pool, health, NOW, leader=True)
        whole = min(whole, time.process_time() - began)
        began = time.process_time()
        rendered.reports.all  # noqa: B018 - rendered now
        reports = min(reports, time.process_time() - began)
        began = time.process_time()
        text = pool_metrics.render(pool, health, NOW)
        metrics = min(metrics, time.process_time() - began)
    packed = len(rendered.metrics.gzipped or b"")
    line(f"{what}: render, once a change", whole * 1e3, "ms")
    line("  of it the metrics alone, not packed", metrics * 1e3, "ms")
    line("  all reports, when they are first requested", reports * 1e3, "ms")
    line("  samples and heads", text.count(b"\n"), "lines")
    line("  size", len(text) / 1e3, "kB")
    line("  size, packed", packed / 1e3, "kB")


def main() -> int:
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 200,) * 2)
    for what in POOLS:
        rendering(what)
        with a_server(what) as (process, port):
            line("  memory of the server (PSS)", process.memory_full_info().pss / 2**20, "MiB")
            measure("  20 clients", process, port)
    with a_server(EVERYTHING) as (process, port), idle_clients(process, port):
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
    """A server that shows *what*, one of POOLS or "nothing", and its port."""
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
