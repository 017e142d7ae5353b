"""Passes the reports of mond on: the daemon has mond's port, and mond has a loopback port.

mond fails as a whole on ``/1/report/all`` if one of its collectors fails.  So this module requests one report at a
time, and only the broken one is missing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from dataclasses import dataclass
from typing import AbstractSet, Any, List, Optional, Tuple
from urllib.parse import quote, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPInputError

LOG = logging.getLogger("ganeti_gluster_mon")

#: seconds from a request to mond to the last byte of its response
MOND_TIMEOUT = 1.0
#: bytes; mond's largest report is a few kB for each disk
LONGEST = 4 << 20
#: collectors; mond has five
MOST_COLLECTORS = 64
#: connections to mond at one time
_AT_ONCE = 16

#: name, category, kind
MondCollector = Tuple[str, str, int]


class MondProxyError(Exception):
    """The URL cannot be mond's; the message is one line."""


@dataclass(frozen=True)
class MondResponse:
    """A response of mond, unchanged."""

    status: int
    reason: str
    #: None: mond sent none, as it does
    content_type: Optional[str]
    content: bytes


class MondProxy:
    """Queries mond; whatever mond does, there is a response within about a second."""

    def __init__(self, url: str, timeout: float = MOND_TIMEOUT) -> None:
        """*url*: where mond is, ``http://127.0.0.1:1816``; *timeout*: seconds it has for a response.

        Raises MondProxyError for anything but a port of this host: no client may reach other hosts through us.
        """
        self._base = _loopback(url)
        self._timeout = timeout
        self._client = AsyncHTTPClient(
            force_instance=True,
            max_clients=_AT_ONCE,
            defaults={
                "connect_timeout": timeout,
                "request_timeout": timeout,
                "follow_redirects": False,
                "decompress_response": False,
                "user_agent": "ganeti-gluster-mon",
            },
            max_body_size=LONGEST,
            max_buffer_size=LONGEST,
        )
        self._answers: Optional[bool] = None

    async def pass_on(self, path: str, query: str) -> MondResponse:
        """mond's answer to *path* and *query*, byte for byte; 502 with one line when there is none."""
        response = await self._request(path, query)
        if response is None:
            text = f"mond gave no answer within {self._timeout:g} s, or none that can be read\n"
            return MondResponse(502, "Bad Gateway", "text/plain; charset=utf-8", text.encode("ascii"))
        return MondResponse(
            response.code,
            response.reason,
            response.headers.get("Content-Type"),
            response.body or b"",
        )

    async def listing(self) -> List[MondCollector]:
        """mond's collectors; none if mond does not answer."""
        response = await self._request("/1/list/collectors", "")
        if response is None or response.code != 200:
            return []
        try:
            given = json.loads(response.body)
        except (ValueError, RecursionError):
            return []
        collectors = [_collector(each) for each in given] if isinstance(given, list) else []
        return [each for each in collectors if each is not None][:MOST_COLLECTORS]

    async def reports(self, ours: AbstractSet[str], query: str) -> List[bytes]:
        """Those of mond's reports that there are, each as it came, but of the names that are *ours*.

        The list and the reports share the timeout.
        """
        began = asyncio.get_running_loop().time()
        listing = [each for each in await self.listing() if each[0] not in ours]
        left = self._timeout - (asyncio.get_running_loop().time() - began)
        if left <= 0:
            return []
        responses = await asyncio.gather(
            *(
                self._request(f"/1/report/{quote(category, safe='')}/{quote(name, safe='')}", query, left)
                for name, category, _ in listing
            )
        )
        return [
            response.body
            for response in responses
            if response is not None and response.code == 200 and _is_json(response.body)
        ]

    def close(self) -> None:
        """Close the connections to mond."""
        self._client.close()

    async def _request(
        self, path: str, query: str, timeout: Optional[float] = None
    ) -> Optional[HTTPResponse]:
        """mond's answer, whatever its status; None when there is none."""
        url = self._base + path + (f"?{query}" if query else "")
        seconds = self._timeout if timeout is None else timeout
        try:
            request = HTTPRequest(url, connect_timeout=seconds, request_timeout=seconds)
            # The client's own timeouts start again when a request leaves the queue.
            response = await asyncio.wait_for(self._client.fetch(request, raise_error=False), seconds)
        except asyncio.TimeoutError:
            self._log_change(False, f"nothing within {seconds:.1f} s")
            return None
        except (HTTPClientError, HTTPInputError, OSError, ValueError) as error:
            self._log_change(False, str(error))
            return None
        self._log_change(True)
        return response

    def _log_change(self, answers: bool, why: str = "") -> None:
        """Log when mond comes or goes, not for each request."""
        if answers != self._answers:
            if answers:
                LOG.info("mond at %s answers", self._base)
            else:
                LOG.warning("mond at %s does not answer: %s", self._base, why)
        self._answers = answers


def _loopback(url: str) -> str:
    """*url* without a slash at its end.  Raises MondProxyError if it is not one of this host's own ports."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local, port = False, None
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme != "http" or not local or not port or extra:
        raise MondProxyError(f"{url!r} is not where mond can be: http://127.0.0.1:PORT is meant")
    return f"http://{parts.netloc}"


def _collector(given: Any) -> Optional[MondCollector]:
    if isinstance(given, list) and [type(part) for part in given] == [str, str, int]:
        name, category, kind = given
        return name, category, kind
    return None


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True
