"""One cycle: which queries are run, in which order, and which are not run.

1. What takes no lock: the volumes, the peers.  In a thread, at the same time: the mounts.
2. Do the peers answer?  `volume status` waits for every peer that glusterd believes in, up to minutes when its host
   has vanished, and holds the pool's lock all the while.  So each peer is probed first (peer_probe.py).  If one does
   not answer, `volume status` is not run.
3. What takes a lock: `volume status` (status_query.py).
4. Do the bricks answer (brick_probe.py)?  glusterd calls a frozen one online.
5. The heal backlog (heal_query.py), last and with a timeout of its own: Gluster may crawl through millions of entries,
   and all else is known by then.  Of many volumes a cycle queries a part (heal_order.py).

All queries go to one `gluster` process, which has ended when the cycle ends.  Only while a peer or a brick is away,
when each heal info waits 10 s for it, several processes run heal queries at once.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import (
    brick_filesystems,
    brick_probe,
    client_query,
    devices,
    disk_files,
    heal_order,
    heal_query,
    lvm_file,
    op_version,
    parse,
    peer_probe,
    probe,
    probe_thread,
    query,
    scrub_query,
    session,
    stats_dump_reader,
    status_query,
)
from ganeti_gluster_mon.gluster.brick_probe import BrickEndpoint, BrickKey
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.cycle_settings import Settings as Settings
from ganeti_gluster_mon.gluster.geo_replication_query import GeoReplicationQuery
from ganeti_gluster_mon.gluster.model import Mount, Peer, Process
from ganeti_gluster_mon.gluster.mount_query import MountQuery
from ganeti_gluster_mon.gluster.state_query import query_state
from ganeti_gluster_mon.gluster.status_query import STATUS_QUERIES

#: why a node that does not lead has no answer to what takes a lock
LEFT_TO_THE_LEADER = "left to the leader, which has not sent it yet"

#: why a query has no answer that has not ended yet
STILL_RUNNING = "the query is still running"


def query_gluster(settings: Settings, previous: Optional[Capture] = None) -> Capture:
    """Run all queries once.

    *previous*, the capture before this one, helps out where another command holds a lock
    (its answer is kept, with its age) and has the ports of bricks that no answer reports.
    Raises session.GlusterUnavailable, one line for an administrator, where no glusterd answers.
    """
    with Cycle(settings, previous) as cycle:
        capture = cycle.run_queries()
        return with_answers(capture, cycle.run_heal_queries())


class Cycle:
    """One cycle in two parts, so that the first can be published before the second is there.

    A context manager: leaving it, from any thread, ends every process that it started.
    """

    def __init__(
        self,
        settings: Settings,
        previous: Optional[Capture] = None,
        probed: probe_thread.Replies = probe_thread.Replies(),  # noqa: B008 - frozen
        suspected: FrozenSet[BrickKey] = frozenset(),
        urgent: bool = False,
    ) -> None:
        """Start `gluster`, so that it warms up.  Raises session.GlusterUnavailable where no glusterd answers.

        *urgent*: something does not answer any more, which is to be reported within seconds.  Then mounts and disks,
        which may wait for the same process, delay nothing: what *previous* has of them is kept.

        *probed* is what the probes between two cycles found; the cycle does not wait once more for what did
        not answer there.  *suspected* names bricks by host and path that did not answer to another node.
        """
        deadline = float("inf") if settings.deadline is None else settings.deadline
        self._until = time.monotonic() + deadline
        # After the queries under the lock each brick may get a second chance.
        probing = 3 * settings.brick_timeout + peer_probe.HOST_TIMEOUT
        self._status_until = self._until - min(probing, deadline / 2)
        not_responding = probed.glusterd is probe.Reply.SILENT
        session.check_glusterd(already_silent=probe_thread.TIMEOUT if not_responding else 0.0)
        self._settings = settings
        self._previous = previous
        self._probed = probed
        self._urgent = urgent and previous is not None
        self._suspected = suspected.union(probed.suspected, brick_probe.not_responding_before(previous))
        self._ended = ExitStack()
        self._gluster = self._ended.enter_context(
            session.GlusterSession(settings.gluster, settings.max_output)
        )
        #: the queries of the heal backlog, once `run_queries` has found the volumes
        self.heal_queries: Tuple[query.Query, ...] = ()
        self._all_there = True
        self._geo_query: Optional[GeoReplicationQuery] = None
        #: what the probe thread watches from now on, once `run_queries` has found it
        self.targets: Optional[probe_thread.Targets] = None
        #: seconds that were spent on waiting for what does not answer
        self.waited = 0.0

    def __enter__(self) -> Cycle:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def run_queries(self, leads: bool = True) -> Capture:
        """All but the heal backlog.

        A node that does not lead runs what takes no lock and concerns no other node; the rest is left to
        the leader.
        """
        settings, gluster, previous = self._settings, self._gluster, self._previous
        recorded_at = time.time_ns()
        deadline = min(time.monotonic() + settings.timeout, self._status_until)
        mount_query = _mount_query(settings, previous if self._urgent else None)
        processes = _processes() if settings.processes else None
        answers = list(gluster.run_queries([query.VOLUME_INFO, query.POOL_LIST], deadline))
        volumes, peers = _volumes(answers[0]), _peers(answers[1])
        here = {peer.uuid for peer in peers if peer.local}
        own = [brick for volume in volumes for brick in volume.bricks if brick.uuid in here]
        disk_query = self._start_disk_query(volumes, peers, leads)
        reachable: Dict[str, bool] = {}
        bricks_answering: Dict[BrickKey, bool] = {}
        hosts_answering: Dict[str, bool] = {}
        brick_ports = {} if previous is None else dict(previous.brick_ports)
        local_bricks: List[BrickEndpoint] = []
        statuses: List[parse.VolumeStatus] = []
        if not leads:
            answers += [Answer(each, b"", failure=LEFT_TO_THE_LEADER) for each in STATUS_QUERIES]
            answers.append(query_state(gluster, deadline))
            reachable = dict(self._probed.peers)
            bricks_answering = dict(self._probed.bricks)
            local_bricks = brick_probe.local_endpoints(answers[-1])
        else:
            began = time.monotonic()
            reachable = peer_probe.probe_peers(peers, settings.peer_timeout, self._probed.peers)
            self.waited += time.monotonic() - began
            believed = [peer.hostname for peer in peers if peer.connected and not peer.local]
            away = [hostname for hostname in believed if not reachable.get(hostname)]
            if not self._urgent:
                self._start_geo_query(volumes, may_run=not away)
            if away:
                answers += status_query.without_status(away)
                answers.append(query_state(gluster, deadline))
                last_statuses = status_query.last_statuses(previous)
            else:
                for result in status_query.query_status(gluster, deadline, volumes, previous):
                    answers.append(result.answer)
                    statuses += result.statuses
                known = status_query.ended_tasks(statuses, previous)
                wanted = [
                    each for each in status_query.volume_queries(volumes, statuses) if each not in known
                ]
                answers += [*known.values(), *gluster.run_queries(wanted, deadline)]
                answers += gluster.run_queries(status_query.left_out_queries(volumes, answers), deadline)
                last_statuses = statuses
            began = time.monotonic()
            hosts_answering = peer_probe.probe_hosts(reachable, settings.peer_timeout)
            reported = brick_probe.reported_endpoints(last_statuses)
            endpoints = brick_probe.with_last_known(reported, last_statuses, volumes, previous)
            brick_ports = {endpoint.key: endpoint.port for endpoint in endpoints}
            silent = {host for host, answers in hosts_answering.items() if not answers}
            bricks_answering = brick_probe.probe_bricks(
                endpoints, volumes, silent, settings.brick_timeout, self._suspected
            )
            self.waited += time.monotonic() - began
            if not away and not self._urgent:
                answers += gluster.run_queries(
                    status_query.profile_queries(volumes, bricks_answering), deadline
                )
                answers += gluster.run_queries(status_query.snapshot_queries(volumes), deadline)
                answers += client_query.query_clients(gluster, deadline, volumes, bricks_answering, previous)
            local = {(brick.host, brick.path) for brick in own}
            local_bricks = [endpoint for endpoint in endpoints if endpoint.key in local]
            self.heal_queries = heal_order.ordered(
                heal_query.with_copies(volumes), bricks_answering, previous
            )
            self._all_there = all(reachable.values()) and all(bricks_answering.values())
        if here:
            self.targets = probe_thread.Targets(
                peers=tuple(peer.hostname for peer in peers if not peer.local),
                bricks=brick_probe.probe_targets(local_bricks, volumes),
                peer_port=peer_probe.GLUSTERD_PORT,
                peers_encrypted=peer_probe.is_encrypted(),
            )
        found, version = mount_query.result()
        disks, disks_unknown = (None, None) if disk_query is None else disk_query.result()
        if self._urgent and previous is not None:
            disks, disks_unknown = previous.disks, previous.disks_unknown
        scrubs = () if previous is None or not leads else previous.scrubs
        sessions = () if previous is None or not leads else previous.geo_replications
        if self._geo_query is not None:
            sessions = self._geo_query.result(deadline)
            self._gluster.check_given_up()
        if leads and not away and not self._urgent:
            # after the status of geo-replication, which runs gsyncd on each node: it would come too late
            scrubs = scrub_query.query_scrubs(settings.gluster, volumes, node_name(), deadline, previous)
        current = op_version.op_version()
        if leads and not away and op_version.may_be_higher(current, version):
            answers += gluster.run_queries([query.MAX_OP_VERSION], deadline)
        if leads:
            under_bricks = _devices(statuses or status_query.last_statuses(previous), peers)
        else:
            under_bricks = mount_query.devices
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
            devices=devices.kernel_names(under_bricks),
            op_version=current,
            scrubs=scrubs,
            geo_replications=sessions,
            filesystems=brick_filesystems.brick_filesystems(brick.path for brick in own),
            stats_dumps=stats_dump_reader.read_dumps(volumes, here, previous),
            lvm=lvm_file.read_lvm_file(settings.lvm_file),
            processes=processes,
            disks=disks,
            disks_unknown=disks_unknown,
        )

    def give_up(self) -> None:
        """Have `run_queries` raise session.GivenUp: it may wait for what does not answer.  From any thread."""
        self._gluster.give_up()
        if self._geo_query is not None:
            self._geo_query.kill()

    def _start_disk_query(
        self, volumes: Sequence[parse.VolumeInfo], peers: Iterable[Peer], leads: bool
    ) -> Optional[disk_files.DiskFileQuery]:
        settings = self._settings
        if settings.disks is None or self._urgent:
            return None
        local = [peer.uuid for peer in peers if peer.local]
        disk_query = disk_files.DiskFileQuery(
            settings.disks, volumes, local, self._previous, settings.disk_timeout, as_client=leads
        )
        self._ended.callback(disk_query.end)
        disk_query.start()
        return disk_query

    def _start_geo_query(self, volumes: Sequence[parse.VolumeInfo], may_run: bool) -> None:
        self._geo_query = GeoReplicationQuery(self._settings.gluster, volumes, self._previous, may_run)
        self._ended.callback(self._geo_query.end)

    @property
    def all_there(self) -> bool:
        """Whether each peer and each brick answered, so that heal info does not wait for one."""
        return self._all_there

    def run_heal_queries(self) -> Tuple[Answer, ...]:
        """The heal backlog of the volumes that `run_queries` found, as many as heal_budget allows.

        May take heal_timeout seconds.
        """
        settings, now = self._settings, time.monotonic()
        deadline, last_begin = min(now + settings.heal_timeout, self._until), now + settings.heal_budget
        ways = heal_query.processes(len(self.heal_queries), self._all_there)
        if ways == 1:
            return self._gluster.run_queries(self.heal_queries, deadline, last_begin)
        return heal_query.run_side_by_side(
            self.heal_queries, deadline, last_begin, settings.gluster, settings.max_output, ways
        )


def is_complete(capture: Capture) -> bool:
    """Whether no answer is to come soon: no query is running, and none was left to a leader that sent nothing yet."""
    to_come = (STILL_RUNNING, LEFT_TO_THE_LEADER, heal_order.TURN_TO_COME)
    return all(answer.failure not in to_come for answer in capture.answers)


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
    """What this node shows where no glusterd answers, for the reason *why*; *probed* as in Cycle."""
    recorded_at = time.time_ns()
    mount_query = _mount_query(settings)
    processes = _processes() if settings.processes else None
    found, version = mount_query.result()
    return Capture(
        recorded_at=recorded_at,
        answers=tuple(
            Answer(each, b"", failure=why) for each in (query.VOLUME_INFO, query.POOL_LIST, *STATUS_QUERIES)
        ),
        node=node_name(),
        gluster_version=version,
        mounts=found,
        reachable=dict(probed.peers),
        bricks_answering=dict(probed.bricks),
        processes=processes,
    )


def _mount_query(settings: Settings, previous: Optional[Capture] = None) -> MountQuery:
    """A MountQuery, started; with *previous* it is urgent."""
    version_timeout = settings.timeout
    if settings.deadline is not None:
        version_timeout = min(version_timeout, settings.deadline / 2)
    before: Optional[Sequence[Mount]] = None if previous is None else previous.mounts
    started = MountQuery(
        settings.mount_timeout, version_timeout, settings.gluster, before, settings.test_writes
    )
    started.start()
    return started


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


def _devices(statuses: Iterable[parse.VolumeStatus], peers: Iterable[Peer]) -> Tuple[str, ...]:
    """The devices under this node's bricks."""
    local = {peer.uuid for peer in peers if peer.local}
    mine = {node.device for status in statuses for node in status.nodes if node.device and node.uuid in local}
    return tuple(sorted(device for device in mine if device is not None))
