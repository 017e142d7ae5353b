"""The page: a word and a sign for every state, never a zero for unknown, and a real browser has no complaints."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.daemon.web.handlers import content_security_policy
from ganeti_gluster_mon.daemon.web.page import STYLE, page
from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.model import Brick, Disk, Heal, Peer, Pool, Subvolume, Volume
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.staleness import as_stale
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.repair_tries import AutoRepairs
from tests import browser
from tests.unit.example_pool import HEALTH, NOW, POOL

RECORDED = sorted((Path(__file__).parents[3] / "captures" / "recorded").iterdir())
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=y>",
    "ö\u202e\x1b[31m&amp;",
    "x" * 300,
    "{{ 7*7 }}",
]


class Reading(HTMLParser):
    """The text and the elements of a page, which has to be well-formed."""

    _EMPTY = frozenset({"meta", "link", "wbr", "rect"})
    _INLINE = frozenset({"a", "b", "code", "kbd", "span", "strong"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.words: List[str] = []
        self.styles: List[str] = []
        self._open: List[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in self._EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag not in self._INLINE:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        (self.styles if self._open[-1:] == ["style"] else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def read(pool: Pool, now: Optional[int] = None) -> Reading:
    moment = pool.taken_at if now is None else now
    return Reading(page(pool, evaluate(pool, Limits(), moment), moment).decode("utf-8"))


def volume(**more: object) -> Volume:
    bricks = tuple(Brick("v", f"n{number}", "/b", online=True, heal_pending=0) for number in (1, 2, 3))
    made = Volume(
        "v", "u", "replicate", "started", "tcp", bricks, (Subvolume("replicate", bricks, quorum=True),)
    )
    return replace(made, **more)  # type: ignore[arg-type]


def pool_of(*volumes: Volume) -> Pool:
    return Pool(
        taken_at=NOW, node="n1", peers=(Peer("n1", "u1", "local", True, True, True),), volumes=volumes
    )


@pytest.mark.parametrize("directory", RECORDED, ids=lambda path: path.name)
def test_it_is_well_formed_and_the_same_each_time(directory: Path) -> None:
    pool = build_pool(capture.read(str(directory)))
    read(pool)
    health = evaluate(pool, Limits(), pool.taken_at)
    assert page(pool, health, pool.taken_at) == page(pool, health, pool.taken_at)


def test_it_keeps_to_its_policy() -> None:
    reading = Reading(page(POOL, HEALTH, NOW).decode())
    assert reading.styles == [STYLE]
    assert "sha256-" in content_security_policy(STYLE)
    assert "<" not in STYLE
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    for tag, attributes in reading.elements:
        assert tag not in ("script", "iframe", "object", "form", "img")
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        for name in ("href", "src"):
            target = attributes.get(name) or ""
            assert "//" not in target
            assert not target.startswith("javascript")


def test_it_says_what_is_wrong_first() -> None:
    pool = build_pool(capture.read(str(RECORDED[0].parent / "brick-killed")))
    text = read(pool).text
    assert (
        text.index("Needs attention") < text.index("is offline, 2 of 3 replicas left") < text.index("healthy")
    )
    assert text.index("gv0 ▲ degraded") < text.index("✔ healthy"), "the worst volume comes first"
    assert text.index("node2.lab.test:/export/b1/gv0 offline") < text.index("node1.lab.test:/export/b1/gv0")


def test_guests_come_before_problems_and_problems_before_volumes() -> None:
    one, two, three = volume().bricks
    bricks = (one, replace(two, online=False), three)
    made = volume(bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),))
    disk = Disk("web1", "disk/0", "v", "x", bricks=bricks)
    reading = read(replace(pool_of(made), disks=(disk,)))
    text = reading.text
    assert (
        text.index("1 guest at risk: fewer copies than configured: web1")
        < text.index("v: brick n2:/b is offline")
        < text.index("1 guest at risk: web1")
        < text.index("fix: gnt-gluster deploy --volume v n2 runbook")
        < text.index("v ▲ degraded")
    )
    links = [attributes["href"] for tag, attributes in reading.elements if tag == "a"]
    assert "runbook#brick_offline" in links
    assert "node/n2" in links


def test_why_the_guests_are_not_known() -> None:
    text = read(replace(pool_of(volume()), disks_unknown="it is no master candidate")).text
    assert "? not known which guests have disks there: it is no master candidate" in text
    assert "guests have disks" not in read(pool_of(volume())).text


def test_a_command_is_selected_whole_by_one_click() -> None:
    assert re.search(r"kbd \{[^}]*user-select: all", STYLE)
    assert ("kbd", {}) in Reading(page(POOL, HEALTH, NOW).decode()).elements


def test_it_can_be_read_by_ear_and_without_colours() -> None:
    """Landmarks and headings in order, one h1, names for all sections and pictures, scopes in tables."""
    pools = [build_pool(capture.read(str(directory))) for directory in RECORDED]
    for pool in [POOL, *pools]:
        elements = read(pool, pool.taken_at).elements
        tags = [tag for tag, _ in elements]
        assert [tags.count(tag) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels
        ids = {attributes["id"] for _, attributes in elements if "id" in attributes}
        for tag, attributes in elements:
            if tag == "section":
                assert attributes["aria-labelledby"] in ids
            if tag == "svg":
                described = attributes.get("role") == "img" and attributes["aria-label"]
                assert described or attributes["aria-hidden"] == "true"
            if tag == "th":
                assert attributes["scope"] in ("col", "row")
        assert tags.count("caption") == tags.count("table")
        assert ("html", {"lang": "en"}) in elements


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("healthy", "✔ healthy"),
        ("healing", "↻ healing"),
        ("degraded", "▲ degraded"),
        ("partial", "✖ partial"),
        ("down", "✖ down"),
        ("stopped", "■ stopped"),
        ("unknown", "? not known"),
    ],
)
def test_each_state_has_a_word_and_a_sign(status: str, words: str) -> None:
    pool = pool_of(volume())
    health = evaluate(pool, Limits(), NOW)
    health = replace(health, volumes={"v": replace(health.volumes["v"], status=status)})
    assert words in Reading(page(pool, health, NOW).decode()).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "Peer Rejected"}, "✖ n2 not a full member, Peer Rejected"),
        ({"connected": False}, "✖ n2 disconnected"),
        ({"reachable": False}, "✖ n2 does not answer"),
        ({}, "✔ n2 connected"),
    ],
)
def test_a_peer_with_a_problem_is_not_shown_as_connected(changes: Any, words: str) -> None:
    peer = replace(Peer("n2", "u2", "Peer in Cluster", True, True), **changes)
    pool = pool_of(volume())
    assert words in read(replace(pool, peers=(*(pool.peers or ()), peer))).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"read_only": True}, "✖ n2:/b faulty"),
        ({"host_in_pool": False}, "✖ n2:/b faulty"),
        ({"online": False, "hangs": True}, "✖ n2:/b hangs"),
        ({"not_reached_from": "n1"}, "? n2:/b not known"),
        ({}, "✔ n2:/b"),
    ],
)
def test_a_brick_with_a_problem_is_not_shown_as_healthy(changes: Any, words: str) -> None:
    one, two, three = volume().bricks
    bricks = (one, replace(two, **changes), three)
    sets = (Subvolume("replicate", bricks, quorum=True),)
    assert words in read(pool_of(volume(bricks=bricks, subvolumes=sets))).text


def test_the_last_day_of_each_volume() -> None:
    pool = pool_of(volume())
    health = evaluate(pool, Limits(), NOW)

    def letters(now: int) -> Dict[str, str]:
        assert now == NOW
        return {"v": "h" * 275 + "d" * 13, "gone": "x" * 288}

    reading = Reading(page(pool, health, NOW, letters=letters).decode())
    assert "last 24 h: degraded 1 h 5 min, healthy 22 h 55 min" in reading.text
    rectangles = [attributes for tag, attributes in reading.elements if tag == "rect"]
    assert {"class": "bad", "x": "275", "y": "0", "width": "13", "height": "10"} in rectangles
    assert "gone" not in reading.text
    assert "last 24 h" not in Reading(page(pool, health, NOW, letters=lambda now: {}).decode()).text
    assert "last 24 h" not in read(pool).text


def test_the_last_automatic_repair_is_one_line() -> None:
    text = Reading(page(POOL, HEALTH, NOW).decode()).text
    line = "gv0: brick node2.lab.test:/export/b1/gv0 is offline: started by force: succeeded"
    assert f"Last automatic repair: 2026-11-24 01:23:20 UTC: {line}" in text
    for repairs in (None, AutoRepairs()):
        assert "automatic repair" not in page(replace(POOL, auto_repairs=repairs), HEALTH, NOW).decode()


def test_what_is_not_known_is_not_zero() -> None:
    bricks = tuple(replace(brick, online=None, heal_pending=None) for brick in volume().bricks)
    sets = (Subvolume("replicate", bricks),)
    text = read(pool_of(volume(bricks=bricks, subvolumes=sets, heal=None, capacity=None))).text
    assert "Space: not known" in text
    assert "to heal not known" in text
    assert "bricks 0 online, others not known" in text
    assert "to heal 0" not in text
    nothing = read(Pool(taken_at=NOW)).text
    assert "It is not known which volumes there are." in nothing
    assert "The members of the pool are not known." in nothing
    assert "There are no volumes yet." in read(pool_of()).text


def test_what_is_old_says_so_large() -> None:
    pool = as_stale(POOL, "no answers for 500 s")
    reading = read(pool, pool.taken_at + 500 * 10**9)
    assert ("strong", {"class": "old"}) in reading.elements
    assert "8 min old" in reading.text
    assert ("strong", {"class": "old"}) not in read(POOL).elements


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(name: str) -> None:
    bricks = tuple(replace(brick, host=name, path=f"/{name}", online=False) for brick in volume().bricks)
    sets = (Subvolume("replicate", bricks),)
    made = replace(
        pool_of(volume(name=name, type=name, transport=name, bricks=bricks, subvolumes=sets)),
        node=name,
        gluster_version=name,
        peers=(Peer(name, name, name, False),),
    )
    harmless = pool_of(volume(bricks=volume().bricks[:1], subvolumes=()))
    assert {tag for tag, _ in read(made).elements} <= {tag for tag, _ in read(harmless).elements} | {
        "li",
        "h3",
        "code",
        "kbd",
        "a",
    }
    lone = replace(made, node="a\udcffb")
    assert b"a\\udcffb" in page(lone, evaluate(lone, Limits(), NOW), NOW)


def test_of_a_large_volume_only_problems_are_unfolded() -> None:
    sets = []
    for number in range(1, 334):
        bricks = tuple(
            Brick("v", f"n{host}", f"/b{number}", online=(number, host) != (200, 2), heal_pending=0)
            for host in (1, 2, 3)
        )
        sets.append(Subvolume("replicate", bricks, quorum=True))
    every = tuple(brick for each in sets for brick in each.bricks)
    pool = pool_of(volume(bricks=every, subvolumes=tuple(sets), heal=Heal(0, 0, 0)))
    reading = read(pool)
    assert "996 bricks that are well" in reading.text
    before = reading.text[: reading.text.index("996 bricks that are well")]
    assert "replica set 200 2 of 3 up ✖ n2:/b200 offline" in before
    assert len(re.findall("replica set", before)) == 1


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> List[browser.RenderedWindow]:
    """In light, in the dark and on a phone, by a real browser and our own daemon."""
    if not browser.found():
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail("chromium is missing, and CI must not skip this", pytrace=False)
        pytest.skip("chromium is missing: apt-get install chromium")
    directory = tmp_path_factory.mktemp("capture")
    browser.with_guests(RECORDED[0].parent / "brick-killed", directory)
    with browser.replaying(directory) as url:
        windows = browser.look(url, browser.LIGHT, browser.DARK, browser.PHONE, browser.PRINT)
        return [
            *windows,
            *browser.look(f"{url}node/node2.lab.test", browser.PHONE),
            *browser.look(f"{url}runbook", browser.PHONE),
        ]


@pytest.mark.slow
def test_a_browser_has_nothing_to_complain_of(windows: List[browser.RenderedWindow]) -> None:
    """Neither of the policy nor of anything that is not there."""
    assert [each.complaints for each in windows] == [()] * 6


@pytest.mark.slow
def test_a_browser_shows_it_in_light_and_dark_and_on_a_phone(windows: List[browser.RenderedWindow]) -> None:
    light, dark, phone, printed, node, runbook = windows
    for each in (light, dark, phone, printed):
        assert "3 guests at risk" in each.text
        assert "Needs attention" in each.text
        assert "node2.lab.test:/export/b1/gv0" in each.text
        assert each.png.startswith(b"\x89PNG")
    assert light.background != dark.background
    assert light.background == phone.background
    assert printed.background == "rgb(255, 255, 255)", "in a dark browser, too"
    for each in (phone, node, runbook):
        assert each.width <= browser.PHONE.width, "it would have to be scrolled sideways"
    assert "/export/b1/gv0" in node.text
    assert "BRICK_OFFLINE" in runbook.text
    assert light.width <= browser.LIGHT.width


@pytest.mark.slow
def test_one_click_selects_the_whole_command(windows: List[browser.RenderedWindow]) -> None:
    for each in windows[:3]:
        assert each.selected.strip() == "gnt-gluster deploy --volume gv0 node2.lab.test"


def luminance(colour: str) -> float:
    """By WCAG."""
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_each_colour_of_text_can_be_read_on_each_ground() -> None:
    """Contrast of 4.5 at least, as WCAG requires for text; in light, in the dark and in print."""
    schemes = [
        dict(re.findall(r"--(\w+): (#\w+)", block))
        for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    ]
    assert len(schemes) == 3
    for scheme in schemes:
        for ground in ("paper", "card"):
            for text in ("ink", "soft", "good", "heal", "warn", "unknown", "bad", "off"):
                one, two = sorted((luminance(scheme[text]), luminance(scheme[ground])))
                assert (two + 0.05) / (one + 0.05) >= 4.5, (text, ground, scheme)
