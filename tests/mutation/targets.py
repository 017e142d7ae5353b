"""The modules whose unit tests the mutation tests judge: wrong decisions there lose data or hide a fault."""

from __future__ import annotations

from typing import Dict, Tuple

#: modules below ganeti_gluster_mon/, and their tests below tests/unit/ besides those that mirror the module
_MODULES: Dict[str, Tuple[str, ...]] = {
    **dict.fromkeys(
        [
            "health/bricks",
            "health/disks",
            "health/evaluate",
            "health/geo_sessions",
            "health/healing",
            "health/node",
            "health/peers",
            "health/services",
            "health/space",
            "health/tasks",
            "health/thin_pools",
        ],
        ("health/test_evaluate.py", "test_kinds_of_faults.py"),
    ),
    "gluster/capacity": (),
    "gluster/placement": (),
    "gluster/quorum": (),
    "gluster/heal_order": (),
    "gluster/parse/geo_replication_xml": (),
    "gluster/parse/lvs_json": (),
    **dict.fromkeys(
        ["gluster/pool_builder", "gluster/peer_builder", "gluster/brick_builder", "gluster/volume_builder"],
        ("gluster/test_pool_builder.py", "gluster/test_merge.py", "test_kinds_of_faults.py"),
    ),
    "daemon/cluster/leader_election": (),
    "daemon/cluster/signing": (
        "daemon/cluster/test_exchange.py",
        "daemon/cluster/test_peer_client.py",
        "daemon/cluster/test_secret.py",
    ),
    "deploy/plan": (),
    "deploy/layout": ("deploy/test_plan.py",),
    "backend/file_device": (),
    "daemon/poller/repair_decision": (),
    "daemon/poller/forced_start": (),
    "deploy/start_guard": (),
}


def _mirror(module: str) -> str:
    package, _, name = module.rpartition("/")
    return f"tests/unit/{package}/test_{name}.py"


#: the tests, as patterns of files, by the module's path; the test file that mirrors the module runs first
TARGETS: Dict[str, Tuple[str, ...]] = {
    f"ganeti_gluster_mon/{module}.py": (_mirror(module), *(f"tests/unit/{test}" for test in more))
    for module, more in _MODULES.items()
}
