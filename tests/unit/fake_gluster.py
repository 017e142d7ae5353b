"""A `gluster` that says what a test wants, for what the real one cannot be made to do at will.

It reads queries as the real one does, a line each, and answers with the next of the outputs
it was given for that query; the sentinel it answers by itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Mapping, Sequence

from ganeti_gluster_mon.gluster.query import Query

#: outputs that are deeds
EXITS, HANGS, FLOODS = "EXITS", "HANGS", "FLOODS"

SENTINEL = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>\n  <opRet>0</opRet>\n'
    "  <uuidGenerate>\n    <uuid>db9a84dd-92c8-4b35-b53f-103e15043a1d</uuid>\n  </uuidGenerate>\n</cliOutput>\n"
)

_SCRIPT = """#!{python} -SE
import json, sys, time, os
outputs = json.loads({outputs!r})
print("Welcome to gluster prompt, type 'help' to see the available commands.", file=sys.stderr)
with open({log!r}, "a") as log:
    log.write("started\\n")
for line in sys.stdin:
    line = line.strip()
    if line == "system:: uuid get":
        sys.stdout.write({sentinel!r})
    else:
        with open({log!r}, "a") as log:
            log.write(line + "\\n")
        output = outputs[line].pop(0) if len(outputs[line]) > 1 else outputs[line][0]
        if output.startswith("EXITS"):
            sys.stdout.write(output[5:])
            sys.stdout.flush()
            os._exit(2)
        while output == "HANGS":
            time.sleep(600)
        while output == "FLOODS":
            sys.stdout.write("<a>" * 100000)
        sys.stdout.write(output)
    sys.stdout.flush()
"""


class FakeGluster:
    """The script in *directory*; give ``path`` to what runs gluster."""

    def __init__(self, directory: Path, outputs_of: Mapping[Query, Sequence[str]]) -> None:
        self.path = str(directory / "gluster")
        self._log = directory / "log"
        by_line = {" ".join(query): list(outputs) for query, outputs in outputs_of.items()}
        script = _SCRIPT.format(
            python=sys.executable, outputs=json.dumps(by_line), log=str(self._log), sentinel=SENTINEL
        )
        Path(self.path).write_text(script)
        Path(self.path).chmod(0o755)

    @property
    def heard(self) -> Sequence[str]:
        """The queries in their order, with "started" for each start."""
        return self._log.read_text().splitlines()
