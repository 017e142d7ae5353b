"""A volume: its subvolumes, space, heal backlog, tasks and daemons.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import (
    Iterable,
    Optional,
    Sequence,
    Tuple,
)

from ganeti_gluster_mon.gluster import capacity, parse, query, stats_dump
from ganeti_gluster_mon.gluster.answer_reader import STATUS_SUBJECTS, AnswerReader
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.gluster.model import (
    Brick,
    Daemon,
    Heal,
    Mount,
    Peer,
    Subvolume,
    Volume,
)
from ganeti_gluster_mon.gluster.profile import BrickProfile
from ganeti_gluster_mon.gluster.quorum import quorum_of
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.gluster.status_reports import VolumeReports
from ganeti_gluster_mon.gluster.validation import quoted
from ganeti_gluster_mon.text import some


def build_volume(
    reader: AnswerReader,
    info: parse.VolumeInfo,
    reports: Optional[VolumeReports],
    bricks: Sequence[Brick],
    peers: Optional[Tuple[Peer, ...]],
) -> Volume:
    started = info.state == "started"
    if not started:
        reports = None
    if started:
        _note_missing(reader, info, reports, bricks, peers or ())
    subvolumes = _subvolumes(reader, info, bricks)
    mounts = tuple(mount for mount in reader.capture.mounts if mount.volume == info.name)
    quota = _quota(reader, info)
    by_bricks: capacity.Space = None
    if started:
        by_bricks, each = capacity.of_bricks_by_subvolume(subvolumes, info.options)
        subvolumes = tuple(
            Subvolume(found.type, found.bricks, found.redundancy, found.quorum, *space) if space else found
            for found, space in zip(subvolumes, each)
        )
        _note_sizes(reader, info, reports, bricks)
        by_bricks = _under_quota(by_bricks, info, quota)
    space = (_of_mounts(mounts) or by_bricks) if started else None
    from_mount = space is not None and space is not by_bricks and by_bricks is not None
    return Volume(
        name=info.name,
        uuid=info.uuid,
        type=info.type,
        state=info.state,
        transport=info.transport,
        bricks=tuple(bricks),
        subvolumes=subvolumes,
        options=info.options,
        capacity=space[0] if space else None,
        inodes=space[1] if space else None,
        bricks_capacity=by_bricks[0] if from_mount and by_bricks else None,
        bricks_inodes=by_bricks[1] if from_mount and by_bricks else None,
        heal=_heal(subvolumes, reader.heal_taken_at(info.name)) if started else None,
        rebalance=_task(reader, info, reports),
        quota=quota,
        profile=_profile(reader, info, peers or ()) if started else None,
        snapshots=_snapshots(reader, info),
        scrubs=tuple(scrub for scrub in reader.capture.scrubs if scrub.volume == info.name) or None,
        geo_replications=_geo_replications(reader, info.name) if started else None,
        daemons=_daemons(reports, peers or ()),
        mounts=mounts,
        thin_arbiter=info.thin_arbiter,
    )


def _note_missing(
    reader: AnswerReader,
    info: parse.VolumeInfo,
    reports: Optional[VolumeReports],
    bricks: Sequence[Brick],
    peers: Sequence[Peer],
) -> None:
    """Note the bricks of which nothing is known, and why; host by host, not brick by brick."""
    for wanted, what in STATUS_SUBJECTS.items():
        # An answer that is refused or unreadable leaves out all volumes, for a reason that is noted once.
        if wanted in reader.statuses_read and (reports is None or wanted not in reports.queries):
            reader.note(what, _left_out(reader, wanted, info.name), info.name)
    if reports is None:
        return
    strangers = reports.bricks.keys() - {(brick.host, brick.path) for brick in bricks}
    if strangers:
        named = some(sorted(f"{host}:{path}" for host, path in strangers), 3)
        why = f"`volume status` names {named}, `volume info` does not"
        reader.note(f"bricks of {info.name}", why, info.name)
    away = {peer.uuid for peer in peers if peer.connected is False or peer.reachable is False}
    unknown = [brick for brick in bricks if brick.online is None and brick.not_reached_from is None]
    for host in dict.fromkeys(brick.host for brick in unknown):
        mine = [brick for brick in unknown if brick.host == host]
        why = "its host did not report it"
        if mine[0].uuid in away:
            why = "glusterd of its host does not answer, and the port of the brick is not known"
        reader.note(f"state of {some([brick.label for brick in mine], 3)}", why, info.name)


def _left_out(reader: AnswerReader, wanted: query.Query, volume: str) -> str:
    """Why the answer to *wanted* lacks *volume*; Gluster gives the reason to a query about that volume alone."""
    command = " ".join(wanted)
    alone = reader.answers.get(query.volume_status(volume))
    if alone is not None and alone.failure is None:
        try:
            parse.volume_status(alone.output)
        except parse.Refused as err:
            return f"`{command}` leaves it out: {err}"
        except parse.NoAnswer:
            pass
    return f"`{command}` leaves it out and gives no reason; `gluster volume status {volume}` gives it"


def _quota(reader: AnswerReader, info: parse.VolumeInfo) -> Optional[Tuple[QuotaLimit, ...]]:
    wanted = query.quota_list(info.name)
    # where quota is off, Gluster refuses the query, as expected
    must = info.state == "started" and wanted in reader.answers and info.options.get("features.quota") == "on"
    return reader.read(wanted, parse.quota_list, f"quota of {info.name}", must, info.name)


def _snapshots(reader: AnswerReader, info: parse.VolumeInfo) -> Optional[Tuple[VolumeSnapshot, ...]]:
    """The snapshots of a volume; `snapshot info` is not queried where no volume has one."""
    if info.snapshots == 0:
        return ()
    return (
        None
        if reader.snapshots is None
        else tuple(each for each in reader.snapshots if each.volume == info.name)
    )


def _geo_replications(reader: AnswerReader, volume: str) -> Optional[Tuple[GeoReplication, ...]]:
    """Where the volume is replicated to; notes what is not known of a session."""
    found = tuple(each for each in reader.capture.geo_replications if each.volume == volume)
    for session in found:
        if session.failure is not None:
            reader.note(f"geo-replication of {volume} to {session.secondary}", session.failure, volume)
    return found or None


def _profile(
    reader: AnswerReader, info: parse.VolumeInfo, peers: Sequence[Peer]
) -> Optional[Tuple[BrickProfile, ...]]:
    """What profiling has counted.  Gluster refuses the query where it was not started.

    Where the bricks write it to files, it is that of this node's bricks, and Gluster is not queried.
    """
    if stats_dump.dump_interval(info.options):
        here = {peer.uuid for peer in peers if peer.local}
        own = (brick for brick in info.bricks if brick.uuid in here)
        return stats_dump.profiles(((brick.host, brick.path) for brick in own), reader.capture.stats_dumps)
    return reader.read(query.profile(info.name), parse.profile, f"profile of {info.name}", volume=info.name)


def _task(
    reader: AnswerReader, info: parse.VolumeInfo, reports: Optional[VolumeReports]
) -> Optional[Rebalance]:
    """The last task, from `volume status`, with what the status of the task itself adds."""
    task = reports.tasks[-1] if reports is not None and reports.tasks else None
    removed = () if task is None or task.type == "rebalance" else task.bricks
    if removed:
        sent = query.remove_brick_status(info.name, removed)
        detail = reader.read(
            sent, parse.remove_brick_status, f"remove-brick of {info.name}", volume=info.name
        )
    else:
        sent = query.rebalance_status(info.name)
        detail = reader.read(sent, parse.rebalance_status, f"rebalance of {info.name}", volume=info.name)
    if detail is not None:
        here = reader.capture.queried_by or reader.capture.node or "localhost"
        nodes = (replace(node, host=here) if node.host == "localhost" else node for node in detail.nodes)
        detail = replace(detail, nodes=tuple(nodes), bricks=removed)
    if task is None:
        return detail
    if detail is not None and task.type == detail.type and task.id == detail.id:
        return replace(detail, status=task.status) if task.status == detail.status else detail
    return task


def _note_sizes(
    reader: AnswerReader, info: parse.VolumeInfo, reports: Optional[VolumeReports], bricks: Sequence[Brick]
) -> None:
    """Note the bricks that have no size in `volume status detail`, though it was answered."""
    if reports is None or query.VOLUME_STATUS_DETAIL not in reports.queries:
        return
    reserve = info.options.get("storage.reserve")
    if reserve is not None and not capacity.is_reserve(reserve):
        reader.note(f"space of {info.name}", f"storage.reserve is {quoted(reserve)}", info.name)
    without = [
        brick.label
        for brick in bricks
        if brick.online and not brick.arbiter and (brick.size is None or brick.free is None)
    ]
    if without:
        why = f"`volume status detail` has no size of {some(without, 3)}"
        reader.note(f"space of {info.name}", why, info.name)


def _subvolumes(
    reader: AnswerReader, info: parse.VolumeInfo, bricks: Sequence[Brick]
) -> Tuple[Subvolume, ...]:
    """The bricks in groups, as `volume create` grouped them: in the order they were named."""
    if info.disperse_count > 0:
        kind, size = "disperse", info.disperse_count
    elif info.replica_count > 1:
        kind, size = "replicate", info.replica_count
    else:
        kind, size = "distribute", 1
    redundancy = info.redundancy_count if kind == "disperse" else 0
    if len(bricks) % size:
        reader.note(f"layout of {info.name}", f"{len(bricks)} bricks do not make sets of {size}", info.name)
        return ()
    sets = [tuple(bricks[first : first + size]) for first in range(0, len(bricks), size)]
    if info.state != "started":
        return tuple(Subvolume(kind, each, redundancy) for each in sets)
    return tuple(
        Subvolume(kind, each, redundancy, quorum_of(kind, each, redundancy, info.options)) for each in sets
    )


def _of_mounts(mounts: Iterable[Mount]) -> capacity.Space:
    """Space of a volume by the first mount of the whole volume that answers."""
    for mount in mounts:
        if not mount.subdirectory:
            space = capacity.of_mount(mount)
            if space is not None:
                return space
    return None


def _under_quota(
    space: capacity.Space, info: parse.VolumeInfo, quota: Optional[Sequence[QuotaLimit]]
) -> capacity.Space:
    if space is None:
        return None
    for limit in quota or ():
        if limit.path == "/":
            space = (capacity.with_root_quota(space[0], info.options, limit), space[1])
    return space


def _daemons(reports: Optional[VolumeReports], peers: Sequence[Peer]) -> Tuple[Daemon, ...]:
    """The helper processes: rows of `volume status` whose "hostname" is a daemon's name."""
    names = {peer.uuid: peer.hostname for peer in peers}
    return tuple(
        Daemon(
            name=node.hostname,
            host=names.get(node.uuid or "", node.path),
            uuid=node.uuid,
            online=node.online,
            pid=node.pid,
        )
        for node in (reports.daemons.values() if reports else ())
    )


def _heal(subvolumes: Sequence[Subvolume], taken_at: int) -> Optional[Heal]:
    """Each good copy counts the same entry, so a subvolume has what its largest brick counts.

    None when nothing heals at all, or when the count is not known: no brick of a subvolume counted, or one that should
    serve did not and the others count nothing.  What only that brick knows of would be missed.
    """
    pending = split_brain = possibly_healing = 0
    sets = [subvolume for subvolume in subvolumes if subvolume.type != "distribute"]
    if not sets:
        return None
    for subvolume in sets:
        most_pending = most_split = most_healing = -1
        silent = False
        for brick in subvolume.bricks:
            if brick.heal_pending is None:
                silent = silent or brick.online is not False
            elif brick.heal_pending > most_pending:
                most_pending = brick.heal_pending
            if brick.split_brain is not None and brick.split_brain > most_split:
                most_split = brick.split_brain
            if brick.possibly_healing is not None and brick.possibly_healing > most_healing:
                most_healing = brick.possibly_healing
        if -1 in (most_pending, most_split, most_healing):
            return None
        if silent and not most_pending and not most_split:
            return None
        pending += most_pending
        split_brain += most_split
        possibly_healing += most_healing
    return Heal(pending, split_brain, possibly_healing, taken_at=taken_at)
