"""The bricks of a volume, from all answers that have them.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import (
    Any,
    Dict,
    List,
    Mapping,
    Optional,
    Tuple,
)

from ganeti_gluster_mon.gluster import brick_filesystems, parse, query, reach
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.lvm import BrickLvm
from ganeti_gluster_mon.gluster.model import (
    Brick,
    Peer,
)
from ganeti_gluster_mon.gluster.reach import BrickKey, Evidence
from ganeti_gluster_mon.gluster.status_reports import VolumeReports
from ganeti_gluster_mon.text import duration_text, some

#: seconds after which a report of `lvs`, which is made every minute, is not used any more
LVM_STALE_AFTER = 300.0
_LVM_TIMER = "see `systemctl status ganeti-gluster-lvm.timer ganeti-gluster-lvm`"
_NO_LVM = f"there is no report of lvs; {_LVM_TIMER}"


def build_bricks(
    reader: AnswerReader,
    info: parse.VolumeInfo,
    reports: Optional[VolumeReports],
    state: Optional[parse.LocalState],
    peers: Optional[Tuple[Peer, ...]],
    heals: Mapping[BrickKey, parse.HealCount],
) -> List[Tuple[Brick, Evidence]]:
    """The bricks of a volume, with what is known of each from other sources than glusterd."""
    started = info.state == "started"
    own = {
        (known.host, known.path): known
        for volume in (state.volumes if state else ())
        if volume.name == info.name
        for known in volume.bricks
    }
    away = {peer.uuid for peer in peers or () if peer.connected is False or peer.reachable is False}
    hosts = reader.capture.hosts_answering
    present = {peer.uuid for peer in peers or () if hosts.get(peer.hostname) is True}
    local = {peer.uuid for peer in peers or () if peer.local}
    filesystems = brick_filesystems.by_brick(reader.capture.filesystems)
    observer = reader.capture.queried_by or reader.capture.node or "this node"
    older = reader.heal_info_is_older(info.name)
    found = []
    for each in info.bricks:
        key = (each.host, each.path)
        count = heals.get(key)
        fields = reach.fields_of(each, reports.bricks.get(key, ()) if reports and started else (), count)
        if reader.all_peers is not None and each.uuid is not None:
            fields["host_in_pool"] = each.uuid in reader.all_peers
        if each.uuid in local and "device" in fields:
            fields["name"] = reader.capture.devices.get(fields["device"])
        if each.uuid in local and each.path in filesystems:
            fields.update(_of_filesystem(filesystems[each.path], fields))
            fields["lvm"] = _lvm(reader, filesystems[each.path], f"{each.host}:{each.path}", info)
        brick = Brick(info.name, each.host, each.path, **fields)
        mine = own.get(key)
        own_counts = mine is not None and (reader.own_is_newer or _is_offline_here(reader, mine))
        if started and mine is not None:
            if own_counts:
                brick = reach.with_own_state(brick, mine)
            if brick.online is None:
                brick = reach.without_status(brick, mine)
        heal = None if count is None else count.connected
        if older or own_counts:
            # Of a brick that glusterd does not report on, the last failure is the best evidence.
            heal = False if heal is False and brick.online is None else None
        evidence = Evidence(
            heal, reader.capture.bricks_answering.get(key), each.uuid in away, each.uuid in present
        )
        if started:
            brick = reach.with_evidence(brick, evidence, observer)
        found.append((brick, evidence))
    return found


def _of_filesystem(known: brick_filesystems.BrickFilesystem, reported: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields of a brick by its filesystem; what Gluster has *reported* of it stays."""
    own = {"device": known.device, "filesystem": known.filesystem, "name": known.name}
    return {
        "mount": known.mount,
        "not_mounted": known.not_mounted,
        "filesystem_errors": known.errors,
        **{name: value for name, value in own.items() if reported.get(name) is None},
    }


def _lvm(
    reader: AnswerReader,
    filesystem: brick_filesystems.BrickFilesystem,
    label: str,
    info: parse.VolumeInfo,
) -> Optional[BrickLvm]:
    """The logical volume under the brick *label*; that its pool is not known is noted.

    A logical volume with blocks of its own cannot fill up, so that nothing is missing where it is not known.
    """
    if filesystem.logical_volume is None:
        return None
    report, found, why = reader.capture.lvm, None, _NO_LVM
    if report is not None:
        age = (reader.capture.recorded_at - report.taken_at) / 1e9
        if age > LVM_STALE_AFTER:
            why = f"the last report of lvs is {duration_text(age)} old; {_LVM_TIMER}"
        else:
            found = report.under(filesystem.logical_volume)
            why = "lvs does not report how full it is"
    known = found is not None and found.pools and found.pools[0].data_percent is not None
    if filesystem.pool_device is not None and not known and info.state == "started":
        reader.note(f"the thin pool under brick {label}", why, info.name)
    return found


def heal_counts(
    reader: AnswerReader, info: parse.VolumeInfo, started: bool
) -> Mapping[BrickKey, parse.HealCount]:
    """By brick: heal's counts; empty where there are no copies to heal."""
    copies = info.replica_count > 1 or info.disperse_count > 0
    wanted = query.heal_summary(info.name)
    what = f"heal backlog of {info.name}"
    if not copies or not started:
        # Gluster refuses such a query, which is as it should be; half an answer is not
        reader.read(wanted, parse.heal_info, what, volume=info.name)
        reader.read(query.heal_split_brain(info.name), parse.heal_info, what, volume=info.name)
        return {}
    counts = reader.read(wanted, parse.heal_info, what, must=True, volume=info.name)
    split = reader.read(
        query.heal_split_brain(info.name),
        parse.heal_info,
        f"split-brain entries of {info.name}",
        volume=info.name,
    )
    reports = {(count.host, count.path): count for count in counts or ()}
    missing = [f"{b.host}:{b.path}" for b in info.bricks if (b.host, b.path) not in reports]
    if counts is not None and missing:
        reader.note(what, f"it does not name {some(missing, 3)}", info.name)
    for count in split or ():
        key = (count.host, count.path)
        if key not in reports:
            reports[key] = count
        elif reports[key].split_brain is None:
            reports[key] = replace(reports[key], split_brain=count.split_brain)
    return reports


def _is_offline_here(reader: AnswerReader, mine: parse.LocalBrick) -> bool:
    """Whether this node's own glusterd calls its brick offline, and nothing but another node's word is against it.

    The time of an answer is that node's own, and so "later" depends on its clock.
    """
    answers = reader.capture.bricks_answering.get((mine.host, mine.path))
    return reader.capture.queried_by is not None and mine.started is False and answers is not True
