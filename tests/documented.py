"""The commands that the documentation shows, and whether they are ones that there are."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

from ganeti_gluster_mon import cli, gnt_gluster

REPOSITORY = Path(__file__).parents[1]
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
_HELP = REPOSITORY / "tests" / "unit" / "answers" / "gluster-help.txt"

#: a block of commands, or a session with what they print
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Documented:
    """A command as a page shows it."""

    page: str
    text: str
    #: in a block, to be typed as it stands; else mentioned in a sentence, where arguments may be left out
    whole: bool

    @property
    def words(self) -> List[str]:
        """As a shell takes it; a comment and an ellipsis are none of it."""
        return [word.replace("…", "") for word in shlex.split(self.text, comments=True) if word != "…"]

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def blocks(page: Path, section: str = "") -> List[List[str]]:
    """The commands of each fenced block of *page*, or of one of its sections, without comments and output."""
    text = page.read_text(encoding="utf-8")
    if section:
        found = re.search(
            rf"^#+ {re.escape(section)}$(.*?)(?=^#|\Z)", _unfenced(text), re.MULTILINE | re.DOTALL
        )
        assert found, f"{page.name} has no section {section}"
        text = text[found.start(1) : found.end(1)]
    return [
        list(_lines(kind, body)) for _, kind, body in _BLOCK.findall(text) if kind in ("", "sh", "console")
    ]


def _unfenced(text: str) -> str:
    """*text*, of the same length, without the hash signs in its blocks, which are no headings."""
    return _BLOCK.sub(lambda found: found[0].replace("#", "-"), text)


def _lines(kind: str, body: str) -> Iterator[str]:
    for line in body.replace("\\\n", " ").splitlines():
        if kind == "console":
            prompt = re.match(r"[#$] (.*)", line)
            if prompt:
                yield prompt[1].strip()
        elif line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def commands(programs: Sequence[str]) -> List[Documented]:
    """Every command of *programs* in the pages: those in blocks, and those of several words in code quotes."""
    found = []
    for page in PAGES:
        for block in blocks(page):
            found += [Documented(page.name, part, True) for line in block for part in _parts(line)]
        for span in re.findall(r"`([^`\n]+)`", _BLOCK.sub("", page.read_text(encoding="utf-8"))):
            found.append(Documented(page.name, span, False))
    return [each for each in dict.fromkeys(found) if _program(each.text) in programs and " " in each.text]


def _parts(line: str) -> List[str]:
    """The commands of a pipeline or a list."""
    lexer = shlex.shlex(line, posix=False, punctuation_chars="|;&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    parts: List[List[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|;&"):
            parts.append([])
        elif word.startswith("#"):
            break
        else:
            parts[-1].append(word)
    return [" ".join(part) for part in parts if part]


def _program(text: str) -> str:
    return text.split()[0].rpartition("/")[2] if text.split() else ""


# --- our own commands ----------------------------------------------------------------------------------------


def parse(documented: Documented) -> str:
    """Parse one of our own commands; returns what is wrong with it, "" for nothing."""
    program, *words = documented.words
    parser = {"gnt-gluster": gnt_gluster.parser, "ganeti-gluster-mon": cli._parser}[_program(program)]()
    output = io.StringIO()
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
        try:
            parser.parse_args(words)
        except SystemExit as end:
            return "" if end.code == 0 else output.getvalue().strip()
        except argparse.ArgumentError as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


# --- Gluster's -----------------------------------------------------------------------------------------------


def gluster_syntax() -> Dict[Tuple[str, ...], List[re.Pattern[str]]]:
    """By the words that a command of Gluster begins with: what it takes, from Gluster's own help."""
    found: Dict[Tuple[str, ...], List[re.Pattern[str]]] = {}
    for line in _HELP.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or "\\" in line:
            continue
        syntax = line.partition(" - ")[0].strip()
        first = tuple(syntax.split()[:2])
        found.setdefault(first, []).append(re.compile(rf"{_expression(syntax)}\Z"))
    return found


def _expression(syntax: str) -> str:
    """Gluster's notation as a regular expression for words with a blank after each."""
    tokens = re.findall(r"<[^>]*>|\.\.\.|[\[\]{}|]|[^\s\[\]{}|<>]+", syntax)
    position = 0

    def alternatives(end: str) -> str:
        nonlocal position
        options = [""]
        while position < len(tokens) and tokens[position] != end:
            token = tokens[position]
            position += 1
            if token == "|":
                options.append("")
            elif token == "...":
                options[-1] = re.sub(
                    r"(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\??)\Z", r"(?:\1)+", options[-1]
                )
            elif token in "[{":
                inner = alternatives("]" if token == "[" else "}")
                position += 1
                options[-1] += f"({inner})" + ("?" if token == "[" else "")
            else:
                options[-1] += f"({_word(token)} )"
        return "|".join(options)

    return alternatives("")


def _word(token: str) -> str:
    inner = token.strip("<>")
    if re.fullmatch(r"<[a-z]+(\|[a-z]+)+>", token) and token != "<key|all>":
        return f"(?:{inner})"
    if token == "<replica>":
        return "replica"
    if token.startswith("<") or token.isupper():
        return r"\S+"
    return re.escape(token)


def gluster_fault(documented: Documented) -> str:
    """What is wrong with a command of Gluster, "" for nothing."""
    words = [word for word in documented.words[1:] if not word.startswith("--")]
    if not words:
        return ""
    line = "".join(f"{re.sub(r'[^!-~]', '', word)} " for word in words)
    for first, patterns in gluster_syntax().items():
        if tuple(words[: len(first)]) == first and any(pattern.match(line) for pattern in patterns):
            return ""
    return f"not one of: gluster {' '.join(words[:2])} …"
