"""How the sections of docs/runbook.md are tested: each of them is in exactly one of three lists."""

from __future__ import annotations

from typing import Dict, List, Mapping, Tuple

from ganeti_gluster_mon.health.remedies import ALERT_CODES

#: The fault is made on real Gluster, the check names the fix, the fix is typed, and verify ends well: the test
FIXED: Mapping[str, str] = {
    "SUBVOLUME_QUORUM_LOST": "test_runbook.py::test_a_subvolume_has_lost_quorum",
    "SPLIT_BRAIN": "test_runbook.py::test_copies_contradict_each_other",
    "BRICK_OFFLINE": "test_runbook.py::test_a_brick_is_offline",
    "BRICK_HANGS": "test_runbook.py::test_a_brick_hangs",
    "BRICK_FILESYSTEM": "test_runbook_space.py::test_a_filesystem_that_became_read_only_is_replaced",
    "BRICK_FILESYSTEM_NOT_MOUNTED": (
        "test_runbook.py::test_a_brick_that_runs_below_its_mount_point_is_healed_anew"
    ),
    "BRICK_CONTRADICTED": "test_runbook.py::test_glusterd_has_lost_a_brick",
    "GLUSTERD_DOWN": "test_runbook.py::test_glusterd_of_a_node_does_not_answer_there",
    "GLUSTERD_HANGS": "test_runbook.py::test_glusterd_of_a_node_does_not_answer_there",
    "PEER_DISCONNECTED": "test_runbook.py::test_a_peer_is_disconnected",
    "PEER_SILENT": "test_runbook.py::test_a_peer_does_not_answer",
    "PEER_REJECTED": "test_runbook.py::test_a_peer_is_rejected",
    "VOLUME_FULL": "test_runbook_space.py::test_a_full_volume_is_expanded",
    "SUBVOLUME_FULL": "test_runbook_space.py::test_a_full_subvolume_is_rebalanced",
    "ARBITER_FULL": "test_runbook_space.py::test_a_full_arbiter_is_replaced",
    "QUOTA_EXCEEDED": "test_runbook_space.py::test_a_quota_that_is_used_up_is_raised_and_its_daemon_started",
    "HEAL_DAEMON_OFF": "test_runbook.py::test_self_heal_is_off_and_entries_wait",
    "HEAL_DAEMON_DOWN": "test_runbook.py::test_a_self_heal_daemon_does_not_run",
    "HEAL_STUCK": "test_runbook.py::test_healing_is_stuck_because_a_self_heal_daemon_is_stopped",
    "HEAL_PENDING": "test_runbook.py::test_self_heal_is_off_and_entries_wait",
    "DAEMON_DOWN": "test_runbook_space.py::test_a_quota_that_is_used_up_is_raised_and_its_daemon_started",
    "REBALANCE_FAILED": "test_runbook_tasks.py::test_a_rebalance_whose_processes_died_is_repeated",
    "REBALANCE_RUNNING": (
        "test_runbook_tasks.py::test_a_rebalance_that_glusterd_calls_in_progress_for_ever_is_repeated"
    ),
    "REMOVE_BRICK_UNCOMMITTED": "test_runbook.py::test_a_remove_brick_is_not_committed",
    "MOUNT_HANGS": "test_runbook.py::test_a_mount_hangs_because_its_process_is_stopped",
}

_ONE_COMMAND = "test_repair_alone.py::test_one_command_repairs_it"
#: `gnt-gluster repair` repairs it, typed in a fresh shell: the test
REPAIRED_BY: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "SUBVOLUME_QUORUM_LOST",
            "BRICK_OFFLINE",
            "BRICK_HANGS",
            "HEAL_DAEMON_DOWN",
        ),
        _ONE_COMMAND,
    ),
    "SPLIT_BRAIN": (
        "test_runbook.py::test_a_copy_of_a_guests_disk_is_given_up_though_the_command_is_killed_at_each_step"
    ),
    "BRICK_FILESYSTEM_NOT_MOUNTED": (
        "test_runbook.py::test_a_brick_that_runs_below_its_mount_point_is_healed_anew"
    ),
    "HEAL_STUCK": "test_runbook.py::test_healing_is_stuck_because_a_self_heal_daemon_is_stopped",
    "DAEMON_DOWN": "test_runbook.py::test_quota_and_bitrot_daemons_do_not_run_and_repair_starts_them",
    "MOUNT_HANGS": "test_runbook.py::test_a_mount_hangs_because_its_process_is_stopped",
}

#: The fault is made on real Gluster and reported; its fix is not typed there
REPORTED: Mapping[str, str] = {
    "BITROT_CORRUPTED": "test_pool_as_it_is.py::test_a_file_that_the_scrubber_found_corrupted",
    "BRICK_UNREACHABLE": "test_pool_in_trouble.py::test_a_peer_whose_cable_is_pulled",
    "MOUNT_NOT_WRITABLE": "test_pool_in_trouble.py::test_a_mount_takes_no_writes_without_quorum",
    "GEO_REPLICATION_FAULTY": (
        "test_geo_replication.py::test_a_secondary_volume_that_is_down_is_critical_until_it_is_back"
    ),
    "GEO_REPLICATION_STOPPED": (
        "test_geo_replication.py::test_a_session_that_is_paused_is_a_warning_and_one_that_is_deleted_is_none"
    ),
    "QUOTA_SOFT_EXCEEDED": "test_health.py::test_a_quota_that_is_used_up_and_a_quota_daemon_that_does_not_run",
}

#: The fault is one of a recorded or made-up capture, or of the tests of the rules; the commands are typed where
#: nothing is wrong (test_each_command_of_the_runbook_is_a_command_that_works_here), or checked against their help
TYPED: Tuple[str, ...] = (
    "BRICK_HOST_NOT_IN_POOL",
    "INODES_SHORT",
    "REBALANCE_FAILURES",
    "MOUNT_CONTRADICTS_BRICKS",
    "ANSWERS_STALE",
    "GLUSTER_TOO_OLD",
    "NOT_KNOWN",
    "CLIENT_PARTLY_CONNECTED",
    "SNAPSHOT_LIMIT",
    "CLIENT_TOO_OLD",
    "OP_VERSION_LOW",
    "OPTION_ENDANGERS_GUESTS",
    "VOLUME_NEARLY_FULL",
    "SUBVOLUME_NEARLY_FULL",
    "THIN_POOL_FULL",
    "GEO_REPLICATION_BEHIND",
    "GEO_REPLICATION_FAILURES",
    "GlusterPartFull",
    "GlusterBrickNearlyFull",
    "GlusterNodeUnwell",
    "GlusterProcessRestarting",
    "GlusterNotAnswering",
    "GlusterCollectorStale",
    "GlusterCollectFailing",
    "GlusterCollectSlow",
    "GlusterNoLeader",
    "GlusterTwoLeaders",
    "GlusterDaemonDown",
    "GlusterMetricsMissing",
    "GlusterVersionsDiffer",
)


def how_tested() -> Dict[str, str]:
    """Each section that has commands of its own → how it is tested, as docs/lab.md has it.

    An alert with the commands of a code is tested as that code.
    """
    rows = {title: f"fixed, `{test}`" for title, test in FIXED.items()}
    rows.update((title, f"reported, `{test}`") for title, test in REPORTED.items())
    rows.update((title, "recorded") for title in TYPED)
    rows.update((alert, f"as {code}") for alert, code in ALERT_CODES.items())
    return rows


def table(titles: List[str]) -> str:
    """The table of docs/lab.md."""
    rows = how_tested()
    lines = "".join(f"| {title} | {rows[title]} |\n" for title in titles)
    return f"| section | tested |\n|---|---|\n{lines}"
