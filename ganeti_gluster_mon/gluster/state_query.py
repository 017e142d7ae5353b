"""`gluster get-state`: this node's own bricks, without a lock."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from typing import Optional

from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.query import GET_STATE
from ganeti_gluster_mon.gluster.session import GlusterSession


def query_state(gluster: GlusterSession, deadline: float) -> Answer:
    """The answer to `get-state`, which glusterd writes to a file.

    The query has no "detail": with it, glusterd queries each of its bricks and waits a minute for one that is frozen.
    """
    failure: Optional[str] = None
    try:
        with tempfile.TemporaryDirectory(prefix="ganeti-gluster-mon-", dir="/run") as directory:
            words = ("get-state", "glusterd", "odir", directory, "file", "state")
            (answer,) = gluster.run_queries([words], deadline)
            failure = answer.failure
            with open(os.path.join(directory, "state"), "rb") as file:
                return replace(answer, query=GET_STATE, output=file.read())
    except OSError as err:
        why = failure or f"glusterd wrote no state: {err.strerror or err}"
        return Answer(GET_STATE, b"", failure=why)
