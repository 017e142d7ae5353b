"""`gnt-gluster maintenance status`: which nodes are in maintenance, and what is missing to finish."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy.apply import PlanRefused
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.maintenance import maintenance_status
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord
from ganeti_gluster_mon.maintenance.maintenance_status import missing
from tests.unit.deploy.fake_nodes import cluster
from tests.unit.maintenance.test_maintenance_tasks import NODE, pool

RECORD = MaintenanceRecord(NODE, 1_795_000_000, 1_795_007_200, drained=True)
CLUSTER = cluster(3, tags=(RECORD.tag,))


def test_what_is_missing_is_named() -> None:
    assert missing(pool(), CLUSTER, RECORD) == (f"{NODE} is drained",)
    assert missing(pool(), CLUSTER, replace(RECORD, drained=False)) == ()
    stopped = pool(node2={"online": False, "heal_pending": None}, node1={"heal_pending": 5})
    assert missing(stopped, CLUSTER, RECORD)[:2] == (
        f"gv0: not online: {NODE}:/b",
        "gv0: replica set: 5 entries to heal",
    )
    unknown = pool(**{node: {"heal_pending": None} for node in ("node1", "node2", "node3")})
    assert "gv0: replica set: it is not known how much there is to heal" in missing(unknown, CLUSTER, RECORD)
    peers = tuple(replace(peer, connected=peer.hostname != NODE) for peer in pool().peers or ())
    assert missing(replace(pool(), peers=peers), CLUSTER, RECORD)[0] == f"glusterd of {NODE} is not connected"
    assert missing(Pool(1), CLUSTER, RECORD) == ("it is not known which volumes and peers there are",)


def test_for_people_and_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ssconf, "read", lambda: CLUSTER)
    monkeypatch.setattr(maintenance_status, "query_pool", lambda: pool(node2={"online": False}))
    assert gnt_gluster.main(["maintenance", "status"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{NODE}: in maintenance since ")
    assert f"  - gv0: not online: {NODE}:/b" in out
    assert f"  to finish: gnt-gluster maintenance finish {NODE}" in out
    assert out[-1].startswith("no other node may be stopped now: ")
    assert gnt_gluster.main(["maintenance", "status", "--json"]) == 0
    parsed = json.loads(capsys.readouterr().out)
    assert parsed["nodes"] == [
        {
            "node": NODE,
            "since": RECORD.since,
            "muted_until": RECORD.until,
            "drained": True,
            "missing": [f"gv0: not online: {NODE}:/b", f"{NODE} is drained"],
        }
    ]


def test_a_pool_that_is_not_known_is_reported_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent() -> Pool:
        raise PlanRefused("glusterd does not answer")

    monkeypatch.setattr(ssconf, "read", lambda: CLUSTER)
    monkeypatch.setattr(maintenance_status, "query_pool", silent)
    assert gnt_gluster.main(["maintenance", "status"]) == 0
    out = capsys.readouterr().out
    assert "what it lacks is not known" in out
    assert out.endswith("not known: glusterd does not answer\n")
    assert gnt_gluster.main(["maintenance", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"][0]["missing"] is None
    monkeypatch.setattr(ssconf, "read", lambda: cluster(3))
    assert gnt_gluster.main(["maintenance", "status"]) == 0
    assert capsys.readouterr().out.startswith("no node is in maintenance\n")
