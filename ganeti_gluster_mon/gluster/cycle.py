"""One cycle: which queries are asked, in which order, and which had better not be.

1. What takes no lock: the volumes, the peers.  Meanwhile, beside it: the mounts.
2. Are the peers there?  `volume status` waits for every peer that glusterd believes in, up
   to minutes when its host has vanished, and holds the pool's lock all the while.  So each
   of them is called first; if one does not answer, that query is not asked.
3. What takes a lock: `volume status`.  Another command may hold it: then again, a little
   later, a few times.
4. Do the bricks answer?  glusterd calls a frozen one online.
5. The heal backlog, last and with a deadline of its own: it may crawl through millions of
   entries, and all else has been said by then.

All queries go to one `gluster` process, which is gone when the cycle ends.  Only while a
peer or a brick is away, when each heal info waits 10 s for it, several are asked at once.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import AbstractSet, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import devices, disk_files, mounts, parse, probe, probe_thread, query, session
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import Mount, Peer, Process

GLUSTERD_PORT = 24007
#: glusterd encrypts its own port when this file exists
SECURE_ACCESS = "/var/lib/glusterd/secure-access"
#: seconds for the kernel of a host to accept or refuse a connection, once its glusterd did not answer
HOST_TIMEOUT = 0.5
#: volumes that `volume status all` leaves out and whose reason is queried one by one
MOST_LEFT_OUT = 5
#: seconds for statvfs on all mounts where a change is to be reported at once
URGENT_MOUNT_TIMEOUT = 0.5
#: how often `volume status` is asked again when another command holds the lock
LOCK_TRIES = 5
#: processes that ask about healing at once, while something is away
HEALS_AT_ONCE = 8
#: why a node that does not lead has no answer to what takes a lock
LEFT_TO_THE_LEADER = "left to the node that leads, which has not told yet"

#: why a query has no answer whose query has not ended yet
STILL_RUNNING = "the query is still running"

#: a brick by its host and its path
BrickKey = Tuple[str, str]

_ABOUT_STATUS = (query.VOLUME_STATUS_DETAIL, query.VOLUME_STATUS)


@dataclass(frozen=True)
class Settings:
    """Time limits in seconds, and where things are."""

    #: for all queries but those about healing
    timeout: float = 10.0
    #: for the queries about healing, counted from when all others are answered
    heal_timeout: float = 20.0
    #: for a peer's glusterd to answer
    peer_timeout: float = 1.0
    #: for a brick to answer; one that does not gets a second chance, twice as long
    brick_timeout: float = 1.0
    #: for statvfs on all mounts
    mount_timeout: float = 2.0
    #: bytes of answers in one cycle
    max_output: int = 64 << 20
    #: name or path of the gluster command
    gluster: str = "gluster"
    #: whether this node's Gluster processes are looked at too
    processes: bool = True
    #: tells which files of volumes are instances' disks; None: the disks are not looked at
    disks: Optional[disk_files.ListDisks] = None
    #: for looking at the disks, on bricks and as a client
    disk_timeout: float = 3.0
    #: for the whole cycle; what is not known by then is not waited for; None: the sum of the others
    deadline: Optional[float] = None


def query_gluster(settings: Settings, previous: Optional[Capture] = None) -> Capture:
    """Ask Gluster everything once.

    *previous*, the capture before this one, helps out where another command holds a lock
    (its answer is kept, with its age) and names the ports of bricks that cannot be asked for.
    Raises session.GlusterUnavailable, one line for an administrator, where there is nobody to ask.
    """
    with Cycle(settings, previous) as cycle:
        capture = cycle.look()
        return with_answers(capture, cycle.run_heal_queries())


class Cycle:
    """One cycle in its two halves, for who wants to tell of the first before the second is there.

    A context manager: leaving it ends every process that it started, from whatever thread.
    """

    def __init__(
        self,
        settings: Settings,
        previous: Optional[Capture] = None,
        probed: probe_thread.Replies = probe_thread.Replies(),  # noqa: B008 - frozen
        suspected: FrozenSet[BrickKey] = frozenset(),
        urgent: bool = False,
    ) -> None:
        """Start `gluster`, so that it warms up.  Raises session.GlusterUnavailable where there is nobody to ask.

        *urgent*: something does not answer any more, which is to be reported within seconds.  Then mounts and disks,
        which may wait for the same process, delay nothing: what *previous* has of them is kept.

        *probed* is what the probes between two cycles have found; the cycle does not wait once more for what did
        not answer there.  *suspected* names bricks by host and path that did not answer to another node.
        """
        deadline = float("inf") if settings.deadline is None else settings.deadline
        self._until = time.monotonic() + deadline
        # After the queries under the lock each brick may get a second chance.
        self._status_until = self._until - min(3 * settings.brick_timeout + HOST_TIMEOUT, deadline / 2)
        silent = probed.glusterd is probe.Reply.SILENT
        session.check_glusterd(already_silent=probe_thread.TIMEOUT if silent else 0.0)
        self._settings = settings
        self._previous = previous
        self._probed = probed
        self._urgent = urgent and previous is not None
        self._suspected = suspected.union(probed.suspected, _hanging(previous))
        self._ended = ExitStack()
        self._gluster = self._ended.enter_context(
            session.GlusterSession(settings.gluster, settings.max_output)
        )
        #: the queries about the heal backlog, once `look` has found the volumes
        self.heal_queries: Tuple[query.Query, ...] = ()
        self._all_there = True
        #: what the probe thread watches from now on, once `look` has found it
        self.targets: Optional[probe_thread.Targets] = None
        #: seconds that were spent on waiting for what does not answer
        self.waited = 0.0

    def __enter__(self) -> Cycle:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def look(self, leads: bool = True) -> Capture:
        """All but the heal backlog.

        Who does not lead asks what takes no lock and concerns no other node; the rest is left to
        the node that does.
        """
        settings, gluster, previous = self._settings, self._gluster, self._previous
        recorded_at = time.time_ns()
        deadline = min(time.monotonic() + settings.timeout, self._status_until)
        beside = _Beside(settings, previous if self._urgent else None)
        beside.start()
        processes = _processes() if settings.processes else None
        answers = list(gluster.run_queries([query.VOLUME_INFO, query.POOL_LIST], deadline))
        volumes, peers = _volumes(answers[0]), _peers(answers[1])
        here = {peer.uuid for peer in peers if peer.local}
        looking = self._look_at_disks(volumes, peers, leads)
        reachable: Dict[str, bool] = {}
        bricks_answering: Dict[BrickKey, bool] = {}
        hosts_answering: Dict[str, bool] = {}
        brick_ports = {} if previous is None else dict(previous.brick_ports)
        local_bricks: List[_Door] = []
        told: List[parse.VolumeStatus] = []
        if not leads:
            answers += [Answer(asked, b"", failure=LEFT_TO_THE_LEADER) for asked in _ABOUT_STATUS]
            answers.append(_ask_state(gluster, deadline))
            reachable = dict(self._probed.peers)
            bricks_answering = dict(self._probed.bricks)
            local_bricks = _local_ports(answers[-1])
        else:
            began = time.monotonic()
            reachable = _reachable(peers, settings, self._probed.peers)
            self.waited += time.monotonic() - began
            believed = [peer.hostname for peer in peers if peer.connected and not peer.local]
            away = [hostname for hostname in believed if not reachable.get(hostname)]
            if away:
                answers += _not_asked(away)
                answers.append(_ask_state(gluster, deadline))
                last_seen = _last_told(previous)
            else:
                for status in _ask_status(gluster, deadline, volumes, previous):
                    answers.append(status.answer)
                    told += status.told
                known = _ended_tasks(told, previous)
                asked = [one for one in _about_volumes(volumes, told) if one not in known]
                answers += [*known.values(), *gluster.run_queries(asked, deadline)]
                answers += gluster.run_queries(_left_out(volumes, answers), deadline)
                last_seen = told
            began = time.monotonic()
            hosts_answering = _hosts_answering(reachable, settings)
            doors = _with_last_known(_doors(last_seen), last_seen, volumes, previous)
            brick_ports = {(door.host, door.path): door.port for door in doors}
            gone = {host for host, answers in hosts_answering.items() if not answers}
            bricks_answering = _bricks_answering(doors, volumes, gone, settings, self._suspected)
            self.waited += time.monotonic() - began
            local = {
                (brick.host, brick.path)
                for volume in volumes
                for brick in volume.bricks
                if brick.uuid in here
            }
            local_bricks = [door for door in doors if (door.host, door.path) in local]
            self.heal_queries = tuple(
                query.heal_summary(volume.name) for volume in volumes if _has_copies(volume)
            )
            self._all_there = all(reachable.values()) and all(bricks_answering.values())
        if here:
            self.targets = probe_thread.Targets(
                peers=tuple(peer.hostname for peer in peers if not peer.local),
                bricks=_brick_ports(local_bricks, volumes),
                peer_port=GLUSTERD_PORT,
                peers_encrypted=os.path.exists(SECURE_ACCESS),
            )
        found, version = beside.result()
        disks, disks_unknown = (None, None) if looking is None else looking.result()
        if self._urgent and previous is not None:
            disks, disks_unknown = previous.disks, previous.disks_unknown
        under_bricks = _devices(told or _last_told(previous), peers) if leads else beside.devices
        return Capture(
            recorded_at=recorded_at,
            answers=tuple(answers),
            node=node_name(),
            gluster_version=version,
            mounts=found,
            reachable=reachable,
            hosts_answering=hosts_answering,
            bricks_answering=bricks_answering,
            brick_ports=brick_ports,
            devices=_kernel_names(under_bricks),
            processes=processes,
            disks=disks,
            disks_unknown=disks_unknown,
        )

    def _look_at_disks(
        self, volumes: Sequence[parse.VolumeInfo], peers: Iterable[Peer], leads: bool
    ) -> Optional[disk_files.Look]:
        settings = self._settings
        if settings.disks is None or self._urgent:
            return None
        local = [peer.uuid for peer in peers if peer.local]
        looking = disk_files.Look(
            settings.disks, volumes, local, self._previous, settings.disk_timeout, as_client=leads
        )
        self._ended.callback(looking.end)
        looking.start()
        return looking

    @property
    def all_there(self) -> bool:
        """Whether each peer and each brick answered, so that heal info does not wait for one."""
        return self._all_there

    def run_heal_queries(self) -> Tuple[Answer, ...]:
        """The answers about the heal backlog of the volumes that `look` found.  May take heal_timeout seconds."""
        deadline = min(time.monotonic() + self._settings.heal_timeout, self._until)
        if self._all_there:
            return self._gluster.run_queries(self.heal_queries, deadline)
        return tuple(_ask_side_by_side(self.heal_queries, self._settings, deadline))


def is_complete(capture: Capture) -> bool:
    """Whether no answer is to come soon: no query is running, and none was left to a leader that sent nothing yet."""
    return all(answer.failure not in (STILL_RUNNING, LEFT_TO_THE_LEADER) for answer in capture.answers)


def node_name() -> str:
    """The name of this node, as a capture has it."""
    return os.uname().nodename


def with_answers(capture: Capture, more: Iterable[Answer]) -> Capture:
    """*capture* with *more* answers; one to a query that it has an answer to takes its place."""
    answers = {answer.query: answer for answer in (*capture.answers, *more)}
    return replace(capture, answers=tuple(answers.values()))


def without_gluster(
    settings: Settings,
    why: str,
    probed: probe_thread.Replies = probe_thread.Replies(),  # noqa: B008 - frozen
) -> Capture:
    """What can be seen of this node where Gluster cannot be asked, for the reason *why*; *probed* as in Cycle."""
    recorded_at = time.time_ns()
    beside = _Beside(settings)
    beside.start()
    processes = _processes() if settings.processes else None
    found, version = beside.result()
    return Capture(
        recorded_at=recorded_at,
        answers=tuple(
            Answer(asked, b"", failure=why) for asked in (query.VOLUME_INFO, query.POOL_LIST, *_ABOUT_STATUS)
        ),
        node=node_name(),
        gluster_version=version,
        mounts=found,
        reachable=dict(probed.peers),
        bricks_answering=dict(probed.bricks),
        processes=processes,
    )


class _Beside(threading.Thread):
    """What is found out while `gluster` loads its libraries: the mounts, and Gluster's version."""

    def __init__(self, settings: Settings, previous: Optional[Capture] = None) -> None:
        """With *previous* a mount gets URGENT_MOUNT_TIMEOUT only, and keeps what *previous* has of it."""
        super().__init__(name="mounts", daemon=True)
        self._settings = settings
        self._previous = previous
        self._error: Optional[BaseException] = None
        self._mounts: Tuple[Mount, ...] = ()
        self._gluster_version: Optional[str] = None
        #: what may be under a brick, for who is not told which it is; there when `result` is
        self.devices: Tuple[str, ...] = ()

    def run(self) -> None:
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                mountinfo = file.read()
            self.devices = mounts.mounted_devices(mountinfo)
            found = mounts.fuse_mounts(mountinfo)
            if self._previous is None:
                self._mounts = mounts.statvfs(found, self._settings.mount_timeout)
            else:
                told = mounts.statvfs(found, min(URGENT_MOUNT_TIMEOUT, self._settings.mount_timeout))
                self._mounts = _kept(told, self._previous.mounts)
            timeout = self._settings.timeout
            if self._settings.deadline is not None:
                timeout = min(timeout, self._settings.deadline / 2)
            self._gluster_version = session.version(self._settings.gluster, timeout)
        except BaseException as err:  # not ours to judge: whoever asks for the result gets it
            self._error = err

    def result(self) -> Tuple[Tuple[Mount, ...], Optional[str]]:
        """The mounts, and Gluster's version, when both are there; both have deadlines."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._mounts, self._gluster_version


def _kept(told: Sequence[Mount], before: Sequence[Mount]) -> Tuple[Mount, ...]:
    """*told*; a mount without figures has those of *before*, if it is the same mount."""
    known = {(mount.path, mount.device_number, mount.volume): mount for mount in before}
    return tuple(
        mount if mount.answered else known.get((mount.path, mount.device_number, mount.volume), mount)
        for mount in told
    )


def _processes() -> Optional[Tuple[Process, ...]]:
    from ganeti_gluster_mon.gluster import processes  # psutil takes 20 ms to load; gluster loads meanwhile

    return processes.processes()


def _volumes(answer: Answer) -> Tuple[parse.VolumeInfo, ...]:
    try:
        return parse.volume_info(answer.output).facts
    except parse.NoAnswer:
        return ()


def _peers(answer: Answer) -> Tuple[Peer, ...]:
    try:
        return parse.pool_list(answer.output).facts
    except parse.NoAnswer:
        return ()


def _reachable(peers: Iterable[Peer], settings: Settings, probed: Mapping[str, bool]) -> Dict[str, bool]:
    """By hostname, for each peer but this node: whether its glusterd answers.

    A peer that did not answer its last probe is not waited for again: the probe thread reports when it does.
    """
    others = [peer.hostname for peer in peers if not peer.local]
    silent = {host: False for host in others if probed.get(host) is False}
    addresses = [(host, GLUSTERD_PORT) for host in others if host not in silent]
    replies = probe.probe_ports(addresses, settings.peer_timeout, connect_only=os.path.exists(SECURE_ACCESS))
    pinged = {
        host: replies[(host, port)] is probe.Reply.ANSWERS
        for host, port in addresses
        if replies[(host, port)] is not probe.Reply.UNKNOWN
    }
    return {**silent, **pinged}


def _hosts_answering(reachable: Mapping[str, bool], settings: Settings) -> Dict[str, bool]:
    """By the hosts whose glusterd does not answer: whether their kernel accepts or refuses a connection.

    It does so where glusterd is down or hangs; nothing comes back where the host is off, frozen or cut.
    """
    addresses = [(host, GLUSTERD_PORT) for host, answers in reachable.items() if not answers]
    timeout = min(HOST_TIMEOUT, settings.peer_timeout)
    replies = probe.probe_ports(addresses, timeout, connect_only=True)
    gone = (probe.Reply.SILENT, probe.Reply.UNREACHABLE)
    known = {host: reply for (host, _), reply in replies.items() if reply is not probe.Reply.UNKNOWN}
    return {host: reply not in gone for host, reply in known.items()}


def _not_asked(away: Sequence[str]) -> List[Answer]:
    why = f"not asked, since it would hang: peer {', '.join(away)} does not answer on port {GLUSTERD_PORT}"
    return [Answer(asked, b"", failure=why) for asked in _ABOUT_STATUS]


def _ask_state(gluster: session.GlusterSession, deadline: float) -> Answer:
    """`get-state`: this node's own bricks, without a lock.

    glusterd writes its answer to a file.  Without "detail": with it, glusterd asks each of
    its bricks and waits a minute for one that is frozen.
    """
    failure: Optional[str] = None
    try:
        with tempfile.TemporaryDirectory(prefix="ganeti-gluster-mon-", dir="/run") as directory:
            asked = ("get-state", "glusterd", "odir", directory, "file", "state")
            (answer,) = gluster.run_queries([asked], deadline)
            failure = answer.failure
            with open(os.path.join(directory, "state"), "rb") as file:
                return replace(answer, query=query.GET_STATE, output=file.read())
    except OSError as err:
        why = failure or f"glusterd wrote no state: {err.strerror or err}"
        return Answer(query.GET_STATE, b"", failure=why)


@dataclass(frozen=True)
class _Status:
    """An answer to `volume status` and what it tells at first sight."""

    answer: Answer
    told: Tuple[parse.VolumeStatus, ...] = ()
    #: for a volume or altogether, it failed because another command held the lock
    locked: bool = False


def _ask_status(
    gluster: session.GlusterSession,
    deadline: float,
    volumes: Sequence[parse.VolumeInfo],
    previous: Optional[Capture],
) -> Tuple[_Status, ...]:
    """`volume status`, asked again while another command holds the lock, then the last good answer."""
    started = {volume.name for volume in volumes if volume.state == "started"}
    had: Dict[query.Query, _Status] = {}
    asked: Sequence[query.Query] = _ABOUT_STATUS
    for turn in range(LOCK_TRIES):
        if turn:
            pause = random.uniform(0.1, 0.4) * turn  # noqa: S311 - jitter, not a secret
            if time.monotonic() + pause >= deadline:
                break
            time.sleep(pause)
        had.update(
            (answer.query, _status(answer, started)) for answer in gluster.run_queries(asked, deadline)
        )
        asked = [one for one, status in had.items() if status.locked]
        if not asked:
            break
    for one in asked:
        answer = previous.answer(one) if previous else None
        if previous and answer and not answer.failure:
            kept = _status(replace(answer, taken_at=answer.taken_at or previous.recorded_at), started)
            if kept.told and not kept.locked:
                had[one] = kept
    return tuple(had.values())


def _status(answer: Answer, started: AbstractSet[str]) -> _Status:
    """*answer* at first sight; the volumes in *started* should all be in it.

    A single volume whose lock is held is left out of the answer without a word.
    """
    try:
        told = parse.volume_status(answer.output).facts
    except parse.Refused as err:
        busy = err.op_errno == 30802 or (err.op_errno == 30800 and "ocking failed" in str(err))
        return _Status(answer, locked=busy)
    except parse.NoAnswer:
        # `volume status all` prints nothing at all when the very first lock fails
        return _Status(answer, locked=answer.failure is None and not answer.output.strip())
    named = {status.volume for status in told}
    return _Status(answer, told, locked=answer.failure is None and not named >= started)


def _last_told(previous: Optional[Capture]) -> List[parse.VolumeStatus]:
    """What `volume status` told when it was asked last."""
    told: List[parse.VolumeStatus] = []
    for one in _ABOUT_STATUS:
        answer = previous.answer(one) if previous else None
        if answer is not None:
            told += _status(answer, frozenset()).told
    return told


def _ask_side_by_side(queries: Sequence[query.Query], settings: Settings, deadline: float) -> List[Answer]:
    """Ask about healing while something is away: each answer then takes 10 s, so several are waited for at once."""
    from concurrent.futures import ThreadPoolExecutor

    ways = max(1, min(len(queries), HEALS_AT_ONCE))
    # When we are to end, the sessions end first, and then the threads that waited for them.
    with ThreadPoolExecutor(ways) as threads, ExitStack() as sessions:
        asked = []
        for way in range(ways):
            gluster = session.GlusterSession(settings.gluster, settings.max_output)
            sessions.enter_context(gluster)
            asked.append(threads.submit(gluster.run_queries, queries[way::ways], deadline))
        return [answer for each in asked for answer in each.result()]


def _about_volumes(
    volumes: Sequence[parse.VolumeInfo], told: Sequence[parse.VolumeStatus]
) -> List[query.Query]:
    """Queries about single volumes that are worth asking: most volumes have no quota and no task."""
    queries = [
        query.quota_list(volume.name)
        for volume in volumes
        if volume.state == "started" and volume.options.get("features.quota") == "on"
    ]
    for status in told:
        if any(task.type == "rebalance" for task in status.tasks):
            queries.append(query.rebalance_status(status.volume))
    return list(dict.fromkeys(queries))


def _ended_tasks(
    told: Iterable[parse.VolumeStatus], previous: Optional[Capture]
) -> Dict[query.Query, Answer]:
    """The answers in *previous* about rebalances that had ended: they do not change any more."""
    kept: Dict[query.Query, Answer] = {}
    for status in told:
        asked = query.rebalance_status(status.volume)
        answer = None if previous is None else previous.answer(asked)
        if not status.tasks or answer is None or answer.failure is not None:
            continue
        try:
            before = parse.rebalance_status(answer.output).facts
        except parse.NoAnswer:
            continue
        task = status.tasks[-1]
        if before.id == task.id and before.status == task.status and "progress" not in task.status:
            kept[asked] = replace(answer, taken_at=None)
    return kept


def _left_out(volumes: Sequence[parse.VolumeInfo], answers: Iterable[Answer]) -> List[query.Query]:
    """Queries about the volumes that an answer about all leaves out: Gluster refuses them with the reason."""
    started = [volume.name for volume in volumes if volume.state == "started"]
    left_out: List[str] = []
    for answer in answers:
        if answer.query in _ABOUT_STATUS and answer.failure is None and answer.output:
            told = _status(answer, frozenset()).told
            if told:
                named = {status.volume for status in told}
                left_out += [name for name in started if name not in named]
    return [query.volume_status(name) for name in dict.fromkeys(left_out)][:MOST_LEFT_OUT]


def _has_copies(volume: parse.VolumeInfo) -> bool:
    return volume.state == "started" and (volume.replica_count > 1 or volume.disperse_count > 0)


@dataclass(frozen=True)
class _Door:
    """Where a brick's process listens."""

    volume: str
    host: str
    path: str
    port: int


def _doors(told: Iterable[parse.VolumeStatus]) -> List[_Door]:
    """Where the bricks that glusterd calls online listen."""
    doors = {
        (node.hostname, node.path): _Door(status.volume, node.hostname, node.path, node.port)
        for status in told
        for node in status.nodes
        if node.online and node.port is not None and node.path.startswith("/")
    }
    return list(doors.values())


def _with_last_known(
    doors: Sequence[_Door],
    told: Iterable[parse.VolumeStatus],
    volumes: Iterable[parse.VolumeInfo],
    previous: Optional[Capture],
) -> List[_Door]:
    """*doors*, and the last known ports of the bricks that `volume status` does not report on: their host is away."""
    reported = {(node.hostname, node.path) for status in told for node in status.nodes}
    ports = {} if previous is None else previous.brick_ports
    return [
        *doors,
        *(
            _Door(volume.name, brick.host, brick.path, ports[brick.host, brick.path])
            for volume in volumes
            if volume.state == "started"
            for brick in volume.bricks
            if (brick.host, brick.path) in ports and (brick.host, brick.path) not in reported
        ),
    ]


def _bricks_answering(
    doors: Sequence[_Door],
    volumes: Sequence[parse.VolumeInfo],
    hosts_gone: AbstractSet[str],
    settings: Settings,
    suspected: AbstractSet[BrickKey] = frozenset(),
) -> Dict[BrickKey, bool]:
    """By (host, path): whether the brick's process answers; left out where that cannot be told.

    A brick that is *suspected*, because it did not answer before, or on a host in *hosts_gone* gets no second chance.
    """
    encrypted = _encrypted(volumes)
    replies: Dict[_Door, probe.Reply] = {}
    for connect_only in (False, True):
        mine = [door for door in doors if (door.volume in encrypted) is connect_only]
        told = probe.probe_ports(_addresses(mine), settings.brick_timeout, connect_only=connect_only)
        decided = set(_addresses(door for door in mine if (door.host, door.path) in suspected))
        silent = [
            address
            for address, reply in told.items()
            if reply is probe.Reply.SILENT and address[0] not in hosts_gone and address not in decided
        ]
        told.update(probe.probe_ports(silent, 2 * settings.brick_timeout, connect_only=connect_only))
        replies.update((door, told[(door.host, door.port)]) for door in mine)
    answering = {}
    for door, reply in replies.items():
        if reply is probe.Reply.ANSWERS:
            answering[(door.host, door.path)] = True
        elif reply in (probe.Reply.REFUSED, probe.Reply.SILENT) or (
            reply is probe.Reply.UNREACHABLE and door.host in hosts_gone
        ):
            answering[(door.host, door.path)] = False
    return answering


def _encrypted(volumes: Iterable[parse.VolumeInfo]) -> FrozenSet[str]:
    """The volumes whose bricks speak TLS."""
    return frozenset(
        volume.name
        for volume in volumes
        if volume.options.get("server.ssl", "off") in ("on", "yes", "true", "1")
    )


def _hanging(previous: Optional[Capture]) -> FrozenSet[BrickKey]:
    """The bricks that did not answer in the last cycle."""
    answering = {} if previous is None else previous.bricks_answering
    return frozenset(key for key, answers in answering.items() if not answers)


def _local_ports(answer: Answer) -> List[_Door]:
    """Where the bricks of this node listen, from the answer to `get-state`."""
    try:
        state = parse.state(answer.output).facts
    except parse.NoAnswer:
        return []
    return [
        _Door(volume.name, brick.host, brick.path, brick.port)
        for volume in state.volumes
        for brick in volume.bricks
        if brick.started and brick.port is not None
    ]


def _brick_ports(
    doors: Iterable[_Door], volumes: Iterable[parse.VolumeInfo]
) -> Tuple[probe_thread.BrickPort, ...]:
    encrypted = _encrypted(volumes)
    return tuple(
        probe_thread.BrickPort(door.host, door.path, door.port, door.volume in encrypted) for door in doors
    )


def _addresses(doors: Iterable[_Door]) -> List[Tuple[str, int]]:
    return list(dict.fromkeys((door.host, door.port) for door in doors))


def _devices(told: Iterable[parse.VolumeStatus], peers: Iterable[Peer]) -> Tuple[str, ...]:
    """The devices under this node's bricks."""
    local = {peer.uuid for peer in peers if peer.local}
    mine = {node.device for status in told for node in status.nodes if node.device and node.uuid in local}
    return tuple(sorted(device for device in mine if device is not None))


def _kernel_names(named: Iterable[str]) -> Dict[str, str]:
    names = {device: devices.kernel_name(device) for device in named}
    return {device: name for device, name in names.items() if name is not None}
