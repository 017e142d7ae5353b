"""What stands for a name: the same for the same name, and no name that is there already."""

from __future__ import annotations

import ipaddress
from typing import Callable, Iterable

import pytest

from ganeti_gluster_mon.gluster.anonymous_names import AnonymousNames
from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.validation import is_name

UUID = "2f5fe442-3b7d-413f-a157-e783a5d0af1b"


def fixed(collect: Callable[[AnonymousNames], object] = lambda names: None) -> AnonymousNames:
    names = AnonymousNames()
    collect(names)
    names.fix()
    return names


def hosts(names: AnonymousNames, each: Iterable[str]) -> list[str]:
    return [names.host(name) for name in each]


def test_names_are_collected_first_and_stand_for_themselves() -> None:
    names = AnonymousNames()
    assert (names.host("web.corp"), names.volume("gv0"), names.path("/a/b")) == ("web.corp", "gv0", "/a/b")


def test_the_same_for_the_same_name_and_another_for_another() -> None:
    names = fixed()
    assert names.volume("gv0") == names.volume("gv0") == "v1"
    assert names.volume("gv1") == "v2"


def test_a_short_name_and_a_domain_stay_recognisable() -> None:
    names = fixed()
    assert hosts(names, ["kvm7.corp", "kvm8.corp", "kvm7", "kvm8.other"]) == [
        "node1.example.org",
        "node2.example.org",
        "node1",
        "node2.2.example.org",
    ]


def test_this_node_stays_this_node() -> None:
    names = fixed()
    kept = ["localhost", "127.0.0.1", "::1", "0.0.0.0", ""]
    assert hosts(names, kept) == kept


def test_addresses_are_those_for_documentation() -> None:
    names = fixed()
    assert hosts(names, ["10.0.0.7", "10.0.0.8", "172.16.0.7", "fe80::7", "10.0.0.7"]) == [
        "192.0.2.1",
        "192.0.2.2",
        "198.51.100.1",
        "2001:db8::1",
        "192.0.2.1",
    ]


def test_a_port_stays() -> None:
    assert hosts(fixed(), ["10.0.0.7:49152", "kvm7.corp:1023"]) == [
        "192.0.2.1:49152",
        "node1.example.org:1023",
    ]


def test_many_addresses_are_all_different() -> None:
    names = fixed()
    made = hosts(names, (f"10.{a}.{b}.1" for a in range(4) for b in range(256)))
    assert len(set(made)) == 1024
    allowed = [ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("198.18.0.0/15")]
    assert all(any(ipaddress.ip_address(each) in network for network in allowed) for each in made)


@pytest.mark.parametrize(
    ("collect", "new", "not_new"),
    [
        (lambda names: names.host("node1.corp"), lambda names: names.host("x"), "node"),
        (lambda names: names.volume("v1"), lambda names: names.volume("gv0"), "v1"),
        (lambda names: names.path("/d1"), lambda names: names.path("/a"), "/d1"),
        (lambda names: names.host("192.0.2.1"), lambda names: names.host("10.0.0.1"), "192.0.2.1"),
        (lambda names: names.host("a.example.org"), lambda names: names.host("b.corp"), "example.org"),
        (
            lambda names: names.uuid("00000000-0000-4000-8000-000000000001"),
            lambda names: names.uuid(UUID),
            "00000000-0000-4000-8000",
        ),
    ],
)
def test_no_name_that_is_there_stands_for_another(
    collect: Callable[[AnonymousNames], object], new: Callable[[AnonymousNames], str], not_new: str
) -> None:
    assert not_new not in new(fixed(collect))


def test_a_path_is_replaced_component_by_component() -> None:
    names = fixed()
    assert [names.path(each) for each in ("/", "/export/b1", "/export/b2/b1", "disks/b1", "/..", "")] == [
        "/",
        "/d1/d2",
        "/d1/d3/d2",
        "d4/d2",
        "/..",
        "",
    ]


def test_a_brick_is_its_host_and_its_path() -> None:
    names = fixed()
    assert names.brick("kvm7.corp:/export/b1") == "node1.example.org:/d1/d2"
    assert names.brick("fe80::7:/export/b1") == "2001:db8::1:/d1/d2"
    assert names.brick("no brick") == "text1"


def test_what_is_no_name_stays_none() -> None:
    names = fixed()
    assert not VOLUME_NAME.match(names.volume("a volume"))
    assert not is_name(names.host("kvm\x077"))
    assert not is_name(names.path("/a\udcff/b"))


def test_uuids_and_devices() -> None:
    names = fixed()
    nothing = "00000000-0000-0000-0000-000000000000"
    assert (names.uuid(UUID), names.uuid(nothing)) == ("00000000-0000-4000-8000-000000000001", nothing)
    assert [names.device(each) for each in ("/dev/mapper/vg-x", "tank/brick", "tmpfs")] == [
        "/dev/disk1",
        "/dev/disk2",
        "tmpfs",
    ]


def test_known_names_of_any_kind_are_found() -> None:
    names = fixed(lambda names: (names.host("kvm7.corp"), names.volume("gv0"), names.path("/export/b1")))
    assert names.known("kvm7.corp") == "node1.example.org"
    assert names.known("kvm7") == "node1"
    assert names.known("gv0") == "v1"
    assert names.known("/export/b1") == "/d1/d2"
    assert names.known("elsewhere") is None
