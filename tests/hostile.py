"""Large answers that are none, and what reading one costs: `python -m tests.hostile "deep nesting" 100`.

Each must be given up at the first sign of nonsense, in little time and memory.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from pathlib import Path
from typing import Callable, Dict

from ganeti_gluster_mon.gluster import parse

_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<cliOutput><opRet>0</opRet><volStatus><volumes><volume>'


def _fill(pattern: bytes, size: int, head: bytes = _HEAD) -> bytes:
    return head + pattern * (size // len(pattern))


def _names(size: int) -> bytes:
    return _HEAD + b"".join(b"<e%07d/>" % number for number in range(size // 11))


def _attributes(size: int) -> bytes:
    return _HEAD + b"<node " + b"".join(b'a%07d="" ' % number for number in range(size // 12)) + b"/>"


def _random(size: int) -> bytes:
    return random.Random(1).randbytes(1 << 20) * (size >> 20)


#: by name: an answer of about that many bytes
KINDS: Dict[str, Callable[[int], bytes]] = {
    "random bytes": _random,
    "random bytes in an element": lambda size: _HEAD + _random(size),
    "NULs": lambda size: _fill(b"\0", size, b""),
    "spaces": lambda size: _fill(b" ", size, b""),
    "plain text": lambda size: _fill(b"error: out of cheese\n", size, b""),
    "deep nesting": lambda size: _fill(b"<a>", size),
    "deep nesting from the start": lambda size: _fill(b"<cliOutput>", size, b""),
    "deep records": lambda size: _fill(b"<volume>", size),
    "one long text": lambda size: _fill(b"lorem ", size, _HEAD + b"<volName>"),
    "one long text, not read": lambda size: _fill(b"lorem ", size, _HEAD + b"<other>"),
    "one long tag": lambda size: _fill(b"a", size, _HEAD + b"<"),
    "one long attribute": lambda size: _fill(b"a", size, _HEAD + b'<node a="'),
    "attributes": _attributes,
    "element names": _names,
    "empty nodes": lambda size: _fill(b"<node/>", size),
    "empty texts": lambda size: _fill(b"<pid/>", size, _HEAD + b"<node>"),
    "empty other elements": lambda size: _fill(b"<other/>", size),
    "volumes": lambda size: _fill(b"<volume/>", size, _HEAD + b"</volume>"),
    "spaces in an element": lambda size: _fill(b" ", size),
    "character references": lambda size: _fill(b"&#65;", size, _HEAD + b"<volName>"),
    "a second document": lambda size: b"<cliOutput><opRet>0</opRet></cliOutput>" + _fill(b"<a/>", size, b""),
    "a long comment": lambda size: _fill(b"lorem ", size, _HEAD + b"<!-- "),
    "a long CDATA section": lambda size: _fill(b"lorem ", size, _HEAD + b"<volName><![CDATA["),
    "state of many values": lambda size: _fill(b"Volume1.Brick1.port: 1\n", size, b"[Global]\n"),
    "state of many bricks": lambda size: (
        b"[Global]\n[Global options]\n[Peers]\n[Volumes]\n"
        + b"".join(b"Volume1.Brick%d.port: 1\n" % number for number in range(size // 28))
    ),
}


def main() -> None:
    """Print what became of one kind, the seconds it took, and the MB of memory it took in addition to the answer."""
    kind, megabytes = sys.argv[1], int(sys.argv[2])
    answer = KINDS[kind](megabytes << 20)
    read = parse.state if kind.startswith("state") else parse.volume_status
    outcome = ["Parsed"]

    def work() -> None:
        try:
            read(answer)
        except parse.NoAnswer as error:
            outcome[0] = f"{type(error).__name__}: {error}"

    begin = time.process_time()
    memory = peak_memory(work)
    print(f"{outcome[0]}\t{time.process_time() - begin:.3f}\t{memory:.1f}")


def peak_memory(work: Callable[[], object]) -> float:
    """The most memory, in MB, that *work* took in addition to what this process had before."""
    # 5: forget the high-water mark, see proc(5); it would count what was needed to build an answer.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _memory("VmRSS")
    work()
    return _memory("VmHWM") - before


def _memory(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    # Nothing here may take the machine with it, should a bound not hold.
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    main()
