"""Which peers answer, and which of their hosts: probed before anything that would wait for them."""

from __future__ import annotations

import os
from typing import Dict, Iterable, Mapping

from ganeti_gluster_mon.gluster import probe
from ganeti_gluster_mon.gluster.model import Peer

GLUSTERD_PORT = 24007
#: glusterd encrypts its own port when this file exists
SECURE_ACCESS = "/var/lib/glusterd/secure-access"
#: seconds for the kernel of a host to accept or refuse a connection, once its glusterd did not answer
HOST_TIMEOUT = 0.5


def is_encrypted() -> bool:
    """Whether glusterd uses TLS on its own port."""
    return os.path.exists(SECURE_ACCESS)


def probe_peers(peers: Iterable[Peer], timeout: float, probed: Mapping[str, bool]) -> Dict[str, bool]:
    """By hostname, for each peer but this node: whether its glusterd answers within *timeout* seconds.

    *probed* has the last replies to the probe thread.  A peer that did not answer there is not probed again: the
    probe thread reports when it answers.
    """
    others = [peer.hostname for peer in peers if not peer.local]
    not_responding = {host: False for host in others if probed.get(host) is False}
    addresses = [(host, GLUSTERD_PORT) for host in others if host not in not_responding]
    replies = probe.probe_ports(addresses, timeout, connect_only=is_encrypted())
    known = {
        host: replies[(host, port)] is probe.Reply.ANSWERS
        for host, port in addresses
        if replies[(host, port)] is not probe.Reply.UNKNOWN
    }
    return {**not_responding, **known}


def probe_hosts(reachable: Mapping[str, bool], timeout: float) -> Dict[str, bool]:
    """By the hosts whose glusterd does not answer: whether their kernel accepts or refuses a connection.

    It does so where glusterd is down or hangs.  Nothing comes back where the host is off, frozen or cut off.
    """
    addresses = [(host, GLUSTERD_PORT) for host, answers in reachable.items() if not answers]
    replies = probe.probe_ports(addresses, min(HOST_TIMEOUT, timeout), connect_only=True)
    silent = (probe.Reply.SILENT, probe.Reply.UNREACHABLE)
    known = {host: reply for (host, _), reply in replies.items() if reply is not probe.Reply.UNKNOWN}
    return {host: reply not in silent for host, reply in known.items()}
