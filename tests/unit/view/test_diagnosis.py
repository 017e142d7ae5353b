"""What is wrong and what to do: judged from the reports of nodes, Ganeti's settings, and the pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest

from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.gluster.model import Peer, Pool, Volume
from ganeti_gluster_mon.gluster.volume_files import VolumeFile, VolumeFiles
from ganeti_gluster_mon.health import CRITICAL, OK, Health, Problem
from ganeti_gluster_mon.view.diagnose_command import lines
from ganeti_gluster_mon.view.diagnosis import DiagnosisInput, diagnose, names_to_know
from ganeti_gluster_mon.view.node_facts import NodeFacts

NAMES = ("node1", "node2", "node3")
ADDRESSES = {name: (f"10.0.0.{number}",) for number, name in enumerate(NAMES, 1)}
CLUSTER = Cluster(
    name="cluster",
    master="node1",
    nodes=tuple(Node(name, ADDRESSES[name][0], ADDRESSES[name][0]) for name in NAMES),
    instances=(),
    tags=(),
    gluster_storage_dir="/var/run/ganeti/gluster",
    file_storage_dir=None,
    shared_file_storage_dir=None,
    release="3.0.2",
)
CONFIGURATION = Configuration(
    enabled_disk_templates=("gluster",),
    allowed_disk_templates=("gluster",),
    parameters=(DiskParameters("default", "127.0.0.1", 24007, "gv0", "userspace"),),
    disks=(),
    groups=dict.fromkeys(NAMES, "default"),
)
POOL = Pool(
    1,
    peers=tuple(Peer(name, f"uuid-{name}", connected=True) for name in NAMES),
    volumes=(Volume("gv0", "", "replicate", "started", "tcp", (), ()),),
)
WELL = Health(OK, "", (), {})


def facts(name: str, **more: Any) -> NodeFacts:
    parsed = NodeFacts(
        clock_offset=0.1,
        clock_error=0.2,
        gluster="10.3",
        glusterd=True,
        uuid=f"uuid-{name}",
        operating_version="100000",
        resolved=ADDRESSES,
        reached=dict.fromkeys(NAMES, True),
        storage_paths=("/srv/ganeti", "/var/run/ganeti"),
        qemu_gluster=True,
        fuse_client=True,
        fuse_device=True,
        provider=False,
    )
    return replace(parsed, **more)


def inputs(**more: Any) -> DiagnosisInput:
    every = {name: facts(name) for name in NAMES}
    every.update(more.pop("facts", {}))
    return replace(DiagnosisInput(CLUSTER, every, POOL, WELL, CONFIGURATION), **more)


def wrong(**more: Any) -> Dict[str, List[str]]:
    """What is wrong, by what it is about."""
    found = diagnose(inputs(**more))
    parts = {"cluster": found.cluster, "pool": found.pool, **found.nodes}
    texts = {name: [each.text for each in findings if not each.note] for name, findings in parts.items()}
    assert found.well is not any(texts.values())
    return {name: mine for name, mine in texts.items() if mine}


def of_node2(**more: Any) -> List[str]:
    found = wrong(facts={"node2": facts("node2", **more)})
    assert set(found) <= {"node2"}
    return found.get("node2", [])


def test_a_healthy_pool_has_no_finding() -> None:
    assert wrong() == {}
    assert list(lines(diagnose(inputs()))) == [
        "Ganeti's settings: ok",
        "Pool: ok",
        "Node node1: ok",
        "Node node2: ok",
        "Node node3: ok",
    ]


def test_a_directory_of_statistics_that_users_can_write_to() -> None:
    (gv0,) = POOL.volumes or ()
    dumped = replace(POOL, volumes=(replace(gv0, options={"diagnostics.stats-dump-interval": "30"}),))
    open_to_all = {"node2": facts("node2", stats_writable=True)}
    ((node, (text,)),) = wrong(pool=dumped, facts=open_to_all).items()
    assert node == "node2" and text.startswith("users other than root can write to /var/lib/glusterd/stats")
    assert wrong(facts=open_to_all) == wrong(pool=dumped) == {}


def test_orphaned_disk_files() -> None:
    known = replace(CONFIGURATION, disk_names=frozenset({"a.0"}))
    files = [VolumeFile("gv0", f"ganeti/{name}", 1 << 20, 0, 1000) for name in ("a.0", "b.0")]
    of_gv0 = VolumeFiles("gv0", tuple(files))
    found = diagnose(inputs(configuration=known, files=[of_gv0], now=1000 + 7200.0))
    assert not found.well
    assert list(lines(found))[2:4] == [
        "Disk files: 1 wrong",
        "  - volume gv0: ganeti/b.0 belongs to no instance: 1.0M, 0B allocated, last written 2 h ago",
    ]
    assert diagnose(inputs(files=[])).well
    assert "Disk files: ok" in lines(diagnose(inputs(files=[])))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"gluster": None, "glusterd": False}, "Gluster is not installed"),
        ({"glusterd": False}, "glusterd does not run"),
        ({"gluster": "9.2"}, "Gluster is 9.2, elsewhere 10.3"),
        ({"operating_version": "90000"}, "glusterd works as version 90000, elsewhere as 100000"),
        ({"uuid": "other"}, "it is not in the pool"),
        ({"clock_offset": 90.0}, "its clock is 90 s ahead"),
        ({"clock_offset": -3.0}, "its clock is 3 s behind"),
        ({"resolved": {**ADDRESSES, "node3": ()}}, "it does not know the name node3"),
        (
            {"resolved": {**ADDRESSES, "node3": ("10.9.9.9",)}},
            "it takes node3 for 10.9.9.9, others for 10.0.0.3",
        ),
        ({"resolved": {**ADDRESSES, "node3": ("127.0.1.1",)}}, "it takes node3 for 127.0.1.1, itself"),
        ({"reached": {"node1": True, "node3": False}}, "it does not reach port 24007 of node3"),
        (
            {"storage_paths": ("/var/run/ganeti/gluster2", "var/run/ganeti")},
            "/etc/ganeti/file-storage-paths does not allow /var/run/ganeti/gluster",
        ),
        ({"storage_paths": None}, "/etc/ganeti/file-storage-paths does not allow /var/run/ganeti/gluster"),
        ({"qemu_gluster": False}, "QEMU cannot open gluster:// here"),
        ({"fuse_client": False}, "volumes cannot be mounted for making disks: glusterfs-client is missing"),
        ({"fuse_device": False}, "volumes cannot be mounted for making disks: /dev/fuse is missing"),
        ({"unreachable": "ssh: Connection refused"}, "cannot be queried: ssh: Connection refused"),
    ],
)
def test_what_is_wrong_with_a_node(more: Dict[str, Any], text: str) -> None:
    assert of_node2(**more) == [text]


@pytest.mark.parametrize(
    "more",
    [
        # Debian writes the host's own name into /etc/hosts so.
        {"resolved": {**ADDRESSES, "node2": ("127.0.1.1",)}},
        # as wrong as the time the answer took
        {"clock_offset": 4.0, "clock_error": 3.0},
        {"clock_offset": None},
        # not known is not wrong, as far as it goes
        {"qemu_gluster": None, "fuse_client": None, "fuse_device": None, "operating_version": None},
        {"storage_paths": ("/var/run/ganeti/gluster/",)},
    ],
)
def test_what_is_not_wrong_with_a_node(more: Dict[str, Any]) -> None:
    assert of_node2(**more) == []


def test_one_cause_is_reported_once() -> None:
    """A glusterd that does not run is one finding; that no node reaches it is not a second one."""
    silent = {"node1": True, "node2": False, "node3": True}
    found = wrong(
        facts={
            "node1": facts("node1", reached=silent),
            "node2": facts("node2", glusterd=False),
            "node3": facts("node3", reached=silent),
        }
    )
    assert found == {"node2": ["glusterd does not run"]}


def test_where_versions_differ_it_says_how_rejected_peers_become_members_again() -> None:
    every = {
        name: facts(name, gluster="11.1" if name == "node3" else "10.3")
        for name in ("node1", "node2", "node3")
    }
    (finding,) = diagnose(inputs(facts=every)).nodes["node3"]
    assert finding.text == "Gluster is 11.1, elsewhere 10.3"
    assert finding.to_do.startswith(
        "upgrade each node with 10.3, one after the other, each when all is healed: "
    )
    assert finding.to_do.endswith("on each node, one after the other: systemctl restart glusterd")


def test_a_node_that_hosts_no_instances_needs_no_qemu() -> None:
    nodes = (CLUSTER.nodes[0], replace(CLUSTER.nodes[1], vm_capable=False), CLUSTER.nodes[2])
    lacking = facts("node2", qemu_gluster=False, fuse_client=False)
    assert wrong(cluster=replace(CLUSTER, nodes=nodes), facts={"node2": lacking}) == {}


def test_a_node_that_is_marked_offline_is_not_queried() -> None:
    nodes = (*CLUSTER.nodes[:2], replace(CLUSTER.nodes[2], offline=True))
    every = {name: facts(name) for name in NAMES[:2]}
    found = diagnose(replace(inputs(cluster=replace(CLUSTER, nodes=nodes)), facts=every))
    assert found.well
    assert [each.text for each in found.nodes["node3"]] == ["not queried: it is marked offline"]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"volume": "nosuch"}, "disk parameters of group default: there is no volume nosuch; there are: gv0"),
        ({"port": 1}, "disk parameters of group default: port is 1, glusterd listens on 24007"),
        ({"access": "x\ny"}, "disk parameters of group default: access is x y"),
    ],
)
def test_disk_parameters(parameters: Dict[str, Any], text: str) -> None:
    (own,) = CONFIGURATION.parameters
    configuration = replace(CONFIGURATION, parameters=(replace(own, **parameters),))
    assert wrong(configuration=configuration) == {"cluster": [text]}


def test_a_volume_that_is_not_started() -> None:
    assert POOL.volumes is not None
    pool = replace(POOL, volumes=(replace(POOL.volumes[0], state="stopped"),))
    assert wrong(pool=pool) == {"cluster": ["disk parameters of group default: volume gv0 is not started"]}
    # Which there are is not known: there is no finding.
    assert wrong(pool=replace(POOL, volumes=None, peers=None)) == {}


def test_templates() -> None:
    none = replace(CONFIGURATION, enabled_disk_templates=("plain",))
    assert wrong(configuration=none) == {"cluster": ["no disk template for Gluster is enabled, only plain"]}
    forbidden = replace(CONFIGURATION, allowed_disk_templates=("plain",))
    assert wrong(configuration=forbidden) == {
        "cluster": ["disk template gluster is enabled, and the instance policy does not allow it"]
    }
    # Without the template its settings do not matter.
    ext = replace(CONFIGURATION, enabled_disk_templates=("ext",), allowed_disk_templates=("ext",))
    bare = facts("node2", storage_paths=None, qemu_gluster=False)
    assert wrong(configuration=ext, facts={"node2": bare}) == {}
    with_provider = {"node1": facts("node1", provider=True), "node3": facts("node3", provider=True)}
    assert wrong(configuration=ext, facts=with_provider) == {
        "node2": ["the ExtStorage provider gluster is not there, as on other nodes"]
    }
    assert wrong(cluster=replace(CLUSTER, gluster_storage_dir=None)) == {
        "cluster": ["Ganeti has no directory for Gluster"]
    }


def test_the_pool_as_health_sees_it() -> None:
    problems = (
        Problem("BRICK_OFFLINE", CRITICAL, "gv0: brick a:/b is offline", "gv0", "a:/b"),
        Problem("VOLUME_NEARLY_FULL", OK, "gv0: 15.0 % free", "gv0"),
    )
    health = Health(CRITICAL, "", problems, {})
    assert wrong(health=health) == {"pool": ["gv0: brick a:/b is offline"]}
    reply = list(lines(diagnose(inputs(health=health))))
    assert reply[1:6] == [
        "Pool: 1 wrong",
        "  - gv0: brick a:/b is offline",
        "    do: gnt-gluster deploy --volume gv0 a",
        "  - note: gv0: 15.0 % free",
        "    do: gnt-gluster expand-volume gv0 NODES --device DEVICE",
    ]
    assert wrong(health=replace(health, problems=problems[1:])) == {}


def test_settings_that_are_on_another_node() -> None:
    found = diagnose(inputs(configuration=None, no_configuration="it is on the master"))
    assert found.well
    assert [each.text for each in found.cluster] == [
        "Ganeti's settings were not looked at: it is on the master"
    ]


def test_each_thing_that_is_wrong_comes_with_what_to_do() -> None:
    reply = "\n".join(lines(diagnose(inputs(facts={"node2": facts("node2", glusterd=False)}))))
    assert "Node node2: 1 wrong\n  - glusterd does not run\n    do: systemctl start glusterd; " in reply


def test_the_names_that_all_have_to_know() -> None:
    pool = replace(POOL, peers=(Peer("node1", "u"), Peer("storage2", "u2"), Peer("localhost", "u3")))
    assert names_to_know(CLUSTER, pool) == ("node1", "node2", "node3", "storage2")
