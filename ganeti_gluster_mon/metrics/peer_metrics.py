"""The peers of the pool."""

from __future__ import annotations

from typing import Iterator, Optional

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.metrics.families import Families, Scrape


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """The connection of each peer, and the op-version of them all."""
    yield make.gauge(
        "gluster_peer_connected",
        "Whether the peer takes part: glusterd calls it connected (which it does for up to 80 s after "
        "the peer has vanished) and port 24007 answered if it was tried.",
        ("peer",),
        [((peer.hostname,), _connected(peer)) for peer in scrape.pool.peers or ()],
    )
    yield make.gauge("gluster_op_version", "The op-version of the pool.", (), [((), scrape.pool.op_version)])
    yield make.gauge(
        "gluster_max_op_version",
        "The highest op-version that all nodes support, where it may be higher than the pool's.",
        (),
        [((), scrape.pool.max_op_version)],
    )


def _connected(peer: Peer) -> Optional[bool]:
    return False if peer.reachable is False else peer.connected
