"""Texts with other names: values, names of options, messages."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster.anonymous_names import AnonymousNames
from ganeti_gluster_mon.gluster.anonymous_text import AnonymousText, around, is_own, is_plain


@pytest.fixture
def texts() -> AnonymousText:
    """Texts of a pool in which some names are known."""
    names = AnonymousNames()
    names.host("kvm7.corp")
    names.host("a")
    names.volume("gv0")
    names.volume("quota")
    names.path("/srv/my data/b1")
    names.instance("web1.corp")
    names.fix()
    return AnonymousText(names)


@pytest.mark.parametrize(
    "text", ["on", "Off", "5", "-1", "10%", "64MB", "1073741824Bytes", "80.5%", "none", "tcp", "", "*", "N/A"]
)
def test_numbers_and_known_words_are_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize("text", ["hunter2", "10.0.0.1", "gv0", "/a", "kvm7"])
def test_names_are_not_plain(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize("text", ["kvm7:/b", "/export", "a@b", "é", "x" * 300])
def test_what_may_be_a_name_is_not_a_word_of_gluster(text: str) -> None:
    assert not is_own(text)


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("on", "on"),
        ("30", "30"),
        ("hunter", "text1"),
        ("10.0.0.7,*,kvm7.corp", "192.0.2.1,*,node1.example.org"),
        ("10.0.0.*", "text1"),
        ("10.0.0.0/24", "192.0.2.1/24"),
        ("/etc/ssl/kvm7.pem", "/d4/d5/d6"),
        ("gv0", "v1"),
        ("two words", "text1"),
    ],
)
def test_values_of_options(texts: AnonymousText, text: str, new: str) -> None:
    assert texts.value(text) == new


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("features.shard", "features.shard"),
        ("cluster.data-self-heal", "cluster.data-self-heal"),
        ("user.owner.bob", "user.text1"),
        ("auth.login.bob.password", "auth.text1"),
        ("Bob's", "text1"),
    ],
)
def test_names_of_options(texts: AnonymousText, text: str, new: str) -> None:
    assert texts.option_name(text) == new


def test_options_of_a_mount(texts: AnonymousText) -> None:
    text = "rw,relatime,logbufs=8,subvol=/secret,compress=zstd"
    assert texts.mount_options(text) == "rw,relatime,logbufs=8,subvol=/d4,compress=zstd"


def test_a_daemon_stands_in_the_place_of_a_host(texts: AnonymousText) -> None:
    assert texts.daemon_or_host("Self-heal Daemon") == "Self-heal Daemon"
    assert texts.daemon_or_host("kvm7.corp") == "node1.example.org"
    assert texts.daemon_or_host("two words") == "node3"


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Rebalance not started for volume gv0.", "Rebalance not started for volume v1."),
        ("No quota configured on volume quota", "No quota configured on volume v2"),
        ("quota is off", "v2 is off"),
        (
            "peer kvm7.corp does not answer on port 24007",
            "peer node1.example.org does not answer on port 24007",
        ),
        ("Staging failed on kvm7. Error: a", "Staging failed on node1. Error: node2"),
        ("a data path", "node2 data path"),
        ("host kvm19.corp: 10.9.8.7:24007", "host node3.example.org: 192.0.2.1:24007"),
        ("cannot open '/srv/my data/b1'", "cannot open '/d1/d2/d3'"),
        ("/srv/x: Input/output error", "/d1/d4: Input/output error"),
        ("brick kvm7.corp:/srv/b9 failed", "brick node1.example.org:/d1/d4 failed"),
        ("disk of web1.corp", "disk of instance1"),
        ("unknown host kvm23 (vg_data)", "unknown host text1 (text2)"),
        ("no answer within 2.5 s", "no answer within 2.5 s"),
        ("https://kvm7.corp/x", "https://node1.example.org/d4"),
        ("fe80::7 is down", "2001:db8::1 is down"),
        ("2F5FE442-3b7d-413f-a157-e783a5d0af1b", "00000000-0000-4000-8000-000000000001"),
        ("", ""),
    ],
)
def test_messages(texts: AnonymousText, text: str, new: str) -> None:
    assert texts.message(text) == new


def test_messages_stay_while_names_are_collected() -> None:
    assert AnonymousText(AnonymousNames()).message("volume gv0 is down") == "volume gv0 is down"


def test_white_space_around_a_text_stays() -> None:
    assert around(" \n gv0\t", str.upper) == " \n GV0\t"
    assert around(" \n ", str.upper) == " \n "
