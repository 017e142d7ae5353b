"""The runbook as a page, so that it can be read where there is no internet.

The package has docs/runbook.md.  Of Markdown only what that file uses is known: headings, paragraphs, lists, blocks of
commands, `code`, **bold** and links; the links of other pages are shown as plain text.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import Iterator, List, Tuple

from markupsafe import Markup, escape

_LIST_ITEM = re.compile(r"[*-] +")
_HEADING = re.compile(r"(#{1,4}) (.+)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)")


def anchor(heading: str) -> str:
    """The id of the section *heading*, as Sphinx gives it."""
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


@functools.lru_cache(maxsize=1)
def runbook_body() -> Markup:
    """The content of the page."""
    path = resources.files("ganeti_gluster_mon.daemon.web") / "templates" / "runbook.md"
    return rendered(path.read_text(encoding="utf-8"))


def rendered(text: str) -> Markup:
    """The Markdown *text* as HTML."""
    parts: List[str] = []
    items: List[str] = []
    for kind, block in [*_blocks(text.splitlines()), ("end", "")]:
        if kind == "item":
            items.append(f"<li>{_inline(block)}</li>")
            continue
        if items:
            parts.append(f"<ul>{''.join(items)}</ul>")
            items = []
        if kind == "code":
            parts.append(f"<pre><code>{escape(block)}</code></pre>")
        elif kind == "paragraph":
            parts.append(f"<p>{_inline(block)}</p>")
        elif kind.startswith("h"):
            parts.append(f'<{kind} id="{escape(anchor(block))}">{_inline(block)}</{kind}>')
    return Markup("\n".join(parts))  # noqa: S704 - each part is escaped


def _blocks(lines: List[str]) -> Iterator[Tuple[str, str]]:
    """The blocks of the text: "h1" to "h4", "paragraph", "item", "code"."""
    kind, in_code = "", False
    block: List[str] = []
    for line in [*lines, ""]:
        if line.startswith("```"):
            if kind:
                yield kind, ("\n" if in_code else " ").join(block)
            in_code = not in_code
            kind, block = ("code", []) if in_code else ("", [])
            continue
        if in_code:
            block.append(line)
            continue
        heading, item = _HEADING.fullmatch(line), _LIST_ITEM.match(line)
        if kind and (heading or item or not line.strip()):
            yield kind, " ".join(block)
            kind, block = "", []
        if heading:
            yield f"h{len(heading[1])}", heading[2]
        elif item:
            kind, block = "item", [line[item.end() :]]
        elif line.strip():
            kind = kind or "paragraph"
            block.append(line.strip())
    if kind:
        yield kind, ("\n" if in_code else " ").join(block)


def _inline(text: str) -> str:
    parts: List[str] = []
    end = 0
    for found in _INLINE.finditer(text):
        parts.append(str(escape(text[end : found.start()])))
        end = found.end()
        code, bold, label, target = found.groups()
        if code is not None:
            parts.append(f"<code>{escape(code)}</code>")
        elif bold is not None:
            parts.append(f"<strong>{escape(bold)}</strong>")
        elif target.startswith("#"):
            parts.append(f'<a href="{escape(target)}">{_inline(label)}</a>')
        else:
            parts.append(_inline(label))
    return "".join(parts) + str(escape(text[end:]))
