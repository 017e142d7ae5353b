"""Steps that make a pool of nodes, and volumes of bricks; all through glusterd of one of them, the *coordinator*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.brick_status import offline, status_queries
from ganeti_gluster_mon.deploy.gluster_cli import GLUSTER, POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.layout import BrickAddress, Layout
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.text import one_line, some

#: as installed by Gluster: what its developers hold to be right for the disks of virtual machines
VIRT_GROUP = "/var/lib/glusterd/groups/virt"

#: options of that group which Gluster 10 takes for volumes of copies only
COPIES_ONLY = ("cluster.shd-max-threads",)

#: seconds; glusterd notices within a minute that a peer it waits for has vanished
_CHANGE_TIMEOUT = 150.0
_IN_CLUSTER = "Peer in Cluster"


def gluster(node: str, *words: str) -> Command:
    """A change by gluster."""
    return Command(node, (*GLUSTER, *words), timeout=_CHANGE_TIMEOUT)


@dataclass(frozen=True)
class JoinPool(Step):
    """A node that becomes a peer of the pool that *coordinator* is in."""

    coordinator: str

    @property
    def description(self) -> str:
        return f"a peer of {self.coordinator}"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.coordinator, POOL_LIST), NodeQuery(self.node, POOL_LIST))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        pool, its = (gluster_cli.peers(answer) for answer in answers)
        itself = gluster_cli.own(its)
        known = next((peer for peer in pool if peer.uuid == itself.uuid), None)
        if known is not None:
            whole = known.connected and (known.local or known.state == _IN_CLUSTER)
            return DONE if whole else WAIT
        if len(its) > 1:
            others = [peer.hostname for peer in its if not peer.local]
            raise PreconditionFailed(
                f"{self.node} is in another pool already, with {one_line(some(others, 3))}; "
                f"leave it out, or take it out of that one: gluster peer detach {self.node}"
            )
        return (gluster(self.coordinator, "peer", "probe", self.node),)


@dataclass(frozen=True)
class KnowByName(Step):
    """The speaker is known to its peers by its name, not by the address its first call came from."""

    coordinator: str

    @property
    def description(self) -> str:
        return f"{self.coordinator} known by its name"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, POOL_LIST), NodeQuery(self.coordinator, POOL_LIST))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        its, pool = (gluster_cli.peers(answer) for answer in answers)
        coordinator = gluster_cli.own(pool).uuid
        known = next((peer for peer in its if peer.uuid == coordinator), None)
        if known is not None and known.hostname == self.coordinator:
            return DONE if known.connected and known.state == _IN_CLUSTER else WAIT
        return (gluster(self.node, "peer", "probe", self.coordinator),)


@dataclass(frozen=True)
class LeavePool(Step):
    """A node that is no peer any more."""

    coordinator: str
    #: bricks on it that are given up: they do not keep it in the pool
    given_up: Tuple[BrickAddress, ...] = ()

    @property
    def description(self) -> str:
        return "no peer of the pool any more"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.coordinator, POOL_LIST), NodeQuery(self.coordinator, VOLUME_INFO))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        peers = gluster_cli.peers(answers[0])
        found = next((peer for peer in peers if peer.hostname == self.node), None)
        if found is None:
            return DONE
        volumes = gluster_cli.volumes(answers[1])
        held = [one for one in bricks_on(volumes, self.node, found.uuid) if one[1] not in self.given_up]
        if held:
            raise PreconditionFailed(has_bricks(self.node, held, volumes))
        others = [peer for peer in peers if peer is not found]
        _must_be_connected(others, f"{self.node} cannot leave the pool")
        return (gluster(self.coordinator, "peer", "detach", self.node),)


def _must_be_connected(peers: Sequence[Peer], what: str) -> None:
    """Raise PreconditionFailed where one of *peers* is not connected: Gluster deletes and detaches nothing then."""
    away = [peer.hostname for peer in peers if not peer.connected]
    if away:
        raise PreconditionFailed(
            f"{what}: Gluster refuses that while a peer is disconnected, and {some(away, 3)} is: start that host, "
            f"or its glusterd (systemctl restart glusterd); if it is gone for good: gnt-gluster remove-node {away[0]}"
        )


def bricks_on(
    volumes: Sequence[VolumeInfo], node: str, uuid: Optional[str]
) -> Tuple[Tuple[str, BrickAddress], ...]:
    """The bricks that are on *node*, with the names of their volumes; *uuid* is that of its glusterd."""
    return tuple(
        (volume.name, BrickAddress(brick.host, brick.path))
        for volume in volumes
        for brick in volume.bricks
        if brick.host == node or (uuid is not None and brick.uuid == uuid)
    )


def keeps_copies(volume: VolumeInfo) -> bool:
    """Whether what is on a brick of *volume* is, or can be made of, what is on others."""
    return volume.replica_count > 1 or volume.disperse_count > 0


def has_bricks(node: str, held: Sequence[Tuple[str, BrickAddress]], volumes: Sequence[VolumeInfo]) -> str:
    """Why a node cannot leave, and the command that helps: replace-brick needs a copy of what is on the brick."""
    copies = {volume.name for volume in volumes if keeps_copies(volume)}
    volume, brick = next((one for one in held if one[0] in copies), held[0])
    named = one_line(some([f"{one.path} of {name}" for name, one in held], 3))
    if volume in copies:
        return (
            f"{node} holds bricks: {named}; move them to another node first: "
            f"gnt-gluster replace-brick {volume} {brick.label} NODE --device DEVICE; where there is none, a replica "
            f"volume can keep one copy less: gnt-gluster remove-node {node} --reduce-replica"
        )
    return (
        f"{node} holds bricks: {named}, and {brick.path} has no other copy; while {node} runs: gluster volume "
        f"remove-brick {volume} {brick.label} start moves it to the other bricks; if it is gone for good: "
        f"gnt-gluster remove-node {node} --discard-data"
    )


@dataclass(frozen=True)
class CreateVolume(Step):
    """A volume of just these bricks, in this order."""

    volume: str
    layout: Layout
    bricks: Tuple[BrickAddress, ...]

    @property
    def description(self) -> str:
        return f"volume {self.volume}, {self.layout.title} on {len(self.bricks)} bricks"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, VOLUME_INFO),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.volume(answers[0], self.volume)
        if volume is None:
            where = (brick.label for brick in self.bricks)
            return (gluster(self.node, "volume", "create", self.volume, *self.layout.words, *where),)
        if {(b.host, b.path) for b in volume.bricks} >= {(b.node, b.path) for b in self.bricks}:
            return DONE
        held = some([f"{brick.host}:{brick.path}" for brick in volume.bricks], 3)
        raise PreconditionFailed(
            f"there is a volume {self.volume} already, on {one_line(held)}; choose another name with --volume, "
            f"or add to it: gnt-gluster expand-volume {self.volume}"
        )


@dataclass(frozen=True)
class SetForGuests(Step):
    """Options that are good for disks of virtual machines: Gluster's own group virt, a few of them changed."""

    volume: str
    #: options that differ from the group, or that it does not have: option → value
    options: Tuple[Tuple[str, str], ...] = ()
    #: whether its sets are copies; Gluster refuses the group for others, because of single options in it
    copies: bool = True

    @property
    def description(self) -> str:
        parsed = "".join(f", {name} {value}" for name, value in self.options)
        return f"{self.volume} with the options of group virt{parsed}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, VOLUME_INFO), NodeQuery(self.node, ("cat", VIRT_GROUP)))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        group = group_options(answers[1])
        volume = gluster_cli.volume(answers[0], self.volume)
        if volume is not None and volume.state != "created":
            # It has been in use: its options are the administrator's, and to change sharding would lose disks.
            return DONE
        options = {} if volume is None else volume.options
        own = dict(self.options)
        if not self.copies:
            wanted = {name: value for name, value in {**group, **own}.items() if name not in COPIES_ONLY}
            words = [word for pair in wanted.items() for word in pair]
            if all(options.get(name) == value for name, value in wanted.items()):
                return DONE
            return (gluster(self.node, "volume", "set", self.volume, *words),)
        remaining = []
        if any(options.get(name) != value for name, value in group.items() if name not in own):
            remaining.append(gluster(self.node, "volume", "set", self.volume, "group", "virt"))
            options = {**options, **group}
        different = [
            word for name, value in self.options if options.get(name) != value for word in (name, value)
        ]
        if different:
            remaining.append(gluster(self.node, "volume", "set", self.volume, *different))
        return tuple(remaining) or DONE


def group_options(reply: CommandResult) -> Dict[str, str]:
    """The options of a group from its file, a line each.  Raises PreconditionFailed where there is no such file."""
    if reply.status:
        raise PreconditionFailed(
            f"{VIRT_GROUP} cannot be read ({reply.reason}): is glusterfs-server installed whole?"
        )
    lines = (line.partition("=") for line in reply.stdout.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, found, value in lines if found}


@dataclass(frozen=True)
class StartVolume(Step):
    """A volume with all its bricks, and where it has copies its self-heal daemons, online."""

    volume: str
    #: those that have to be, where it is not all of them
    bricks: Tuple[BrickAddress, ...] = ()

    @property
    def description(self) -> str:
        which = "its new bricks" if self.bricks else "all its bricks"
        return f"{self.volume} started, with {which} online"

    @property
    def effect_timeout(self) -> float:
        return 90.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return status_queries(self.node, self.volume)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.volume(answers[0], self.volume)
        if volume is None or volume.state != "started":
            return (gluster(self.node, "volume", "start", self.volume),)
        missing = self._missing(volume, answers[1])
        if missing is None:
            return WAIT
        return (gluster(self.node, "volume", "start", self.volume, "force"),) if missing else DONE

    def progress(self, answers: Sequence[CommandResult]) -> str:
        volume = gluster_cli.volume(answers[0], self.volume)
        missing = self._missing(volume, answers[1]) if volume is not None else None
        return f"not online yet: {some(missing, 4)}" if missing else ""

    def _missing(self, volume: VolumeInfo, status: CommandResult) -> Optional[Tuple[str, ...]]:
        missing = offline(volume, status)
        if missing is None or not self.bricks:
            return missing
        return tuple(brick.label for brick in self.bricks if brick.label in missing)


@dataclass(frozen=True)
class AddBricks(Step):
    """More sets of bricks for a volume."""

    volume: str
    bricks: Tuple[BrickAddress, ...]

    @property
    def description(self) -> str:
        return f"{len(self.bricks)} more bricks in {self.volume}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, VOLUME_INFO),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.existing_volume(answers[0], self.volume)
        present = {(brick.host, brick.path) for brick in volume.bricks}
        new = [brick.label for brick in self.bricks if (brick.node, brick.path) not in present]
        return (gluster(self.node, "volume", "add-brick", self.volume, *new),) if new else DONE


@dataclass(frozen=True)
class ReplaceBrick(Step):
    """One brick in the place of another."""

    volume: str
    old: BrickAddress
    new: BrickAddress

    @property
    def description(self) -> str:
        return f"{self.new.label} in {self.volume} instead of {self.old.label}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, VOLUME_INFO),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.volume(answers[0], self.volume)
        present = [] if volume is None else [BrickAddress(brick.host, brick.path) for brick in volume.bricks]
        if self.new in present:
            return DONE
        if self.old not in present:
            raise PreconditionFailed(f"{self.old.label} is no brick of {self.volume}")
        words = ("replace-brick", self.volume, self.old.label, self.new.label, "commit", "force")
        return (gluster(self.node, "volume", *words),)


@dataclass(frozen=True)
class DeleteVolume(Step):
    """A volume that is no more; what is on its bricks stays there."""

    volume: str

    @property
    def description(self) -> str:
        return f"no volume {self.volume} any more (its bricks keep their files)"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            *status_queries(self.node, self.volume),
            NodeQuery(self.node, POOL_LIST),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.volume(answers[0], self.volume)
        if volume is None:
            return DONE
        _must_be_connected(
            gluster_cli.peers(answers[2]), f"{self.volume} cannot be deleted, and was not stopped"
        )
        status = gluster_cli.status(answers[1], self.volume)
        running = [task.type for task in status.tasks if "in progress" in task.status] if status else []
        if "remove-brick" in running:
            raise PreconditionFailed(
                f"bricks of {self.volume} are being removed: first gluster volume remove-brick {self.volume} "
                f"BRICK... stop, with those that gluster volume status {self.volume} lists"
            )
        commands = []
        if "rebalance" in running:
            commands.append(gluster(self.node, "volume", "rebalance", self.volume, "stop"))
        if volume.state == "started":
            commands.append(gluster(self.node, "volume", "stop", self.volume))
        return (*commands, gluster(self.node, "volume", "delete", self.volume))
