"""From the raw answers of one cycle to one picture of the pool.  Pure: bytes in, Pool out.

Each answer is read by ``parse``; here what they say about the same thing is laid together.
What could not be read, was not answered, or is contradicted becomes an ``Unknown`` with
its reason: health.py never calls a pool fine that has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import (
    AbstractSet,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster import capacity, own_bricks, parse, query, reach
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import (
    Brick,
    Daemon,
    Heal,
    Mount,
    Peer,
    Pool,
    QuotaLimit,
    Rebalance,
    Subvolume,
    Unknown,
    Volume,
)
from ganeti_gluster_mon.gluster.placement import placed
from ganeti_gluster_mon.gluster.quorum import quorum_of
from ganeti_gluster_mon.gluster.reach import BrickKey, Evidence, silent_hosts
from ganeti_gluster_mon.gluster.validation import quoted
from ganeti_gluster_mon.text import some

T = TypeVar("T")
#: what each of the two queries about status tells that the other does not
_STATUS = {
    query.VOLUME_STATUS_DETAIL: "the bricks' space",
    query.VOLUME_STATUS: "the state of bricks and daemons",
}

#: nothing is taken from the answers to these, but what was asked must be whole
_ONLY_WHOLE = (query.VOLUME_STATUS_TASKS, query.VOLUME_STATUS_CLIENTS, query.SNAPSHOT_INFO)


@collection_paused()
def build_pool(capture: Capture) -> Pool:
    """The pool as *capture* shows it.  Never raises, whatever the answers hold."""
    return _Reading(capture).pool()


@dataclass
class _VolumeTold:
    """What the answers to `volume status` and its detail told about one volume."""

    #: by brick, in the order the answers were given: a brick may have died in between
    bricks: Dict[BrickKey, List[parse.NodeStatus]] = field(default_factory=dict)
    #: self-heal daemons and the like, by host
    daemons: Dict[BrickKey, parse.NodeStatus] = field(default_factory=dict)
    tasks: Tuple[Rebalance, ...] = ()
    #: the queries whose answers told of the volume
    asked: List[query.Query] = field(default_factory=list)


class _Reading:
    """The reading of one capture, collecting on the way what could not be learnt."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._answers = {answer.query: answer for answer in capture.answers}
        self._unknowns: List[Unknown] = []
        #: the uuids of all members of the pool; None: not all are known
        self._all_peers: Optional[AbstractSet[str]] = None
        self._own_is_newer = self._get_state_is_newer()
        #: the queries about status whose answers could be read
        self._statuses_read: Set[query.Query] = set()

    def pool(self) -> Pool:
        infos = self._read(query.VOLUME_INFO, parse.volume_info, "the volumes", must=True)
        peers = self._peers(infos or ())
        statuses = self._statuses()
        state = self._own_state()
        if state is not None:
            state, incomplete = own_bricks.complete(state, infos or (), self._capture.processes)
            self._note_incomplete(incomplete, statuses)
        self._read_the_rest()
        volumes = None
        if infos is not None:
            volumes = self._volumes(infos, statuses, state, peers)
        # The heal backlog has an age of its own.
        taken = [
            answer.taken_at
            for answer in self._capture.answers
            if answer.taken_at is not None and not query.is_heal_query(answer.query)
        ]
        return Pool(
            taken_at=min([self._capture.recorded_at, *taken]),
            node=self._capture.node,
            gluster_version=self._capture.gluster_version,
            peers=peers,
            volumes=volumes,
            mounts=self._capture.mounts,
            processes=self._capture.processes,
            unknowns=tuple(self._unknowns),
            disks=None if self._capture.disks is None else placed(self._capture.disks, volumes),
            disks_unknown=self._capture.disks_unknown,
        )

    def _own_state(self) -> Optional[parse.State]:
        """What this node's glusterd knows by itself; a part of it where `get-state` failed half-way."""
        answer = self._answers.get(query.GET_STATE)
        if answer is not None and answer.output:
            try:
                part = parse.state_in_part(answer.output)
            except parse.NoAnswer:
                pass  # it is read once more below, which notes the reason
            else:
                if not part.facts.whole and not part.faults:
                    return part.facts
        return self._read(query.GET_STATE, parse.state, "this node's own bricks")

    def _note_incomplete(self, volumes: Sequence[str], statuses: Mapping[str, _VolumeTold]) -> None:
        """Say why the space of this node's own bricks is not known, of *volumes* that no other answer reports."""
        for name in volumes:
            if name not in statuses or not statuses[name].bricks:
                self._unknown(f"space of this node's own bricks of {name}", own_bricks.WHY, name)

    def _volumes(
        self,
        infos: Sequence[parse.VolumeInfo],
        statuses: Mapping[str, _VolumeTold],
        state: Optional[parse.State],
        peers: Optional[Tuple[Peer, ...]],
    ) -> Tuple[Volume, ...]:
        found = []
        for info in infos:
            heals = self._heal_counts(info, info.state == "started")
            found.append(self._bricks(info, statuses.get(info.name), state, peers, heals))
        # A host is silent for all its bricks, in whichever volume that shows.
        hosts = self._capture.hosts_answering
        gone = {peer.uuid for peer in peers or () if hosts.get(peer.hostname) is False}
        silent = silent_hosts((each for bricks in found for each in bricks), gone)
        volumes = []
        for info, bricks in zip(infos, found):
            started = info.state == "started"
            mine = [
                reach.on_silent_host(brick) if started and brick.uuid in silent else brick
                for brick, _ in bricks
            ]
            volumes.append(self._volume(info, statuses.get(info.name), mine, peers))
        return tuple(volumes)

    def _unknown(self, what: str, why: str, volume: Optional[str] = None) -> None:
        self._unknowns.append(Unknown(what, why, volume))

    def _read(
        self,
        asked: query.Query,
        reader: Callable[[bytes], parse.Parsed[T]],
        what: str,
        must: bool = False,
        volume: Optional[str] = None,
    ) -> Optional[T]:
        """What *reader* makes of the answer to *asked*; None with a note of why where it makes nothing.

        With *must* it is also noted when the query was not asked, or Gluster refused it.
        """
        answer = self._answers.get(asked)
        if answer is None:
            if must:
                self._unknown(what, f"`{' '.join(asked)}` was not asked", volume)
            return None
        try:
            parsed = reader(answer.output)
        except parse.Refused as err:
            if must or answer.failure:
                self._unknown(what, answer.failure or str(err), volume)
            return None
        except parse.NoAnswer as err:
            self._unknown(what, answer.failure or f"`{' '.join(asked)}`: {err}", volume)
            return None
        if answer.failure:
            self._unknown(what, answer.failure, volume)
        for fault in parsed.faults:
            self._unknown(what, f"`{' '.join(asked)}`: {fault}", volume)
        return parsed.facts

    def _peers(self, infos: Sequence[parse.VolumeInfo]) -> Optional[Tuple[Peer, ...]]:
        asked = query.POOL_LIST
        if asked not in self._answers and query.PEER_STATUS in self._answers:
            asked = query.PEER_STATUS
        before = len(self._unknowns)
        peers = self._read(asked, parse.pool_list, "the peers", must=True)
        whole = len(self._unknowns) == before
        others = None
        if asked is query.POOL_LIST:
            others = self._read(query.PEER_STATUS, parse.pool_list, "the peers")
        if peers is None:
            return None
        self._note_missing_peers(peers, others or (), infos)
        if whole and any(peer.local for peer in peers):
            self._all_peers = {peer.uuid for peer in peers}
        hosts = {brick.uuid: brick.host for info in infos for brick in info.bricks}
        return tuple(self._peer(peer, hosts.get(peer.uuid)) for peer in peers)

    def _peer(self, peer: Peer, name: Optional[str]) -> Peer:
        """*peer* as this node sees it; *name*: what its bricks call its host."""
        here = self._capture.local
        if here is not None and peer.local and peer.uuid != here:
            # This node's own glusterd does not answer: that of the node that asked for it names the peers.
            name = name or self._capture.told_by or peer.hostname
            # Whether that node is reached is another matter.
            reached = self._capture.reachable.get(name) is not False
            return replace(peer, hostname=name, state="Peer in Cluster", reachable=reached, local=False)
        if peer.local:
            # `pool list` calls the node it runs on "localhost"; everywhere else it has a name
            name = name or self._capture.node or peer.hostname
            return replace(peer, hostname=name, reachable=True)
        reachable = self._capture.reachable.get(peer.hostname)
        return replace(peer, reachable=reachable, local=peer.uuid == here)

    def _note_missing_peers(
        self, peers: Sequence[Peer], others: Sequence[Peer], infos: Sequence[parse.VolumeInfo]
    ) -> None:
        """Say who should be among *peers*, by `peer status` or by a brick, and is not."""
        named = {peer.uuid for peer in peers}
        local = {peer.uuid for peer in peers if peer.local}
        missing = [peer.hostname for peer in others if peer.uuid not in named]
        # `peer status` does not name the node it runs on; without `pool list` that one is missed
        if not local and self._answered(query.POOL_LIST):
            missing.append("this node")
        if missing:
            self._unknown("the peers", f"`pool list` does not name {some(list(dict.fromkeys(missing)), 3)}")

    def _statuses(self) -> Mapping[str, _VolumeTold]:
        """By volume: what `volume status` and its detail told."""
        told: Dict[str, _VolumeTold] = {}
        in_order = [answer.query for answer in self._capture.answers if answer.query in _STATUS]
        for asked in dict.fromkeys([*in_order, *_STATUS]):
            read = self._read(asked, parse.volume_status, _STATUS[asked], must=True)
            if read is not None:
                self._statuses_read.add(asked)
            for status in read or ():
                volume = told.setdefault(status.volume, _VolumeTold())
                volume.asked.append(asked)
                for node in status.nodes:
                    key = (node.hostname, node.path)
                    if node.path.startswith("/"):
                        volume.bricks.setdefault(key, []).append(node)
                    else:  # a daemon: its name stands where a brick's host would, its host as the path
                        volume.daemons[key] = node
                volume.tasks = status.tasks or volume.tasks
        return told

    def _read_the_rest(self) -> None:
        for answer in self._capture.answers:
            words = answer.query
            if words in _ONLY_WHOLE or words[:2] == ("volume", "profile"):
                self._read(words, parse.readable, f"`{' '.join(words)}`")

    def _bricks(
        self,
        info: parse.VolumeInfo,
        told: Optional[_VolumeTold],
        state: Optional[parse.State],
        peers: Optional[Tuple[Peer, ...]],
        heals: Mapping[BrickKey, parse.HealCount],
    ) -> List[Tuple[Brick, Evidence]]:
        """The bricks of a volume, with what is known of each beside what glusterd reports."""
        started = info.state == "started"
        own = {
            (known.host, known.path): known
            for volume in (state.volumes if state else ())
            if volume.name == info.name
            for known in volume.bricks
        }
        away = {peer.uuid for peer in peers or () if peer.connected is False or peer.reachable is False}
        hosts = self._capture.hosts_answering
        present = {peer.uuid for peer in peers or () if hosts.get(peer.hostname) is True}
        local = {peer.uuid for peer in peers or () if peer.local}
        observer = self._capture.told_by or self._capture.node or "this node"
        older = self._heal_info_is_older(info.name)
        found = []
        for each in info.bricks:
            key = (each.host, each.path)
            count = heals.get(key)
            fields = reach.fields_of(each, told.bricks.get(key, ()) if told and started else (), count)
            if self._all_peers is not None and each.uuid is not None:
                fields["host_in_pool"] = each.uuid in self._all_peers
            if each.uuid in local and "device" in fields:
                fields["name"] = self._capture.devices.get(fields["device"])
            brick = Brick(info.name, each.host, each.path, **fields)
            mine = own.get(key)
            own_counts = mine is not None and (self._own_is_newer or self._is_offline_here(mine))
            if started and mine is not None:
                if own_counts:
                    brick = reach.with_own_state(brick, mine)
                if brick.online is None:
                    brick = reach.without_status(brick, mine)
            heal = None if count is None else count.connected
            if older or own_counts:
                # Of a brick that glusterd does not report on, the last failure still tells the most.
                heal = False if heal is False and brick.online is None else None
            evidence = Evidence(
                heal, self._capture.bricks_answering.get(key), each.uuid in away, each.uuid in present
            )
            if started:
                brick = reach.with_evidence(brick, evidence, observer)
            found.append((brick, evidence))
        return found

    def _heal_info_is_older(self, volume: str) -> bool:
        """Whether `heal info` of *volume* was answered before `volume status`."""
        heal = self._answers.get(query.heal_summary(volume))
        reports = [self._answers[asked] for asked in _STATUS if self._answered(asked)]
        return heal is not None and any(self._taken_at(heal) < self._taken_at(each) for each in reports)

    def _volume(
        self,
        info: parse.VolumeInfo,
        told: Optional[_VolumeTold],
        bricks: Sequence[Brick],
        peers: Optional[Tuple[Peer, ...]],
    ) -> Volume:
        started = info.state == "started"
        if not started:
            told = None
        if started:
            self._note_missing(info, told, bricks, peers or ())
        subvolumes = self._subvolumes(info, bricks)
        mounts = tuple(mount for mount in self._capture.mounts if mount.volume == info.name)
        quota = self._quota(info)
        by_bricks: capacity.Space = None
        if started:
            by_bricks, each = capacity.of_bricks_by_subvolume(subvolumes, info.options)
            subvolumes = tuple(
                Subvolume(found.type, found.bricks, found.redundancy, found.quorum, *space)
                if space
                else found
                for found, space in zip(subvolumes, each)
            )
            self._note_sizes(info, told, bricks)
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
            heal=_heal(subvolumes, self._heal_taken_at(info.name)) if started else None,
            rebalance=self._task(info, told),
            quota=quota,
            daemons=_daemons(told, peers or ()),
            mounts=mounts,
            thin_arbiter=info.thin_arbiter,
        )

    def _heal_taken_at(self, volume: str) -> int:
        """When the answer about the heal backlog of *volume* was taken, ns since the epoch."""
        answer = self._answers.get(query.heal_summary(volume))
        taken_at = None if answer is None else answer.taken_at
        return self._capture.recorded_at if taken_at is None else taken_at

    def _heal_counts(self, info: parse.VolumeInfo, started: bool) -> Mapping[BrickKey, parse.HealCount]:
        """By brick: heal's counts; empty where there are no copies to heal."""
        copies = info.replica_count > 1 or info.disperse_count > 0
        asked = query.heal_summary(info.name)
        what = f"heal backlog of {info.name}"
        if not copies or not started:
            # Gluster refuses such a query, which is as it should be; half an answer is not
            self._read(asked, parse.heal_info, what, volume=info.name)
            self._read(query.heal_split_brain(info.name), parse.heal_info, what, volume=info.name)
            return {}
        counts = self._read(asked, parse.heal_info, what, must=True, volume=info.name)
        split = self._read(
            query.heal_split_brain(info.name),
            parse.heal_info,
            f"split-brain entries of {info.name}",
            volume=info.name,
        )
        told = {(count.host, count.path): count for count in counts or ()}
        missing = [f"{b.host}:{b.path}" for b in info.bricks if (b.host, b.path) not in told]
        if counts is not None and missing:
            self._unknown(what, f"it does not name {some(missing, 3)}", info.name)
        for count in split or ():
            key = (count.host, count.path)
            if key not in told:
                told[key] = count
            elif told[key].split_brain is None:
                told[key] = replace(told[key], split_brain=count.split_brain)
        return told

    def _note_missing(
        self,
        info: parse.VolumeInfo,
        told: Optional[_VolumeTold],
        bricks: Sequence[Brick],
        peers: Sequence[Peer],
    ) -> None:
        """Say of which bricks nothing is known, and why; host by host, not brick by brick."""
        for asked, what in _STATUS.items():
            # An answer that is refused or unreadable leaves out all volumes, for a reason that is noted once.
            if asked in self._statuses_read and (told is None or asked not in told.asked):
                self._unknown(what, self._left_out(asked, info.name), info.name)
        if told is None:
            return
        strangers = told.bricks.keys() - {(brick.host, brick.path) for brick in bricks}
        if strangers:
            named = some(sorted(f"{host}:{path}" for host, path in strangers), 3)
            why = f"`volume status` names {named}, `volume info` does not"
            self._unknown(f"bricks of {info.name}", why, info.name)
        away = {peer.uuid for peer in peers if peer.connected is False or peer.reachable is False}
        unknown = [brick for brick in bricks if brick.online is None and brick.not_reached_from is None]
        for host in dict.fromkeys(brick.host for brick in unknown):
            mine = [brick for brick in unknown if brick.host == host]
            why = "its host did not report it"
            if mine[0].uuid in away:
                why = "glusterd of its host does not answer, and the port of the brick is not known"
            self._unknown(f"state of {some([brick.label for brick in mine], 3)}", why, info.name)

    def _left_out(self, asked: query.Query, volume: str) -> str:
        """Why the answer to *asked* lacks *volume*; Gluster gives the reason to a query about that volume alone."""
        command = " ".join(asked)
        alone = self._answers.get(query.volume_status(volume))
        if alone is not None and alone.failure is None:
            try:
                parse.volume_status(alone.output)
            except parse.Refused as err:
                return f"`{command}` leaves it out: {err}"
            except parse.NoAnswer:
                pass
        return f"`{command}` leaves it out and gives no reason; `gluster volume status {volume}` gives it"

    def _get_state_is_newer(self) -> bool:
        """Whether this node's glusterd told of its own bricks after `volume status` told of all."""
        state = self._answers.get(query.GET_STATE)
        statuses = [self._answers[asked] for asked in _STATUS if self._answered(asked)]
        if state is None or not statuses:
            return False
        return self._taken_at(state) > max(map(self._taken_at, statuses))

    def _is_offline_here(self, mine: parse.LocalBrick) -> bool:
        """Whether this node's own glusterd calls its brick offline, and nothing but another node's word is against it.

        That node says when its answer was taken, so that "later" is its word, too.
        """
        answers = self._capture.bricks_answering.get((mine.host, mine.path))
        return self._capture.told_by is not None and mine.started is False and answers is not True

    def _taken_at(self, answer: Answer) -> int:
        return self._capture.recorded_at if answer.taken_at is None else answer.taken_at

    def _answered(self, asked: query.Query) -> bool:
        answer = self._answers.get(asked)
        return answer is not None and answer.failure is None and bool(answer.output)

    def _quota(self, info: parse.VolumeInfo) -> Optional[Tuple[QuotaLimit, ...]]:
        asked = query.quota_list(info.name)
        # where quota is off, Gluster refuses to tell, which is as it should be
        must = (
            info.state == "started" and asked in self._answers and info.options.get("features.quota") == "on"
        )
        return self._read(asked, parse.quota_list, f"quota of {info.name}", must, info.name)

    def _task(self, info: parse.VolumeInfo, told: Optional[_VolumeTold]) -> Optional[Rebalance]:
        """The last task, from `volume status`, with what `volume rebalance status` adds to a rebalance."""
        detail = self._read(
            query.rebalance_status(info.name),
            parse.rebalance_status,
            f"rebalance of {info.name}",
            volume=info.name,
        )
        if detail is not None:
            here = self._capture.told_by or self._capture.node or "localhost"
            nodes = (replace(node, host=here) if node.host == "localhost" else node for node in detail.nodes)
            detail = replace(detail, nodes=tuple(nodes))
        if told is None or not told.tasks:
            return detail
        task = told.tasks[-1]
        if detail is not None and task.type == detail.type and task.id == detail.id:
            return replace(detail, status=task.status) if task.status == detail.status else detail
        return task

    def _note_sizes(
        self, info: parse.VolumeInfo, told: Optional[_VolumeTold], bricks: Sequence[Brick]
    ) -> None:
        """Say of which bricks `volume status detail` has no size, though it was answered."""
        if told is None or query.VOLUME_STATUS_DETAIL not in told.asked:
            return
        reserve = info.options.get("storage.reserve")
        if reserve is not None and not capacity.is_reserve(reserve):
            self._unknown(f"space of {info.name}", f"storage.reserve is {quoted(reserve)}", info.name)
        without = [
            brick.label
            for brick in bricks
            if brick.online and not brick.arbiter and (brick.size is None or brick.free is None)
        ]
        if without:
            why = f"`volume status detail` has no size of {some(without, 3)}"
            self._unknown(f"space of {info.name}", why, info.name)

    def _subvolumes(self, info: parse.VolumeInfo, bricks: Sequence[Brick]) -> Tuple[Subvolume, ...]:
        """The bricks in groups, as `volume create` grouped them: in the order they were named."""
        if info.disperse_count > 0:
            kind, size = "disperse", info.disperse_count
        elif info.replica_count > 1:
            kind, size = "replicate", info.replica_count
        else:
            kind, size = "distribute", 1
        redundancy = info.redundancy_count if kind == "disperse" else 0
        if len(bricks) % size:
            self._unknown(
                f"layout of {info.name}", f"{len(bricks)} bricks do not make sets of {size}", info.name
            )
            return ()
        sets = [tuple(bricks[first : first + size]) for first in range(0, len(bricks), size)]
        if info.state != "started":
            return tuple(Subvolume(kind, each, redundancy) for each in sets)
        return tuple(
            Subvolume(kind, each, redundancy, quorum_of(kind, each, redundancy, info.options))
            for each in sets
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


def _daemons(told: Optional[_VolumeTold], peers: Sequence[Peer]) -> Tuple[Daemon, ...]:
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
        for node in (told.daemons.values() if told else ())
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
