"""The mutants that the mutation tests put into the code."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mutants import mutants


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a < b", ["a <= b"]),
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("a == b", ["a != b"]),
        ("a and b", ["a or b"]),
        ("a + 1", ["a - 1", "a + 2"]),
        ("a += b", ["a -= b"]),
        ("True", ["False"]),
        ("min(a, b)", ["max(a, b)"]),
        ("b if a else c", ["b if not a else c"]),
        ("if a:\n    pass", ["if not a:\n    pass"]),
        ("'text'", []),
        ("a: 'Literal[1]' = b", []),
        ("@d(True)\ndef f():\n    return x", []),
        ("_CALL_TIMEOUT = 5.0", []),
        ("_MOST_NAMES = 4", []),
        ("_TOLERANCE = 4", ["_TOLERANCE = 5"]),
        ("some(names[1], 3)", ["some(names[2], 3)"]),
        ("f'{name[:60]}'", []),
        ("f'{count - 1}'", ["f'{count + 1}'", "f'{count - 2}'"]),
    ],
)
def test_each_operator_constant_and_condition_is_changed_once(source: str, changed: list[str]) -> None:
    assert sorted(each.source for each in mutants(source)) == sorted(changed)


def test_a_mutant_has_the_line_of_its_change() -> None:
    (only,) = mutants("a = b\nc = d\nif a > c:\n    a = c\n")
    assert (only.line, only.change) == (3, "a > c → a >= c")


def test_the_source_is_the_same_again_for_the_next_mutant() -> None:
    source = "def f(a, b):\n    return a < b and a + b > 3"
    made = [each.source for each in mutants(source)]
    assert len(made) == len(set(made)) == 5
    assert ast.unparse(ast.parse(source)) not in made
