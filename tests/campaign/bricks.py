"""What the bricks of a volume hold, read on their own filesystems, past Gluster.

A sharded file is the file itself, and /.shard/GFID.N for its N-th piece where that was written to.  The attributes
trusted.glusterfs.shard.block-size and .file-size (its first eight bytes) of the file say the size of a piece and of
the whole, big-endian (xlators/features/shard/src/shard.h).
"""

from __future__ import annotations

import os
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Set

SHARD = "trusted.glusterfs.shard"


@dataclass(frozen=True)
class Brick:
    """A brick, as a directory that this process can read."""

    root: Path

    def files(self) -> Dict[str, int]:
        """The files of the volume: path → size in bytes, with all its pieces."""
        found = {}
        for directory, folders, names in os.walk(self.root):
            if Path(directory) == self.root:
                folders[:] = [name for name in folders if name not in (".glusterfs", ".shard")]
                names = [
                    name for name in names if not name.startswith(".glusterfs-")
                ]  # index of an anonymous inode
            for name in names:
                path = Path(directory, name)
                found[str(path.relative_to(self.root))] = self._size(path)
        return found

    def _size(self, path: Path) -> int:
        if f"{SHARD}.file-size" not in os.listxattr(path, follow_symlinks=False):
            return path.stat().st_size
        return int(struct.unpack_from(">Q", os.getxattr(path, f"{SHARD}.file-size"))[0])

    def read(self, name: str, others: Sequence[Brick] = ()) -> bytes:
        """A file, put together; zeros where nothing was written.

        Its pieces may be on *others*, a brick of each other set.
        """
        path = self.root / name
        content = bytearray(self._size(path))
        piece = path.read_bytes()
        if len(piece) == len(content):
            return piece
        content[: len(piece)] = piece
        if f"{SHARD}.block-size" not in os.listxattr(path):
            return bytes(content)
        (size,) = struct.unpack(">Q", os.getxattr(path, f"{SHARD}.block-size"))
        gfid = _gfid(path)
        for number in range(1, -(-len(content) // size)):
            for brick in (self, *others):
                shard = brick.root / ".shard" / f"{gfid}.{number}"
                if shard.exists():
                    piece = shard.read_bytes()
                    content[number * size : number * size + len(piece)] = piece
        return bytes(content)

    def stray(self) -> List[str]:
        """Pieces of no file, and names in .glusterfs that are the only one of a file."""
        known = {_gfid(self.root / name) for name in self.files()}
        found = []
        shards = self.root / ".shard"
        if shards.is_dir():
            # .remove_me lists files whose pieces are being removed.
            found += [
                f".shard/{entry.name}"
                for entry in shards.iterdir()
                if entry.is_file() and entry.name.partition(".")[0] not in known
            ]
        for path in (self.root / ".glusterfs").glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if not path.is_symlink() and path.is_file() and path.stat().st_nlink < 2:
                found.append(str(path.relative_to(self.root)))
        return found


def _gfid(path: Path) -> str:
    return str(uuid.UUID(bytes=os.getxattr(path, "trusted.gfid")))


def differences(bricks: Dict[int, Brick]) -> List[str]:
    """Files and pieces that are not the same on all bricks, by name."""
    contents: Dict[int, Set[str]] = {node: set(brick.files()) for node, brick in bricks.items()}
    everything = set().union(*contents.values())
    return [
        f"{name} is on the bricks of nodes {sorted(node for node in contents if name in contents[node])} alone"
        for name in sorted(everything)
        if any(name not in names for names in contents.values())
    ]
