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
    AbstractSet,
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
    Union,
)

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics import exposition as openmetrics

from ganeti_gluster_mon import report
from ganeti_gluster_mon.collectors import collectors
from ganeti_gluster_mon.daemon.compressed import Compressed
from ganeti_gluster_mon.daemon.free_memory import return_free_memory
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
#: makes the page for browsers of a pool, its health and the time (ns since the epoch)
MakePage = Callable[[Pool, Health, int], bytes]
#: likewise of one node, by its name; None: there is no such node
MakeNodePage = Callable[[Pool, Health, int, str], Optional[bytes]]


@dataclass(frozen=True)
class Reports:
    """One report, or all of them in an array: as mond gives it, and with ``?verbose=1``."""

    terse: AnyBody
    verbose: AnyBody


class EvaluatedPool:
    """A pool and its health, of which more is rendered when it is requested."""

    def __init__(self, pool: Pool, health: Health) -> None:
        self._evaluated: Union[Tuple[Pool, Health], Compressed[Tuple[Pool, Health]]] = (pool, health)

    def compress(self) -> None:
        """Keep it compressed from now on: 26 kB instead of 3 MB of a thousand bricks, in 7 ms."""
        if not isinstance(self._evaluated, Compressed):
            self._evaluated = Compressed(self._evaluated)

    def load(self) -> Tuple[Pool, Health]:
        """Both."""
        return self._evaluated.load() if isinstance(self._evaluated, Compressed) else self._evaluated


class PoolReports(Mapping[Key, Reports]):
    """The reports about one snapshot, each rendered when it is first requested.

    All those of a thousand bricks take 60 ms.
    """

    def __init__(self, evaluated: EvaluatedPool, now: int, warn: Callable[[str], None]) -> None:
        """*warn* is called with a line for each collector that fails, when its report is rendered."""
        self._evaluated = evaluated
        self._now = now
        self._warn = warn
        self._collectors = {(each.category, each.name): each for each in collectors().values()}
        #: without and with *verbose*
        self._parts: Dict[Key, Tuple[SharedPart, SharedPart]] = {}
        self._bodies: Dict[Key, Reports] = {}

    def __getitem__(self, key: Key) -> Reports:
        if key not in self._bodies:
            ((terse, verbose),) = self._render([key])
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
        parts = self._render(list(self._collectors))
        return _both(
            array_parts([terse for terse, _ in parts]), array_parts([verbose for _, verbose in parts])
        )

    @collection_paused()
    def _render(self, keys: Sequence[Key]) -> List[Tuple[SharedPart, SharedPart]]:
        missing = [key for key in keys if key not in self._parts]
        if missing:
            pool, health = self._evaluated.load()
            for key in missing:
                terse, verbose = report.make_both(self._collectors[key], pool, health, self._now, self._warn)
                text = SharedPart.of(_json(terse))
                self._parts[key] = text, text if verbose is terse else SharedPart.of(_json(verbose))
        return [self._parts[key] for key in keys]


class NodePages:
    """The pages of the nodes about one snapshot, each rendered when it is first requested."""

    def __init__(
        self, evaluated: EvaluatedPool, hosts: AbstractSet[str], now: int, make: MakeNodePage
    ) -> None:
        """*hosts*: the names of nodes, so that one that does not exist costs nothing."""
        self._evaluated = evaluated
        self._hosts = hosts
        self._now = now
        self._make = make
        self._made: Dict[str, AnyBody] = {}

    def known(self, name: str) -> Optional[AnyBody]:
        """The page of the node *name*, if it was rendered before."""
        return self._made.get(name)

    def get(self, name: str) -> Optional[AnyBody]:
        """The page of the node *name*; None: there is no such node."""
        if name not in self._hosts:
            return None
        if name not in self._made:
            made = self._make(*self._evaluated.load(), self._now, name)
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
    evaluated: EvaluatedPool = field(compare=False, repr=False)
    #: in Prometheus' text format, and as OpenMetrics
    metrics: AnyBody
    openmetrics: AnyBody
    #: for browsers; None where no page is made
    page: Optional[AnyBody] = None
    #: None where no pages are made
    node_pages: Optional[NodePages] = field(default=None, compare=False)


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
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, self._make, make)
        finally:
            self.thread.submit(return_free_memory)  # what the pool took that was unpacked for it

    def _make(self, make: Callable[[Content], T]) -> T:
        if self.content is None:
            raise RuntimeError("there is no content")
        return make(self.content)


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
    evaluated = EvaluatedPool(pool, health)
    return Content(
        now=now,
        reports=PoolReports(evaluated, now, warn),
        evaluated=evaluated,
        metrics=metrics,
        openmetrics=open_metrics,
        page=None if make_page is None else body(HTML, make_page(pool, health, now)),
        node_pages=None
        if make_node_page is None
        else NodePages(evaluated, _hosts(pool), now, make_node_page),
    )


def _hosts(pool: Pool) -> AbstractSet[str]:
    """The hosts of peers and bricks."""
    bricks = (brick for volume in pool.volumes or () for brick in volume.bricks)
    return {peer.hostname for peer in pool.peers or ()}.union(brick.host for brick in bricks)


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
