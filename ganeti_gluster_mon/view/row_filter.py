"""Filters of lists, in the query language of Ganeti's own lists (ganeti(7), "Query filters"; lib/qlang.py).

    status != "healthy"
    nodes == "node3" and (heal > 0 or not sharded)
    name =~ /^gv/i,  "node3" in nodes,  name =* "gv*"

A size is in MiB, as the lists write it for scripts.  A list field is compared with each of its values.  What is not
known is equal to nothing: `==`, `<` and the like do not hold, and `!=` and `not`, their negations, do.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.text import one_line, some
from ganeti_gluster_mon.view.fields import AtLeast, Field, Kind, Row, Special

#: a name of the command line with one of these in it is a filter, as in Ganeti (which counts / as well)
DETECTED = frozenset("()=!~'\"\\<> \t")

_MEBIBYTE = 1 << 20
#: bounds for a filter, which a person types
_LONGEST, _DEEPEST = 10_000, 50

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>-?\d+)(?![\w.])
    | (?P<operator>==|!=|<=|>=|=~|!~|=\*|!\*|<|>|\(|\))
    | (?P<word>[A-Za-z_][\w.]*)
    )""",
    re.VERBOSE,
)
_PATTERN = re.compile(r"\s*(?:m\s*)?([/#^|])((?:(?!\1).)*)\1([is]*)")

Test = Callable[[Row], bool]


class BadFilter(Exception):
    """A filter that cannot be understood; one line."""


def is_filter(names: Sequence[str]) -> bool:
    """Whether the only name of a command line is a filter."""
    return len(names) == 1 and bool(DETECTED & set(names[0]))


def row_filter(text: str, fields: Sequence[Field[Row]]) -> Test[Row]:
    """The test of a row by the filter *text*.  Raises BadFilter."""
    if len(text) > _LONGEST:
        raise BadFilter(f"a filter has at most {_LONGEST} characters")
    return _Parser(text, fields).whole()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


class _Parser:
    """A parser by recursive descent: or, and, not, condition."""

    def __init__(self, text: str, fields: Sequence[Field[Any]]) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._fields: Dict[str, Field[Any]] = {field.name: field for field in fields}

    def whole(self) -> Test[Any]:
        test = self._or()
        if self._peek() is not None:
            raise self._wrong("and, or, or the end of the filter")
        return test

    def _or(self) -> Test[Any]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadFilter("too many brackets in the filter")
        tests = [self._and()]
        while self._take("word", "or"):
            tests.append(self._and())
        self._depth -= 1
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _and(self) -> Test[Any]:
        tests = [self._not()]
        while self._take("word", "and"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _not(self) -> Test[Any]:
        if self._take("word", "not"):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise BadFilter("too many words not in the filter")
            test = self._not()
            return lambda row: not test(row)
        if self._take("operator", "("):
            test = self._or()
            if not self._take("operator", ")"):
                raise self._wrong(")")
            return test
        return self._condition()

    def _condition(self) -> Test[Any]:
        token = self._next("a field, a value or (")
        if token.kind in ("text", "number"):
            value = _value(token)
            negated = self._take("word", "not")
            if not self._take("word", "in"):
                raise self._wrong("in or not in")
            field = self._field(self._next("a field"))
            return _negated(_equals(field, value), negated)
        field = self._field(token)
        operator = self._peek()
        if operator is None or operator.kind != "operator" or operator.text in "()":
            return lambda row: field.value(row) is True
        self._next("an operator")
        if operator.text in ("=~", "!~"):
            return _negated(_matches(field, self._pattern()), operator.text == "!~")
        value = _value(self._next("a value", ("text", "number")))
        if operator.text in ("=*", "!*"):
            return _negated(_matches(field, re.compile(fnmatch.translate(str(value)))), operator.text == "!*")
        if operator.text in ("==", "!="):
            return _negated(_equals(field, value), operator.text == "!=")
        return _compares(field, operator.text, value)

    # --- tokens ---

    def _peek(self) -> Optional[_Token]:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            if self._text[self._at :].strip():
                raise self._wrong("a field, a value or an operator")
            return None
        assert match.lastgroup is not None
        return _Token(match.lastgroup, match[match.lastgroup])

    def _next(self, wanted: str, kinds: Sequence[str] = ("text", "number", "operator", "word")) -> _Token:
        token = self._peek()
        if token is None or token.kind not in kinds:
            raise self._wrong(wanted)
        match = _TOKEN.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return token

    def _take(self, kind: str, text: str) -> bool:
        """Whether that comes next; then it is passed."""
        token = self._peek()
        if token != _Token(kind, text):
            return False
        self._next(text)
        return True

    def _pattern(self) -> re.Pattern[str]:
        match = _PATTERN.match(self._text, self._at)
        if match is None:
            raise self._wrong("a pattern between slashes, like /^gv/")
        self._at = match.end()
        flags = (re.IGNORECASE if "i" in match[3] else 0) | (re.DOTALL if "s" in match[3] else 0)
        try:
            return re.compile(match[2], flags)
        except re.error as err:
            raise BadFilter(f"the pattern /{one_line(match[2], 60)}/ cannot be understood: {err}") from err

    def _field(self, token: _Token) -> Field[Any]:
        if token.kind != "word" or token.text not in self._fields:
            raise BadFilter(f"no field {token.text!r}; there are: {', '.join(self._fields)}")
        return self._fields[token.text]

    def _wrong(self, wanted: str) -> BadFilter:
        rest = one_line(self._text[self._at :], 40)
        return BadFilter(f"expected {wanted}, and there is {f'{rest!r}' if rest else 'nothing more'}")


def _value(token: _Token) -> Any:
    return int(token.text) if token.kind == "number" else re.sub(r"\\(.)", r"\1", token.text[1:-1])


def _values(field: Field[Any], row: Any) -> List[Any]:
    """What is known of a field: nothing, one value, or the values of a list; sizes in MiB."""
    value = field.value(row)
    if value is None or isinstance(value, (Special, AtLeast)):
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    if field.kind is Kind.SIZE and isinstance(value, int):
        return [(value + _MEBIBYTE // 2) // _MEBIBYTE]
    return [value]


def _equals(field: Field[Any], value: Any) -> Test[Any]:
    def one(found: Any) -> bool:
        if isinstance(found, bool):
            return isinstance(value, str) and value.lower() in (("true", "y") if found else ("false", "n"))
        if isinstance(found, int) != isinstance(value, int):
            return str(found) == str(value)
        # a host or an instance may be cut at a dot, as on the command line
        return bool(found == value) or (
            isinstance(value, str)
            and (field.names or field.kind is Kind.LIST)
            and found.startswith(f"{value}.")
        )

    return lambda row: any(one(found) for found in _values(field, row))


def _matches(field: Field[Any], pattern: re.Pattern[str]) -> Test[Any]:
    return lambda row: any(pattern.search(str(found)) is not None for found in _values(field, row))


def _compares(field: Field[Any], operator: str, value: Any) -> Test[Any]:
    holds: Tuple[int, ...] = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (1, 0)}[operator]
    if field.kind in (Kind.NUMBER, Kind.SIZE) and not isinstance(value, int):
        raise BadFilter(f"{field.name} is a number, and cannot be compared with {some([repr(value)], 1)}")

    def one(found: Any) -> bool:
        left, right = (
            (found, value) if isinstance(found, int) == isinstance(value, int) else (str(found), str(value))
        )
        return ((left > right) - (left < right)) in holds

    return lambda row: any(one(found) for found in _values(field, row))


def _negated(test: Test[Any], negated: bool) -> Test[Any]:
    return (lambda row: not test(row)) if negated else test
