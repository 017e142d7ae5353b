"""The memory of both processes for pools of up to 1,002 bricks: `python -m tests.bench.memory`.

The poller queries a stand-in for `gluster`, which gives answers made of recorded ones, and publishes them in a spool.
The web process reads them, and serves reports, metrics, the page and the page of a node.  Peers and bricks are not
probed: there are none.  Each process runs some cycles, and then is measured again and again for an interval: the
median, which is what it needs between two cycles, and the most.
"""

from __future__ import annotations

import functools
import sys
import time
from typing import TYPE_CHECKING, Dict, Iterable

# What only the benchmark needs is imported where it is needed: it would count as the daemon's.
if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from ganeti_gluster_mon.gluster.brick_probe import BrickEndpoint, BrickKey
    from ganeti_gluster_mon.gluster.model import Peer

BRICKS, MEDIUM, BRICKS_EACH = 1002, 402, 3
#: seconds between two cycles, as by default, and captures before the first request: two cycles, each with the heal
#: backlog a little later
INTERVAL, CAPTURES = 30.0, 4


def poller(gluster: str, directory: str) -> None:
    """Run the poller with the stand-in *gluster* and the spool in *directory*."""
    from ganeti_gluster_mon.daemon.free_memory import use_one_heap
    from ganeti_gluster_mon.daemon.poller.poller import Poller
    from ganeti_gluster_mon.daemon.spool import Spool
    from ganeti_gluster_mon.gluster import brick_probe, cycle, peer_probe, session

    def peers_answer(peers: Iterable[Peer], *_: object) -> Dict[str, bool]:
        return {peer.hostname: True for peer in peers}

    def bricks_answer(endpoints: Iterable[BrickEndpoint], *_: object) -> Dict[BrickKey, bool]:
        return {endpoint.key: True for endpoint in endpoints}

    use_one_heap()
    spool = Spool(directory)
    spool.prepare()
    # unittest.mock would import asyncio, 6 MiB
    setattr(session, "check_glusterd", lambda **_: None)  # noqa: B010
    setattr(peer_probe, "probe_peers", peers_answer)  # noqa: B010
    setattr(brick_probe, "probe_bricks", bricks_answer)  # noqa: B010
    Poller(cycle.Settings(gluster=gluster, timeout=30.0), INTERVAL, spool, alive=lambda: None).run()


async def web(directory: str) -> None:
    """Serve what is in the spool in *directory*; the port on standard output."""
    from ganeti_gluster_mon.daemon.free_memory import use_one_heap
    from ganeti_gluster_mon.daemon.spool import Spool
    from ganeti_gluster_mon.daemon.web.auth import Authenticator
    from ganeti_gluster_mon.daemon.web.content import CurrentContent
    from ganeti_gluster_mon.daemon.web.content_updater import ContentUpdater
    from ganeti_gluster_mon.daemon.web.handlers import application
    from ganeti_gluster_mon.daemon.web.node_page import node_page
    from ganeti_gluster_mon.daemon.web.page import STYLE, page, runbook
    from ganeti_gluster_mon.daemon.web.server import HttpServer
    from ganeti_gluster_mon.health import Limits

    use_one_heap()
    current, authenticator = CurrentContent(), Authenticator(None)
    server = HttpServer(
        application(current, authenticator=authenticator, style=STYLE, runbook=runbook), authenticator
    )
    server.listen("127.0.0.1:0")
    print(server.addresses[0][1], flush=True)
    await ContentUpdater(
        Spool(directory),
        current,
        Limits(),
        INTERVAL,
        alive=lambda: None,
        make_page=functools.partial(page, refresh=INTERVAL, stale=90.0),
        make_node_page=functools.partial(node_page, refresh=INTERVAL, stale=90.0),
    ).run()


def measure(words: str, bricks: int, profile: bool, stack: ExitStack) -> None:
    """Run both processes for a pool of so many *bricks*, and print a line with their memory."""
    import statistics
    import subprocess
    import tempfile
    import urllib.request
    from pathlib import Path

    import psutil

    from tests.bench.many_volumes import stand_in
    from tests.generate import large_capture

    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    spool = directory / "spool"
    gluster = stand_in(directory, large_capture(bricks, min(bricks, BRICKS_EACH), profile))
    argv = (sys.executable, "-m", "tests.bench.memory")
    # the poller of a machine without Gluster logs that there are no directories to watch
    polling = stack.enter_context(
        subprocess.Popen([*argv, "poller", gluster, str(spool)], stderr=subprocess.DEVNULL)
    )
    stack.callback(polling.terminate)
    _wait_for(spool / "captures" / "1")
    serving = stack.enter_context(
        subprocess.Popen([*argv, "web", str(spool)], stdout=subprocess.PIPE, text=True)
    )
    stack.callback(serving.terminate)
    assert serving.stdout is not None
    port = int(serving.stdout.readline())
    _wait_for(spool / "captures" / str(CAPTURES))
    time.sleep(INTERVAL)  # more cycles follow the start: there is no glusterd to be probed
    for path in ("/metrics", "/", "/node/node1.lab.test"):
        # as Prometheus and browsers send it; without "text/html" the answer for "/" is mond's list of versions
        headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
    processes = [psutil.Process(each.pid) for each in (polling, serving)]
    samples = []
    until = time.monotonic() + INTERVAL
    while time.monotonic() < until:
        samples.append([process.memory_full_info().pss / 2**20 for process in processes])
        time.sleep(0.1)
    each = [statistics.median(sizes) for sizes in zip(*samples)]
    both = [sum(sizes) for sizes in samples]
    print(
        f"{words:<40} {each[0]:7.1f} {each[1]:7.1f} {statistics.median(both):7.1f} {max(both):7.1f}        64",
        flush=True,
    )


def main() -> int:
    from contextlib import ExitStack

    print(f"{'memory (PSS), MiB':<40}  poller     web    both  (peak)   at most")
    for words, bricks, profile in (
        ("3 bricks", 3, True),
        (f"{MEDIUM} bricks", MEDIUM, False),
        (f"{BRICKS} bricks", BRICKS, False),
        (f"{BRICKS} bricks, all profiled", BRICKS, True),
    ):
        with ExitStack() as stack:
            measure(words, bricks, profile, stack)
    return 0


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 300
    while not path.exists():
        if time.monotonic() > until:
            raise AssertionError(f"{path} did not come")
        time.sleep(0.1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["poller"]:
        poller(*sys.argv[2:])
    elif sys.argv[1:2] == ["web"]:
        import asyncio

        asyncio.run(web(sys.argv[2]))
    else:
        sys.exit(main())
