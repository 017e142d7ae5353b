"""The runbook as a page: every section of docs/runbook.md, as HTML and nothing else."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from ganeti_gluster_mon.daemon.web.page import STYLE, runbook
from ganeti_gluster_mon.daemon.web.runbook_page import anchor, rendered, runbook_body
from ganeti_gluster_mon.health import CODES
from tests.runbook import RUNBOOK
from tests.unit.daemon.web.test_page import Reading


def test_each_code_and_alert_has_its_section() -> None:
    reading = Reading(runbook().decode())
    ids = [attributes["id"] for _, attributes in reading.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert [anchor(heading) for heading in headings if heading != "for"] == ids
    assert {anchor(code) for code in CODES} <= set(ids)


def test_its_links_lead_to_its_own_sections() -> None:
    reading = Reading(runbook().decode())
    ids = {attributes["id"] for _, attributes in reading.elements if "id" in attributes}
    for tag, attributes in reading.elements:
        if tag == "a" and attributes["href"] != "./":
            target = attributes["href"] or ""
            assert target[:1] == "#" and target[1:] in ids
    assert reading.styles == [STYLE]


def test_no_mark_of_markdown_is_left() -> None:
    text = re.sub(r"<(pre|code)>.*?</\1>", "", str(runbook_body()), flags=re.DOTALL)
    for mark in ("`", "**", "](", "\n#", "<p>* ", "<p>- ", "<p>|"):
        assert mark not in text, mark


def test_no_word_of_it_is_lost() -> None:
    plain = re.sub(r"\]\([^)\s]+\)|^```.*$", " ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = Reading(str(runbook_body())).text
    assert Counter(re.findall(r"\w+", shown)) == Counter(re.findall(r"\w+", plain))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A b\n\ntext\nmore", '<h1 id="a-b">A b</h1>\n<p>text more</p>'),
        ("* one\n  goes on\n* two\n\nend", "<ul><li>one goes on</li><li>two</li></ul>\n<p>end</p>"),
        (
            "```\n# no heading\n* <no> item\n\n```\nx",
            "<pre><code># no heading\n* &lt;no&gt; item\n</code></pre>\n<p>x</p>",
        ),
        ("`a < b` **bold** & [a `b`](#c)", None),
        ("[x](javascript:alert(1)) [y](other.md#z)", None),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
    ],
)
def test_what_is_known_of_markdown(text: str, html: str) -> None:
    made = str(rendered(text))
    if html is not None:
        assert made == html
    elif "javascript" in text:
        assert "<a" not in made and "href" not in made
    else:
        assert made == (
            '<p><code>a &lt; b</code> <strong>bold</strong> &amp; <a href="#c">a <code>b</code></a></p>'
        )
