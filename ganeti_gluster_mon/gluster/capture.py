"""A capture: the raw answers of one cycle, byte for byte, in a directory with a manifest.

It is what ``record`` writes for a bug report, what ``--replay`` and the tests read, and
what one node sends to the others so that only one of them queries Gluster.  The format is
pinned; ``format_version`` 1 is described in docs/capture.md.

A directory without a manifest is taken too: each file's name identifies its query.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.gluster.lvm import LvmReport
from ganeti_gluster_mon.gluster.manifest_values import (
    Malformed,
    brick_answering,
    brick_port,
    disk_entry,
    disk_file,
    expect,
    geo_replication,
    list_of,
    lvm_report,
    mapping,
    record,
    stats_dump,
    text_or_none,
    whole_number,
)
from ganeti_gluster_mon.gluster.model import DiskFile, Mount, Process
from ganeti_gluster_mon.gluster.profile import StatsDump
from ganeti_gluster_mon.gluster.query import Query, file_of_query, query_in_file
from ganeti_gluster_mon.gluster.scrub import ScrubStatus

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

#: bytes of one file that are read at most, by default
MAX_FILE = 64 << 20

#: gives the bytes of a file of a capture, and why there are none; one of the two is empty
ReadFile = Callable[[str], Tuple[bytes, Optional[str]]]


class CaptureError(Exception):
    """A capture cannot be read or written; str() is one line for an administrator."""


@dataclass(frozen=True)
class Answer:
    """What Gluster answered to one query, not parsed."""

    query: Query
    #: standard output; empty when nothing came
    output: bytes
    #: None when the process was not its own (several queries in one) or was killed
    returncode: Optional[int] = None
    stderr: str = ""
    #: from the query to the end of the answer
    seconds: float = 0.0
    #: why there is no whole answer, in an administrator's words; None when there is one
    failure: Optional[str] = None
    #: ns since the epoch, when it was kept from an earlier cycle; None: as old as its capture
    taken_at: Optional[int] = None


@dataclass(frozen=True)
class Capture:
    """All raw answers of one cycle, and what this node knows about itself."""

    #: ns since the epoch
    recorded_at: int
    answers: Tuple[Answer, ...]
    node: Optional[str] = None
    gluster_version: Optional[str] = None
    mounts: Tuple[Mount, ...] = ()
    #: by hostname: whether the peer's glusterd answered on port 24007
    reachable: Mapping[str, bool] = field(default_factory=dict)
    #: by hostname of a peer whose glusterd did not answer: whether its kernel accepted or refused a connection
    hosts_answering: Mapping[str, bool] = field(default_factory=dict)
    #: by (host, path): whether the brick's process answered
    bricks_answering: Mapping[Tuple[str, str], bool] = field(default_factory=dict)
    #: by (host, path): the TCP port at which the brick listened when it was last reported online
    brick_ports: Mapping[Tuple[str, str], int] = field(default_factory=dict)
    #: by device as mounted ("/dev/mapper/vg-b1"): the kernel's name ("dm-3"), on this node
    devices: Mapping[str, str] = field(default_factory=dict)
    #: the pool's op-version, as this node has stored it
    op_version: Optional[int] = None
    #: the scrubbers of volumes with bitrot
    scrubs: Tuple[ScrubStatus, ...] = ()
    #: the sessions of geo-replication
    geo_replications: Tuple[GeoReplication, ...] = ()
    #: the filesystems under this node's bricks
    filesystems: Tuple[BrickFilesystem, ...] = ()
    #: what this node's bricks have written about their file operations
    stats_dumps: Tuple[StatsDump, ...] = ()
    #: the logical volumes under this node's bricks; None: not known
    lvm: Optional[LvmReport] = None
    #: Gluster's processes on this node; None: not looked at
    processes: Optional[Tuple[Process, ...]] = None
    #: instances' disks on the volumes; None: not known which there are
    disks: Optional[Tuple[DiskFile, ...]] = None
    #: why the disks are not known; None where they are
    disks_unknown: Optional[str] = None
    #: uuid of this node, where another node ran the queries; not kept in a file
    local: Optional[str] = None
    #: the node that ran the queries
    queried_by: Optional[str] = None

    def answer(self, query: Query) -> Optional[Answer]:
        """The answer to *query*, or None where it was not run."""
        for answer in self.answers:
            if answer.query == query:
                return answer
        return None


def write(capture: Capture, directory: str, extra: Optional[Mapping[str, bytes]] = None) -> None:
    """Write *capture* to *directory*, whole or not at all, and the files *extra* with it.

    The directory appears under its name only when everything is in it and on the disk.
    Raises CaptureError when something of that name is there already, or on any OS error.
    """
    directory = os.path.abspath(directory)
    must_be_new(directory)
    parent = os.path.dirname(directory)
    try:
        work = tempfile.mkdtemp(prefix=f".{os.path.basename(directory)}.", dir=parent)
        try:
            for answer in capture.answers:
                _write_file(os.path.join(work, file_of_query(answer.query)), answer.output)
            for name, content in (extra or {}).items():
                _write_file(os.path.join(work, name), content)
            manifest = json.dumps(manifest_of(capture), indent=1)
            _write_file(os.path.join(work, MANIFEST), manifest.encode() + b"\n")
            os.chmod(work, 0o755)
            os.rename(work, directory)
            _sync_directory(parent)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    except OSError as err:
        raise CaptureError(f"cannot write the capture {directory}: {err.strerror or err}") from err


def must_be_new(directory: str) -> None:
    """Raises CaptureError when something is at *directory* that a capture would overwrite."""
    if os.path.lexists(directory) and not _is_empty_directory(directory):
        raise CaptureError(f"{directory} is there already: name a new directory")


def read(directory: str, max_file: int = MAX_FILE) -> Capture:
    """Read the capture in *directory*.

    An answer whose file is missing, too large (over *max_file* bytes), not a plain file or
    not in the directory itself becomes an answer with a failure; nothing else suffers.
    Raises CaptureError when there is no capture, or its manifest is unreadable.
    """
    try:
        names = sorted(os.listdir(directory))
    except OSError as err:
        raise CaptureError(f"cannot read the capture {directory}: {err.strerror or err}") from err
    if MANIFEST not in names:
        return _read_without_manifest(directory, names, max_file)
    output, failure = _read_file(directory, MANIFEST, max_file)
    if failure:
        raise CaptureError(f"{directory}/{MANIFEST}: {failure}")
    try:
        manifest = json.loads(output.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        raise CaptureError(f"{directory}/{MANIFEST} is not JSON: {err}") from err
    try:
        return from_manifest(manifest, lambda name: _read_file(directory, name, max_file))
    except CaptureError as err:
        raise CaptureError(f"{directory}/{MANIFEST}: {err}") from err


def _read_without_manifest(directory: str, names: List[str], max_file: int) -> Capture:
    answers = []
    newest = 0
    for name in names:
        query = query_in_file(name)
        if query is None:
            continue
        output, failure = _read_file(directory, name, max_file)
        answers.append(Answer(query, output, failure=failure))
        newest = max(newest, os.lstat(os.path.join(directory, name)).st_mtime_ns)
    if not answers:
        raise CaptureError(f"{directory} holds no capture: no {MANIFEST}, and no answer by its name")
    return Capture(recorded_at=newest, answers=tuple(answers))


def from_manifest(manifest: Any, read_file: ReadFile) -> Capture:
    """The capture of *manifest*, parsed JSON; *read_file* gives its files by their names.

    Raises CaptureError where the manifest has a value of the wrong kind.
    """
    try:
        return _capture(manifest, read_file)
    except Malformed as err:
        raise CaptureError(str(err)) from None


def _capture(manifest: Any, read_file: ReadFile) -> Capture:
    manifest = expect(manifest, dict, "the whole")
    try:
        json.dumps(manifest, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("a text in it has a lone surrogate, which is no character") from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise Malformed(f"format_version is {version!r}, this program reads {FORMAT_VERSION}")
    recorded_at = whole_number(manifest.get("recorded_at"), "recorded_at")
    processes, disks = manifest.get("processes"), manifest.get("disks")
    return Capture(
        recorded_at=recorded_at,
        answers=tuple(_answer(entry, read_file) for entry in list_of(manifest.get("answers"), "answers")),
        node=text_or_none(manifest.get("node"), "node"),
        gluster_version=text_or_none(manifest.get("gluster_version"), "gluster_version"),
        mounts=tuple(record(Mount, entry, "mounts") for entry in list_of(manifest.get("mounts"), "mounts")),
        reachable=mapping(manifest.get("reachable"), bool, "reachable"),
        hosts_answering=mapping(manifest.get("hosts_answering"), bool, "hosts_answering"),
        bricks_answering=dict(
            brick_answering(entry) for entry in list_of(manifest.get("bricks_answering"), "bricks_answering")
        ),
        brick_ports=dict(brick_port(entry) for entry in list_of(manifest.get("brick_ports"), "brick_ports")),
        devices=mapping(manifest.get("devices"), str, "devices"),
        op_version=None
        if manifest.get("op_version") is None
        else whole_number(manifest["op_version"], "op_version"),
        scrubs=tuple(
            record(ScrubStatus, entry, "scrubs") for entry in list_of(manifest.get("scrubs"), "scrubs")
        ),
        geo_replications=tuple(
            map(geo_replication, list_of(manifest.get("geo_replications"), "geo_replications"))
        ),
        filesystems=tuple(
            record(BrickFilesystem, entry, "filesystems")
            for entry in list_of(manifest.get("filesystems"), "filesystems")
        ),
        stats_dumps=tuple(map(stats_dump, list_of(manifest.get("stats_dumps"), "stats_dumps"))),
        lvm=None if manifest.get("lvm") is None else lvm_report(manifest["lvm"]),
        processes=None
        if processes is None
        else tuple(record(Process, entry, "processes") for entry in list_of(processes, "processes")),
        disks=None if disks is None else tuple(disk_file(entry) for entry in list_of(disks, "disks")),
        disks_unknown=text_or_none(manifest.get("disks_unknown"), "disks_unknown"),
    )


def _answer(entry: Any, read_file: ReadFile) -> Answer:
    entry = expect(entry, dict, "an answer")
    query = tuple(str(expect(word, str, "command")) for word in list_of(entry.get("command"), "command"))
    taken_at = entry.get("taken_at")
    seconds = entry.get("seconds", 0.0)
    returncode = entry.get("returncode")
    output, failure = read_file(expect(entry.get("file"), str, "file"))
    return Answer(
        query=query,
        output=output,
        returncode=returncode if isinstance(returncode, int) else None,
        stderr=text_or_none(entry.get("stderr"), "stderr") or "",
        seconds=float(seconds) if isinstance(seconds, (int, float)) else 0.0,
        failure=text_or_none(entry.get("failure"), "failure") or failure,
        taken_at=None if taken_at is None else whole_number(taken_at, "taken_at"),
    )


def _read_file(directory: str, name: str, max_file: int) -> Tuple[bytes, Optional[str]]:
    """The bytes of a file of the capture, and why there are none; one of the two is empty."""
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        return b"", f"the manifest names {name!r}, which is not a file of the capture itself"
    try:
        descriptor = safe_open.opener(os.path.join(directory, name), os.O_RDONLY)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return b"", f"{name} is not a plain file"
            output = file.read(max_file + 1)
    except OSError as err:
        return b"", f"{name}: {err.strerror or err}"
    if len(output) > max_file:
        return b"", f"{name} is larger than {max_file} bytes"
    return output, None


def manifest_of(capture: Capture) -> Dict[str, Any]:
    """The manifest of *capture*, as JSON takes it.

    Bytes of names that are not UTF-8, which Python keeps as lone surrogates, become ``\\udcXX`` in plain text.
    """
    manifest: Dict[str, Any] = _encodable(_manifest_of(capture))
    return manifest


def _encodable(value: Any) -> Any:
    """*value*, as JSON takes it, with plain text in the place of lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value


def _manifest_of(capture: Capture) -> Dict[str, Any]:
    manifest: Dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "recorded_at": capture.recorded_at,
        "node": capture.node,
        "gluster_version": capture.gluster_version,
        "answers": [],
        "mounts": [_without_defaults(mount) for mount in capture.mounts],
        "reachable": dict(capture.reachable),
        "bricks_answering": [
            {"host": host, "path": path, "answers": answers}
            for (host, path), answers in capture.bricks_answering.items()
        ],
        "devices": dict(capture.devices),
    }
    for answer in capture.answers:
        entry: Dict[str, Any] = {
            "command": list(answer.query),
            "file": file_of_query(answer.query),
            "returncode": answer.returncode,
            "stderr": answer.stderr,
            "seconds": round(answer.seconds, 6),
        }
        if answer.failure is not None:
            entry["failure"] = answer.failure
        if answer.taken_at is not None:
            entry["taken_at"] = answer.taken_at
        manifest["answers"].append(entry)
    if capture.brick_ports:
        manifest["brick_ports"] = [
            {"host": host, "path": path, "port": port} for (host, path), port in capture.brick_ports.items()
        ]
    if capture.hosts_answering:
        manifest["hosts_answering"] = dict(capture.hosts_answering)
    if capture.op_version is not None:
        manifest["op_version"] = capture.op_version
    if capture.scrubs:
        manifest["scrubs"] = [asdict(scrub) for scrub in capture.scrubs]
    if capture.geo_replications:
        manifest["geo_replications"] = [asdict(session) for session in capture.geo_replications]
    if capture.filesystems:
        manifest["filesystems"] = [asdict(filesystem) for filesystem in capture.filesystems]
    if capture.stats_dumps:
        manifest["stats_dumps"] = [asdict(dump) for dump in capture.stats_dumps]
    if capture.lvm is not None:
        manifest["lvm"] = asdict(capture.lvm)
    if capture.processes is not None:
        manifest["processes"] = [asdict(process) for process in capture.processes]
    if capture.disks is not None:
        manifest["disks"] = [disk_entry(disk) for disk in capture.disks]
    if capture.disks_unknown is not None:
        manifest["disks_unknown"] = capture.disks_unknown
    return manifest


def _without_defaults(mount: Mount) -> Dict[str, Any]:
    pinned = {"volume", "path", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree"}
    return {key: value for key, value in asdict(mount).items() if key in pinned or value}


def _write_file(path: str, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_empty_directory(path: str) -> bool:
    try:
        return not os.path.islink(path) and not os.listdir(path)
    except NotADirectoryError:
        return False
