"""The handlers of all paths: mond's protocol, Prometheus' metrics, a page for browsers.

A handler computes nothing: it sends bytes that another thread has rendered.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from typing import Any, Callable, Optional, Sequence, Tuple, Type

from tornado.web import Application

from ganeti_gluster_mon.daemon.client_log import ClientLog
from ganeti_gluster_mon.daemon.web import accept
from ganeti_gluster_mon.daemon.web.allowed_hosts import AllowedHosts
from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from ganeti_gluster_mon.daemon.web.bodies import HTML, JSON, AnyBody, Body, array, body
from ganeti_gluster_mon.daemon.web.content import Content, CurrentContent, Reports
from ganeti_gluster_mon.daemon.web.mond_proxy import MondProxy

#: mond's words
NO_SUCH_REPORT = "Unable to produce a report for the requested resource"
NO_SUCH_PATH = "Resource not found"


class _Readable(BaseHandler):
    """For paths that are read only: HEAD is GET without the body, which tornado leaves out."""

    async def get(self, *parts: str) -> None:
        raise NotImplementedError

    async def head(self, *parts: str) -> None:
        await self.get(*parts)


class _Page(_Readable):
    """A page for browsers."""

    def initialize(self, style: str) -> None:
        self._style = style

    def send_page(self, page: AnyBody, vary: str = "Accept-Encoding") -> None:
        """Respond with *page*, and a policy that allows no scripts and no other style than *style*."""
        if "Content-Security-Policy" not in self.authenticator.headers:
            self.set_header("Content-Security-Policy", content_security_policy(self._style))
        self.send(page, vary)


class _Root(_Page):
    """mond's list of the protocol's versions; for a browser the page."""

    async def get(self, *parts: str) -> None:
        vary = "Accept, Accept-Encoding"
        if not accept.html(self.request.headers.get("Accept", "")):
            self.send(Body(JSON, b"[1]"), vary)
            return
        self.set_header("Vary", vary)
        content = self.content_or_503()
        if content is None:
            return
        if content.page is None:
            self.send(Body(JSON, b"[1]"), vary)
            return
        self.send_page(content.page, vary)


class _Node(_Page):
    """The page of one node."""

    async def get(self, *parts: str) -> None:
        content = self.content_or_503()
        if content is None:
            return
        name = parts[0]

        def known(content: Content) -> Optional[AnyBody]:
            return None if content.node_pages is None else content.node_pages.known(name)

        def make(content: Content) -> Optional[AnyBody]:
            return None if content.node_pages is None else content.node_pages.get(name)

        page: Optional[AnyBody] = await self.current.rendered(known, make)
        if page is None:
            self.send_line(404, NO_SUCH_PATH)
            return
        self.send_page(page)


class _Runbook(_Page):
    """What to do about each problem.  It is a part of the package, and the same whatever the pool is like."""

    async def get(self, *parts: str) -> None:
        self.send_page(self.settings["runbook"]())


class _Version(_Readable):
    """As mond: ``/1`` is null."""

    async def get(self, *parts: str) -> None:
        self.send(Body(JSON, b"null"))


class _FromMond(_Readable):
    """A path where mond's answer is merged with ours."""

    def initialize(self, mond_proxy: Optional[MondProxy]) -> None:
        self.mond_proxy = mond_proxy

    @property
    def verbose(self) -> bool:
        """Whether the client requests all fields, as mond's clients do."""
        return self.get_query_argument("verbose", "0") == "1"

    def chosen(self, reports: Reports) -> AnyBody:
        """The terse or verbose one of *reports*, as requested."""
        return reports.verbose if self.verbose else reports.terse


class _List(_FromMond):
    """The collectors: name, category, kind."""

    async def get(self, *parts: str) -> None:
        content = self.content_or_503()
        if content is not None:
            others = [] if self.mond_proxy is None else await self.mond_proxy.listing()
            ours = {name for name, *_ in content.reports.listing}
            listing = [each for each in others if each[0] not in ours] + list(content.reports.listing)
            self.send(body(JSON, json.dumps(listing, separators=(",", ":")).encode("ascii")))


class _All(_FromMond):
    """All reports in one array."""

    async def get(self, *parts: str) -> None:
        content = self.content_or_503()
        if content is None:
            return
        if self.mond_proxy is None:
            every = await self.current.rendered(
                lambda content: content.reports.known_all, lambda content: content.reports.all
            )
            self.send(self.chosen(every))
            return
        ours = {name for name, *_ in content.reports.listing}
        others = await self.mond_proxy.reports(ours, self.request.query)
        own = await self.current.rendered(
            lambda content: content.reports.known_values(), lambda content: list(content.reports.values())
        )
        # No gzip: it would be made for each request, and the way to mond's clients is short.
        self.send(Body(JSON, array([*others, *(self.chosen(reports).plain for reports in own)])))


class _Report(_FromMond):
    """One report."""

    async def get(self, *parts: str) -> None:
        category, name = parts
        content = self.current.content
        if content is not None and (category, name) in content.reports:
            reports = await self.current.rendered(
                lambda content: content.reports.known((category, name)),
                lambda content: content.reports[category, name],
            )
            self.send(self.chosen(reports))
        elif self.mond_proxy is not None:
            # mond's own reports do not wait for our first content.
            passed = await self.mond_proxy.pass_on(self.request.path, self.request.query)
            self.set_status(passed.status, passed.reason)
            if passed.content_type is None:
                self.clear_header("Content-Type")
            else:
                self.set_header("Content-Type", passed.content_type)
            self.finish(passed.content)
        elif self.content_or_503() is not None:
            self.send_line(404, NO_SUCH_REPORT)


class _Metrics(_Readable):
    """For Prometheus."""

    async def get(self, *parts: str) -> None:
        content = self.content_or_503()
        if content is not None:
            is_open_metrics = accept.open_metrics(self.request.headers.get("Accept", ""))
            self.send(content.openmetrics if is_open_metrics else content.metrics, "Accept, Accept-Encoding")


class _Healthy(_Readable):
    """Whether the daemon works; not whether the pool does."""

    async def get(self, *parts: str) -> None:
        unhealthy_reason = self.current.unhealthy_reason
        self.send_line(200 if unhealthy_reason is None else 503, unhealthy_reason or "healthy")


class _Ready(_Readable):
    """Whether there is something to show."""

    async def get(self, *parts: str) -> None:
        if self.content_or_503() is not None:
            not_ready_reason = self.current.not_ready_reason
            self.send_line(200 if not_ready_reason is None else 503, not_ready_reason or "ready")


class _NotFound(_Readable):
    """Every other path."""

    async def get(self, *parts: str) -> None:
        self.send_line(404, NO_SUCH_PATH)


def application(
    current: CurrentContent,
    mond_proxy: Optional[MondProxy] = None,
    handlers: Sequence[Tuple[str, Type[BaseHandler], Any]] = (),
    *,
    authenticator: Optional[Authenticator] = None,
    allowed_hosts: Optional[AllowedHosts] = None,
    style: str = "",
    runbook: Optional[Callable[[], bytes]] = None,
) -> Application:
    """All paths of the contract over *current*, with mond behind it by *mond_proxy*.

    *handlers*: more of them, each a pattern, a class and what its ``initialize`` takes.  *authenticator*
    authenticates the clients.  *allowed_hosts*: the names that clients may call this server by, None: any.
    *style*: the text of the pages' one ``<style>`` element, exactly.  *runbook* makes the page of the runbook; None:
    there is none.  Raises TypeError for a handler that is no
    `BaseHandler`: it would not call the authenticator.
    """
    for _, handler, _ in handlers:
        if not issubclass(handler, BaseHandler):
            raise TypeError(f"{handler.__name__} is no BaseHandler")
    page = {"style": style}
    runbooks = [] if runbook is None else [(r"/runbook", _Runbook, page)]
    mond = {"mond_proxy": mond_proxy}
    return Application(
        [
            *handlers,
            *runbooks,
            (r"/node/([^/]+)", _Node, page),
            (r"/", _Root, page),
            (r"/1/?", _Version),
            (r"/1/list/collectors/?", _List, mond),
            (r"/1/report/all/?", _All, mond),
            (r"/1/report/([^/]+)/([^/]+)/?", _Report, mond),
            (r"/metrics", _Metrics),
            (r"/-/healthy", _Healthy),
            (r"/-/ready", _Ready),
        ],
        default_handler_class=_NotFound,
        log_function=lambda handler: None,  # requests are not logged
        current=current,
        authenticator=authenticator or Authenticator(None),
        allowed_hosts=allowed_hosts or AllowedHosts(["*"]),
        client_log=ClientLog(),
        runbook=functools.lru_cache(maxsize=1)(functools.partial(_runbook_body, runbook)),
    )


def _runbook_body(runbook: Optional[Callable[[], bytes]]) -> AnyBody:
    return body(HTML, b"" if runbook is None else runbook())


def content_security_policy(style: str) -> str:
    """A policy for a page without scripts and with one ``<style>`` element, of the text *style*."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
