"""The request of Ganeti to the ExtStorage provider, from the environment of its scripts.  Pure.

The variables are those of ganeti-extstorage-interface(7): VOL_… for the disk, EXTP_… for each parameter that an
administrator gave it.  None of them is trusted: what passes here is a plain name, a plain path or a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

from ganeti_gluster_mon.backend.file_device import DiskError
from ganeti_gluster_mon.backend.volume import PORT

#: the provider's parameters, as parameters.list has them
PARAMETERS = ("volume", "servers", "port", "directory", "access")
#: what Ganeti passes as parameters of its own
_GANETIS_OWN = ("provider",)
#: where the disks are in a volume by default: one folder, for distribute copies each to every brick
DIRECTORY = "ganeti"
USERSPACE, KERNELSPACE = "userspace", "kernelspace"

#: no character that QEMU, a mount or a URI reads as anything else than itself
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_LONGEST = 100
#: of a file, in MiB: 2**63 bytes
_MOST = 1 << 43
#: of the text that Ganeti keeps with a disk
_TEXT = re.compile(r"[ -~]{0,1000}\Z")

_SIZE, _NEW_SIZE = "VOL_SIZE", "VOL_NEW_SIZE"
_METADATA = "VOL_METADATA"
#: "False" for both nodes of a live migration, "True" otherwise
_EXCLUSIVE = "VOL_OPEN_EXCLUSIVE"


class RequestError(DiskError):
    """The request is invalid; str() is one line: what is wrong, and what is valid."""


@dataclass(frozen=True)
class Request:
    """One disk, where it is, and what is to be done with it."""

    #: the disk's name; Ganeti's are UUID.ext.diskN
    name: str
    volume: str
    #: each a name, an address or the path of a socket; the first is queried, the others when it does not answer
    servers: Tuple[str, ...]
    port: str
    #: relative path of the folder of disks in the volume
    directory: str
    #: whether QEMU opens the disk by itself, so that it should not be mounted while a guest runs
    userspace: bool
    #: MiB; None where the action has none
    size: Optional[int] = None
    new_size: Optional[int] = None
    metadata: Optional[str] = None
    #: False where Ganeti opens the disk on two nodes, for a live migration
    exclusive: bool = True

    @property
    def path(self) -> str:
        """Of the disk in its volume."""
        return f"{self.directory}/{self.name}"


def read(action: str, environment: Mapping[str, str]) -> Request:
    """The request in *environment* to the script *action*.  Raises RequestError."""
    given = _parameters(environment)
    if action in ("create", "verify"):
        _refuse_unknown(given)
    # verify is about the parameters alone
    name = environment.get("VOL_NAME", "disk" if action == "verify" else "")
    if not (_NAME.match(name) and len(name) <= _LONGEST):
        raise RequestError(
            f"VOL_NAME {_shown(name)} cannot be the name of a disk: letters, digits, . - and _ only"
        )
    if not given.get("volume"):
        raise RequestError("the parameter volume is missing: --disk 0:…,provider=gluster,volume=NAME")
    access = given.get("access", KERNELSPACE)
    if access not in (USERSPACE, KERNELSPACE):
        raise RequestError(f"access {_shown(access)} is neither {USERSPACE} nor {KERNELSPACE}")
    return Request(
        name=name,
        volume=given["volume"],
        servers=_servers(given.get("servers", "127.0.0.1")),
        port=given.get("port", str(PORT)),
        directory=_directory(given.get("directory", DIRECTORY)),
        userspace=access == USERSPACE,
        size=_mebibytes(environment, _SIZE) if action == "create" else None,
        new_size=_mebibytes(environment, _NEW_SIZE) if action == "grow" else None,
        metadata=_metadata(environment) if action == "setinfo" else None,
        exclusive=environment.get(_EXCLUSIVE) != "False",
    )


def _parameters(environment: Mapping[str, str]) -> Mapping[str, str]:
    prefix = "EXTP_"
    return {
        name[len(prefix) :].lower(): value for name, value in environment.items() if name.startswith(prefix)
    }


def _refuse_unknown(given: Mapping[str, str]) -> None:
    unknown = sorted(set(given) - set(PARAMETERS) - set(_GANETIS_OWN))
    if unknown:
        raise RequestError(f"unknown parameter {_shown(unknown[0])}; there are {', '.join(PARAMETERS)}")


def _servers(text: str) -> Tuple[str, ...]:
    servers = tuple(server for server in re.split(r"[, ]", text) if server)
    if not servers:
        raise RequestError("servers is empty: give node1, or node1 node2 to have a second one")
    return servers


def _directory(text: str) -> str:
    parts = text.split("/")
    if not all(_NAME.match(part) for part in parts) or len(text) > _LONGEST:
        raise RequestError(
            f"directory {_shown(text)} cannot be a folder for disks: a relative path of letters, digits, . - and _, "
            f"{_LONGEST} characters at most"
        )
    return text


def _mebibytes(environment: Mapping[str, str], variable: str) -> int:
    text = environment.get(variable, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _MOST):
        raise RequestError(f"{variable} {_shown(text)} is not a number of MiB that a disk can have")
    return int(text)


def _metadata(environment: Mapping[str, str]) -> str:
    text = environment.get(_METADATA)
    if text is None or not _TEXT.match(text):
        raise RequestError(f"{_METADATA} {_shown(text or '')} is not a line of plain text")
    return text


def _shown(text: str) -> str:
    """Fit for a message: on one line, and not for ever."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}…")
