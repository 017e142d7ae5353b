"""Short messages: problems of one kind are grouped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.health.codes import CODES
from ganeti_gluster_mon.health.guests import guests_text
from ganeti_gluster_mon.health.problem import Problem, worst_first
from ganeti_gluster_mon.health.remedies import common_fix

#: so many problems of one kind are listed one by one
_MOST_SINGLE = 2
#: names that a group shows
_MOST_NAMES = 3
#: parts of a message
_MOST_PARTS = 12


@dataclass(frozen=True)
class MessagePart:
    """One problem, or several of one kind."""

    severity: int
    code: str
    text: str
    problems: Tuple[Problem, ...]

    @property
    def text_with_guests(self) -> str:
        """The text, and which instances are affected where that is known."""
        guests = guests_text(self.problems)
        return f"{self.text} ({guests})" if guests else self.text


def grouped(problems: Sequence[Problem]) -> List[MessagePart]:
    """One part for each problem or group of problems, worst first.

    More than two problems of one code, severity and kind make a group:
    "25 volumes: heal backlog not known (no answer within 20 s): v16, v17, v18, …".
    """
    groups: Dict[Tuple[int, str, str], List[Problem]] = {}
    for problem in sorted(problems, key=worst_first):
        groups.setdefault((problem.severity, problem.code, problem.kind), []).append(problem)
    parts = []
    for (severity, code, _kind), group in groups.items():
        if len(group) <= _MOST_SINGLE:
            parts += [MessagePart(severity, code, problem.text, (problem,)) for problem in group]
        else:
            parts.append(MessagePart(severity, code, _grouped(group), tuple(group)))
    return parts


def message_parts(problems: Sequence[Problem], with_codes: bool = False) -> List[str]:
    """The texts of `grouped`, with the instances that are affected.

    *with_codes* adds the code and the command that fixes it: "… [HEAL_PENDING], fix: gluster volume heal gv0".
    """
    parts = grouped(problems)
    if not with_codes:
        return [part.text_with_guests for part in parts]
    return [f"{part.text_with_guests} [{part.code}], fix: {common_fix(part.problems)}" for part in parts]


def message(problems: Sequence[Problem]) -> str:
    """All *problems* in one line, worst first; "" where there are none."""
    parts = message_parts([problem for problem in problems if not problem.muted])
    shown = parts[:_MOST_PARTS]
    if len(parts) > len(shown):
        shown.append(f"and {len(parts) - len(shown)} more")
    return "; ".join(shown)


def _grouped(group: Sequence[Problem]) -> str:
    first = group[0]
    found = list(dict.fromkeys(problem.subject or problem.volume for problem in group))
    names = ", ".join(found[:_MOST_NAMES]) + (", …" if len(found) > _MOST_NAMES else "")
    template = CODES[first.code]
    text = template.format(n=len(group), kind=first.kind or first.text, names=names)
    volumes = {problem.volume for problem in group}
    if len(volumes) == 1 and first.volume:
        text = f"{first.volume}: {text}"
    elif "{names}" in template:
        text = f"{len(volumes)} volumes: {text}"
    return f"{text}: {names}" if names and "{names}" not in template else text
