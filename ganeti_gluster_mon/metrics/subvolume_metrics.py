"""The subvolumes of started volumes."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.quorum import to_spare
from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_SUBVOLUME = ("volume", "subvolume")


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Bricks and quorum of each subvolume."""
    subvolumes = [
        ((volume.name, _subvolume_name(volume, index)), subvolume, volume)
        for volume in started_volumes(scrape)
        for index, subvolume in enumerate(volume.subvolumes)
    ]
    yield make.gauge(
        "gluster_subvolume_bricks",
        "Bricks of the subvolume (a replica set, a disperse set or a lone brick), named as Gluster does.",
        _SUBVOLUME,
        [(labels, len(subvolume.bricks)) for labels, subvolume, _ in subvolumes],
    )
    yield make.gauge(
        "gluster_subvolume_bricks_online",
        "Bricks of the subvolume that are online; absent while the state of one is not known.",
        _SUBVOLUME,
        [(labels, subvolume.up) for labels, subvolume, _ in subvolumes],
    )
    yield make.gauge(
        "gluster_subvolume_quorum",
        "Whether enough bricks of the subvolume are online to serve its files and take writes.",
        _SUBVOLUME,
        [(labels, subvolume.quorum) for labels, subvolume, _ in subvolumes],
    )
    yield make.gauge(
        "gluster_subvolume_bricks_to_spare",
        "Bricks more that may be lost, whichever they are, before the subvolume loses its quorum.",
        _SUBVOLUME,
        [(labels, to_spare(subvolume, volume.options)) for labels, subvolume, volume in subvolumes],
    )


def _subvolume_name(volume: Volume, index: int) -> str:
    """The name of the *index*-th subvolume, from 0, in Gluster's logs and in the path of a file."""
    kind = {"distribute": "client"}.get(volume.subvolumes[index].type, volume.subvolumes[index].type)
    return f"{volume.name}-{kind}-{index}"
