"""What to do about each problem: one command that inspects it, one that fixes it, one that verifies.  Pure.

The only place where these commands are written down: docs/runbook.md, the alerts, `check`, the page and
`gnt-gluster diagnose` show them.  A command is complete.  A word in capitals (NODE, DEVICE, FILE, SIZE) is what only an
administrator can choose.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Dict, Mapping, Sequence

from ganeti_gluster_mon.gluster.query import VOLUME_NAME
from ganeti_gluster_mon.health.problem import UNKNOWN, Problem
from ganeti_gluster_mon.text import one_line


@dataclass(frozen=True)
class Remedy:
    """Three commands for a shell of root on a node of the pool.

    In a template, ``{volume}``, ``{brick}`` ("host:path"), ``{bricks}`` (several, with blanks between them), ``{host}``
    and ``{path}`` (of a brick, a mount or a directory) stand for what the problem is about.
    """

    inspect: str
    fix: str
    verify: str


_CHECK_VOLUME = "ganeti-gluster-mon check --query --volume {volume}"
_CHECK = "ganeti-gluster-mon check --query"
_DIAGNOSE = "gnt-gluster diagnose {host}"
_NOT_ONLINE = 'gnt-gluster list-bricks -F \'volume == "{volume}" and status != "online"\''
_SPACE = "gnt-gluster list-bricks -F 'volume == \"{volume}\"' -o +files,files_free"
_DISKS = "gnt-gluster list-disks -F 'volume == \"{volume}\"'"
_DEPLOY = "gnt-gluster deploy --volume {volume}"
_REPAIR = "gnt-gluster repair {volume}"
_DEPLOY_NODE = "gnt-gluster deploy --volume {volume} {host}"
_REPLACE = "gnt-gluster replace-brick {volume} {brick} NODE --device DEVICE"
_RESTART_BRICK = "gnt-gluster restart-brick {volume} {brick}"
_EXPAND = "gnt-gluster expand-volume {volume} NODES --device DEVICE"
_HEALING = "gluster volume heal {volume} info summary"
_REBALANCE = "gluster volume rebalance {volume} status"
_REMOVE = "gluster volume remove-brick {volume} {bricks}"
#: Gluster refuses `start` while a remove-brick that failed is neither stopped nor committed; at a terminal it asks
#: for a confirmation, and without one it fails
_REMOVE_AGAIN = f"{_REMOVE} stop && {_REMOVE.replace('gluster ', 'gluster --mode=script ', 1)} start"
_CLIENTS = "gluster volume status {volume} clients"
_GEO = "gluster volume geo-replication {volume} {path}"
_QUOTA = "gluster volume quota {volume} list"
_LVS = "ssh {host} lvs --all --options +devices"
_UPGRADE = "apt-get install --only-upgrade glusterfs-server glusterfs-client"
_UNITS = "ganeti-gluster-mon-poller ganeti-gluster-mon-web"
_LOG = "journalctl --no-pager --lines 50 --unit 'ganeti-gluster-mon-*'"

#: by code; every code has one
REMEDIES: Mapping[str, Remedy] = {
    "SUBVOLUME_QUORUM_LOST": Remedy(_NOT_ONLINE, _DEPLOY, _CHECK_VOLUME),
    "SPLIT_BRAIN": Remedy(
        "gnt-gluster repair --dry-run {volume}",
        "gnt-gluster repair {volume} --discard-copy NODE:{volume}:FILE",
        _CHECK_VOLUME,
    ),
    "BITROT_CORRUPTED": Remedy(
        "gluster volume bitrot {volume} scrub status",
        "gluster volume heal {volume} full",
        "gluster volume bitrot {volume} scrub ondemand",
    ),
    "BRICK_UNREACHABLE": Remedy(_DIAGNOSE, _DEPLOY_NODE, _CHECK_VOLUME),
    "BRICK_OFFLINE": Remedy(_DIAGNOSE, _DEPLOY_NODE, _CHECK_VOLUME),
    "BRICK_HANGS": Remedy(_DIAGNOSE, _RESTART_BRICK, _CHECK_VOLUME),
    "BRICK_FILESYSTEM": Remedy(_DIAGNOSE, _REPLACE, _CHECK_VOLUME),
    # to mount it and start the brick is not enough: its files may be old, and Gluster does not know that
    "BRICK_FILESYSTEM_NOT_MOUNTED": Remedy(_DIAGNOSE, _REPAIR, _CHECK_VOLUME),
    "BRICK_HOST_NOT_IN_POOL": Remedy("gnt-gluster list-nodes", _REPLACE, _CHECK_VOLUME),
    "BRICK_CONTRADICTED": Remedy("gluster volume status {volume}", _RESTART_BRICK, _CHECK_VOLUME),
    "GLUSTERD_DOWN": Remedy(
        "ssh {host} journalctl --no-pager --lines 50 --unit glusterd",
        "ssh {host} systemctl start glusterd",
        _DIAGNOSE,
    ),
    "GLUSTERD_HANGS": Remedy(
        "ssh {host} journalctl --no-pager --lines 50 --unit glusterd",
        "ssh {host} systemctl restart glusterd",
        _DIAGNOSE,
    ),
    "PEER_DISCONNECTED": Remedy(_DIAGNOSE, "ssh {host} systemctl restart glusterd", _CHECK),
    "PEER_SILENT": Remedy(_DIAGNOSE, "ssh {host} systemctl restart glusterd", _CHECK),
    "PEER_REJECTED": Remedy(
        # diagnose names nodes with another version of GlusterFS, where the fix would keep bricks from starting
        _DIAGNOSE,
        "ssh {host} 'systemctl stop glusterd && mv -T --backup=numbered /var/lib/glusterd/vols "
        "/var/lib/glusterd/vols.old && systemctl start glusterd'",
        _CHECK,
    ),
    "VOLUME_FULL": Remedy(_DISKS, _EXPAND, _CHECK_VOLUME),
    "SUBVOLUME_FULL": Remedy(_SPACE, "gnt-gluster rebalance --force {volume}", _CHECK_VOLUME),
    "ARBITER_FULL": Remedy(_SPACE, _REPLACE, _CHECK_VOLUME),
    "THIN_POOL_FULL": Remedy(_LVS, "ssh {host} lvextend --size +SIZE VG/POOL", _CHECK_VOLUME),
    "QUOTA_EXCEEDED": Remedy(_QUOTA, "gluster volume quota {volume} limit-usage {path} SIZE", _CHECK_VOLUME),
    "INODES_SHORT": Remedy(_SPACE, _EXPAND, _CHECK_VOLUME),
    "HEAL_DAEMON_OFF": Remedy(_HEALING, "gluster volume heal {volume} enable", _CHECK_VOLUME),
    # `gluster volume start force` starts offline bricks as well, also one whose filesystem is not mounted
    "HEAL_DAEMON_DOWN": Remedy("gluster volume status {volume}", _REPAIR, _CHECK_VOLUME),
    # `gluster volume heal` hangs, and keeps the lock of the volume, while a self-heal daemon does not answer
    "HEAL_STUCK": Remedy(_HEALING, _REPAIR, _HEALING),
    "HEAL_PENDING": Remedy(_HEALING, "gluster volume heal {volume}", _HEALING),
    "DAEMON_DOWN": Remedy("gluster volume status {volume}", _REPAIR, _CHECK_VOLUME),
    "GEO_REPLICATION_FAULTY": Remedy(f"{_GEO} status detail", f"{_GEO} start force", f"{_GEO} status"),
    "REBALANCE_FAILED": Remedy(_REBALANCE, "gnt-gluster rebalance {volume}", _CHECK_VOLUME),
    "REMOVE_BRICK_UNCOMMITTED": Remedy(f"{_REMOVE} status", f"{_REMOVE} commit", _CHECK_VOLUME),
    "REBALANCE_FAILURES": Remedy(_REBALANCE, "gnt-gluster rebalance {volume}", _CHECK_VOLUME),
    "REBALANCE_RUNNING": Remedy(_REBALANCE, "gnt-gluster rebalance {volume}", _CHECK_VOLUME),
    "MOUNT_CONTRADICTS_BRICKS": Remedy(
        "df {path}", "gluster volume set {volume} cluster.min-free-disk 10%", _CHECK_VOLUME
    ),
    "MOUNT_HANGS": Remedy(_NOT_ONLINE, _REPAIR, _CHECK_VOLUME),
    "MOUNT_NOT_WRITABLE": Remedy(
        _CLIENTS, "gnt-gluster diagnose", "ganeti-gluster-mon check --test-writes --volume {volume}"
    ),
    "ANSWERS_STALE": Remedy(_LOG, f"systemctl restart {_UNITS}", "ganeti-gluster-mon check"),
    "GLUSTER_TOO_OLD": Remedy("gluster --version", _UPGRADE, _CHECK),
    "NOT_KNOWN": Remedy(_CHECK, "gnt-gluster diagnose", _CHECK),
    "CLIENT_PARTLY_CONNECTED": Remedy(_CLIENTS, "gnt-gluster diagnose", _CHECK_VOLUME),
    "GEO_REPLICATION_FAILURES": Remedy(
        f"{_GEO} status detail",
        "setfattr -n glusterfs.geo-rep.trigger-sync -v 1 FILE",
        f"{_GEO} status detail",
    ),
    "GEO_REPLICATION_BEHIND": Remedy(
        f"{_GEO} status detail", f"{_GEO} config sync-jobs 6", f"{_GEO} status detail"
    ),
    "GEO_REPLICATION_STOPPED": Remedy(f"{_GEO} status detail", f"{_GEO} start", _CHECK_VOLUME),
    "SNAPSHOT_LIMIT": Remedy(
        "gluster snapshot info volume {volume}", "gluster snapshot delete SNAPSHOT", _CHECK_VOLUME
    ),
    "CLIENT_TOO_OLD": Remedy(_CLIENTS, f"ssh NODE {_UPGRADE}", _CHECK_VOLUME),
    "OP_VERSION_LOW": Remedy(
        "gluster volume get all cluster.max-op-version",
        "gluster volume set all cluster.op-version VERSION",
        "gluster volume get all cluster.op-version",
    ),
    "OPTION_ENDANGERS_GUESTS": Remedy(
        "gluster volume info {volume}", "gluster volume set {volume} cluster.quorum-type auto", _CHECK_VOLUME
    ),
    "VOLUME_NEARLY_FULL": Remedy(_DISKS, _EXPAND, _CHECK_VOLUME),
    "SUBVOLUME_NEARLY_FULL": Remedy(_SPACE, "gnt-gluster rebalance --force {volume}", _CHECK_VOLUME),
    "QUOTA_SOFT_EXCEEDED": Remedy(
        _QUOTA, "gluster volume quota {volume} limit-usage {path} SIZE", _CHECK_VOLUME
    ),
}

#: by code and the task or the option that the problem is about, where its command is another one
_OF_TASKS: Mapping[str, Mapping[str, Remedy]] = {
    "remove-brick": {
        code: Remedy(f"{_REMOVE} status", fix, _CHECK_VOLUME)
        for code, fix in (
            ("REBALANCE_FAILED", _REMOVE_AGAIN),
            ("REBALANCE_FAILURES", _REMOVE_AGAIN),
            ("REBALANCE_RUNNING", f"{_REMOVE} status"),
        )
    },
    "remove-brick has moved the data, with failures": {
        # a commit would lose the files that were not moved
        "REMOVE_BRICK_UNCOMMITTED": Remedy(f"{_REMOVE} status", _REMOVE_AGAIN, _CHECK_VOLUME)
    },
    "metadata": {
        "THIN_POOL_FULL": Remedy(_LVS, "ssh {host} lvextend --poolmetadatasize +SIZE VG/POOL", _CHECK_VOLUME)
    },
    "geo-replication is paused": {
        "GEO_REPLICATION_STOPPED": Remedy(f"{_GEO} status detail", f"{_GEO} resume", _CHECK_VOLUME)
    },
    "cluster.lookup-optimize": {
        "OPTION_ENDANGERS_GUESTS": Remedy(
            "gluster volume info {volume}",
            "gluster volume set {volume} cluster.lookup-optimize off",
            _CHECK_VOLUME,
        )
    },
    "fix-layout": {
        code: Remedy(_REBALANCE, f"gluster volume rebalance {{volume}} {word}", _CHECK_VOLUME)
        for code, word in (
            ("REBALANCE_FAILED", "fix-layout start"),
            ("REBALANCE_FAILURES", "fix-layout start"),
            ("REBALANCE_RUNNING", "status"),
        )
    },
}

#: how codes begin whose problems are about a brick
_BRICK_CODES = ("BRICK_", "ARBITER_", "THIN_POOL_")

#: for a brick that its glusterd calls online, and that is not reached: glusterd may have lost its port
_NOT_REACHED = Remedy(_DIAGNOSE, _RESTART_BRICK, _CHECK_VOLUME)

#: by name of an alert in examples/prometheus: the code whose commands help
ALERT_CODES: Mapping[str, str] = {
    "GlusterSubvolumeQuorumLost": "SUBVOLUME_QUORUM_LOST",
    "GlusterSubvolumeQuorumSoon": "SUBVOLUME_QUORUM_LOST",
    "GlusterVolumeDown": "SUBVOLUME_QUORUM_LOST",
    "GlusterBrickDown": "BRICK_OFFLINE",
    "GlusterBrickNotMounted": "BRICK_FILESYSTEM_NOT_MOUNTED",
    "GlusterPeerAway": "PEER_DISCONNECTED",
    "GlusterSplitBrain": "SPLIT_BRAIN",
    "GlusterHealNotProgressing": "HEAL_STUCK",
    "GlusterSelfHealDaemonDown": "HEAL_DAEMON_DOWN",
    "GlusterVolumeNearlyFull": "VOLUME_FULL",
    "GlusterVolumeGettingFull": "VOLUME_FULL",
    "GlusterVolumeFullSoon": "VOLUME_FULL",
    "GlusterVolumeInodesShort": "INODES_SHORT",
    "GlusterThinPoolFull": "THIN_POOL_FULL",
    "GlusterThinPoolFilling": "THIN_POOL_FULL",
    "GlusterMountNotAnswering": "MOUNT_HANGS",
    "GlusterRebalanceFailed": "REBALANCE_FAILED",
    "GlusterGeoReplicationFaulty": "GEO_REPLICATION_FAULTY",
    "GlusterGeoReplicationBehind": "GEO_REPLICATION_BEHIND",
    "GlusterGeoReplicationIncomplete": "GEO_REPLICATION_FAILURES",
    "GlusterGeoReplicationStopped": "GEO_REPLICATION_STOPPED",
    "GlusterStateUnknown": "NOT_KNOWN",
    "GlusterNeedsAttention": "NOT_KNOWN",
}

#: by name of an alert: its own commands
ALERT_REMEDIES: Mapping[str, Remedy] = {
    "GlusterPartFull": Remedy(_SPACE, "gnt-gluster diagnose", _CHECK_VOLUME),
    "GlusterBrickNearlyFull": Remedy(
        "ssh {host} df {path}", "gnt-gluster rebalance --force {volume}", _CHECK_VOLUME
    ),
    "GlusterNodeUnwell": Remedy(_DIAGNOSE, "ssh {host} systemctl restart glusterd", _DIAGNOSE),
    "GlusterProcessRestarting": Remedy(
        "ssh {host} \"journalctl --no-pager --dmesg --grep 'Out of memory|segfault'\"",
        f"ssh {{host}} {_UPGRADE}",
        _DIAGNOSE,
    ),
    "GlusterNotAnswering": Remedy(_DIAGNOSE, "ssh {host} systemctl restart glusterd", _DIAGNOSE),
    "GlusterCollectorStale": Remedy(
        f'ssh {{host}} "{_LOG}"',
        f"ssh {{host}} systemctl restart {_UNITS}",
        "ssh {host} ganeti-gluster-mon check",
    ),
    "GlusterCollectFailing": Remedy(_DIAGNOSE, "ssh {host} systemctl restart glusterd", _DIAGNOSE),
    "GlusterCollectSlow": Remedy(
        "ganeti-gluster-mon check --query --table", "gnt-gluster diagnose", "ganeti-gluster-mon check --query"
    ),
    "GlusterNoLeader": Remedy(
        f'gnt-cluster command "{_LOG}"',
        f"gnt-cluster command systemctl restart {_UNITS}",
        "ganeti-gluster-mon check",
    ),
    "GlusterTwoLeaders": Remedy(
        "gnt-cluster command sha256sum /var/lib/ganeti/hmac.key",
        "gnt-cluster redist-conf",
        "gnt-gluster diagnose",
    ),
    "GlusterDaemonDown": Remedy(
        f"ssh {{host}} systemctl --no-pager status {_UNITS}",
        f"ssh {{host}} systemctl restart {_UNITS}",
        "ssh {host} ganeti-gluster-mon check",
    ),
    "GlusterMetricsMissing": Remedy(
        f"gnt-cluster command systemctl --no-pager status {_UNITS}",
        f"gnt-cluster command systemctl restart {_UNITS}",
        "ganeti-gluster-mon check",
    ),
    "GlusterVersionsDiffer": Remedy(
        "gnt-cluster command gluster --version", f"ssh NODE {_UPGRADE}", "gnt-gluster diagnose"
    ),
}


def remedy_of_alert(alert: str) -> Remedy:
    """The template of the commands for *alert*.  Raises KeyError."""
    code = ALERT_CODES.get(alert)
    return ALERT_REMEDIES[alert] if code is None else REMEDIES[code]


def remedy_of(problem: Problem) -> Remedy:
    """The commands for *problem*, complete; a word in capitals stands for what the problem does not have."""
    found = REMEDIES[problem.code]
    for task, others in _OF_TASKS.items():
        if problem.kind.startswith(task):
            found = others.get(problem.code, found)
    if problem.code == "BRICK_UNREACHABLE" and problem.severity == UNKNOWN:
        found = _NOT_REACHED
    if problem.code.startswith("GLUSTERD_") and not problem.subject:  # of this node, by its own report
        inspect, fix = (text.replace("ssh {host} ", "") for text in (found.inspect, found.fix))
        found = Remedy(inspect, fix, "ganeti-gluster-mon check")
    return filled(found, values(problem))


def filled(template: Remedy, words: Mapping[str, str]) -> Remedy:
    """*template* with *words* in the place of its fields."""
    return Remedy(*(text.format(**words) for text in (template.inspect, template.fix, template.verify)))


def host_of(problem: Problem) -> str:
    """The host that *problem* is about, by Gluster's name: of a peer, a brick or a daemon; "" for none."""
    subject = problem.subject
    if problem.code.startswith(_BRICK_CODES):
        # The report of a node names its own bricks by their paths alone.
        host, colon, _ = subject.partition(":/")
        return host if colon else ""
    if problem.code.startswith(("PEER_", "GLUSTERD_", "HEAL_DAEMON_DOWN")):
        return subject
    return subject.rpartition(" on ")[2] if problem.code == "DAEMON_DOWN" else ""


def values(problem: Problem) -> Dict[str, str]:
    """What the fields of a template stand for in *problem*, quoted for a shell."""
    host, path, brick = host_of(problem), problem.subject, ""
    if host and problem.code.startswith(_BRICK_CODES):
        brick, path = problem.subject, problem.subject[len(host) + 1 :]
    # Within quotes in some templates: only what Gluster takes as a name.
    volume = problem.volume if VOLUME_NAME.match(problem.volume) else ""
    return {
        "volume": volume or "VOLUME",
        "brick": _word(brick) or "BRICK",
        "bricks": _bricks(problem) or "BRICK",
        "host": _word(host) or "NODE",
        "path": _word(path) or "PATH",
    }


def _bricks(problem: Problem) -> str:
    """The bricks of a remove-brick, which are the subject of its problem; "" where there are none."""
    words = [_word(word) for word in problem.subject.split()]
    return " ".join(words) if all(":/" in word for word in words) else ""


def _word(text: str) -> str:
    """*text* as one word of a shell; "" where it is none that a command can safely have, or there is no text."""
    if not text or text.startswith("-") or one_line(text) != text:
        return ""
    return shlex.quote(text)


def common_fix(problems: Sequence[Problem]) -> str:
    """The command that fixes all of *problems*; where each needs its own, the command that lists them."""
    fixes = {remedy_of(problem).fix for problem in problems}
    return fixes.pop() if len(fixes) == 1 else "gnt-gluster diagnose"
