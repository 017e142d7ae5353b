"""What Ganeti 3.1 makes of a gluster:// URI for QEMU's ``-blockdev``, and a replacement for where that is wrong.

Ganeti 3.0 gives QEMU the URI itself.  Ganeti 3.1 parses it (``ParseStorageUriToBlockdevParam`` in
ganeti.hypervisor.hv_kvm.kvm_utils) and writes the result as ``file.server.0.host=…`` (``FlattenDict``).  The latter
does not flatten lists, up to 3.1.1 and later: QEMU refuses ``file.server=[{'type': 'inet', …}]``, and no instance with
userspace access starts.  The former takes no host name with ``_``, no IPv6 address and no socket, and does not
unescape.

`repair` replaces either function only where a test shows that it is wrong.  What QEMU takes:
https://qemu-project.gitlab.io/qemu/interop/qemu-qmp-ref.html (BlockdevOptionsGluster).
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Tuple

from ganeti_gluster_mon.backend import gluster_uri

#: the modules of the Ganeti that is in use on this node
GANETI = "/usr/share/ganeti/default/ganeti"

#: URIs that `GlusterVolume.GetKVMMountString` writes, and others that QEMU documents, with what they are to be
_EXAMPLES: Tuple[Tuple[str, Mapping[str, str], str, str], ...] = (
    (
        "gluster://node_1.lab:24007/gv_0/ganeti/a.0",
        {"type": "inet", "host": "node_1.lab", "port": "24007"},
        "gv_0",
        "ganeti/a.0",
    ),
    (
        "gluster://fd99%3A%3A1:24007/gv0/ganeti/a%20b",
        {"type": "inet", "host": "fd99::1", "port": "24007"},
        "gv0",
        "ganeti/a b",
    ),
    (
        "gluster+unix:///gv0/ganeti/a.0?socket=/run/glusterd.socket",
        {"type": "unix", "path": "/run/glusterd.socket"},
        "gv0",
        "ganeti/a.0",
    ),
)
_LIST = {"file": {"server": [{"type": "inet", "port": "1"}], "direct": True}}
_FLAT = {"file.server.0.type": "inet", "file.server.0.port": "1", "file.direct": "on"}


def flatten(tree: Any, name: str = "", separator: str = ".") -> Dict[str, Any]:
    """Nested dicts and lists as QEMU's command line takes them: ``server.0.host`` → value; booleans are on and off."""
    if isinstance(tree, dict):
        items: List[Tuple[Any, Any]] = list(tree.items())
    elif isinstance(tree, (list, tuple)):
        items = list(enumerate(tree))
    else:
        return {name: ("on" if tree else "off") if isinstance(tree, bool) else tree}
    flat: Dict[str, Any] = {}
    for key, value in items:
        flat.update(flatten(value, f"{name}{separator}{key}" if name else str(key), separator))
    return flat


def repair(kvm_utils: Any) -> Tuple[str, ...]:
    """Replace the functions of Ganeti's module *kvm_utils* that are wrong; their names."""
    repaired = []
    if not _flattens(kvm_utils.FlattenDict):
        kvm_utils.FlattenDict = _flatten_dict
        repaired.append("FlattenDict")
    if not _parses(kvm_utils.ParseStorageUriToBlockdevParam):
        original = kvm_utils.ParseStorageUriToBlockdevParam

        def parse(uri: str) -> Any:
            """As Ganeti's; gluster:// in each form that QEMU documents."""
            found = gluster_uri.blockdev(uri)
            return original(uri) if found is None else found

        kvm_utils.ParseStorageUriToBlockdevParam = parse
        repaired.append("ParseStorageUriToBlockdevParam")
    return tuple(repaired)


def unrepaired(ganeti: str = GANETI) -> bool:
    """Whether the Ganeti in the directory *ganeti* gives QEMU options for gluster:// disks that QEMU refuses.

    Not so where the drop-in of this package is in its place, which repairs that.
    """
    return not os.path.exists(os.path.join(ganeti, "storage/gluster.py.distrib")) and is_defective(ganeti)


def is_defective(ganeti: str = GANETI) -> bool:
    """Whether the Ganeti in the directory *ganeti* has the defect that the drop-in repairs.

    Not so where Ganeti gives QEMU the URI.  Only the functions in question are run, not the module.
    """
    import ast  # it takes some milliseconds, and every script of the provider imports this module

    try:
        with open(os.path.join(ganeti, "hypervisor/hv_kvm/kvm_utils.py"), encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, ValueError, SyntaxError):
        return False  # there is none in Ganeti 3.0; of what cannot be read nothing is known
    wanted = ("FlattenDict", "TranslateBoolToOnOff")
    tree.body = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name in wanted]
    names: Dict[str, Any] = {}
    exec(compile(tree, "kvm_utils.py", "exec"), names)  # noqa: S102 - Ganeti's own code, of root's
    return "FlattenDict" in names and not _flattens(names["FlattenDict"])


def _flatten_dict(d: Any, parent_key: str = "", sep: str = ".") -> Dict[str, Any]:
    """Under the names of Ganeti's parameters.  A comma in a value would end QEMU's option, so it is doubled."""
    flat = flatten(d, parent_key, sep)
    return {key: value.replace(",", ",,") if isinstance(value, str) else value for key, value in flat.items()}


def _flattens(function: Any) -> bool:
    try:
        return bool(function(_LIST) == _FLAT)
    except Exception:  # whatever a version of Ganeti raises, it is wrong
        return False


def _parses(function: Any) -> bool:
    for uri, server, volume, path in _EXAMPLES:
        try:
            found = function(uri)
        except Exception:
            return False
        if found != {"driver": "gluster", "server": [server], "volume": volume, "path": path}:
            return False
    return True
