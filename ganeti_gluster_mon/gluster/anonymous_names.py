"""Names that stand for the names in a capture: the same one for the same name.  Pure.

Names are collected first: what stands for a name must not be a name that the capture has itself.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Dict, Iterable, Mapping, Optional, Set, Tuple, Union

from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.gluster.validation import brick_of

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

#: by kind of name: what a name of that kind may begin with; the first that no name in the capture begins with is used
_PREFIXES: Mapping[str, Tuple[str, ...]] = {
    "label": ("node", "host", "server", "machine", "member"),
    "volume": ("v", "vol", "volume", "gvol", "volname"),
    "instance": ("instance", "guest", "vm", "inst", "virtual"),
    "component": ("d", "dir", "directory", "folder", "part"),
    "device": ("disk", "device", "blockdev", "drive", "store"),
    "lvm": ("lvm", "logical", "group", "extents", "storage"),
    "text": ("text", "word", "value", "string", "anything"),
}
#: names of these kinds may not occur in a capture without names
_SECRET_KINDS = ("host", "label", "address", "uuid", "volume", "instance", "path", "device", "lvm", "file")
_DOMAINS = ("example.org", "example.net", "example.com", "anonymous.example", "anonymous.invalid")
#: for documentation: RFC 5737, RFC 3849; addresses that have one first octet get one network, since two hosts count as
#: the same where their names are the same up to the first dot
_NETWORKS: Tuple[_Network, ...] = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
)
#: for benchmarks: RFC 2544; for more addresses than those above
_LARGE_NETWORK: _Network = ipaddress.ip_network("198.18.0.0/15")
_NETWORK_6: _Network = ipaddress.ip_network("2001:db8::/32")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: what a UUID that stands for another begins with
_UUIDS = tuple(f"00000000-0000-4000-{number:04x}-" for number in range(0x8000, 0x9000))
_NO_UUID = "00000000-0000-0000-0000-000000000000"
#: what makes a name none, or an answer unreadable, as it does in what stands for the name
_DAMAGE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NUMBERED = re.compile(r"([a-z]+)\d+")
#: what stands in the place of a block device in /proc/mounts
_NO_DEVICES = frozenset({"tmpfs", "none", "overlay", "rootfs"})


def address_of(text: str) -> Optional[_Address]:
    """The IP address that *text* is; None where it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class AnonymousNames:
    """What stands for each name; until `fix` is called names are collected, and each stands for itself."""

    def __init__(self) -> None:
        #: by kind: what stands for each name, in the order in which the names were found
        self._names: Dict[str, Dict[str, str]] = {}
        self._collected: Mapping[str, Mapping[str, str]] = {}
        self._prefixes: Dict[str, str] = {}
        self._domain = ""
        self._uuid = ""
        #: by network: how many of its addresses are given; by first octet: its place among the networks
        self._given: Dict[_Network, int] = {}
        self._octets: Dict[str, int] = {}
        self._used: Set[str] = set()
        self.fixed = False

    def fix(self) -> None:
        """Choose what stands for the names collected so far."""
        found = self._names
        used = {name.lower() for names in found.values() for name in names}
        self._used = used
        taken = {
            match[1]
            for name in used
            for match in map(_NUMBERED.fullmatch, re.split(r"[^a-z0-9]+", name))
            if match
        }
        self._prefixes = {
            kind: next((each for each in prefixes if each not in taken), f"anonymous-{kind}-")
            for kind, prefixes in _PREFIXES.items()
        }
        self._domain = next(
            (each for each in _DOMAINS if not any(name.endswith(each) for name in used)), "anonymous.test"
        )
        self._uuid = next(each for each in _UUIDS if not any(name.startswith(each) for name in used))
        self.fixed = True
        self._collected = found
        self._names = {}
        for kind in found:  # number them in the order in which they were found
            for name in found[kind]:
                self._new(kind, name)

    def originals(self) -> Iterable[str]:
        """All names that may not occur any more."""
        return [name for kind in _SECRET_KINDS for name in self._names.get(kind, ())]

    def collected(self, kinds: Iterable[str]) -> Iterable[str]:
        """The names of *kinds* that were found in their places, and not by their form in a message."""
        return [name for kind in kinds for name in self._collected.get(kind, ())]

    def known(self, text: str) -> Optional[str]:
        """What stands for *text* where it is a name that was found; None where it is not."""
        for kind in ("uuid", "address", "host", "label", "instance", "volume", "device", "path", "file"):
            if text in self._names.get(kind, ()):
                if kind == "host":
                    return self.host(text)
                if kind == "path":
                    return self.path(text)
                return self._names[kind][text]
        return None

    def host(self, text: str) -> str:
        """A host by name or address; a port behind it stays."""
        if not text or text == "localhost":
            return text
        if address_of(text) is not None:
            return self.address(text)
        name, colon, port = text.rpartition(":")
        if colon and port.isdecimal() and name:
            return f"{self.host(name)}:{port}"
        self._note("host", text)
        label, dot, domain = text.partition(".")
        new = self._new("label", label) if label else ""
        if not dot:
            return new
        return f"{new}.{self._new('domain', domain)}"

    def address(self, text: str) -> str:
        """An IP address; loopback stays."""
        address = address_of(text)
        if address is None or address.is_loopback or address.is_unspecified:
            return text
        return self._new("address", text)

    def volume(self, text: str) -> str:
        """A volume; what no volume can be called stays so."""
        return self._new("volume", text) if text else text

    def instance(self, text: str) -> str:
        """An instance."""
        return self._new("instance", text) if text else text

    def path(self, text: str) -> str:
        """A path, each component for itself."""
        if text.strip("/."):
            self._note("path", text)
        return "/".join(self._new("component", each) if each.strip(".") else each for each in text.split("/"))

    def brick(self, text: str) -> str:
        """A brick, ``host:/path``; anything else is text."""
        brick = brick_of(text)
        if brick is None:
            return self.text(text)
        return f"{self.host(brick[0])}:{self.path(brick[1])}"

    def uuid(self, text: str) -> str:
        """A UUID; that of zeroes, which stands for none, stays."""
        return text if text == _NO_UUID else self._new("uuid", text)

    def device(self, text: str) -> str:
        """A block device, as mounted."""
        return text if not text or text in _NO_DEVICES else self._new("device", text)

    def lvm_name(self, text: str) -> str:
        """A volume group, a logical volume or a pool."""
        return self._new("lvm", text) if text else text

    def text(self, text: str) -> str:
        """Anything else."""
        return self._new("text", text) if text else text

    def file(self, old: str, new: str) -> None:
        """Note that the file *old* of a capture is *new* now."""
        self._names.setdefault("file", {})[old] = new

    def _note(self, kind: str, text: str) -> None:
        self._names.setdefault(kind, {}).setdefault(text, text)

    def _new(self, kind: str, text: str) -> str:
        names = self._names.setdefault(kind, {})
        if text not in names:
            names[text] = self._made(kind, text, len(names) + 1) if self.fixed else text
        return names[text]

    def _made(self, kind: str, text: str, number: int) -> str:
        if kind in ("host", "path", "file"):
            return text
        if kind == "uuid":
            return f"{self._uuid}{number:012x}"
        if kind == "address":
            return self._free_address(text)
        damage = _DAMAGE.search(text)
        behind = damage[0] if damage else ""
        if kind == "domain":
            return (self._domain if number == 1 else f"{number}.{self._domain}") + behind
        new = f"{self._prefixes[kind]}{number}{behind}"
        if kind == "volume" and not VOLUME_NAME.match(text):
            return f"no volume {number}{behind}"
        return f"/dev/{new}" if kind == "device" else new

    def _free_address(self, text: str) -> str:
        """An address of the first network for *text* that has one left."""
        if ":" in text:
            networks = [_NETWORK_6]
        else:
            place = self._octets.setdefault(text.partition(".")[0], len(self._octets))
            networks = [*_NETWORKS[place : place + 1], _LARGE_NETWORK]
        for network in networks:
            # The address of the network and that for broadcasts are none of a host.
            while self._given.get(network, 0) < network.num_addresses - 2:
                self._given[network] = self._given.get(network, 0) + 1
                new = str(network.network_address + self._given[network])
                if new not in self._used:
                    return new
        raise ValueError(f"no address is left for {text}")
