"""The network of a lab: names, addresses, and a switch in a namespace of its own.

No link and no address of it is on the machine: every cable has one end in a host and the other in the switch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Optional, Sequence

from tests.lab.namespaces import Namespaces
from tests.lab.waiting import wait_until

DOMAIN = "lab.test"


def hostname(number: int) -> str:
    return f"node{number}.{DOMAIN}"


def address(number: int) -> str:
    return f"10.99.0.{number}"


def address6(number: int) -> str:
    """The same host in IPv6: a unique local address."""
    return f"fd99::{number}"


def hosts_file(count: int) -> str:
    """/etc/hosts of every host.

    The IPv6 addresses have names of their own (node1-6.lab.test): glusterd speaks IPv4 by default,
    and would try the IPv6 address of a name that has both first.
    """
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    for number in range(1, count + 1):
        lines.append(f"{address(number)} {hostname(number)} node{number}")
        lines.append(f"{address6(number)} node{number}-6.{DOMAIN} node{number}-6")
    return "\n".join(lines) + "\n"


class Switch:
    """A bridge, with one port for each host, named after it."""

    def __init__(self, directory: Path) -> None:
        self.namespaces = Namespaces(directory, ["net"])

    def start(self, tether: Optional[int], inherit: Sequence[int]) -> None:
        self.namespaces.start({"hostname": ""}, tether, inherit)
        self.namespaces.ready()
        self._ip("link", "add", "switch", "type", "bridge", "forward_delay", "0")
        self._ip("link", "set", "switch", "up")

    def plug(self, number: int, host: Namespaces) -> None:
        """Lay the cable of a host that has just booted, give it its addresses, and wait for the link."""
        port = f"port{number}"
        self._ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        self._ip("link", "set", port, "master", "switch", "up")
        host.exec(["ip", "link", "set", "eth0", "up"])
        host.exec(["ip", "address", "add", f"{address(number)}/24", "dev", "eth0"])
        if os.path.exists("/proc/sys/net/ipv6"):
            # No other host has it: without duplicate address detection it can be used at once.
            host.exec(["ip", "address", "add", f"{address6(number)}/64", "dev", "eth0", "nodad"])
        wait_until(lambda: self._link(number) == "UP", f"port{number} of the switch up")

    def unplug(self, number: int) -> None:
        """Take away the cable of a host that is off. The kernel does so by itself, but in its own time."""
        self.namespaces.exec(["ip", "link", "delete", f"port{number}"], check=False)
        wait_until(lambda: self._link(number) is None, f"port{number} of the switch gone")

    def cut(self, number: int) -> None:
        """Pull the cable of a host: packets are lost without a word, as from a host that lost its power."""
        self._ip("link", "set", f"port{number}", "down")
        wait_until(lambda: self._link(number) == "DOWN", f"port{number} of the switch down")

    def join(self, number: int) -> None:
        """Plug the cable in again."""
        self._ip("link", "set", f"port{number}", "up")
        wait_until(lambda: self._link(number) == "UP", f"port{number} of the switch up")

    def _link(self, number: int) -> Optional[str]:
        """The state of a port in the kernel's word; None where there is no such port."""
        shown = self.namespaces.exec(["ip", "-json", "link", "show", "dev", f"port{number}"], check=False)
        if shown.returncode:
            return None
        return str(json.loads(shown.stdout)[0]["operstate"])

    def _ip(self, *words: str) -> None:
        self.namespaces.exec(["ip", *words])
