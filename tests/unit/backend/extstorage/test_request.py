"""What Ganeti requests of the ExtStorage provider, by its environment."""

from __future__ import annotations

from typing import Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.backend.extstorage import provider
from ganeti_gluster_mon.backend.extstorage.request import PARAMETERS, Request, RequestError, read
from ganeti_gluster_mon.backend.file_device import DiskError
from ganeti_gluster_mon.backend.volume import GlusterVolume
from tests.unit.backend.extstorage.test_provider import GIVEN, NAME, given_also

HOSTILE = [
    ";$(x)",
    "`x`",
    "$(touch${IFS}x)",
    "..",
    ".",
    "/",
    "../../etc/passwd",
    "a/../../b",
    "/etc/passwd",
    "with space",
    "a,if=none",
    "a:b",
    "new\nline",
    "tab\there",
    "nul\0",
    "-flag",
    "--flag",
    "größe",
    "名前",
    "a\u202eb",
    "\udcff",
    "%2e%2e",
    "'",
    '"',
    "a" * 300,
    "",
]


def test_what_ganeti_gives_is_understood() -> None:
    assert read("attach", GIVEN) == Request(NAME, "gv0", ("127.0.0.1",), "24007", "ganeti", userspace=True)
    more = given_also(
        EXTP_SERVERS="node1, node2", EXTP_PORT="24008", EXTP_DIRECTORY="vm/disks", EXTP_ACCESS="kernelspace"
    )
    request = read("attach", more)
    assert (request.servers, request.port, request.userspace) == (("node1", "node2"), "24008", False)
    assert request.path == f"vm/disks/{NAME}"
    assert provider.uri_of(request) == f"gluster://node1:24008/gv0/vm/disks/{NAME}"
    assert provider.volume_of(request).backup_servers == ("node2",)


def test_each_action_takes_what_is_for_it() -> None:
    every = given_also(VOL_SIZE="64", VOL_NEW_SIZE="80", VOL_METADATA="originstname+a.b")
    assert read("create", every).size == 64
    assert read("grow", every).new_size == 80
    assert read("setinfo", every).metadata == "originstname+a.b"
    attach = read("attach", every)
    assert (attach.size, attach.new_size, attach.metadata) == (None, None, None)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_is_a_disk(name: str) -> None:
    with pytest.raises(RequestError, match=r"^VOL_NAME ") as refused:
        read("attach", given_also(VOL_NAME=name))
    assert str(refused.value).isascii() and str(refused.value).isprintable() and len(str(refused.value)) < 400


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_is_a_folder(name: str) -> None:
    for directory in (name, f"ganeti/{name}", f"{name}/ganeti"):
        with pytest.raises(RequestError, match=r"^directory "):
            read("attach", given_also(EXTP_DIRECTORY=directory))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_is_a_volume_or_a_port_or_an_access(name: str) -> None:
    for variable in ("EXTP_VOLUME", "EXTP_PORT"):
        with pytest.raises(DiskError):
            provider.volume_of(read("attach", given_also(**{variable: name})))
    with pytest.raises(RequestError, match=r"^access "):
        read("attach", given_also(EXTP_ACCESS=name))


@pytest.mark.parametrize("name", [each for each in HOSTILE if each not in ("with space", "/")])
def test_no_hostile_name_is_a_host(name: str) -> None:
    try:
        volume = provider.volume_of(read("attach", given_also(EXTP_SERVERS=name)))
    except DiskError:
        return
    # What passes is a name, or the path of a socket that goes straight to where it says.
    assert volume.server_addr in ("a", "/etc/passwd")


@given(
    st.dictionaries(
        st.sampled_from(["VOL_NAME", *(f"EXTP_{name.upper()}" for name in PARAMETERS)]), st.text()
    )
)
def test_nothing_leads_out_of_the_volume(found: Dict[str, str]) -> None:
    try:
        request = read("attach", {**GIVEN, **found})
        uri = provider.uri_of(request)
    except DiskError:
        return
    assert ".." not in request.path.split("/")
    assert not request.path.startswith("/")
    assert uri.endswith(request.path) or "socket=" in uri
    assert not set(uri) & set(" ,\n\0'\"`$;")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "0x10", " 1", "٣", "9" * 19, str(1 << 43), "64M"])
def test_a_size_is_a_number(text: str) -> None:
    with pytest.raises(RequestError, match=r"^VOL_SIZE .*MiB"):
        read("create", given_also(VOL_SIZE=text))
    with pytest.raises(RequestError, match=r"^VOL_NEW_SIZE "):
        read("grow", given_also(VOL_NEW_SIZE=text))


@pytest.mark.parametrize("text", ["new\nline", "größe", "\0", "x" * 1001])
def test_metadata_is_a_line_of_plain_text(text: str) -> None:
    with pytest.raises(RequestError, match=r"^VOL_METADATA "):
        read("setinfo", given_also(VOL_METADATA=text))


def test_what_is_missing_is_reported() -> None:
    with pytest.raises(RequestError, match="parameter volume is missing"):
        read("attach", {"VOL_NAME": NAME})
    with pytest.raises(RequestError, match=r"^servers is empty"):
        read("attach", given_also(EXTP_SERVERS=" , "))
    with pytest.raises(RequestError, match=r"^VOL_METADATA"):
        read("setinfo", GIVEN)


def test_a_misspelt_parameter_is_refused_while_there_is_no_disk_yet() -> None:
    misspelt = given_also(EXTP_SERVER="node1", VOL_SIZE="1")
    for action in ("create", "verify"):
        with pytest.raises(RequestError, match=r"unknown parameter 'server'; there are volume, servers, "):
            read(action, misspelt)
    # Later it would keep a guest from its data.
    assert read("attach", misspelt).servers == ("127.0.0.1",)


def test_verify_needs_no_disk() -> None:
    assert read("verify", {"EXTP_VOLUME": "gv0"}).volume == "gv0"


def test_the_volume_is_the_same_as_of_the_other_template() -> None:
    """So that both templates share its mount."""
    assert provider.volume_of(read("attach", GIVEN)) == GlusterVolume("127.0.0.1", 24007, "gv0")
