"""Writes the metrics as a file for node_exporter's textfile collector."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

from ganeti_gluster_mon import atomic_file


class TextfileError(Exception):
    """The textfile could not be written; what was there before still is."""


def write_textfile(path: Union[str, Path], text: bytes) -> None:
    """Replace the textfile at *path*.  Raises TextfileError with one line."""
    try:
        atomic_file.write(os.fspath(path), text, durable=True)
    except OSError as error:
        raise TextfileError(f"cannot write {path}: {error.strerror}") from error
