"""docs/runbook.md: its sections, and the three commands that each of them has to begin with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from ganeti_gluster_mon.health import REMEDIES, Remedy
from ganeti_gluster_mon.health.remedies import ALERT_CODES, ALERT_REMEDIES, filled, remedy_of_alert
from ganeti_gluster_mon.health.repair_scope import BY_ITSELF, NAMES, REPAIRS, SCOPES, SILENT

RUNBOOK = Path(__file__).parents[1] / "docs" / "runbook.md"

#: what the examples of the page are about
_EXAMPLE = {
    "volume": "gv0",
    "brick": "node2:/export/b1/gv0",
    "bricks": "node2:/export/b1/gv0",
    "host": "node2",
    "path": "/export/b1/gv0",
}
_PATHS = {
    "GEO_REPLICATION": "backup1::gv0",
    "GlusterGeoReplication": "backup1::gv0",
    "QUOTA": "/images",
    "MOUNT": "/mnt/gv0",
    "GlusterMount": "/mnt/gv0",
}

#: what only an administrator can choose → what the page has chosen
CHOSEN = {
    "NODES": "node4 node5 node6",
    "NODE": "node4",
    "DEVICE": "/dev/vdb",
    "BRICK": "node1:/export/b1/gv0",
    "FILE": "/ganeti/0a5c8b52-7f4e-4f29-9d4c-6a0a4d2f8e11.0",
    "SIZE": "200GB",
}


def sections() -> Dict[str, str]:
    """The text of each section of the page by its title: an alert, or a code of problems."""
    text = RUNBOOK.read_text(encoding="utf-8")
    found = re.split(r"^(?:##|###) (\w+)$", text, flags=re.MULTILINE)[1:]
    return {title: body for title, body in zip(found[::2], found[1::2]) if title in titles()}


def titles() -> List[str]:
    return [*ALERT_CODES, *ALERT_REMEDIES, *REMEDIES]


def remedy(title: str) -> Remedy:
    """The commands for an alert or a code, about what the examples of the page are about."""
    words = dict(_EXAMPLE)
    words.update(("path", path) for start, path in _PATHS.items() if title.startswith(start))
    template = REMEDIES[title] if title in REMEDIES else remedy_of_alert(title)
    made = filled(template, words)
    return Remedy(*(chosen(text) for text in (made.inspect, made.fix, made.verify)))


def repair_line(title: str) -> str:
    """The line with which the section *title* has to end; "" where no command repairs that."""
    code = title if title in REMEDIES else ALERT_CODES.get(title, "")
    kind = SCOPES[code].kind if code else SILENT
    words = "gnt-gluster repair" if code.startswith(("GLUSTERD_", "PEER_")) else "gnt-gluster repair gv0"
    if kind == REPAIRS:
        anchor = "split-brain" if code == "SPLIT_BRAIN" else "repair"
        return f"* One command: `{words}`; see [what it does](maintenance.md#{anchor})."
    return f"* One command: `{remedy(title).fix}`; `{words}` names it." if kind == NAMES else ""


_DOES = {
    REPAIRS: "repairs",
    BY_ITSELF: "Gluster does it",
    NAMES: "names the command",
    SILENT: "nothing: a warning",
}


def repair_table() -> str:
    """The table of docs/maintenance.md: what ``gnt-gluster repair`` does about each code."""
    rows = "".join(
        f"| [{code}](runbook.md#{code.lower()}) | {_DOES[scope.kind]} | {scope.words} |\n"
        for code, scope in SCOPES.items()
    )
    return f"| problem | `repair` | what it does, or why it does not |\n|---|---|---|\n{rows}"


def chosen(command: str) -> str:
    """*command* with what an administrator chooses."""
    return re.sub(r"\b(NODES|NODE|DEVICE|BRICK|FILE|SIZE)\b", lambda found: CHOSEN[found[0]], command)


def block(title: str) -> str:
    """The fenced block that the section *title* has to have."""
    made = remedy(title)
    commands = (made.inspect, made.fix, made.verify)
    width = max(map(len, commands))
    words = ("inspect", "fix", "verify")
    lines = (f"{command.ljust(width)}   # {word}" for command, word in zip(commands, words))
    return "```\n" + "".join(f"{line}\n" for line in lines) + "```\n"


def commands() -> Iterator[Tuple[str, str]]:
    """Every command of the page's sections, with the title of its section."""
    for title in titles():
        made = remedy(title)
        for command in (made.inspect, made.fix, made.verify):
            yield title, command
