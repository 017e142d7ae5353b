"""Split-brain in the task repair: it names each file with its copies, and plans how a chosen copy is given up."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.command_arguments import UsageError
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.ganeti_steps import CONFIGURATION, configuration
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.split_brain import (
    BrickAnswer,
    CopyBrick,
    CopyChoice,
    FileCopy,
    SplitFile,
    contradicting_names,
    copies_query,
    described,
    must_be_complete,
    read_seconds,
    shard_of,
    split_brain_listing,
    split_brain_query,
)
from ganeti_gluster_mon.deploy.split_brain_steps import (
    DiscardCopy,
    KeepCopy,
    SameCopies,
    instance_query,
    must_be_stopped,
    must_be_unused,
    no_space,
)
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.ganeti.configuration import FOLDER
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.text import one_line, some

#: files whose copies are compared, and files that are named; the rest is counted
_MOST, _MOST_NAMED = 100, 10
#: bytes that a shard has where a volume was made by this package
_LARGEST_SHARD = 64 << 20
#: seconds for which a brick is read where nothing was chosen yet
_REPORT_SECONDS = 20.0

_Sets = Mapping[Tuple[CopyBrick, ...], Tuple[str, ...]]


class SplitBrainRepair:
    """The files of a volume that are in split-brain."""

    def __init__(self, context: Context, coordinator: str, volume: VolumeInfo) -> None:
        self._context, self._coordinator, self._volume = context, coordinator, volume
        self._disks: Tuple[DiskFile, ...] = ()
        #: by set of bricks: the entries in split-brain, as its bricks name them
        self._split: Dict[Tuple[CopyBrick, ...], Set[str]] = {}
        #: bytes that the plan keeps aside, by node and directory
        self._taken: Dict[Tuple[str, str], int] = {}

    def notes(self) -> List[str]:
        """Which files are in split-brain, with their copies, for people; nothing is changed."""
        try:
            sets = self._entries(())
            if not any(sets.values()):
                return []
            self._read_disks()
            files = self._files({bricks: entries[:_MOST_NAMED] for bricks, entries in sets.items()}, False)
        except PreconditionFailed as err:
            return [str(err)]
        lines = [line for file in files for line in described(file)]
        more = sum(len(entries) - _MOST_NAMED for entries in sets.values() if len(entries) > _MOST_NAMED)
        return [*lines, *([f"{self._volume.name}: {more} more files are in split-brain"] if more else [])]

    def plan(self, choices: Sequence[CopyChoice]) -> Tuple[List[Step], List[str], List[str]]:
        """The steps that give up the copies in *choices*, notes, and where copies are kept.

        Raises PreconditionFailed and UsageError.
        """
        sets = self._entries(choices)
        self._read_disks()
        files = self._files(sets, True)
        steps: List[Step] = []
        notes: List[str] = []
        kept: List[str] = []
        used: Set[CopyChoice] = set()
        for file in files:
            mine = [one for one in choices if file.chosen_by(one)]
            if not mine or all(copy.kind is None for copy in file.copies):
                continue  # a file is on one set alone
            nodes = {one.node for one in mine}
            losers = [copy for copy in file.copies if copy.brick.node in nodes]
            used |= {one for one in mine if any(copy.brick.node == one.node for copy in losers)}
            kept += [f"{copy.brick.node}:{path}" for copy in losers for path in copy.kept]
            if not self._is_split(file):
                # a run before this one was interrupted: its copies are there, and are compared
                if losers and any(copy.kept for copy in losers):
                    steps.append(self._same(file))
                continue
            if not losers:
                notes.append(f"{file.volume}: {file.name} has no copy on {some(sorted(nodes), 3)}")
                continue
            found, places = self._give_up(file, losers)
            steps += found
            kept += places
            notes += described(file)[:-1]
            given = some([copy.brick.address.label for copy in losers], 3)
            notes.append(f"  given up: the copy on {given}; what only it has is lost for the guest")
        planned = {step.path for step in steps if isinstance(step, SameCopies)}
        steps += [
            step for file in files for step in self._kept_shards(file, choices) if step.path not in planned
        ]
        for choice in choices:
            if choice not in used:
                raise PreconditionFailed(
                    f"{choice}: no file of that name is in split-brain with a copy on that node: "
                    f"gnt-gluster repair {choice.volume} names the files"
                )
            if not (steps or kept):
                raise PreconditionFailed(f"{choice}: it is not in split-brain")
        return steps, notes, list(dict.fromkeys(kept))

    def _is_split(self, file: SplitFile) -> bool:
        """Whether one of the bricks lists *file*; each may list it by its path or by its GFID."""
        names = {f"/{file.path}", *(f"<gfid:{copy.gfid}>" for copy in file.copies if copy.gfid)}
        if len({copy.gfid for copy in file.copies if copy.kind == "file"}) > 1:
            return True
        return bool(names & self._split[tuple(copy.brick for copy in file.copies)])

    def _give_up(self, file: SplitFile, losers: Sequence[FileCopy]) -> Tuple[List[Step], List[str]]:
        """The steps that heal *file* from the copies that are not *losers*, and where those are kept."""
        name = f"{file.volume}: {file.name}"
        others = [copy for copy in file.data_copies if copy not in losers]
        if not others:
            raise PreconditionFailed(
                f"{name}: no copy with data would be left: name fewer with --discard-copy"
            )
        missing = [copy.brick.address.label for copy in file.copies if copy.kind is None]
        if missing:
            raise PreconditionFailed(f"{name}: {some(missing, 3)} has no copy: heal it by gluster first")
        if any(copy.kind != "file" or copy.gfid is None for copy in file.copies):
            raise PreconditionFailed(
                f"{name}: not all of its copies are files: this command does not repair that"
            )
        if len({(copy.gfid, copy.size, copy.blocks) for copy in others}) > 1 or (
            len(others) > 1 and others[0].blocks is None
        ):
            kept = some([copy.brick.address.label for copy in others], 4)
            raise PreconditionFailed(
                f"{name}: the copies that would be left differ or cannot be compared ({kept}): give up all but "
                f"one with --discard-copy"
            )
        must_be_unused(file.copies, name)
        instance = None if file.disk is None else file.disk.instance
        if instance is not None:
            queried = instance_query(self._context.cluster.master, instance)
            must_be_stopped(query_nodes(self._context.host, (queried,))[queried], instance)
        steps: List[Step] = []
        places: List[str] = []
        for copy in losers:
            if copy.brick.arbiter:
                continue
            destination = self._destination(copy, file)
            places.append(f"{copy.brick.node}:{destination}")
            steps.append(
                KeepCopy(
                    copy.brick.node,
                    copy.brick,
                    file.volume,
                    file.path,
                    copy.size,
                    copy.allocated,
                    copy.modified,
                    destination,
                )
            )
        plain = tuple(_without_content(copy) for copy in file.copies)
        source = others[0].brick.address
        master = self._context.cluster.master
        steps.append(DiscardCopy(self._coordinator, file.volume, file.path, plain, source, master, instance))
        return [*steps, self._same(file)], places

    def _destination(self, copy: FileCopy, file: SplitFile) -> str:
        """Where a copy is kept: the first place with enough space for all.  Raises PreconditionFailed."""
        for place, available in copy.places:
            taken = self._taken.get((copy.brick.node, place), 0) + copy.allocated
            if available >= taken:
                self._taken[copy.brick.node, place] = taken
                return os.path.join(place, file.volume, f"{file.path}.{copy.modified}")
        raise PreconditionFailed(no_space(copy.brick.node, file.path, copy.allocated, copy.places))

    def _same(self, file: SplitFile) -> SameCopies:
        bricks = tuple(copy.brick for copy in file.data_copies)
        size = max((copy.size for copy in file.data_copies), default=0)
        return SameCopies(self._coordinator, file.volume, file.path, bricks, size)

    def _kept_shards(self, file: SplitFile, choices: Sequence[CopyChoice]) -> Iterator[SameCopies]:
        """The comparison of each shard of *file* whose copy was kept by a run that was interrupted."""
        for copy in file.copies:
            # what is kept on the brick's own filesystem is of its set
            place = f"{copy.places[0][0]}/{file.volume}/" if len(copy.places) > 1 else "/"
            chosen = any(file.chosen_by(one) and one.node == copy.brick.node for one in choices)
            for path in copy.kept if chosen else ():
                shard = path[len(place) :].rpartition(".")[0]
                if path.startswith(place) and shard_of(shard) is not None:
                    bricks = tuple(one.brick for one in file.data_copies)
                    yield SameCopies(self._coordinator, file.volume, shard, bricks, _LARGEST_SHARD)

    # --- queries -------------------------------------------------------------------------------------------

    def _entries(self, choices: Sequence[CopyChoice]) -> Dict[Tuple[CopyBrick, ...], Tuple[str, ...]]:
        """By set of bricks: the entries in split-brain, and the files in *choices*."""
        bricks = self._bricks()
        query = split_brain_query(self._coordinator, self._volume.name)
        listed = split_brain_listing(query_nodes(self._context.host, (query,))[query], self._volume.name)
        must_be_complete(listed, bricks, self._volume.name)
        by_brick = {BrickAddress(one.host, one.path): one.entries for one in listed}
        found: Dict[Tuple[CopyBrick, ...], Tuple[str, ...]] = {}
        for address in bricks:
            members = tuple(bricks[one] for one in plan.set_of(self._volume, address))
            entries = [entry for one in members for entry in by_brick.get(one.address, ())]
            self._split[members] = set(entries)
            named = [f"/{one.path}" for one in choices]
            found[members] = tuple(dict.fromkeys([*entries[:_MOST], *named]))
        return found

    def _bricks(self) -> Dict[BrickAddress, CopyBrick]:
        found = {}
        for one in self._volume.bricks:
            address, node = BrickAddress(one.host, one.path), self._context.cluster.node_of_host(one.host)
            if node is None or node.offline:
                raise PreconditionFailed(
                    f"{self._volume.name}: the files of {address.label} cannot be read: "
                    f"{one.host} is {'no node of the cluster' if node is None else 'offline'}"
                )
            found[address] = CopyBrick(address, node.name, one.arbiter)
        return found

    def _read_disks(self) -> None:
        master = NodeQuery(self._context.cluster.master, CONFIGURATION)
        disks = configuration(query_nodes(self._context.host, (master,))[master]).disks
        self._disks = tuple(disk for disk in disks if disk.volume == self._volume.name)

    def _files(self, sets: _Sets, whole: bool) -> List[SplitFile]:
        """The files that the entries of each set are; their content is read to the end where it is to be *whole*."""
        folders = sorted({FOLDER, *(os.path.dirname(disk.path) for disk in self._disks)} - {""})
        answers = self._query(sets, folders, _REPORT_SECONDS)
        if whole:
            sizes = [
                sum(copy.size for _, copy in answer.copies.values() if copy.blocks is None)
                for answer in answers.values()
            ]
            if any(sizes):
                answers = self._query(sets, folders, read_seconds(max(sizes)))
        sets, answers = self._with_contradicting_names(sets, answers, folders, whole)
        gfids = self._disks_of_shards(answers, folders)
        by_path = {disk.path: disk for disk in self._disks}
        files = []
        for bricks, entries in sets.items():
            known: Set[str] = set()
            # what one brick lists by its path, others may list by its GFID
            for entry in sorted(entries, key=lambda entry: not entry.startswith("/")):
                found = [answers[brick].copies[entry] for brick in bricks]
                path = next((path for path, _ in found if path is not None), entry)
                names = {path, entry, *(f"<gfid:{copy.gfid}>" for _, copy in found if copy.gfid)}
                if names & known:
                    continue
                known |= names
                disk = by_path.get(path) or by_path.get(gfids.get(shard_of(path) or "", ""))
                files.append(SplitFile(self._volume.name, path, tuple(copy for _, copy in found), disk))
        return files

    def _with_contradicting_names(
        self, sets: _Sets, answers: Dict[CopyBrick, BrickAnswer], folders: Sequence[str], whole: bool
    ) -> Tuple[_Sets, Dict[CopyBrick, BrickAnswer]]:
        """*sets* and *answers* with the files that have several GFIDs: Gluster lists the directory they are in."""
        found: Dict[Tuple[CopyBrick, ...], Tuple[str, ...]] = {}
        for bricks, entries in sets.items():
            names: List[str] = []
            for entry in entries:
                copies = [answers[brick].copies[entry] for brick in bricks]
                path = next((path for path, _ in copies if path is not None), "")
                names += [
                    f"/{os.path.join(path, name)}"
                    for name in contradicting_names([copy for _, copy in copies])
                ]
            found[bricks] = tuple(name for name in dict.fromkeys(names) if name not in entries)[:_MOST]
        largest = max(map(len, found.values()), default=0)
        seconds = read_seconds(largest * _LARGEST_SHARD) if whole else _REPORT_SECONDS
        more = self._query(found, folders, seconds)
        sets = {bricks: (*entries, *found[bricks]) for bricks, entries in sets.items()}
        return sets, {
            brick: answer if brick not in more else answer.merged(more[brick])
            for brick, answer in answers.items()
        }

    def _query(self, sets: _Sets, folders: Sequence[str], seconds: float) -> Dict[CopyBrick, BrickAnswer]:
        queries = {
            brick: copies_query(brick, self._volume.name, entries, seconds, folders)
            for bricks, entries in sets.items()
            for brick in bricks
            if entries
        }
        answers = query_nodes(self._context.host, queries.values())
        return {brick: BrickAnswer.read(brick, answers[query]) for brick, query in queries.items()}

    def _disks_of_shards(
        self, answers: Mapping[CopyBrick, BrickAnswer], folders: Sequence[str]
    ) -> Dict[str, str]:
        """GFID → path of the files that shards in split-brain belong to; they may be on another set."""
        found = {gfid: path for answer in answers.values() for gfid, path in answer.disks.items()}
        shards = {shard_of(path or "") for answer in answers.values() for path, _ in answer.copies.values()}
        lacking = sorted(gfid for gfid in shards if gfid is not None and gfid not in found)
        others = [brick for brick in self._bricks().values() if brick not in answers]
        if lacking and others:
            queries = {
                brick: copies_query(brick, self._volume.name, [], 0.0, folders, lacking) for brick in others
            }
            replies = query_nodes(self._context.host, queries.values())
            for brick, query in queries.items():
                found.update(BrickAnswer.read(brick, replies[query]).disks)
        return found


def _without_content(copy: FileCopy) -> FileCopy:
    """For a step: what identifies the copy."""
    return FileCopy(copy.brick, copy.kind, copy.gfid, copy.size, copy.allocated, copy.modified)


def choices_by_name(
    context: Context, volume: Optional[str], named: Sequence[CopyChoice]
) -> Tuple[CopyChoice, ...]:
    """The choices with Ganeti's names of their nodes.  Raises UsageError."""
    found = []
    for one in named:
        node = context.cluster.node_of_host(one.node)
        if node is None:
            known = some([each.name for each in context.cluster.nodes], 9)
            raise UsageError(f"{one.node!r} is no node of {context.cluster.name}: these are {known}")
        if one.volume != volume:
            raise UsageError(
                f"--discard-copy {one_line(str(one))} is of volume {one.volume}: gnt-gluster repair {one.volume}"
            )
        found.append(CopyChoice(node.name, one.volume, one.path))
    return tuple(dict.fromkeys(found))
