"""Mutants of a module's source: one operator, constant or condition is changed in each."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Tuple, Type, Union

_COMPARISONS: Dict[Type[ast.cmpop], Type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: Dict[Type[ast.operator], Type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}

#: Constants that decide nothing, by the name that they are assigned to: a timeout that is a second longer, and how many
#: names a text shows.
_TUNING = re.compile(r"_?([A-Z_]+_)?TIMEOUT|_?(MOST|LONGEST)_[A-Z_]+")
#: functions that shorten a list in a text; their second argument is how many names it shows
_SHORTENING = {"some"}


@dataclass(frozen=True)
class Mutant:
    """A module's source with one change."""

    #: of the change, in the original source
    line: int
    #: "a < b → a <= b"
    change: str
    source: str


@dataclass(frozen=True)
class _Change:
    """An attribute of a node of the syntax tree, and the value that it gets."""

    node: ast.AST
    attribute: str
    value: object


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of *source*, in the order of lines.  Raises SyntaxError."""
    tree = ast.parse(source)
    for change in _changes(tree):
        node = change.node
        before, original = ast.unparse(node), getattr(node, change.attribute)
        setattr(node, change.attribute, change.value)
        after, mutated = ast.unparse(node), ast.unparse(tree)
        setattr(node, change.attribute, original)
        yield Mutant(getattr(node, "lineno", 0), f"{_first_line(before)} → {_first_line(after)}", mutated)


def _first_line(code: str) -> str:
    return code.split("\n", 1)[0]


def _changes(tree: ast.AST) -> List[_Change]:
    changes: List[_Change] = []
    for node in _code(tree):
        changes += _of_node(node)
    return sorted(changes, key=lambda change: getattr(change.node, "lineno", 0))


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """*node* and what is below it, without what decides nothing."""
    yield node
    for name, value in ast.iter_fields(node):
        if _decides_nothing(node, name):
            continue
        children = value if isinstance(value, list) else [value]
        if _shortens(node) and name == "args":
            children = children[:1]
        for child in children:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _decides_nothing(node: ast.AST, field: str) -> bool:
    """Whether *field* of *node* is an annotation, a decorator, a tuning constant, or the part of a text to show."""
    if field in ("annotation", "returns", "decorator_list"):
        return True
    if isinstance(node, ast.Assign) and field == "value":
        return all(isinstance(each, ast.Name) and _TUNING.fullmatch(each.id) for each in node.targets)
    # f"{name[:60]}": how much of a name a message shows
    return (
        isinstance(node, ast.FormattedValue)
        and isinstance(node.value, ast.Subscript)
        and isinstance(node.value.slice, ast.Slice)
    )


def _shortens(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SHORTENING


def _of_node(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            other = _COMPARISONS[type(operator)]
            yield _Change(node, "ops", [*node.ops[:position], other(), *node.ops[position + 1 :]])
    elif isinstance(node, ast.BoolOp):
        yield _Change(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC:
        yield _Change(node, "op", _ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Constant) and _is_number(node.value):
        yield _Change(node, "value", _other_constant(node.value))
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _FUNCTIONS:
        yield _Change(node, "id", _FUNCTIONS[node.id])
    for attribute, condition in _conditions(node):
        yield _Change(node, attribute, ast.UnaryOp(ast.Not(), condition))


def _conditions(node: ast.AST) -> Iterator[Tuple[str, ast.expr]]:
    """The conditions that are no comparison: the operator of one is changed anyway."""
    if isinstance(node, (ast.If, ast.IfExp, ast.While)) and not isinstance(
        node.test, (ast.Compare, ast.BoolOp, ast.Constant)
    ):
        yield "test", node.test


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float))


def _other_constant(value: object) -> Union[bool, int, float]:
    if isinstance(value, bool):
        return not value
    assert isinstance(value, (int, float))
    return value + 1
