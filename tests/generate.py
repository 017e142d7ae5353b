"""Builds the answer of a large pool from a real one: `python -m tests.generate 12000 > answer.xml`.

Every node is one that Gluster itself wrote, with another path; every volume has another
name.  Nothing else is changed, so the answer has the shape, the indentation and the share of
dead weight of a real one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CAPTURE = Path(__file__).parent / "captures" / "healthy" / "node1" / "volume-status-detail.xml"
#: eight replica sets of three
BRICKS_A_VOLUME = 24

_NODE = re.compile(rb" *<node>.*?</node>\n", re.DOTALL)
_VOLUME = re.compile(rb" *<volume>.*</volume>\n", re.DOTALL)
_PATH = re.compile(rb"<path>[^<]*</path>")


def volume_status_detail(bricks: int) -> bytes:
    """The answer to `volume status all detail` of a pool with that many *bricks*, 9 MB for 12,000."""
    answer = CAPTURE.read_bytes()
    nodes = _NODE.findall(answer)
    volumes = []
    for number, first in enumerate(range(0, bricks, BRICKS_A_VOLUME)):
        listed = range(first, min(first + BRICKS_A_VOLUME, bricks))
        path = b"<path>/export/b%d/vol%04d</path>"
        volumes.append(
            b"      <volume>\n        <volName>vol%04d</volName>\n        <nodeCount>%d</nodeCount>\n"
            % (number, len(listed))
            + b"".join(_PATH.sub(path % (place, number), nodes[place % len(nodes)]) for place in listed)
            + b"      </volume>\n"
        )
    # By a function: in a replacement text backslashes would mean something.
    return _VOLUME.sub(lambda _: b"".join(volumes), answer, count=1)


if __name__ == "__main__":
    sys.stdout.buffer.write(volume_status_detail(int(sys.argv[1])))
