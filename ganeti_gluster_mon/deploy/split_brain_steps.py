"""Steps that end a split-brain: a copy is kept aside, Gluster heals from another one, and all are compared."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.split_brain import (
    BrickAnswer,
    CopyBrick,
    FileCopy,
    copies_query,
    must_be_complete,
    read_seconds,
    split_brain_listing,
    split_brain_query,
)
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line, short_size

#: bytes a second that a copy is written with at least, and seconds that are added
_WRITE_RATE, _WRITE_SECONDS = 10e6, 60.0
#: seconds for the pair of queries that a step has after a heal
_INSTANCE_TIMEOUT = 60.0

#: Ganeti's words for an instance that has no process
_STOPPED = frozenset(("ADMIN_down", "ADMIN_offline", "USER_down", "ERROR_down"))


def instance_query(master: str, instance: str) -> NodeQuery:
    """The query whose answer `must_be_stopped` takes."""
    return NodeQuery(
        master, ("gnt-instance", "list", "--no-headers", "-o", "status", instance), _INSTANCE_TIMEOUT
    )


def must_be_stopped(reply: CommandResult, instance: str) -> None:
    """Raise PreconditionFailed where *instance* runs, or where that is not known."""
    status = reply.stdout.strip()
    name = one_line(instance, 100)
    if reply.status or not status:
        raise PreconditionFailed(f"it is not known whether {name} runs: gnt-instance list: {reply.reason}")
    if status not in _STOPPED:
        raise PreconditionFailed(
            f"{name} is not stopped ({one_line(status, 40)}), and it has the disk open: gnt-instance shutdown {name}"
        )


def must_be_unused(copies: Sequence[FileCopy], file: str) -> None:
    """Raise PreconditionFailed where a process has one of *copies* open."""
    opened = [copy for copy in copies if copy.opened]
    if opened:
        raise PreconditionFailed(
            f"{file} is open on {opened[0].brick.address.label}: stop the guest or the program that has it open "
            f"(gluster volume status VOLUME clients lists the clients), then run this command again"
        )


@dataclass(frozen=True)
class KeepCopy(Step):
    """A copy of a file in split-brain that is kept aside, and has the same content."""

    brick: CopyBrick
    volume: str
    #: path in the volume
    path: str
    size: int
    allocated: int
    #: ns since the epoch
    modified: int
    destination: str

    @property
    def description(self) -> str:
        return (
            f"the copy of {one_line(self.path, 200)} on {self.brick.address.label} kept in {self.destination}"
        )

    @property
    def effect_timeout(self) -> float:
        return 2 * read_seconds(self.size)

    def queries(self) -> Tuple[NodeQuery, ...]:
        seconds = 2 * read_seconds(self.size)
        return (copies_query(self.brick, self.volume, [f"/{self.path}"], seconds, aside=[self.destination]),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        answer = BrickAnswer.read(self.brick, answers[0])
        _, copy = answer.copies[f"/{self.path}"]
        aside = answer.aside[self.destination]
        must_be_unchanged(copy, self.path, self.size, self.modified)
        if copy.blocks is None:
            raise PreconditionFailed(
                f"{self.brick.address.label}: {one_line(self.path, 200)} cannot be read to its end, so it cannot be "
                f"kept: look at the brick's disk (dmesg)"
            )
        if aside == copy.blocks:
            return DONE
        if aside is not None:
            raise PreconditionFailed(
                f"{self.brick.node}: {self.destination} has other content: move it away, then run this command again"
            )
        must_be_unused([copy], one_line(self.path, 200))
        fits = dict(copy.places).get(keep_root(copy, self.destination), 0)
        if fits < self.allocated:
            raise PreconditionFailed(no_space(self.brick.node, self.path, self.allocated, copy.places))
        temporary = f"{self.destination}.partial"
        source = os.path.join(self.brick.address.path, self.path)
        options = ("--reflink=auto", "--sparse=auto", "--preserve=timestamps", "--no-dereference")
        seconds = _WRITE_SECONDS + self.size / _WRITE_RATE
        return (
            Command(self.brick.node, ("mkdir", "--parents", "--mode=0700", os.path.dirname(temporary))),
            Command(self.brick.node, ("cp", *options, "--", source, temporary), timeout=seconds),
            Command(self.brick.node, ("chmod", "0600", temporary)),
            Command(self.brick.node, ("sync", temporary), timeout=seconds),
            Command(self.brick.node, ("mv", "--no-target-directory", temporary, self.destination)),
            Command(self.brick.node, ("sync", os.path.dirname(self.destination))),
        )


def keep_root(copy: FileCopy, destination: str) -> str:
    """The one of the places of *copy* that *destination* is below."""
    return next((place for place, _ in copy.places if destination.startswith(f"{place}/")), "")


def no_space(node: str, path: str, size: int, places: Sequence[Tuple[str, int]]) -> str:
    """Why a copy cannot be kept aside."""
    named = ", ".join(f"{short_size(free)} in {place}" for place, free in places)
    return (
        f"{node}: there is no space to keep the copy of {one_line(path, 200)} ({short_size(size)}) aside: {named}: "
        f"make room there"
    )


def must_be_unchanged(copy: FileCopy, path: str, size: int, modified: int) -> None:
    """Raise PreconditionFailed where a copy is not the one that was looked at."""
    if copy.kind != "file" or (copy.size, copy.modified) != (size, modified):
        raise PreconditionFailed(
            f"{copy.brick.address.label}: {one_line(path, 200)} has changed since it was looked at: run this command "
            f"again"
        )


@dataclass(frozen=True)
class DiscardCopy(Step):
    """A file that is in split-brain no more: Gluster has healed it from one of its copies."""

    volume: str
    path: str
    #: as they were when the choice was made
    copies: Tuple[FileCopy, ...]
    source: BrickAddress
    master: str
    #: whose disk it is; None: of no instance
    instance: Optional[str] = None

    @property
    def description(self) -> str:
        return f"{one_line(self.path, 200)} of {self.volume} healed from {self.source.label}"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            split_brain_query(self.node, self.volume),
            *(copies_query(copy.brick, self.volume, [f"/{self.path}"], 0.0) for copy in self.copies),
            *(() if self.instance is None else (instance_query(self.master, self.instance),)),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        listed = split_brain_listing(answers[0], self.volume)
        must_be_complete(listed, [copy.brick.address for copy in self.copies], self.volume)
        names = {f"/{self.path}", *(f"<gfid:{copy.gfid}>" for copy in self.copies)}
        now = [
            BrickAnswer.read(known.brick, answer).copies[f"/{self.path}"][1]
            for known, answer in zip(self.copies, answers[1:])
        ]
        # a file that is gone from a brick was given up there, and is healed
        gfids = {copy.gfid for copy in now if copy.kind is not None}
        if len(gfids) == 1 and not any(names & set(one.entries) for one in listed):
            return DONE
        if self.instance is not None:
            must_be_stopped(answers[-1], self.instance)
        for known, copy in zip(self.copies, now):
            must_be_unchanged(copy, self.path, known.size, known.modified)
        must_be_unused(now, one_line(self.path, 200))
        size = max(copy.size for copy in self.copies)
        command = gluster(
            self.node,
            *("volume", "heal", self.volume, "split-brain", "source-brick", self.source.label),
            f"/{self.path}",
        )
        return (Command(command.node, command.argv, timeout=command.timeout + size / _WRITE_RATE),)


@dataclass(frozen=True)
class SameCopies(Step):
    """A file that is not in split-brain, and whose copies have the same content on each brick."""

    volume: str
    path: str
    bricks: Tuple[CopyBrick, ...]
    size: int

    @property
    def description(self) -> str:
        return f"{one_line(self.path, 200)} of {self.volume} verified: {len(self.bricks)} copies are the same"

    @property
    def effect_timeout(self) -> float:
        return 60.0 + read_seconds(self.size)

    def queries(self) -> Tuple[NodeQuery, ...]:
        seconds = read_seconds(self.size)
        return (
            split_brain_query(self.node, self.volume),
            *(copies_query(brick, self.volume, [f"/{self.path}"], seconds) for brick in self.bricks),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        return DONE if not self.progress(answers) else WAIT

    def kick(self) -> Tuple[Command, ...]:
        """A round of healing now."""
        return (gluster(self.node, "volume", "heal", self.volume),)

    def progress(self, answers: Sequence[CommandResult]) -> str:
        listed = split_brain_listing(answers[0], self.volume)
        must_be_complete(listed, [brick.address for brick in self.bricks], self.volume)
        copies = [
            BrickAnswer.read(brick, answer).copies[f"/{self.path}"][1]
            for brick, answer in zip(self.bricks, answers[1:])
        ]
        names = {f"/{self.path}", *(f"<gfid:{copy.gfid}>" for copy in copies)}
        if any(names & set(one.entries) for one in listed):
            return "it is still in split-brain"
        unread = [copy.brick.address.label for copy in copies if copy.blocks is None]
        if unread:
            return f"not verified: the copy on {unread[0]} cannot be read to its end"
        if len({(copy.gfid, copy.size, copy.blocks) for copy in copies}) > 1:
            return "not verified: the copies differ"
        return ""
