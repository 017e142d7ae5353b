"""Settings files and a fake mond, for tests."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from typing import Dict, Iterator, Tuple

from ganeti_gluster_mon.mond_setup import shell_defaults

GANETI = """\
# Default arguments for Ganeti daemons
NODED_ARGS=""
MOND_ARGS=""
KVMD_ARGS=""
"""


OURS = """\
# a comment
ARGS="--listen @ganeti:1816"
"""


def words(text: str, name: str) -> Tuple[str, ...]:
    return shell_defaults.read(text, name, "/file").words


@contextmanager
def mond(answers: Dict[str, Tuple[int, bytes]]) -> Iterator[str]:
    """A server on loopback that has *answers*; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b"Resource not found"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fails(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
