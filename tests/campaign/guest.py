"""The guest of the campaign: its program, the blocks it writes and the log it keeps.  guest.S has the source.

A block is 4 KiB.  Each of its sectors begins with three little-endian 32-bit words: the generation of the disk, the
number of the block, and a word that follows from both and from the place of the sector.  Block NUMBER is in slot
NUMBER % SLOTS.  An OS script writes an image before the first block: the boot sector, and one line that repeats and
names the generation.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import List, Optional, Set

SLOTS = 32
#: bytes
BLOCK, SECTOR, MIB = 4096, 512, 1 << 20
#: bytes: where slot 0 is, and how far the slots are from each other
FIRST, STRIDE = MIB, MIB // 2
#: bytes: the image that the OS script writes; it ends where the last slot does
IMAGE = FIRST + SLOTS * STRIDE

#: guest.S, assembled, up to its parameters
_CODE = bytes.fromhex(
    "31c08ed88ec08ed0bc007cfcfbbf4006b81000abb80800abb80010ab31c0b90500f3ab66a3600666a36406be0006c7041e00"
    "b448b280cd13b442668b166406e8c200be001066a1f87d6639047549668b5c046689d96683e11f663b0e6406752de8d700b9"
    "0800663904752266395c04751c663954087516664281c60002e2e7663b1e6006761166891e6006eb0a668b1e6406b049e8b3"
    "0066ff06640666833e6406207294668b1e6006b042e8a400668b1e1006e8aa00e89400bf00106631c0b9000466f3ab668b1e"
    "60066643e86b00bf0010b9080066a1f87d66ab6689d866ab6689d066ab664281c7f401e2e8b800436689dae80e00b041e84f"
    "008b0ef47df4e2fdebc66683e21f66c1e20a6681c2000800006689164806c70642060800b280be40066660cd13730e660fb6"
    "dcb045e81800f46661ebe16661c3668b16f87d6631da6669d20d661900c3e80500b00ae6e9c3e6e96653668b1ef87de80200"
    "665b51b020e6e9b9080066c1c30488d8240f3c0a720204270430e6e9e2ec59c3"
)
_TICKS, _GENERATION = 0x1F4, 0x1F8

_LINE = re.compile(r"([BIAE]) ([0-9a-f]{8}) ([0-9a-f]{8})(?: ([0-9a-f]{8}))?\n")
#: the beginning of a line in which the guest was killed, before the line of its next boot
_CUT = re.compile(r"[BIAE][ 0-9a-f]*(?=B )")


def program(generation: int = 0, ticks: int = 1) -> bytes:
    """The boot sector.  The guest waits *ticks* of the timer, 18.2 a second, between blocks."""
    sector = bytearray(_CODE.ljust(SECTOR - 2, b"\0") + b"\x55\xaa")
    struct.pack_into("<H", sector, _TICKS, ticks)
    struct.pack_into("<I", sector, _GENERATION, generation)
    return bytes(sector)


def block(generation: int, number: int) -> bytes:
    """What the guest writes as block *number*, from 1 on."""
    third = (generation ^ number) * 1664525
    return b"".join(
        struct.pack("<III", generation, number, third + sector & 0xFFFFFFFF).ljust(SECTOR, b"\0")
        for sector in range(BLOCK // SECTOR)
    )


def line(generation: int) -> str:
    """The line, of 16 bytes, that fills the image of an OS script."""
    return f"image {generation:09x}\n"


def offset(slot: int) -> int:
    """Where a slot is on the disk, in bytes."""
    return FIRST + slot * STRIDE


def image(generation: int, acknowledged: int, size: int, ticks: int) -> bytearray:
    """The disk, of *size* bytes, of a guest that has written all blocks up to *acknowledged* and no other."""
    disk = bytearray(size)
    disk[:IMAGE] = line(generation).encode() * (IMAGE // 16)
    disk[:SECTOR] = program(generation, ticks)
    for number in range(max(1, acknowledged - SLOTS + 1), acknowledged + 1):
        start = offset(number % SLOTS)
        disk[start : start + BLOCK] = block(generation, number)
    return disk


def faults(disk: bytes, generation: int, acknowledged: int, size: int, ticks: int) -> List[str]:
    """What is wrong with a disk, byte by byte; nothing if each acknowledged block is there.

    The block after the last acknowledged one may be there as a whole, or in some of its sectors: a write that was
    under way when the guest was killed.
    """
    if len(disk) != size:
        return [f"the disk has {len(disk)} bytes, not {size}"]
    expected = image(generation, acknowledged, size, ticks)
    start = offset((acknowledged + 1) % SLOTS)
    after = block(generation, acknowledged + 1)
    for sector in range(0, BLOCK, SECTOR):
        where = slice(start + sector, start + sector + SECTOR)
        if disk[where] == after[sector : sector + SECTOR]:
            expected[where] = disk[where]
    if disk == expected:
        return []
    found = []
    for begin in range(0, size, BLOCK):
        if disk[begin : begin + BLOCK] != expected[begin : begin + BLOCK]:
            found.append(_difference(disk, expected, begin))
            if len(found) == 5:
                found.append("…")
                break
    return found


def _difference(disk: bytes, expected: bytes, begin: int) -> str:
    there, wanted = (_name(content[begin : begin + BLOCK]) for content in (disk, expected))
    return f"at byte {begin} there is {there}, not {wanted}"


def _name(content: bytes) -> str:
    """What a block is, in a few words."""
    if not any(content):
        return "zeros"
    if content.startswith(b"image "):
        return f"the image of generation {content[6:15].decode(errors='replace')}"
    generation, number = struct.unpack_from("<II", content)
    kind = "block" if content == block(generation, number) else "a damaged block"
    return f"{kind} {number} of generation {generation:08x}"


@dataclass
class Log:
    """What a guest has reported of one generation of its disk."""

    generation: int
    #: the numbers that were reported as written
    written: Set[int] = field(default_factory=set)
    #: the highest number that was reported as written, or as found at a boot
    acknowledged: int = 0
    boots: int = 0
    #: errors of the BIOS; the guest has tried again after each
    errors: int = 0
    #: of the disk, at the last boot
    sectors: Optional[int] = None
    #: what must not be, in words
    faults: List[str] = field(default_factory=list)

    def read(self, text: str) -> int:
        """Take more complete lines, in their order; the number of characters of them."""
        position = 0
        while True:
            cut = _CUT.match(text, position)
            if cut is not None:
                position = cut.end()
            match = _LINE.match(text, position)
            if match is None:
                end = text.find("\n", position)
                if end < 0:
                    return position
                self.faults.append(f"the guest reported {text[position:end]!r}")
                position = end + 1
                continue
            position = match.end()
            letter, generation, number, sectors = match.groups()
            if int(generation, 16) != self.generation:
                self.faults.append(
                    f"generation {generation} ran, and not {self.generation:08x}: {match[0]!r}"
                )
            else:
                self._take(letter, int(number, 16), int(sectors, 16) if sectors else None)

    def _take(self, letter: str, number: int, sectors: Optional[int]) -> None:
        if letter == "A":
            if number in self.written:
                self.faults.append(f"block {number} was reported twice")
            self.written.add(number)
            self.acknowledged = max(self.acknowledged, number)
        elif letter == "B":
            if number < self.acknowledged:
                self.faults.append(
                    f"at boot the highest block was {number}; {self.acknowledged} was acknowledged"
                )
            if number > self.acknowledged + 1:
                self.faults.append(
                    f"at boot block {number} was there; {self.acknowledged} was the last one written"
                )
            self.acknowledged = max(self.acknowledged, number)
            self.sectors = sectors
            self.boots += 1
        elif letter == "E":
            self.errors += 1
        elif number != (self.acknowledged + 1) % SLOTS:  # which was being written when the guest was killed
            self.faults.append(
                f"at boot slot {number} had a damaged block; {self.acknowledged} was acknowledged"
            )
