"""The brick processes of a node, by their command lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import List, Sequence

from ganeti_gluster_mon.deploy.remote import brick_processes, program

NODE = "node3.lab.test"


def found(argv: Sequence[str]) -> List[List[object]]:
    words = [sys.executable if word == "python3" else word for word in argv]
    parsed: List[List[object]] = json.loads(
        subprocess.run(words, capture_output=True, check=True, timeout=30).stdout
    )
    return parsed


def test_brick_processes_are_found_by_their_command_line(tmp_path: Path) -> None:
    """Each is a real process with the command line of glusterfsd; nothing else is taken for one."""
    others = (
        ["glusterfs", "--brick-name", "/export/b2/x"],
        ["glusterfsd", "--volfile-id", "gv0.x"],
        ["vi", "glusterfsd", "--brick-name", "/export/b3/x"],
    )
    brick = ["/usr/sbin/glusterfsd", "-s", NODE, "--volfile-id", "gv0.x", "--brick-name", str(tmp_path)]
    code = "import sys; print(flush=True); sys.stdin.read()"
    started = [
        subprocess.Popen(
            [argv[0], "-c", code, *argv[1:]],
            executable=os.path.realpath(sys.executable),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for argv in (brick, *others)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        argv = program(brick_processes)
        ours = {process.pid for process in started}
        assert [one for one in found(argv) if one[0] in ours] == [[started[0].pid, "S", str(tmp_path)]]
    finally:
        for process in started:
            process.communicate(timeout=10)
    assert [one for one in found(argv) if one[0] in ours] == []
