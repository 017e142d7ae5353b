"""The modules whose unit tests the mutation tests judge: wrong decisions there lose data or hide a fault."""

from __future__ import annotations

from typing import Dict, Tuple

_HEALTH = ("tests/unit/health/test_*.py", "tests/unit/test_kinds_of_faults.py")

#: the tests, as patterns of files, by the module's path
TARGETS: Dict[str, Tuple[str, ...]] = {
    "ganeti_gluster_mon/health/bricks.py": _HEALTH,
    "ganeti_gluster_mon/health/disks.py": _HEALTH,
    "ganeti_gluster_mon/health/evaluate.py": _HEALTH,
    "ganeti_gluster_mon/health/healing.py": _HEALTH,
    "ganeti_gluster_mon/health/node.py": _HEALTH,
    "ganeti_gluster_mon/health/peers.py": _HEALTH,
    "ganeti_gluster_mon/health/services.py": _HEALTH,
    "ganeti_gluster_mon/health/space.py": _HEALTH,
    "ganeti_gluster_mon/health/tasks.py": _HEALTH,
    "ganeti_gluster_mon/gluster/capacity.py": ("tests/unit/gluster/test_capacity.py",),
    "ganeti_gluster_mon/gluster/placement.py": ("tests/unit/gluster/test_placement.py",),
    "ganeti_gluster_mon/gluster/quorum.py": ("tests/unit/gluster/test_quorum.py",),
    "ganeti_gluster_mon/gluster/pool_builder.py": ("tests/unit/gluster/test_pool_builder.py",),
    "ganeti_gluster_mon/gluster/peer_builder.py": ("tests/unit/gluster/test_pool_builder.py",),
    "ganeti_gluster_mon/gluster/brick_builder.py": ("tests/unit/gluster/test_pool_builder.py",),
    "ganeti_gluster_mon/gluster/volume_builder.py": ("tests/unit/gluster/test_pool_builder.py",),
    "ganeti_gluster_mon/daemon/cluster/leader_election.py": (
        "tests/unit/daemon/cluster/test_leader_election.py",
    ),
    "ganeti_gluster_mon/daemon/cluster/signing.py": (
        "tests/unit/daemon/cluster/test_exchange.py",
        "tests/unit/daemon/cluster/test_peer_client.py",
        "tests/unit/daemon/cluster/test_signing.py",
    ),
    "ganeti_gluster_mon/deploy/plan.py": ("tests/unit/deploy/test_plan.py",),
    "ganeti_gluster_mon/deploy/layout.py": (
        "tests/unit/deploy/test_layout.py",
        "tests/unit/deploy/test_plan.py",
    ),
    "ganeti_gluster_mon/backend/file_device.py": ("tests/unit/backend/test_file_device.py",),
}
