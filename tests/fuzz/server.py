"""The daemon's web process over a recorded capture, on loopback, to be attacked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator, List, Sequence, Tuple

from tests.fuzz.captures import RECORDED

_LISTENING = re.compile(r"127\.0\.0\.1 port ([0-9]+)")


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: Tuple[str, int]
    process: subprocess.Popen[str]
    log_file: Path

    @property
    def memory(self) -> int:
        """The most resident memory that it has had, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10

    def processor_times(self) -> Tuple[float, float]:
        """Seconds that its main thread has had a processor, and that it has waited for one, so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        _, waited, _ = Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii").split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(waited) / 1e9

    @property
    def log(self) -> List[str]:
        """The lines that it has logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()


@contextmanager
def serving(options: Sequence[str] = ()) -> Iterator[Server]:
    """`serve --replay` with *options*, until the end of the block."""
    with tempfile.TemporaryDirectory() as directory:
        log_file = Path(directory, "log")
        argv = [
            *(sys.executable, "-m", "ganeti_gluster_mon", "serve"),
            *("--replay", str(RECORDED / "healthy"), "--listen", "127.0.0.1:0", *options),
        ]
        with log_file.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(argv, stderr=log, stdin=subprocess.DEVNULL, text=True)
        try:
            with log_file.open(encoding="utf-8") as written:
                port = _port(process, written)
            yield Server(("127.0.0.1", port), process, log_file)
            assert process.poll() is None, log_file.read_text(encoding="utf-8", errors="replace")
        finally:
            process.terminate()
            process.wait(30)


def _port(process: subprocess.Popen[str], log: IO[str]) -> int:
    """The port that *process* listens on, by its log."""
    text = ""
    while process.poll() is None:
        text += log.read()
        found = _LISTENING.search(text)
        if found:
            return int(found[1])
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"the server ended: {text}")
