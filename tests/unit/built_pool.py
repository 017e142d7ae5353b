"""Captures of pools that are described in a few words, in the form in which Gluster answers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple
from xml.sax.saxutils import escape

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.query import Query

RECORDED_AT = 1_795_483_447_000_000_000
SIZE = 2_000_000_000_000
_TASK_NUMBERS = {
    "in progress": 1,
    "stopped": 2,
    "completed": 3,
    "failed": 4,
    "fix-layout in progress": 5,
    "fix-layout failed": 8,
}


def uuid_of(name: str) -> str:
    """The uuid of the host, volume or task *name*."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


@dataclass
class Brick:
    """A brick and what Gluster answers about it; None is left out of the answer."""

    host: str
    path: str
    arbiter: bool = False
    online: bool = True
    #: whether `volume status` has it at all
    reported: bool = True
    size: Optional[int] = SIZE
    free: Optional[int] = SIZE // 2
    inodes: Optional[int] = 1_000_000
    inodes_free: Optional[int] = 900_000
    filesystem: str = "xfs"
    options: str = "rw,relatime"
    #: pending, in split-brain, possibly healing; or the text of <status> where nothing was counted
    heal: object = (0, 0, 0)


@dataclass
class Volume:
    """A volume; *set_size* bricks in a row make a subvolume."""

    name: str
    bricks: List[Brick]
    #: "replicate", "disperse" or "distribute"
    kind: str = "replicate"
    set_size: int = 3
    redundancy: int = 0
    state: str = "Started"
    options: Dict[str, str] = field(default_factory=dict)
    #: daemon, host, whether it runs
    daemons: List[Tuple[str, str, bool]] = field(default_factory=list)
    #: type, status, bricks
    tasks: List[Tuple[str, str, Sequence[str]]] = field(default_factory=list)
    #: why Gluster refuses `heal info`
    heal_refused: str = ""
    #: path, hard limit, soft limit, used, whether each is exceeded
    quota: Optional[List[Tuple[str, int, int, int]]] = None
    #: status of the rebalance, and its failures by host
    rebalance: Optional[Tuple[str, Dict[str, int]]] = None


@dataclass
class Peer:
    """A host of the pool."""

    host: str
    connected: bool = True
    state: str = "Peer in Cluster"


@dataclass
class Pool:
    """A pool, queried on the first of its *peers*."""

    volumes: List[Volume]
    peers: List[Peer]
    version: str = "10.3"

    def volume(self, name: str = "gv0") -> Volume:
        """The volume *name*."""
        return next(each for each in self.volumes if each.name == name)

    def capture(self) -> Capture:
        """What `ganeti-gluster-mon record` would have kept."""
        started = [volume for volume in self.volumes if volume.state == "Started"]
        answers: List[Tuple[Query, str]] = [
            (query.VOLUME_INFO, self._info()),
            (query.POOL_LIST, self._peers()),
            (query.VOLUME_STATUS_DETAIL, self._status(started, detail=True)),
            (query.VOLUME_STATUS, self._status(started, detail=False)),
        ]
        for volume in started:
            if volume.kind != "distribute":
                answers.append((query.heal_summary(volume.name), _heal(volume)))
            if volume.quota is not None:
                answers.append((query.quota_list(volume.name), _quota(volume)))
            if volume.rebalance is not None:
                answers.append((query.rebalance_status(volume.name), _rebalance(volume)))
        return Capture(
            recorded_at=RECORDED_AT,
            answers=tuple(Answer(sent, output.encode()) for sent, output in answers),
            node=self.peers[0].host,
            gluster_version=self.version,
        )

    def _info(self) -> str:
        volumes = "".join(map(_info, self.volumes))
        return _cli(f"<volInfo><volumes>{volumes}<count>{len(self.volumes)}</count></volumes></volInfo>")

    def _peers(self) -> str:
        others = "".join(
            f"<peer><uuid>{uuid_of(peer.host)}</uuid><hostname>{escape(peer.host)}</hostname><hostnames><hostname>"
            f"{escape(peer.host)}</hostname></hostnames><connected>{int(peer.connected)}</connected><state>3</state>"
            f"<stateStr>{peer.state}</stateStr></peer>"
            for peer in self.peers[1:]
        )
        own = f"<uuid>{uuid_of(self.peers[0].host)}</uuid><hostname>localhost</hostname><connected>1</connected>"
        return _cli(f"<peerStatus>{others}<peer>{own}</peer></peerStatus>")

    def _status(self, volumes: Sequence[Volume], detail: bool) -> str:
        elements = "".join(self._volume_status(each, detail) for each in volumes)
        return _cli(f"<volStatus><volumes>{elements}</volumes></volStatus>")

    def _volume_status(self, volume: Volume, detail: bool) -> str:
        nodes = [
            _node(brick.host, brick.path, brick.host, brick.online, brick, detail)
            for brick in volume.bricks
            if brick.reported
        ]
        if not detail:
            here = self.peers[0].host
            nodes += [
                _node(name, "localhost" if host == here else host, host, runs, None, detail)
                for name, host, runs in volume.daemons
            ]
        tasks = "" if detail else f"<tasks>{''.join(map(_task, volume.tasks))}</tasks>"
        return (
            f"<volume><volName>{volume.name}</volName><nodeCount>{len(nodes)}</nodeCount>{''.join(nodes)}{tasks}"
            "</volume>"
        )


def hosts(number: int, name: str = "node{}.n.example") -> List[str]:
    """Names of so many hosts."""
    return [name.format(index + 1) for index in range(number)]


def replicated(
    names: Sequence[str], name: str = "gv0", sets: int = 1, arbiter: bool = False, **more: object
) -> Volume:
    """A volume of *sets* replica sets over the hosts *names*, with its self-heal daemons."""
    bricks = [
        Brick(host, f"/export/b{index}/{name}", arbiter=arbiter and host == names[-1])
        for index in range(sets)
        for host in names
    ]
    daemons = [("Self-heal Daemon", host, True) for host in names]
    return Volume(name, bricks, set_size=len(names), daemons=daemons, **more)  # type: ignore[arg-type]


def dispersed(names: Sequence[str], redundancy: int, name: str = "gv0") -> Volume:
    """A volume of one disperse set."""
    daemons = [("Self-heal Daemon", host, True) for host in names]
    bricks = [Brick(host, f"/export/d/{name}") for host in names]
    return Volume(name, bricks, "disperse", len(names), redundancy, daemons=daemons)


def distributed(names: Sequence[str], name: str = "gv0") -> Volume:
    """A volume of lone bricks."""
    return Volume(name, [Brick(host, f"/export/x/{name}") for host in names], "distribute", 1)


def pool(*volumes: Volume) -> Pool:
    """A pool of the hosts that have bricks of *volumes*, in order."""
    names = dict.fromkeys(brick.host for volume in volumes for brick in volume.bricks)
    return Pool(list(volumes), [Peer(name) for name in names])


def _cli(body: str) -> str:
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>\n  <opRet>0</opRet>\n'
    return f"{head}  <opErrno>0</opErrno>\n  <opErrstr/>\n{body}\n</cliOutput>\n"


def refusal(message: str, number: int = 0) -> str:
    """The answer to a query that Gluster refuses."""
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>\n  <opRet>-1</opRet>\n'
    return f"{head}  <opErrno>{number}</opErrno>\n  <opErrstr>{escape(message)}</opErrstr>\n</cliOutput>\n"


def _info(volume: Volume) -> str:
    bricks = "".join(
        f'<brick uuid="{uuid_of(brick.host)}">{escape(brick.host)}:{escape(brick.path)}<name>{escape(brick.host)}:'
        f"{escape(brick.path)}</name><hostUuid>{uuid_of(brick.host)}</hostUuid><isArbiter>{int(brick.arbiter)}"
        "</isArbiter></brick>"
        for brick in volume.bricks
    )
    options = "".join(
        f"<option><name>{escape(name)}</name><value>{escape(value)}</value></option>"
        for name, value in volume.options.items()
    )
    several = len(volume.bricks) > volume.set_size
    word = ("Distributed-" if several and volume.kind != "distribute" else "") + volume.kind.capitalize()
    disperse = volume.set_size if volume.kind == "disperse" else 0
    number = {"Created": 0, "Started": 1, "Stopped": 2}[volume.state]
    return (
        f"<volume><name>{volume.name}</name><id>{uuid_of(volume.name)}</id><status>{number}</status>"
        f"<statusStr>{volume.state}</statusStr><snapshotCount>0</snapshotCount>"
        f"<brickCount>{len(volume.bricks)}</brickCount><distCount>1</distCount>"
        f"<replicaCount>{volume.set_size if volume.kind == 'replicate' else 1}</replicaCount>"
        f"<arbiterCount>{int(any(brick.arbiter for brick in volume.bricks))}</arbiterCount>"
        f"<disperseCount>{disperse}</disperseCount><redundancyCount>{volume.redundancy}</redundancyCount>"
        f"<type>2</type><typeStr>{word}</typeStr><transport>0</transport><bricks>{bricks}</bricks>"
        f"<optCount>{len(volume.options)}</optCount><options>{options}</options></volume>"
    )


def _node(name: str, path: str, host: str, online: bool, brick: Optional[Brick], detail: bool) -> str:
    port = "49152" if online and brick is not None else "N/A"
    more = ""
    if detail and brick is not None:
        for element, value in (
            ("sizeTotal", brick.size),
            ("sizeFree", brick.free),
            ("device", "/dev/sdb1"),
            ("blockSize", 4096),
            ("mntOptions", brick.options),
            ("fsName", brick.filesystem),
            ("inodeSize", brick.filesystem),
            ("inodesTotal", brick.inodes),
            ("inodesFree", brick.inodes_free),
        ):
            if value is not None:
                more += f"<{element}>{escape(str(value))}</{element}>"
    return (
        f"<node><hostname>{escape(name)}</hostname><path>{escape(path)}</path><peerid>{uuid_of(host)}</peerid>"
        f"<status>{int(online)}</status><port>{port}</port><ports><tcp>{port}</tcp><rdma>N/A</rdma></ports>"
        f"<pid>{'4242' if online else '-1'}</pid>{more}</node>"
    )


def _task(task: Tuple[str, str, Sequence[str]]) -> str:
    kind, status, bricks = task
    named = "".join(f"<brick>{escape(brick)}</brick>" for brick in bricks)
    return (
        f"<task><type>{kind}</type><id>{uuid_of(kind)}</id><status>{_TASK_NUMBERS[status]}</status>"
        f"<statusStr>{status}</statusStr>{f'<params>{named}</params>' if bricks else ''}</task>"
    )


def _heal(volume: Volume) -> str:
    if volume.heal_refused:
        return refusal(volume.heal_refused)
    bricks = ""
    for brick in volume.bricks:
        name = f"<name>{escape(brick.host)}:{escape(brick.path)}</name>"
        if isinstance(brick.heal, tuple):
            pending, split, healing = brick.heal
            bricks += (
                f'<brick hostUuid="{uuid_of(brick.host)}">{name}<status>Connected</status>'
                f"<totalNumberOfEntries>{pending + split + healing}</totalNumberOfEntries>"
                f"<numberOfEntriesInHealPending>{pending}</numberOfEntriesInHealPending>"
                f"<numberOfEntriesInSplitBrain>{split}</numberOfEntriesInSplitBrain>"
                f"<numberOfEntriesPossiblyHealing>{healing}</numberOfEntriesPossiblyHealing></brick>"
            )
        else:
            bricks += f'<brick hostUuid="-">{name}<status>{brick.heal}</status></brick>'
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput><healInfo><bricks>'
        f"{bricks}</bricks></healInfo><opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>\n"
    )


def _quota(volume: Volume) -> str:
    limits = "".join(
        f"<limit><path>{escape(path)}</path><hard_limit>{hard}</hard_limit><soft_limit_percent>80%"
        f"</soft_limit_percent><soft_limit_value>{soft}</soft_limit_value><used_space>{used}</used_space>"
        f"<avail_space>{max(0, hard - used)}</avail_space><sl_exceeded>{'Yes' if used > soft else 'No'}"
        f"</sl_exceeded><hl_exceeded>{'Yes' if used >= hard else 'No'}</hl_exceeded></limit>"
        for path, hard, soft, used in volume.quota or ()
    )
    return _cli(f"<volQuota>{limits}</volQuota>")


def _rebalance(volume: Volume) -> str:
    assert volume.rebalance is not None
    status, failures = volume.rebalance
    number = _TASK_NUMBERS[status]

    def part(name: str, count: int) -> str:
        return f"{name}<failures>{count}</failures><status>{number}</status><statusStr>{status}</statusStr>"

    nodes = "".join(
        f"<node>{part(f'<nodeName>{host}</nodeName>', count)}</node>" for host, count in failures.items()
    )
    return _cli(
        f"<volRebalance><task-id>{uuid_of('Rebalance')}</task-id><op>3</op><nodeCount>{len(failures)}</nodeCount>{nodes}"
        f"<aggregate>{part('', sum(failures.values()))}</aggregate></volRebalance>"
    )
