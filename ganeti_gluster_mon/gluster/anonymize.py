"""A capture with other names in the place of those it has, the same for the same name.  Pure.

Hosts, instances, volumes, addresses, paths, UUIDs, devices and the values of options are replaced.  Numbers, states and
Gluster's own messages stay.  ``remaining`` finds a name that a capture still has.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, Iterator, Mapping, Optional, Set, Tuple, TypeVar

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.anonymous_answer import anonymous_output, pieces_of
from ganeti_gluster_mon.gluster.anonymous_names import UUID, AnonymousNames
from ganeti_gluster_mon.gluster.anonymous_text import PHRASES, AnonymousText, is_daemon, is_own, is_plain
from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.gluster.lvm import LvmReport
from ganeti_gluster_mon.gluster.model import DiskFile, Mount, Process
from ganeti_gluster_mon.gluster.query import Query

T = TypeVar("T")

_VERSION = re.compile(r"\d+(?:\.\d+)*(?:[a-z0-9.~+-]*)")
_KERNEL_NAME = re.compile(
    r"(?:sd|vd|xvd|hd)[a-z]+\d*|(?:loop|dm-|md|nbd|rbd|drbd|zd)\d+(?:p\d+)?|nvme\d+n\d+(?:p\d+)?"
)
_FILESYSTEM = re.compile(r"ext[234]|xfs|btrfs|zfs|jfs|f2fs|reiserfs")
_DISK_NAME = re.compile(r"disk/\d+")
_TEMPLATES = frozenset(
    {"gluster", "ext", "file", "sharedfile", "rbd", "drbd", "plain", "diskless", "blockdev"}
)
_PHRASES = re.compile("|".join(map(re.escape, PHRASES)))
#: names of these kinds are found inside of other words too
_FOUND_INSIDE = ("host", "instance", "uuid", "address")


def anonymous(capture: Capture) -> Tuple[Capture, AnonymousNames]:
    """*capture* with other names, and what stands for each name.

    Raises ValueError for an answer to a query that no capture knows, or for more addresses than stand for others.
    """
    names = AnonymousNames()
    _Changes(names).of_capture(capture)
    names.fix()
    return _Changes(names).of_capture(capture), names


class _Changes:
    def __init__(self, names: AnonymousNames) -> None:
        self._names = names
        self._texts = AnonymousText(names)

    def of_capture(self, capture: Capture) -> Capture:
        """*capture* with the names."""
        names, texts = self._names, self._texts
        for answer in capture.answers:
            names.file(query.file_of_query(answer.query), query.file_of_query(self._query(answer.query)))
        return replace(
            capture,
            answers=tuple(map(self._answer, capture.answers)),
            node=self._host(capture.node),
            gluster_version=_or_text(capture.gluster_version, _VERSION, texts),
            mounts=tuple(map(self._mount, capture.mounts)),
            reachable=self._by_host(capture.reachable),
            hosts_answering=self._by_host(capture.hosts_answering),
            bricks_answering=self._by_brick(capture.bricks_answering),
            brick_ports=self._by_brick(capture.brick_ports),
            devices={
                names.device(device): _or_text(name, _KERNEL_NAME, texts) or ""
                for device, name in capture.devices.items()
            },
            scrubs=tuple(
                replace(scrub, volume=names.volume(scrub.volume), host=names.host(scrub.host))
                for scrub in capture.scrubs
            ),
            geo_replications=tuple(map(self._geo_replication, capture.geo_replications)),
            filesystems=tuple(map(self._filesystem, capture.filesystems)),
            stats_dumps=tuple(replace(dump, brick=names.path(dump.brick)) for dump in capture.stats_dumps),
            lvm=None if capture.lvm is None else self._lvm(capture.lvm),
            processes=None if capture.processes is None else tuple(map(self._process, capture.processes)),
            disks=None if capture.disks is None else tuple(map(self._disk, capture.disks)),
            disks_unknown=self._message(capture.disks_unknown),
            local=None if capture.local is None else names.uuid(capture.local),
            queried_by=self._host(capture.queried_by),
        )

    def _query(self, old: Query) -> Query:
        volume = query.volume_of(old)
        if volume is not None and query.is_remove_brick_query(old):
            bricks = [self._brick(brick) for brick in old[3:-1]]
            return query.remove_brick_status(self._names.volume(volume), bricks)
        return (
            old
            if volume is None
            else tuple(self._names.volume(word) if place == 2 else word for place, word in enumerate(old))
        )

    def _brick(self, brick: str) -> str:
        host, _, path = brick.rpartition(":/")
        return f"{self._names.host(host)}:{self._names.path(f'/{path}')}"

    def _answer(self, answer: Answer) -> Answer:
        return replace(
            answer,
            query=self._query(answer.query),
            output=anonymous_output(answer, self._texts),
            stderr=self._texts.message(answer.stderr),
            failure=self._message(answer.failure),
        )

    def _mount(self, mount: Mount) -> Mount:
        names = self._names
        return replace(
            mount,
            volume=names.volume(mount.volume),
            path=names.path(mount.path),
            servers=tuple(map(names.host, mount.servers)),
            subdirectory=names.path(mount.subdirectory),
            failure=self._message(mount.failure),
            write_failure=self._message(mount.write_failure),
        )

    def _geo_replication(self, session: GeoReplication) -> GeoReplication:
        names = self._names
        login, _, volume = session.secondary.rpartition("::")
        user, at, host = login.rpartition("@")
        user = names.text(user) if user else user
        return replace(
            session,
            volume=names.volume(session.volume),
            secondary=f"{user}{at}{names.host(host)}::{names.volume(volume)}",
            workers=tuple(
                replace(worker, host=names.host(worker.host), path=names.path(worker.path))
                for worker in session.workers
            ),
            failure=self._message(session.failure),
        )

    def _filesystem(self, filesystem: BrickFilesystem) -> BrickFilesystem:
        names, texts = self._names, self._texts
        return replace(
            filesystem,
            brick=names.path(filesystem.brick),
            mount=names.path(filesystem.mount),
            not_mounted=None if filesystem.not_mounted is None else names.path(filesystem.not_mounted),
            filesystem=_or_text(filesystem.filesystem, _FILESYSTEM, texts) or "",
            device=names.device(filesystem.device),
            name=_or_text(filesystem.name, _KERNEL_NAME, texts),
            logical_volume=_or_text(filesystem.logical_volume, _KERNEL_NAME, texts),
            pool_device=_or_text(filesystem.pool_device, _KERNEL_NAME, texts),
        )

    def _lvm(self, report: LvmReport) -> LvmReport:
        text = self._names.lvm_name
        return replace(
            report,
            volumes=tuple(
                replace(
                    volume,
                    device=_or_text(volume.device, _KERNEL_NAME, self._texts) or "",
                    vg=text(volume.vg),
                    name=text(volume.name),
                    pool=None if volume.pool is None else text(volume.pool),
                )
                for volume in report.volumes
            ),
            pools=tuple(
                replace(
                    pool,
                    vg=text(pool.vg),
                    name=text(pool.name),
                    type=self._texts.own(pool.type),
                    fault=None if pool.fault is None else self._texts.own(pool.fault),
                    pool=None if pool.pool is None else text(pool.pool),
                )
                for pool in report.pools
            ),
        )

    def _process(self, process: Process) -> Process:
        return replace(
            process,
            name=self._texts.own(process.name),
            volume=None if process.volume is None else self._names.volume(process.volume),
            path=None if process.path is None else self._names.path(process.path),
            state=None if process.state is None else self._texts.own(process.state),
        )

    def _disk(self, disk: DiskFile) -> DiskFile:
        names, texts = self._names, self._texts
        template, server = disk.template, disk.server
        return replace(
            disk,
            instance=names.instance(disk.instance),
            name=_or_text(disk.name, _DISK_NAME, texts) or "",
            volume=names.volume(disk.volume),
            path=names.path(disk.path),
            node=self._host(disk.node),
            template=template if template is None or template in _TEMPLATES else names.text(template),
            server=None if server is None else texts.path_or_host(server),
            copies={names.brick(label): size for label, size in disk.copies.items()},
            to_heal={names.brick(label): number for label, number in disk.to_heal.items()},
            bricks=None if disk.bricks is None else tuple(map(names.brick, disk.bricks)),
        )

    def _host(self, host: Optional[str]) -> Optional[str]:
        return None if host is None else self._names.host(host)

    def _message(self, text: Optional[str]) -> Optional[str]:
        return None if text is None else self._texts.message(text)

    def _by_host(self, values: Mapping[str, T]) -> Dict[str, T]:
        return {self._names.host(host): value for host, value in values.items()}

    def _by_brick(self, values: Mapping[Tuple[str, str], T]) -> Dict[Tuple[str, str], T]:
        names = self._names
        return {(names.host(host), names.path(path)): value for (host, path), value in values.items()}


def _or_text(text: Optional[str], form: re.Pattern[str], texts: AnonymousText) -> Optional[str]:
    return text if text is None or form.fullmatch(text) else texts.names.text(text)


def remaining(capture: Capture, names: AnonymousNames) -> Optional[str]:
    """A name of *names*' originals that *capture* still has; None where it has none."""
    everywhere = "\n".join(
        [*_manifest_texts(capture), *(answer.output.decode("utf-8", "replace") for answer in capture.answers)]
    ).lower()
    for name in names.collected(_FOUND_INSIDE):
        # A name of one word may be a part of Gluster's own texts; it is looked for below.
        if (re.search(r"[.:]", name) or UUID.fullmatch(name)) and _has(everywhere, name.lower()):
            return name
    whole: Set[str] = {name for name in names.originals() if not is_plain(name)}
    for text in _texts(capture):
        for word in _words(text):
            if word in whole:
                return word
    parted = [name for name in whole if re.search(r"[\s'\"`,;()<>=\[\]{}|!?]", name) and len(name) > 2]
    return next((name for name in parted if name.lower() in everywhere), None)


def _has(text: str, name: str) -> bool:
    """Whether *text* has *name*, with no digit or letter around it: 10.0.0.1 is not in 10.0.0.12."""
    return name in text and re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", text) is not None


def _texts(capture: Capture) -> Iterator[str]:
    """The texts of *capture* that may hold names: all but Gluster's own words and numbers."""
    for answer in capture.answers:
        for piece in pieces_of(answer):
            yield from _unless_plain(piece.text)
    for text in _manifest_texts(capture):
        yield from _unless_plain(text)


def _unless_plain(text: str) -> Iterator[str]:
    if not is_plain(text.strip()) and not is_daemon(text.strip()):
        yield _PHRASES.sub(" ", text)


def _manifest_texts(capture: Capture) -> Iterator[str]:
    """The texts of the manifest, without the words of queries, states and the like."""
    for answer in capture.answers:
        yield query.volume_of(answer.query) or ""
        yield answer.stderr
        yield answer.failure or ""
    yield capture.node or ""
    for mount in capture.mounts:
        yield from (mount.volume, mount.path, mount.subdirectory, mount.failure or "", *mount.servers)
    yield from (*capture.reachable, *capture.hosts_answering, *capture.devices)
    for scrub in capture.scrubs:
        yield from (scrub.volume, scrub.host)
    for session in capture.geo_replications:
        yield from (session.volume, session.secondary, session.failure or "")
        for worker in session.workers:
            yield from (worker.host, worker.path)
    for filesystem in capture.filesystems:
        yield from (filesystem.brick, filesystem.mount, filesystem.device, filesystem.not_mounted or "")
    for dump in capture.stats_dumps:
        yield dump.brick
    if capture.lvm is not None:
        for volume in capture.lvm.volumes:
            yield from (volume.vg, volume.name, volume.pool or "")
        for pool in capture.lvm.pools:
            yield from (pool.vg, pool.name, pool.pool or "")
    for host, path in (*capture.bricks_answering, *capture.brick_ports):
        yield from (host, path)
    for process in capture.processes or ():
        yield from (process.volume or "", process.path or "", "" if is_own(process.name) else process.name)
    for disk in capture.disks or ():
        yield from (disk.instance, disk.volume, disk.path, disk.node or "", disk.server or "")
        yield from ("" if _DISK_NAME.fullmatch(disk.name) else disk.name, *disk.copies, *disk.to_heal)
        yield from disk.bricks or ()
    yield capture.disks_unknown or ""
    yield capture.queried_by or ""


def _words(text: str) -> Iterator[str]:
    """The words of *text*, their parts, and the paths that they begin with."""
    for word in re.findall(r"[^\s'\"`,;()<>=\[\]{}|!?]+", text):
        word = word.lstrip("-@~+").rstrip(".:")
        yield word
        for part in re.split(r"[:@]", word):
            yield part
            for place, letter in enumerate(part):
                if letter == "/" and place:
                    yield part[:place]
            first = part.partition(".")[0]
            if len(first) > 2:  # "e.g" has no host called e
                yield first
