"""The content that is served about one snapshot of the pool.

Metrics and the page are rendered when the snapshot changes.  Reports and the pages of nodes are rendered when they are
first requested, and kept.  However many clients there are, the cost is at most one rendering for each cycle.  One
thread renders all of it, and the event loop only sends.
"""

from __future__ import annotations

import asyncio
import functools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics import exposition as openmetrics

from ganeti_gluster_mon import report
from ganeti_gluster_mon.collectors import collectors
from ganeti_gluster_mon.daemon.web.bodies import (
    HTML,
    JSON,
    AnyBody,
    BodyWriter,
    SharedPart,
    array_parts,
    body,
    body_of,
)
from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.metrics import pool_metrics
from ganeti_gluster_mon.metrics.exposition import OPENMETRICS_END, family_texts
from ganeti_gluster_mon.metrics.families import AnyFamily

T = TypeVar("T")
#: category and name, the last two parts of a report's path
Key = Tuple[str, str]


@dataclass(frozen=True)
class Reports:
    """One report, or all of them in an array: as mond gives it, and with ``?verbose=1``."""

    terse: AnyBody
    verbose: AnyBody


class PoolReports(Mapping[Key, Reports]):
    """The reports about one snapshot, each rendered when it is first requested.

    All those of a thousand bricks take 50 ms.
    """

    def __init__(self, pool: Pool, health: Health, now: int, warn: Callable[[str], None]) -> None:
        """*warn* is called with a line for each collector that fails, when its report is rendered."""
        self._make: Optional[Callable[..., Tuple[report.Report, report.Report]]] = functools.partial(
            report.make_both, pool=pool, health=health, now=now, on_failure=warn
        )
        self._collectors = {(each.category, each.name): each for each in collectors().values()}
        #: without and with *verbose*
        self._parts: Dict[Key, Tuple[SharedPart, SharedPart]] = {}
        self._bodies: Dict[Key, Reports] = {}

    def __getitem__(self, key: Key) -> Reports:
        if key not in self._bodies:
            terse, verbose = self._rendered(key)
            self._bodies[key] = _both([terse], [verbose])
        return self._bodies[key]

    def known(self, key: Key) -> Optional[Reports]:
        """The report, if it was rendered before."""
        return self._bodies.get(key)

    def known_values(self) -> Optional[List[Reports]]:
        """Each report, if all were rendered before."""
        return [self._bodies[key] for key in self] if len(self._bodies) == len(self) else None

    @property
    def known_all(self) -> Optional[Reports]:
        """`all`, if it was rendered before."""
        found: Optional[Reports] = vars(self).get("all")
        return found

    def forget_pool(self) -> None:
        """Render no more; what was rendered before is kept."""
        self._make = None

    def __iter__(self) -> Iterator[Key]:
        return iter(self._collectors)

    def __len__(self) -> int:
        return len(self._collectors)

    def __contains__(self, key: object) -> bool:
        return key in self._collectors

    @property
    def listing(self) -> Tuple[Tuple[str, str, int], ...]:
        """Name, category and kind of each, as in mond's list."""
        return tuple((each.name, each.category, each.kind) for each in self._collectors.values())

    @functools.cached_property
    def all(self) -> Reports:
        """All of them in an array, in the order of the listing."""
        parts = [self._rendered(key) for key in self._collectors]
        return _both(
            array_parts([terse for terse, _ in parts]), array_parts([verbose for _, verbose in parts])
        )

    @collection_paused()
    def _rendered(self, key: Key) -> Tuple[SharedPart, SharedPart]:
        if key not in self._parts:
            if self._make is None:
                raise RuntimeError("the pool is forgotten")
            terse, verbose = self._make(self._collectors[key])
            text = SharedPart.of(_json(terse))
            self._parts[key] = text, text if verbose is terse else SharedPart.of(_json(verbose))
        return self._parts[key]


class NodePages:
    """The pages of the nodes about one snapshot, each rendered when it is first requested."""

    def __init__(self, make: Callable[[str], Optional[bytes]]) -> None:
        self._make: Optional[Callable[[str], Optional[bytes]]] = make
        self._made: Dict[str, AnyBody] = {}

    def known(self, name: str) -> Optional[AnyBody]:
        """The page of the node *name*, if it was rendered before."""
        return self._made.get(name)

    def forget_pool(self) -> None:
        """Render no more; what was rendered before is kept."""
        self._make = None

    def get(self, name: str) -> Optional[AnyBody]:
        """The page of the node *name*; None: there is no such node."""
        if name not in self._made:
            if self._make is None:
                raise RuntimeError("the pool is forgotten")
            made = self._make(name)
            if made is None:
                return None
            self._made[name] = body(HTML, made)
        return self._made[name]


@dataclass(frozen=True)
class Content:
    """The content about one snapshot."""

    #: when its health was evaluated, ns since the epoch
    now: int
    reports: PoolReports
    #: in Prometheus' text format, and as OpenMetrics
    metrics: AnyBody
    openmetrics: AnyBody
    #: for browsers; None where no page is made
    page: Optional[AnyBody] = None
    #: None where no pages are made
    node_pages: Optional[NodePages] = field(default=None, compare=False)

    def forget_pool(self) -> None:
        """Render no more, so that the pool is not in memory together with the next one."""
        self.reports.forget_pool()
        if self.node_pages is not None:
            self.node_pages.forget_pool()


@dataclass
class CurrentContent:
    """The content that is served now.  The updater replaces it, in the thread; requests only read it."""

    #: None until the first content is rendered
    content: Optional[Content] = None
    #: why the daemon does not work, in one line; None while it works
    unhealthy_reason: Optional[str] = None
    #: why load balancers should send no requests here though there is content, in one line; None: they may
    not_ready_reason: Optional[str] = None
    #: the one thread that renders.  The loop's own threads are also for names that are looked up, which may take long
    thread: ThreadPoolExecutor = field(
        default_factory=functools.partial(ThreadPoolExecutor, 1, "content"), repr=False, compare=False
    )

    async def rendered(self, known: Callable[[Content], Optional[T]], make: Callable[[Content], T]) -> T:
        """What *known* has of the content, or else what *make* makes of it, in the thread.

        While the next content is rendered, it is made of that one, when it is there.  There is some content already.
        """
        content = self.content
        found = None if content is None else known(content)
        if found is not None:
            return found
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._make, make)

    def _make(self, make: Callable[[Content], T]) -> T:
        if self.content is None:
            raise RuntimeError("there is no content")
        return make(self.content)


#: makes the page for browsers of a pool, its health and the time (ns since the epoch)
MakePage = Callable[[Pool, Health, int], bytes]
#: likewise of one node, by its name; None: there is no such node
MakeNodePage = Callable[[Pool, Health, int, str], Optional[bytes]]


@collection_paused()
def render(
    pool: Pool,
    health: Health,
    now: int,
    *,
    duration: Optional[float] = None,
    failures: Optional[Mapping[str, int]] = None,
    leader: Optional[bool] = None,
    make_page: Optional[MakePage] = None,
    make_node_page: Optional[MakeNodePage] = None,
    latency_extremes: bool = False,
    warn: Callable[[str], None] = report.warn,
) -> Content:
    """Render *pool* as *health* judges it at *now* (ns since the epoch); the rest as in `PoolMetrics`.

    *warn* is called with a line for each collector that fails, when its report is requested.  A thousand bricks take 30
    to 150 ms, without the page: call it in a thread, not on the event loop.
    """
    families = pool_metrics.PoolMetrics(
        pool, health, now, duration, failures, leader, latency_extremes
    ).families()
    metrics, open_metrics = _metrics_bodies(families)
    return Content(
        now=now,
        reports=PoolReports(pool, health, now, warn),
        metrics=metrics,
        openmetrics=open_metrics,
        page=None if make_page is None else body(HTML, make_page(pool, health, now)),
        node_pages=None
        if make_node_page is None
        else NodePages(functools.partial(make_node_page, pool, health, now)),
    )


def _metrics_bodies(families: Iterable[AnyFamily]) -> Tuple[AnyBody, AnyBody]:
    """*families* in both formats, written family by family: a pool of a thousand bricks has 15 MB of them."""
    prometheus, other = BodyWriter(CONTENT_TYPE_LATEST), BodyWriter(openmetrics.CONTENT_TYPE_LATEST)
    for prometheus_head, openmetrics_head, lines in family_texts(families):
        shared = SharedPart.of(lines)
        prometheus.write(prometheus_head)
        prometheus.write_shared(shared)
        other.write(openmetrics_head)
        other.write_shared(shared)
    other.write(OPENMETRICS_END)
    return prometheus.body(), other.body()


def _both(terse: Sequence[SharedPart], verbose: Sequence[SharedPart]) -> Reports:
    short = body_of(JSON, terse)
    return Reports(short, short if verbose == terse else body_of(JSON, verbose))


def _json(made: Dict[str, object]) -> bytes:
    return json.dumps(made, separators=(",", ":")).encode("ascii")
