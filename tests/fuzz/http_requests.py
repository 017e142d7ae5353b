"""Odd, broken and ambiguous HTTP requests: each gets one clear status or is closed, and the next client is served."""

from __future__ import annotations

import random
import re
import socket
from typing import Dict

from tests.fuzz.server import Server
from tests.fuzz.values import TEXTS

_HOST = b"Host: x\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
#: seconds in which a request is answered or closed; an incomplete one waits for its rest
_WAIT = 0.3


def _get(path: bytes = b"/-/healthy", headers: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + path + b" " + version + b"\r\n" + headers + _HOST + b"\r\n"


_SMUGGLED = b"0\r\n\r\n" + _get(b"/metrics")
#: by name
REQUESTS: Dict[str, bytes] = {
    "HTTP/0.9": b"GET /metrics\r\n\r\n",
    "HTTP/1.0": _get(version=b"HTTP/1.0"),
    "HTTP/1.9": _get(version=b"HTTP/1.9"),
    "HTTP/2.0": _get(version=b"HTTP/2.0"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": b"GET /-/healthy HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "folded Host": b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "Host with markup": b"GET /-/healthy HTTP/1.1\r\nHost: <script>\r\n\r\n",
    "absolute URI": _get(b"http://other/metrics"),
    "authority": _get(b"//other/metrics"),
    "asterisk": b"OPTIONS * HTTP/1.1\r\n" + _HOST + b"\r\n",
    "CONNECT": b"CONNECT other:80 HTTP/1.1\r\n" + _HOST + b"\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\n" + _HOST + b"\r\n",
    "HEAD": b"HEAD /metrics HTTP/1.1\r\n" + _HOST + b"\r\n",
    "POST": b"POST / HTTP/1.1\r\nContent-Length: 3\r\n" + _HOST + b"\r\nabc",
    "unknown method": b"FOO / HTTP/1.1\r\n" + _HOST + b"\r\n",
    "binary method": b"\x00\x01 / HTTP/1.1\r\n" + _HOST + b"\r\n",
    "body with a request in it": _get(headers=b"Content-Length: 5\r\n") + b"hello" + _get(b"/metrics"),
    "chunked": _get(headers=b"Transfer-Encoding: chunked\r\n") + _SMUGGLED,
    "chunked and length": _get(headers=b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + _SMUGGLED,
    "chunked behind a tab": _get(headers=b"Transfer-Encoding:\tchunked\r\n") + _SMUGGLED,
    "chunked before a space": _get(headers=b"Transfer-Encoding : chunked\r\n") + _SMUGGLED,
    "chunked behind a VT": _get(headers=b"\x0bTransfer-Encoding: chunked\r\n") + _SMUGGLED,
    "two lengths": _get(headers=b"Content-Length: 0\r\nContent-Length: 5\r\n") + b"hello",
    **{
        f"Content-Length {value[:12]!r}": _get(headers=b"Content-Length: " + value + b"\r\n")
        for value in (b"-1", b"+5", b"1_0", b"0x5", b"", b"0" * 5000, b"9" * 20, b"9" * 5000, b"\xb2", b"5 ")
    },
    "Expect": _get(headers=b"Expect: 100-continue\r\n"),
    "Range": _get(b"/metrics", b"Range: bytes=0-0,1-1,2-2\r\n"),
    "percent": _get(b"/%zz%ff%00%c0%ae?%zz=%ff"),
    "report percent": _get(b"/1/report/%ff/%00"),
    "verbose percent": _get(b"/1/report/all?verbose=%ff%fe"),
    "many arguments": _get(b"/1/report/all?" + b"a&" * 1900),
    "dots": _get(b"/../../etc/passwd"),
    "CR in the path": _get(b"/a\rb"),
    "NUL in the path": _get(b"/\0"),
    "space in the path": _get(b"/a b"),
    "no path": b"GET  HTTP/1.1\r\n" + _HOST + b"\r\n",
    "bracket": _get(b"http://["),
    "long URI": _get(b"/" + b"a" * 30_000),
    "very long URI": _get(b"/" + b"a" * 100_000),
    "many headers": _get(headers=b"".join(b"X%d: a\r\n" % number for number in range(2000))),
    "long header": _get(headers=b"A: " + b"a" * 1_000_000 + b"\r\n"),
    "folded 5000 times": _get(headers=b"A: b\r\n" + b" c\r\n" * 5000),
    "cookie of backslashes": _get(headers=b'Cookie: a="' + b"\\" * 15_000 + b"\r\n"),
    "Accept of 900 types": _get(b"/", b"Accept: " + b"text/html;q=0.1," * 900 + b"\r\n"),
    "Accept of 7000 parameters": _get(b"/metrics", b"Accept: " + b"a;" * 7000 + b"\r\n"),
    "odd Accept": _get(b"/", b"Accept: text/html;q=nan\r\nAccept-Encoding: gzip;q=inf\r\n"),
    "no colon": _get(headers=b"foo\r\n"),
    "no header name": _get(headers=b": x\r\n"),
    "NUL in a header": _get(headers=b"A: \0\r\n"),
    "LF only": b"GET /-/healthy HTTP/1.1\nHost: x\n\n",
    "CR only": b"GET /-/healthy HTTP/1.1\rHost: x\r\r",
    "upgrade": _get(b"/", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    "TLS": bytes.fromhex("16030100a5010000a1"),
    "all bytes": bytes(range(256)) * 10,
    "odd password": _get(headers=b"Authorization: Basic \xff\xff\r\n"),
    "exchange": _get(b"/exchange"),
}


def send(server: Server, request: bytes) -> bytes:
    """What comes back for *request* until the connection is closed or quiet."""
    answer = b""
    with socket.create_connection(server.address, timeout=10) as client:
        try:
            client.sendall(request)
            client.settimeout(_WAIT)
            while True:
                part = client.recv(65536)
                if not part:
                    break
                answer += part
        except (ConnectionError, TimeoutError):
            pass
    return answer


def check(server: Server, name: str, request: bytes) -> None:
    """Raises AssertionError unless the answer to *request* is sound and the server goes on."""
    answer = send(server, request)
    statuses = [int(status) for status in _STATUS.findall(answer)]
    assert not answer or statuses, (name, answer[:100])
    # 5xx but for a version or method that is not supported would be a fault of ours
    assert all(status < 500 or status in (501, 505) for status in statuses), (name, statuses)
    assert b"Traceback" not in answer, name
    if "Transfer-Encoding" in request.decode("latin-1") or name.startswith("Content-Length"):
        assert b"gluster_up" not in answer, f"{name}: the request in the body was answered"
    assert b" 200 " in send(server, _get()), f"after {name} no client is served"


def random_request(chance: random.Random) -> bytes:
    """One of the requests above with something changed at random."""
    request = bytearray(chance.choice(sorted(REQUESTS.values())))
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(request))
        kind = chance.randrange(3)
        if kind == 0:
            request[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del request[at : at + chance.choice([1, 2, 8])]
        else:
            request[at:at] = chance.choice(TEXTS).encode("utf-8", "surrogatepass")
        if not request:
            break
    return bytes(request)
