"""A real browser looks at the page: Chromium without a window, by its DevTools protocol.

``python -m tests.browser DIRECTORY`` puts the screenshots there that docs/ shows.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, AsyncIterator, Dict, Iterator, List, Tuple

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

from ganeti_gluster_mon.daemon.web.node_page import node_page
from ganeti_gluster_mon.daemon.web.page import page
from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.health.annotate import annotate
from ganeti_gluster_mon.volume_history import SLOTS

#: seconds for what Chromium does, on a busy machine
GENEROUS = 60.0
COMMAND = Path(sys.executable).with_name("ganeti-gluster-mon")
CAPTURES = Path(__file__).parent / "captures" / "recorded"


#: the middle of the first command, if it is within the window
_FIRST_COMMAND = """(() => {
  const box = document.querySelector("kbd")?.getClientRects()[0];
  return box && box.bottom < innerHeight ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})()"""


@dataclass(frozen=True)
class Window:
    """How the page is looked at; pixels."""

    width: int
    height: int
    dark: bool = False
    phone: bool = False
    printed: bool = False


LIGHT, DARK = Window(1200, 1000), Window(1200, 1000, dark=True)
PHONE = Window(390, 844, phone=True)
PRINT = Window(1000, 1400, dark=True, printed=True)


@dataclass(frozen=True)
class RenderedWindow:
    """What a window shows."""

    text: str
    #: pixels that the content takes; more than the window's would have to be scrolled sideways
    width: int
    background: str
    #: what the browser complains of
    complaints: Tuple[str, ...]
    png: bytes
    #: what one click on the first command selects; "" where there is none
    selected: str


def found() -> bool:
    """Whether there is a Chromium."""
    return shutil.which("chromium") is not None


class _Tab:
    """A tab of the browser, by its DevTools socket."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events: List[Dict[str, Any]] = []

    async def do(self, method: str, **parameters: Any) -> Dict[str, Any]:
        number = next(self._numbers)
        await self._socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = await self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    async def event(self, method: str) -> None:
        while all(event["method"] != method for event in self.events):
            await self._next()

    async def value(self, expression: str) -> Any:
        result = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"]["value"]

    async def _next(self) -> Dict[str, Any]:
        message = await asyncio.wait_for(self._socket.read_message(), GENEROUS)
        assert message is not None, "the browser has gone"
        read: Dict[str, Any] = json.loads(message)
        if "method" in read:
            self.events.append(read)
        return read


@contextmanager
def _profile() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="browser-")
    try:
        yield directory
    finally:
        # Some of the browser's processes may still be on their way out, and write.
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def _browser() -> AsyncIterator[_Tab]:
    with _profile() as profile:
        words = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]
        argv = ["chromium", *words, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            assert process.stderr is not None
            address = ""
            while not address:
                line = await asyncio.wait_for(process.stderr.readline(), GENEROUS)
                assert line, "chromium did not start"
                found = re.search(rb"DevTools listening on ws://([^/]+)/", line)
                address = found.group(1).decode() if found else ""
            client = AsyncHTTPClient(force_instance=True)
            targets = json.loads((await client.fetch(f"http://{address}/json/list")).body)
            client.close()
            (page,) = [target for target in targets if target["type"] == "page"]
            socket = await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=64 << 20)
            yield _Tab(socket)
            socket.close()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _look(tab: _Tab, url: str, window: Window) -> RenderedWindow:
    tab.events.clear()
    for domain in ("Page", "Log", "Runtime", "Network"):
        await tab.do(f"{domain}.enable")
    await tab.do(
        "Emulation.setDeviceMetricsOverride",
        width=window.width,
        height=window.height,
        deviceScaleFactor=1,
        mobile=window.phone,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if window.dark else "light"}
    media = "print" if window.printed else ""
    await tab.do("Emulation.setEmulatedMedia", media=media, features=[scheme])
    await tab.do("Network.setExtraHTTPHeaders", headers={"Accept": "text/html"})
    await tab.do("Page.navigate", url=url)
    await tab.event("Page.loadEventFired")
    picture = await tab.do("Page.captureScreenshot", format="png")
    place = await tab.value(_FIRST_COMMAND)
    for kind in ("mousePressed", "mouseReleased") if place else ():
        x, y = place
        await tab.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    selected = str(await tab.value("getSelection().toString()"))
    complaints = [
        json.dumps(event["params"])
        for event in tab.events
        if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
    ]
    return RenderedWindow(
        text=str(await tab.value("document.body.innerText")),
        width=int(await tab.value("document.documentElement.scrollWidth")),
        background=str(await tab.value("getComputedStyle(document.body).backgroundColor")),
        complaints=tuple(complaints),
        png=base64.b64decode(picture["data"]),
        selected=selected,
    )


def look(url: str, *windows: Window) -> List[RenderedWindow]:
    """What a browser shows of *url* in each of the *windows*."""

    async def looked() -> List[RenderedWindow]:
        async with _browser() as tab:
            return [await _look(tab, url, window) for window in windows]

    return asyncio.run(looked())


@contextmanager
def replaying(directory: Path) -> Iterator[str]:
    """The url of a daemon that shows the capture in *directory*."""
    argv = [str(COMMAND), "serve", "--replay", str(directory), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(argv) as process:
        try:
            yield f"http://127.0.0.1:{_port(process.pid)}/"
        finally:
            process.terminate()


def _port(pid: int) -> int:
    """The port on which the process listens, once it does."""
    import psutil

    from tests.lab.waiting import wait_until

    def listening() -> List[int]:
        found = psutil.Process(pid).connections("tcp")
        return [each.laddr.port for each in found if each.status == psutil.CONN_LISTEN]

    return wait_until(listening, "the daemon to listen", GENEROUS)[0]


def with_guests(recorded: Path, directory: Path) -> Path:
    """The capture *recorded* with instances, some of them on each volume, in *directory*."""
    found = capture.read(str(recorded))
    pool = build_pool(found)
    disks = []
    for volume in pool.volumes or ():
        for number in (1, 2, 3):
            name = f"{volume.name}-guest{number}.example.com"
            labels = tuple(brick.label for brick in volume.subvolumes[-1].bricks)
            path = f"ganeti/{name}.0"
            disks.append(DiskFile(name, "disk/0", volume.name, path, 10 << 30, bricks=labels))
    capture.write(replace(found, disks=tuple(disks)), str(directory))
    return directory


def _page_of(name: str, node: str = "") -> bytes:
    """The page of the capture *name*, or of a *node* of it, with guests, and as if the daemon had run for a day."""
    with tempfile.TemporaryDirectory() as made:
        pool = build_pool(capture.read(str(with_guests(CAPTURES / name, Path(made)))))
    now = pool.taken_at
    since = now / 1e9 - 7500
    health = annotate(evaluate(pool, Limits(), now), lambda key: since, lambda problem: False)
    if node:
        return node_page(pool, health, now, node) or b""
    letters = {volume.name: "h" * SLOTS for volume in pool.volumes or ()}
    if health.problems:
        letters["gv0"] = "h" * 100 + "e" * 10 + "h" * 100 + "...." + "h" * 49 + "d" * 25
    return page(pool, health, now, letters=lambda now: letters)


def main(directory: str) -> None:
    degraded = {"page-light.png": LIGHT, "page-dark.png": DARK, "page-phone.png": PHONE}
    with tempfile.TemporaryDirectory() as made:
        for content, windows in (
            (_page_of("brick-killed"), degraded),
            (_page_of("healthy"), {"page-healthy.png": LIGHT}),
            (_page_of("brick-killed", "node2.lab.test"), {"page-node.png": LIGHT}),
        ):
            file = Path(made, "page.html")
            file.write_bytes(content)
            for name, picture in zip(windows, look(file.as_uri(), *windows.values())):
                path = os.path.join(directory, name)
                Path(path).write_bytes(picture.png)
                print(path)


if __name__ == "__main__":
    main(sys.argv[1])
