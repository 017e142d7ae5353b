"""An access that cannot work with the installed programs is one clear line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Sequence

import pytest

from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.view.access_findings import access_findings, server_findings
from ganeti_gluster_mon.view.node_facts import Denial, NodeFacts, node_facts

CONFIGURATION = Configuration(
    enabled_disk_templates=("gluster",),
    allowed_disk_templates=("gluster",),
    parameters=(DiskParameters("default", "127.0.0.1", 24007, "gv0", "userspace"),),
    disks=(),
    groups={"node1": "default"},
)
KERNELSPACE = replace(CONFIGURATION, parameters=(replace(CONFIGURATION.parameters[0], access="kernelspace"),))
EXT = replace(CONFIGURATION, enabled_disk_templates=("ext",))
EXT_USERSPACE = replace(EXT, ext_access=frozenset({"userspace"}))
EXT_KERNELSPACE = replace(EXT, ext_access=frozenset({"kernelspace"}))
NO_DRIVER = "QEMU cannot open gluster:// here"
REFUSED = "instances with userspace access do not start: QEMU refuses the options that Ganeti 3.1 writes"
NO_CLIENT = "volumes cannot be mounted for making disks: glusterfs-client is missing"


def texts(configuration: Configuration, **facts: Any) -> List[str]:
    found = list(access_findings("node1", NodeFacts(**facts), configuration))
    assert all(each.to_do and not each.note for each in found)
    return [each.text for each in found]


@pytest.mark.parametrize(
    ("configuration", "found"),
    [
        (CONFIGURATION, [NO_DRIVER, REFUSED, NO_CLIENT]),
        (EXT_USERSPACE, [NO_DRIVER, REFUSED, NO_CLIENT]),
        (KERNELSPACE, [NO_CLIENT]),
        (EXT_KERNELSPACE, [NO_CLIENT]),
        (EXT, []),
        (replace(CONFIGURATION, enabled_disk_templates=("plain",)), []),
    ],
)
def test_only_what_is_chosen_matters(configuration: Configuration, found: List[str]) -> None:
    lacks = {"qemu_gluster": False, "qemu_options": False, "fuse_client": False, "ganeti": "3.1"}
    assert texts(configuration, **lacks) == found
    assert texts(configuration) == [], "not known is not wrong"


def test_a_denial_of_apparmor() -> None:
    denial = {
        "profile": "/usr/bin/qemu $(x)",
        "operation": "file_mmap",
        "what": "/usr/lib/qemu/block-gluster.so",
    }
    facts = node_facts({"denials": [denial, {"profile": 1}, None]}, 0.0, 0.0)
    assert facts.denials == (Denial(**denial),)
    (found,) = access_findings("node1", facts, CONFIGURATION)
    assert found.text == (
        "AppArmor denied file_mmap of /usr/lib/qemu/block-gluster.so by its profile /usr/bin/qemu $(x)"
    )
    assert found.to_do.endswith("aa-complain '/usr/bin/qemu $(x)'")


def servers(configuration: Configuration, versions: Sequence[Any] = ("11.1",)) -> List[str]:
    return [each.text for each in server_findings(configuration, versions)]


@pytest.mark.parametrize("host", ["fd99::1", "[fd99::1]", "::1"])
def test_an_ipv6_address_and_glusterfs_11(host: str) -> None:
    configuration = replace(CONFIGURATION, parameters=(replace(CONFIGURATION.parameters[0], host=host),))
    text = (
        f"disk parameters of group default: host is the IPv6 address {host}, "
        "which GlusterFS 11 cannot mount volumes from"
    )
    assert servers(configuration) == [text]
    assert servers(configuration, ["10.3", "11.1", None]) == [text]
    assert servers(configuration, ["10.3", None]) == []
    assert servers(replace(configuration, enabled_disk_templates=("ext",))) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "node1.lab.test", "/run/glusterd.socket", "fd99", ""])
def test_servers_that_glusterfs_11_can_mount_from(host: str) -> None:
    disks = (DiskFile("web", "disk/0", "gv0", "ganeti/a", template="ext", server=host),)
    parameters = (replace(CONFIGURATION.parameters[0], host=host),)
    assert servers(replace(CONFIGURATION, parameters=parameters, disks=disks)) == []


def test_disks_of_the_provider_with_an_ipv6_address() -> None:
    disks = tuple(
        DiskFile(name, "disk/0", "gv0", "ganeti/a", template=template, server="fd99::1")
        for name, template in (("web", "ext"), ("db", "ext"), ("other", "gluster"))
    )
    assert servers(replace(EXT, disks=disks)) == [
        "disks of db, web have an IPv6 address as their server, which GlusterFS 11 cannot mount volumes from"
    ]
