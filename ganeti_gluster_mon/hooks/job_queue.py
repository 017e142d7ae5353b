"""The job of a hook, from Ganeti's queue on the master: the parameters of its operation.

The environment of a hook does not contain its job; it is the one that runs an operation of that kind for that
instance, and Ganeti's locks see to it that there is only one.  The format is Ganeti's lib/jqueue: a file of JSON a job.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Iterator, Mapping, Optional

from ganeti_gluster_mon import safe_open

QUEUE = "/var/lib/ganeti/queue"
_JOB = re.compile(r"job-[0-9]+")
#: bytes of one job
_MOST = 4 << 20


def given(kind: str, instance: str, directory: str = QUEUE) -> Optional[Mapping[str, Any]]:
    """What the running operation *kind* ("OP_INSTANCE_CREATE") for *instance* was given; None where none is found."""
    try:
        names = sorted(filter(_JOB.fullmatch, os.listdir(directory)), key=lambda name: -int(name[4:]))
    except OSError:
        return None
    for name in names:
        for operation in _running(os.path.join(directory, name)):
            if operation.get("OP_ID") == kind and _is(operation.get("instance_name"), instance):
                return operation
    return None


def _running(path: str) -> Iterator[Mapping[str, Any]]:
    try:
        with open(path, "rb", opener=safe_open.opener) as file:
            parsed = json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return  # archived meanwhile, or none of ours
    operations = parsed.get("ops") if isinstance(parsed, dict) else None
    for operation in operations if isinstance(operations, list) else ():
        if isinstance(operation, dict) and operation.get("status") == "running":
            words = operation.get("input")
            if isinstance(words, dict):
                yield words


def _is(name: Any, instance: str) -> bool:
    """Whether *name*, as it was typed, is the instance: it may be cut at a dot."""
    return isinstance(name, str) and bool(name) and (name == instance or instance.startswith(f"{name}."))
