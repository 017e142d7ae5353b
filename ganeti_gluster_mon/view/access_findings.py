"""Whether instances of a node can reach their disks by the access chosen, with the installed programs.  Pure."""

from __future__ import annotations

import ipaddress
import shlex
from typing import Iterable, Iterator, Optional

from ganeti_gluster_mon.ganeti.configuration import EXT, GLUSTER, USERSPACE, Configuration
from ganeti_gluster_mon.text import one_line, some
from ganeti_gluster_mon.view.finding import Finding
from ganeti_gluster_mon.view.node_facts import NodeFacts
from ganeti_gluster_mon.view.version_findings import major

#: the first GlusterFS that cuts an IPv6 address of a server at its last colon
NO_IPV6 = 11
_MOST_NAMES = 5


def access_findings(node: str, facts: NodeFacts, configuration: Configuration) -> Iterator[Finding]:
    """What keeps instances on *node* from their disks."""
    chosen = set()
    if GLUSTER in configuration.enabled_disk_templates:
        group = configuration.parameters_of(configuration.groups.get(node))
        chosen.add("" if group is None else group.access)
    if EXT in configuration.enabled_disk_templates:
        chosen |= configuration.ext_access
    if not chosen:
        return
    if USERSPACE in chosen:
        yield from _of_qemu(facts)
    if facts.fuse_client is False or facts.fuse_device is False:
        lacks = "glusterfs-client" if facts.fuse_client is False else "/dev/fuse"
        yield Finding(
            f"volumes cannot be mounted for making disks: {lacks} is missing",
            "apt install glusterfs-client" if facts.fuse_client is False else "modprobe fuse",
        )
    for denial in facts.denials:
        profile, what = one_line(denial.profile, 120), one_line(denial.what, 160)
        yield Finding(
            f"AppArmor denied {one_line(denial.operation, 40)} of {what} by its profile {profile}",
            f"allow it in that profile below /etc/apparmor.d, then systemctl reload apparmor; "
            f"until then: aa-complain {shlex.quote(profile)}",
        )


def _of_qemu(facts: NodeFacts) -> Iterator[Finding]:
    if facts.qemu_gluster is False:
        yield Finding("QEMU cannot open gluster:// here", "apt install qemu-block-extra")
    if facts.qemu_options is False:
        series = f"Ganeti {one_line(facts.ganeti, 20)}" if facts.ganeti else "the Ganeti here"
        yield Finding(
            f"instances with userspace access do not start: QEMU refuses the options that {series} writes",
            "apt install ganeti-gluster-backend, which repairs them",
        )


def server_findings(configuration: Configuration, versions: Iterable[Optional[str]]) -> Iterator[Finding]:
    """Servers of volumes that are IPv6 addresses, which GlusterFS, in *versions* on the nodes, cannot mount from."""
    newest = max((number for number in map(major, versions) if number is not None), default=0)
    if newest < NO_IPV6:
        return
    if GLUSTER in configuration.enabled_disk_templates:
        for parameters in configuration.parameters:
            if _is_ipv6(parameters.host):
                yield Finding(
                    f"disk parameters of group {one_line(parameters.group)}: host is the IPv6 address "
                    f"{parameters.host}, which GlusterFS {newest} cannot mount volumes from",
                    "give it a name in DNS or in each node's /etc/hosts, then gnt-cluster modify -D gluster:host=NAME",
                )
    instances = {
        disk.instance for disk in configuration.disks if disk.template == EXT and _is_ipv6(disk.server or "")
    }
    if instances:
        yield Finding(
            f"disks of {some(sorted(map(one_line, instances)), _MOST_NAMES)} have an IPv6 address as their server, "
            f"which GlusterFS {newest} cannot mount volumes from",
            "gnt-instance modify --disk N:servers=NAME INSTANCE, with a name for the address",
        )


def _is_ipv6(host: str) -> bool:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return ipaddress.ip_address(bare).version == 6
    except ValueError:
        return False
