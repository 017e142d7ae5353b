"""The subvolumes of started volumes."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.quorum import to_spare
from ganeti_gluster_mon.metrics.families import Families, MetricGroup, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import space_figures, started_volumes

_SUBVOLUME = ("volume", "subvolume")


_GAUGES = (
    (
        "gluster_subvolume_bricks",
        "Bricks of the subvolume (a replica set, a disperse set or a lone brick), named as Gluster does.",
    ),
    (
        "gluster_subvolume_bricks_online",
        "Bricks of the subvolume that are online; absent while the state of one is not known.",
    ),
    (
        "gluster_subvolume_quorum",
        "Whether enough bricks of the subvolume are online to serve its files and take writes.",
    ),
    (
        "gluster_subvolume_bricks_to_spare",
        "Bricks more that may be lost, whichever they are, before the subvolume loses its quorum.",
    ),
    ("gluster_subvolume_size_bytes", "Size in bytes of the subvolume, by what its bricks report."),
    ("gluster_subvolume_used_bytes", "Bytes of the subvolume that are used, storage.reserve included."),
    (
        "gluster_subvolume_available_bytes",
        "Bytes that an ordinary program may still write to the subvolume.",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[MetricGroup]:
    """Bricks, quorum and space of each subvolume."""
    yield make.group(
        _SUBVOLUME,
        _GAUGES,
        [
            (
                (volume.name, _subvolume_name(volume, index)),
                (
                    len(subvolume.bricks),
                    subvolume.up,
                    subvolume.quorum,
                    to_spare(subvolume, volume.options),
                    *space_figures(subvolume.capacity),
                ),
            )
            for volume in started_volumes(scrape)
            for index, subvolume in enumerate(volume.subvolumes)
        ],
    )


def _subvolume_name(volume: Volume, index: int) -> str:
    """The name of the *index*-th subvolume, from 0, in Gluster's logs and in the path of a file."""
    kind = {"distribute": "client"}.get(volume.subvolumes[index].type, volume.subvolumes[index].type)
    return f"{volume.name}-{kind}-{index}"
