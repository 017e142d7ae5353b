"""Values that a hostile or broken peer, client, file or environment may contain."""

from __future__ import annotations

from typing import Any, List

#: texts in the place of names, paths, numbers and words
TEXTS: List[str] = [
    *("", " ", ".", "..", "/", "../..", "a/../b", "a/b", "/etc/passwd", "../../etc/passwd", "a..b"),
    *("-", "--", "-o", "-rf", "--help", "+", "#", "?x=y", "a?b", "%00", "%2e%2e", "a%2fb", "%s%n"),
    *("a\nb", "a\rb", "a\0b", "a b", "a,b", "a:b", "a@b", "a|b;c'd=e", "gv0\n", "gv0 ", "\r\nX: y"),
    *("$(id)", "`id`", ";id", "|", "'; DROP", "{{7*7}}", "]]>", "&bomb;", "<script>alert(1)</script>"),
    *("\x1b[2J\x1b]0;x\x07", "\u202eabc", "\u2028", "\ud800", "\udcff", "é", "\u0661\u0662"),
    *('a"b\\c\n{d="e"}', "x" * 101, "x" * 5000),
    *("0", "1", "-1", "+5", "1_0", "0x10", "1e3", "1e999", "NaN", "Infinity", "9" * 19, "9" * 400),
    *("9223372036854775808", "65536", "24007", "64", "on", "tcp", "gluster", "userspace", "kernelspace"),
    *("127.0.0.1", "::1", "[::1]", "node1,node2", "node1 node2", ",", "unix:/x", "/var/run/x.sock"),
]

#: values in the place of others in JSON
JSON_VALUES: List[Any] = [
    *(None, True, False, 0, -1, 1 << 63, 1 << 200, 1e308, float("nan"), float("inf"), -0.0),
    *([], {}, [None], {"a": 1}, [[]], "x"),
    *TEXTS,
]
