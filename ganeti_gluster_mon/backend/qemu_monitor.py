"""QEMU's monitor of a guest of this node, by the protocol QMP: the size of a disk that QEMU has open by its URI.

Gluster's translator shard keeps the size of an open file in each client.  A client that changes the size sends the
difference to the size that it has kept, not the size itself.  QEMU is such a client: if the file has grown by a
mount, and QEMU is then to resize the disk (Ganeti 3.1 requests that), the file gets larger than either wanted.  So the
file of a disk that QEMU has open is resized by QEMU alone.

https://qemu-project.gitlab.io/qemu/interop/qmp-spec.html
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any, Dict, List, Optional

from ganeti_gluster_mon.backend import qemu_processes
from ganeti_gluster_mon.backend.disk_error import DiskError
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, FileDeviceHelper

#: seconds for QEMU's answer, which may wait for Gluster: its client gives up a brick that hangs after 42 s
#: (network.ping-timeout); and until a mount sees the new size
_ANSWER_TIMEOUT, _SIZE_TIMEOUT = 50.0, 10.0
_PAUSE = 0.1
#: of one line; the list of all block devices of a guest is far shorter
_LONGEST = 1 << 22


def grow(file: FileDeviceHelper, size: int, uri: Optional[str]) -> bool:
    """Give the disk *size* MiB exactly, by QEMU where a guest of this node has it open by *uri*; whether QEMU did.

    As FileDeviceHelper.GrowTo, a disk of that size already is left as it is.  Raises DiskError.
    """
    disk = None if uri is None else qemu_processes.guest_disk(uri)
    if disk is None:
        file.GrowTo(size)
        return False
    file.GrowTo(size, dryrun=True)
    wanted = size * MEBIBYTE
    if file.Size() == wanted:
        return False
    with _Monitor(disk.guest) as monitor:
        # Ganeti 3.0 gives the block device of a disk no name, and has QEMU resize nothing.  What QEMU has open by a
        # path sees the new size of the file.
        if disk.block_device not in monitor.opened_by_uri():
            file.GrowTo(size)
            return False
        monitor.execute("block_resize", {"node-name": disk.block_device, "size": wanted})
    _wait_for_size(file, wanted)
    return True


def _wait_for_size(file: FileDeviceHelper, wanted: int) -> None:
    """Wait until the mount, which keeps attributes for a second, has the size.  Raises DiskError."""
    until = time.monotonic() + _SIZE_TIMEOUT
    while file.Size() != wanted:
        if time.monotonic() > until:
            raise DiskError(f"{file.path}: it has {file.Size()} bytes after QEMU has grown it to {wanted}")
        time.sleep(_PAUSE)


class _Monitor:
    """A connection to the monitor of *guest*.  Every method raises DiskError where QEMU fails or does not answer."""

    def __init__(self, guest: str) -> None:
        self._guest = guest
        self._until = time.monotonic() + _ANSWER_TIMEOUT
        self._rest = b""
        self._link = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> _Monitor:
        try:
            self._link.settimeout(_ANSWER_TIMEOUT)
            try:
                self._link.connect(os.path.join(qemu_processes.GANETI, "ctrl", f"{self._guest}.qmp"))
            except OSError as err:
                raise self._error(f"cannot be reached: {err.strerror or 'no answer'}") from err
            self._message()  # its greeting
            self.execute("qmp_capabilities", {})
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def opened_by_uri(self) -> List[str]:
        """The names of the block devices that are no file or device of this node."""
        answer = self.execute("query-named-block-nodes", {"flat": True})
        try:
            return [each["node-name"] for each in answer if not each["file"].startswith("/")]
        except (TypeError, LookupError, AttributeError):
            raise self._error("its list of block devices cannot be understood") from None

    def execute(self, command: str, arguments: Dict[str, Any]) -> Any:
        """What QEMU answers to *command*."""
        try:
            request = {"execute": command, "arguments": arguments}
            self._link.sendall(json.dumps(request).encode() + b"\n")
        except OSError as err:
            raise self._error(f"{command}: {err.strerror or 'no answer'}") from err
        while True:
            message = self._message()
            if "error" in message:
                error = message["error"]
                raise self._error(
                    f"{command}: {error.get('desc', error) if isinstance(error, dict) else error}"
                )
            if "return" in message:
                return message["return"]
            # anything else is an event

    def _message(self) -> Dict[str, Any]:
        while b"\n" not in self._rest:
            left = self._until - time.monotonic()
            try:
                self._link.settimeout(max(left, 0.001))
                more = self._link.recv(65536)
            except socket.timeout:
                raise self._error(
                    f"no answer within {_ANSWER_TIMEOUT:g} s; the disk may have grown: repeat the command when the "
                    "guest answers"
                ) from None
            except OSError as err:
                raise self._error(str(err.strerror)) from err
            if not more or len(self._rest) > _LONGEST:
                raise self._error("it closed the connection")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise self._error("its answer cannot be understood")
        return message

    def _error(self, why: str) -> DiskError:
        return DiskError(f"the QEMU monitor of {self._guest}: {why}")
