"""A capture in one piece, as one node sends it to another: zlib over the manifest and its files.  Pure.

The first line is the manifest, JSON, to which "lengths" is added: how many bytes each file has, in
the order of the files that follow.  What comes from another node is input like any other: it is
unpacked within bounds, and no name in it is used for anything but finding the file it belongs to.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Dict

from ganeti_gluster_mon.gluster import capture
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError

#: bytes that a archive may unpack to; the answers about 12,000 bricks are 20 MB
MOST = 40 << 20
#: bytes of its manifest, which is parsed as a whole; that of a pool of 1,000 volumes is 200 kB
MOST_MANIFEST = 4 << 20
#: zlib's level: the answers about 1,000 bricks, 1.1 MB, are 50 kB by 1 and 40 kB by 6, in a fifth of the time
_LEVEL = 1


def pack(packed: Capture) -> bytes:
    """*packed* in one piece."""
    manifest = capture.manifest_of(packed)
    manifest["lengths"] = [len(answer.output) for answer in packed.answers]
    head = json.dumps(manifest, separators=(",", ":")).encode("ascii")
    return zlib.compress(b"\n".join([head, b"".join(answer.output for answer in packed.answers)]), _LEVEL)


def unpack(archive: bytes, most: int = MOST) -> Capture:
    """The capture in *archive*.  Raises CaptureError where it is no archive, or unpacks to over *most* bytes."""
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(archive, most)
    except zlib.error as err:
        raise CaptureError(f"it cannot be unpacked: {err}") from None
    if not stream.eof:
        larger = bool(stream.unconsumed_tail) or len(content) >= most
        raise CaptureError(f"it unpacks to more than {most} bytes" if larger else "it is cut short")
    head, _, files = content.partition(b"\n")
    if len(head) > MOST_MANIFEST:
        raise CaptureError(f"its manifest has more than {MOST_MANIFEST} bytes")
    try:
        manifest = json.loads(head)
    except (ValueError, RecursionError) as err:
        raise CaptureError(f"its manifest is not JSON: {err}") from None
    named = _files(manifest, files)
    return capture.from_manifest(
        manifest, lambda name: (named[name], None) if name in named else (b"", f"{name} was not sent")
    )


def _files(manifest: Any, content: bytes) -> Dict[str, bytes]:
    """The files by their names, cut from *content* by the lengths in *manifest*."""
    try:
        names = [str(answer["file"]) for answer in manifest["answers"]]
        lengths = [int(length) for length in manifest["lengths"]]
    except (KeyError, TypeError, ValueError):
        raise CaptureError("its manifest lacks the lengths of its files") from None
    if len(names) != len(lengths) or min(lengths, default=0) < 0 or sum(lengths) != len(content):
        raise CaptureError("its files are not as long as its manifest requires")
    files: Dict[str, bytes] = {}
    begin = 0
    for name, length in zip(names, lengths):
        files[name] = content[begin : begin + length]
        begin += length
    return files
