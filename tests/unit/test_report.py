"""Reports: envelope, fields, and a collector that fails."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest

from ganeti_gluster_mon import __version__, report
from ganeti_gluster_mon.collectors import PERFORMANCE, STATUS, Collector, collectors
from ganeti_gluster_mon.gluster.model import Brick, Peer, Pool, Volume
from ganeti_gluster_mon.health import Health
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, NOW, POOL, same_as_golden

NAMES = ["gluster", "gluster-bricks", "gluster-capacity", "gluster-disks", "glusterd"]

VOLUME_FIELDS = (
    "name uuid type state status transport capacity inodes subvolumes bricks heal rebalance quota snapshots scrubs "
    "geo_replications "
    "daemons mounted "
    "options"
).split()
BRICK_FIELDS = (
    "volume host path uuid arbiter online hangs unreachable pid port size free inodes_total inodes_free device "
    "filesystem name mount filesystem_errors lvm client_count heal_pending split_brain"
).split()


class Broken:
    """A collector as it must not be."""

    name = "broken"
    category = "storage"
    format_version = 1
    summary = "fails"

    def __init__(self, kind: int, error: Exception) -> None:
        self.kind = kind
        self.error = error

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        raise self.error


def made(name: str, pool: Pool = POOL, health: Health = HEALTH) -> Any:
    return report.make(collectors()[name], pool, health, NOW, verbose=True)["data"]


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_report(name: str) -> None:
    same_as_golden(
        f"{name}.json",
        report.render([report.make(collectors()[name], POOL, HEALTH, NOW, verbose=True)], indent=1) + "\n",
    )


@pytest.mark.parametrize(
    ("name", "category", "kind"),
    [
        ("gluster", "storage", 1),
        ("gluster-capacity", "storage", 0),
        ("gluster-bricks", "storage", 0),
        ("gluster-disks", "storage", 0),
        ("glusterd", "daemon", 1),
    ],
)
def test_envelope_is_monds(name: str, category: str, kind: int) -> None:
    made = report.make(collectors()[name], POOL, HEALTH, NOW)
    data = made.pop("data")
    assert list(made.items()) == [
        ("name", name),
        ("version", __version__),
        ("format_version", 1),
        ("timestamp", NOW),
        ("category", category),
        ("kind", kind),
    ]
    assert list(report.make(collectors()[name], POOL, HEALTH, NOW))[-1] == "data"
    assert (list(data) == ["status"]) == (kind == STATUS)


def test_fields_of_the_contract() -> None:
    data = made("gluster")
    assert list(data) == ["status", "volumes", "peers", "auto_repairs", "op_version", "max_op_version", "age"]
    for volume in data["volumes"]:
        assert list(volume) == VOLUME_FIELDS
        for brick in volume["bricks"]:
            assert list(brick) == BRICK_FIELDS
        for subvolume in volume["subvolumes"]:
            assert list(subvolume) == ["type", "size", "up", "quorum"]
    for peer in data["peers"]:
        assert list(peer) == ["hostname", "uuid", "state", "connected", "reachable", "local"]
    gv0, dist2, old = data["volumes"]
    assert list(gv0["capacity"]) == ["size", "used", "available", "source"]
    assert list(gv0["inodes"]) == ["total", "used", "free"]
    assert list(gv0["heal"]) == [
        "pending",
        "split_brain",
        "possibly_healing",
        "age",
        "rate",
        "seconds_left",
    ]
    assert next(iter(dist2["rebalance"])) == "status"
    assert [old[field] for field in ("capacity", "inodes", "heal", "rebalance", "quota")] == [None] * 5
    assert list(made("glusterd")) == ["status", "versions", "processes"]


def test_what_is_not_known_is_null() -> None:
    assert made("gluster", NOTHING, NOTHING_HEALTH) == {
        "status": {
            "code": 2,
            "message": "glusterd is not running",
            "problems": [
                {
                    "code": "GLUSTERD_DOWN",
                    "severity": 2,
                    "volume": "",
                    "subject": "",
                    "text": "glusterd is not running",
                    "since": None,
                    "guests": None,
                    "muted": False,
                }
            ],
        },
        "volumes": None,
        "peers": None,
        "auto_repairs": None,
        "op_version": None,
        "max_op_version": None,
        "age": 2.0,
    }
    assert made("gluster-bricks", NOTHING, NOTHING_HEALTH) == {"bricks": None}
    assert made("gluster-capacity", NOTHING, NOTHING_HEALTH) == {"volumes": None}
    assert made("gluster-disks", NOTHING, NOTHING_HEALTH) == {
        "disks": None,
        "message": "the disks were not queried",
    }
    glusterd = made("glusterd", NOTHING, NOTHING_HEALTH)
    assert glusterd["status"]["code"] == 2
    assert glusterd["processes"] is None
    assert glusterd["versions"] == {"gluster": None, "ganeti-gluster-mon": __version__}
    brick = made("gluster-bricks", Pool(NOW, volumes=(one_volume(Brick("v", "h", "/b")),)))["bricks"][0]
    assert [field for field in BRICK_FIELDS if brick[field] is not None] == [
        "volume",
        "host",
        "path",
        "arbiter",
        "hangs",
        "unreachable",
    ]


def test_a_pool_without_volumes_is_known_to_have_none() -> None:
    empty = Pool(NOW, peers=(), volumes=(), processes=())
    assert made("gluster", empty)["volumes"] == []
    assert made("gluster-bricks", empty) == {"bricks": []}
    assert made("gluster-capacity", empty) == {"volumes": []}
    assert made("glusterd", empty)["processes"] == []


def one_volume(*bricks: Brick) -> Volume:
    return Volume("v", "u", "distribute", "started", "tcp", bricks, ())


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("kind", [PERFORMANCE, STATUS])
def test_a_collector_that_fails_says_so_and_the_others_stand(kind: int, verbose: bool) -> None:
    failures: List[str] = []
    broken = Broken(kind, ValueError("two\nlines \x1b[31m"))
    alone = [report.make(each, POOL, HEALTH, NOW, verbose) for each in collectors().values()]
    others = [
        report.make(each, POOL, HEALTH, NOW, verbose, on_failure=failures.append)
        for each in (broken, *collectors().values())
    ]
    assert others[1:] == alone
    assert failures == ["collector broken failed: ValueError: two lines \\x1b[31m"]
    assert others[0]["data"] == {"status": {"code": 2, "message": failures[0], "problems": []}}
    assert others[0]["kind"] == kind


def test_a_failure_is_reported_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    report.make(Broken(PERFORMANCE, KeyError("gv0")), POOL, HEALTH, NOW)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "ganeti-gluster-mon: collector broken failed: KeyError: 'gv0'\n")


def test_a_status_collector_without_a_status_fails() -> None:
    class Forgetful(Broken):
        def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
            return {"volumes": []}

    for verbose in (True, False):
        failures: List[str] = []
        collector = Forgetful(STATUS, Exception())
        made = report.make(collector, POOL, HEALTH, NOW, verbose, on_failure=failures.append)
        assert made["data"]["status"]["code"] == 2
        assert len(failures) == 1


def test_one_report_is_an_object_and_several_are_a_list() -> None:
    reports = [report.make(each, POOL, HEALTH, NOW) for each in collectors().values()]
    assert json.loads(report.render(reports[:1]))["name"] == "gluster"
    assert [each["name"] for each in json.loads(report.render(reports))] == NAMES
    assert json.loads(report.render([])) == []


def test_hostile_names_survive_json() -> None:
    path = '/b/"\\\n\0\udcff☃</script>'
    text = report.render(
        [
            report.make(
                collectors()["gluster-bricks"],
                Pool(NOW, volumes=(one_volume(Brick("v", "h", path)),)),
                HEALTH,
                NOW,
            ),
            report.make(
                collectors()["gluster"], Pool(NOW, peers=(Peer(path, "u"),)), HEALTH, NOW, verbose=True
            ),
        ]
    )
    assert text.isascii()
    bricks, gluster = json.loads(text)
    assert bricks["data"]["bricks"][0]["path"] == path
    assert gluster["data"]["peers"][0]["hostname"] == path


@pytest.mark.parametrize("collector", list(collectors().values()), ids=lambda each: each.name)
def test_both_reports_are_collected_once(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: List[object] = []
    collect = collector.collect

    def counted(*arguments: Any) -> Any:
        collected.append(arguments)
        return collect(*arguments)

    monkeypatch.setattr(collector, "collect", counted)
    terse, verbose = report.make_both(collector, POOL, HEALTH, NOW)
    assert len(collected) == 1
    assert terse == report.make(collector, POOL, HEALTH, NOW)
    assert verbose == report.make(collector, POOL, HEALTH, NOW, verbose=True)
    assert (terse is verbose) == (collector.kind != STATUS)
