"""Random operations on disks of a volume, some of them killed at a random moment: run on several nodes at once.

``random_operations.py VOLUME NODE SEED COUNT``: each disk has to be there, whole and under one name, until it is
removed, and nothing else may be left at the end.  The same seed gives the same operations.
"""

from __future__ import annotations

import os
import random
import stat
import sys
from typing import Callable, Dict, Optional

from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume

FOLDER = "ganeti"
CALLS = ("mkdir", "open", "ftruncate", "fsync", "link", "unlink", "rename")
#: MiB of a new disk, and by which it grows
STEP = 4
#: calls of `CALLS`, before and after each, within which a process is killed
MOMENTS = 40


class Disks:
    """The disks of one node, and what is done to them."""

    def __init__(self, root: Directory, node: str, seed: int) -> None:
        self._root, self._node, self._random = root, node, random.Random(seed)
        self._count = 0
        #: name → MiB
        self._sizes: Dict[str, int] = {}
        self.killed = 0

    def step(self) -> None:
        """One random operation, then a look at the disks it could have harmed."""
        operations = (self._create, self._create, self._remove, self._rename, self._grow)
        (self._random.choice(operations) if self._sizes else self._create)()
        for name in self._random.sample(sorted(self._sizes), min(2, len(self._sizes))):
            self._check(name)

    def end(self) -> None:
        """Everything is as it should be, and goes."""
        names = {name.rpartition("/")[2] for name in self._sizes}
        found = {name for name in os.listdir(f"{self._root}/{FOLDER}") if f"{self._node}-" in name}
        assert found == names, found ^ names
        for name in self._sizes:
            self._check(name)
            assert self._file(name).Remove() is True

    def _file(self, name: str) -> FileDeviceHelper:
        return FileDeviceHelper(self._root, name)

    def _new(self) -> str:
        self._count += 1
        return f"{FOLDER}/{self._node}-{self._count}"

    def _any(self) -> str:
        return self._random.choice(sorted(self._sizes))

    def _check(self, name: str) -> None:
        status = self._file(name).Status()
        assert status is not None, f"{name} is lost"
        assert (status.st_size, status.st_nlink) == (self._sizes[name] * MEBIBYTE, 1), name

    def _create(self) -> None:
        name = self._new()
        if self._do(lambda: FileDeviceHelper.CreateFile(self._root, name, STEP, create_folders=True)):
            self._sizes[name] = STEP
            return
        disk = self._file(name)
        assert not disk.Exists() or disk.Size() == STEP * MEBIBYTE
        disk.Remove()
        assert not disk.Exists()

    def _remove(self) -> None:
        name = self._any()
        if not self._do(self._file(name).Remove):
            self._file(name).Remove()
        assert not self._file(name).Exists()
        del self._sizes[name]

    def _rename(self) -> None:
        name, new = self._any(), self._new()
        if not self._do(lambda: self._file(name).Move(new)) and self._file(name).Exists():
            status = self._file(new).Status()
            if status is not None:
                assert (status.st_size, stat.S_IMODE(status.st_mode)) == (0, 0), new
                self._file(new).Remove()
            return
        self._sizes[new] = self._sizes.pop(name)

    def _grow(self) -> None:
        name = self._any()
        target = self._sizes[name] + STEP
        if not self._do(lambda: self._file(name).GrowTo(target)):
            self._file(name).GrowTo(target)
        self._sizes[name] = target

    def _do(self, act: Callable[[], object]) -> bool:
        """Whether *act*, done by a process that is killed in every second case, came to its end."""
        moment = self._random.randrange(MOMENTS) if self._random.random() < 0.5 else None
        child = os.fork()
        if not child:
            _act_and_end(act, moment)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 9), status
        self.killed += status == 9
        return status == 0


def _act_and_end(act: Callable[[], object], moment: Optional[int]) -> None:
    left = MOMENTS * 1000 if moment is None else moment

    def fatal(function: Callable[..., object]) -> Callable[..., object]:
        def called(*words: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            result = function(*words, **more)
            left -= 1
            if left < 0:
                os._exit(9)
            return result

        return called

    status = 1
    try:
        for name in CALLS:
            setattr(os, name, fatal(getattr(os, name)))
        act()
        status = 0
    except Exception as err:
        os.write(2, f"{err!r}\n".encode())
    finally:
        os._exit(status)


def main(volume: str, node: str, seed: str, count: str) -> None:
    with GlusterVolume("127.0.0.1", 24007, volume).mounted() as root:
        disks = Disks(root, node, int(seed))
        for _ in range(int(count)):
            disks.step()
        disks.end()
    print(disks.killed)


if __name__ == "__main__":
    main(*sys.argv[1:])
