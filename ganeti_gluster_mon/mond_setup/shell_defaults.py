"""Files like /etc/default/ganeti, in which a shell finds settings: one assignment is changed, the rest stays as it is.

Pure: text in, text out.  What was there before stands in a comment above what is there now, so that it can be put
back to the letter.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError

#: begins the comment that holds what was there before
_BEFORE = "# before `ganeti-gluster-mon front enable`: "
#: stands there for a line that was not there at all
_NOTHING = "(nothing)"


class NotUnderstood(CommandError):
    """An assignment that only a shell can parse; str() is one line with its place."""


@dataclass(frozen=True)
class Setting:
    """One assignment in a file."""

    #: its words, as a shell that does not quote the variable splits them
    words: Tuple[str, ...]
    #: whether we wrote it, and what was there before is kept
    ours: bool
    #: words from before, where it is ours
    before: Tuple[str, ...] = ()


def read(text: str, name: str, path: str) -> Setting:
    """The setting of the variable *name* in *text*, the content of *path*; no words if there is none.

    Raises NotUnderstood.
    """
    lines = text.splitlines()
    at = _find(lines, name)
    if at is None:
        return Setting((), False)
    before = _kept(lines, at)
    return Setting(
        _words(lines[at], name, path, at),
        before is not None,
        () if before is None or before == _NOTHING else _words(before, name, path, at - 1),
    )


def changed(text: str, name: str, path: str, words: Sequence[str]) -> str:
    """*text* with the variable *name* as *words*, and with what was there before in a comment.

    A comment from an earlier change stays: it has the original line.  Raises NotUnderstood.
    """
    _must_be_plain(words, name, path)
    lines = text.splitlines()
    at = _find(lines, name)
    line = f'{name}="{" ".join(words)}"'
    if at is None:
        lines += [f"{_BEFORE}{_NOTHING}", line]
    else:
        _words(lines[at], name, path, at)
        kept = [] if _kept(lines, at) is not None else [f"{_BEFORE}{lines[at]}"]
        lines[at : at + 1] = [*kept, line]
    return "".join(f"{each}\n" for each in lines)


def restored(text: str, name: str, path: str, words: Optional[Sequence[str]] = None) -> str:
    """*text* with the original line; with *words* instead, if other arguments were changed since.

    What we did not change is left as it is.  Raises NotUnderstood.
    """
    lines = text.splitlines()
    at = _find(lines, name)
    before = None if at is None else _kept(lines, at)
    if at is None or before is None:
        return text
    if words is not None:
        _must_be_plain(words, name, path)
        line = [f'{name}="{" ".join(words)}"']
    else:
        line = [] if before == _NOTHING else [before]
    lines[at - 1 : at + 1] = line
    return "".join(f"{each}\n" for each in lines)


def _find(lines: Sequence[str], name: str) -> Optional[int]:
    """The index of the assignment that takes effect: the last one."""
    assigns = re.compile(rf"\s*(?:export\s+)?{re.escape(name)}=")
    found = [number for number, line in enumerate(lines) if assigns.match(line)]
    return found[-1] if found else None


def _kept(lines: Sequence[str], at: int) -> Optional[str]:
    above = lines[at - 1] if at else ""
    return above[len(_BEFORE) :] if above.startswith(_BEFORE) else None


def _words(line: str, name: str, path: str, at: int) -> Tuple[str, ...]:
    value = line.partition("=")[2]
    where = f"{path}, line {at + 1}: {name}"
    try:
        parts: List[str] = shlex.split(value, comments=True)
    except ValueError:
        raise NotUnderstood(
            f"{where} has a quotation mark that is not closed on that line: close it"
        ) from None
    if len(parts) > 1:
        raise NotUnderstood(f'{where} has blanks outside of quotation marks: write {name}="…"')
    if re.search(r"[$`\\]", value):
        raise NotUnderstood(
            f"{where} has a $, ` or \\ in it, which is for a shell to understand: write it out"
        )
    return tuple(parts[0].split()) if parts else ()


def _must_be_plain(words: Sequence[str], name: str, path: str) -> None:
    for word in words:
        if not re.fullmatch(r"[A-Za-z0-9_@%+=:,./\[\]-]+", word):
            raise NotUnderstood(
                f"{path}: {name} would have the word {word!r}, which a shell may take for more"
            )
