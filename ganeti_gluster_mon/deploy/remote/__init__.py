"""Programs that are run on a node by its own Python: `program`.

A module here uses nothing but the standard library, and takes its arguments from sys.argv.  Its source is sent along,
so it needs no installation on the node, and nodes with different versions of this package do not matter.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Tuple


def program(module: ModuleType, *words: str) -> Tuple[str, ...]:
    """The command that runs *module* of this folder with the arguments *words*."""
    return ("python3", "-I", "-S", "-c", inspect.getsource(module), *words)
