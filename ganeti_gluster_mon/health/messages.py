"""Short messages: problems of one kind are grouped."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.health.codes import CODES
from ganeti_gluster_mon.health.problem import Problem, worst_first

#: so many problems of one kind are told one by one
_MOST_SINGLE = 2
#: names that a group shows
_MOST_NAMES = 3
#: parts of a message
_MOST_PARTS = 12


def message_parts(problems: Sequence[Problem], with_codes: bool = False) -> List[str]:
    """One text for each problem or group of problems, worst first.

    More than two problems of one code, severity and kind make a group:
    "25 volumes: heal backlog not known (no answer within 20 s): v16, v17, v18, …".
    *with_codes* adds the code: "… [HEAL_PENDING]".
    """
    groups: Dict[Tuple[int, str, str], List[Problem]] = {}
    for problem in sorted(problems, key=worst_first):
        groups.setdefault((problem.severity, problem.code, problem.kind), []).append(problem)
    parts = []
    for (_severity, code, _kind), group in groups.items():
        texts = [problem.text for problem in group] if len(group) <= _MOST_SINGLE else [_grouped(group)]
        parts += [f"{text} [{code}]" for text in texts] if with_codes else texts
    return parts


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
