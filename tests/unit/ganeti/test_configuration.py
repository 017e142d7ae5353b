"""Ganeti's configuration: which files of which volumes are disks, whatever else is in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.ganeti import configuration
from ganeti_gluster_mon.ganeti.configuration import NoConfiguration, Reader, parse_configuration
from ganeti_gluster_mon.gluster.model import DiskFile

MIB = 1 << 20


def config_data(**changes: Any) -> Dict[str, Any]:
    """What matters of a config.data of Ganeti 3.0.2, with an instance of a disk of each kind."""
    disks = {
        "d0": {"dev_type": "gluster", "logical_id": ["loop", "ganeti/i1.0"], "size": 64, "params": {}},
        "d1": {"dev_type": "plain", "logical_id": ["xenvg", "i1.1"], "size": 64, "params": {}},
        "d2": {
            "dev_type": "ext",
            "logical_id": ["gluster", "u2.ext.disk2"],
            "size": 10,
            "params": {"provider": "gluster", "volume": "fast"},
        },
        "d3": {"dev_type": "ext", "logical_id": ["other", "u3"], "size": 10, "params": {"volume": "fast"}},
        "d4": {
            "dev_type": "ext",
            "logical_id": ["gluster", "u4"],
            "size": 10,
            "params": {"volume": "fast", "directory": "vms/a", "servers": "far1 far2"},
        },
    }
    instance = {"name": "web", "primary_node": "n1", "disks": list(disks)}
    return {
        "cluster": {
            "enabled_disk_templates": ["gluster", "ext"],
            "ipolicy": {"disk-templates": ["gluster"]},
            "diskparams": {
                "gluster": {"host": "127.0.0.1", "port": 24007, "volume": "gv0", "access": "userspace"}
            },
        },
        "nodes": {
            "n1": {"name": "node1", "group": "g1"},
            "n2": {"name": "node2", "group": "g2"},
        },
        "nodegroups": {
            "g1": {"name": "default", "diskparams": {}},
            "g2": {"name": "far", "diskparams": {"gluster": {"volume": "gv2"}}},
        },
        "instances": {"i1": instance},
        "disks": disks,
        **changes,
    }


def test_the_settings() -> None:
    found = parse_configuration(config_data())
    assert found.enabled_disk_templates == ("gluster", "ext")
    assert found.allowed_disk_templates == ("gluster",)
    assert found.groups == {"node1": "default", "node2": "far"}
    near, far = found.parameters_of("default"), found.parameters_of("far")
    assert near == configuration.DiskParameters("default", "127.0.0.1", 24007, "gv0", "userspace")
    assert far == configuration.DiskParameters("far", "127.0.0.1", 24007, "gv2", "userspace")
    assert found.parameters_of("nosuch") is None


def test_the_disks_that_are_files_of_a_volume() -> None:
    expected = [
        DiskFile("web", "disk/0", "gv0", "ganeti/i1.0", 64 * MIB, "node1", "gluster", "127.0.0.1"),
        DiskFile("web", "disk/2", "fast", "ganeti/u2.ext.disk2", 10 * MIB, "node1", "ext", "127.0.0.1"),
        DiskFile("web", "disk/4", "fast", "vms/a/u4", 10 * MIB, "node1", "ext", "far1"),
    ]
    assert list(parse_configuration(config_data()).disks) == expected


def test_an_instance_of_another_group_has_its_disks_on_the_volume_of_that_one() -> None:
    instances = {"i1": {"name": "web", "primary_node": "n2", "disks": ["d0"]}}
    (disk,) = parse_configuration(config_data(instances=instances)).disks
    assert (disk.volume, disk.node) == ("gv2", "node2")


@pytest.mark.parametrize(
    "disk",
    [
        {},
        {"dev_type": "gluster", "logical_id": ["loop", "/etc/passwd"], "size": 1},
        {"dev_type": "gluster", "logical_id": ["loop", "ganeti/../../etc/passwd"], "size": 1},
        {"dev_type": "gluster", "logical_id": ["loop", "a\0b"], "size": 1},
        {"dev_type": "gluster", "logical_id": ["loop", ""], "size": 1},
        {"dev_type": "gluster", "logical_id": "loop", "size": 1},
        {"dev_type": "gluster", "logical_id": ["loop", "a"], "params": {"volume": "--help"}},
        {"dev_type": "gluster", "logical_id": ["loop", "a"], "params": {"volume": ["gv0"]}},
        {"dev_type": "ext", "logical_id": ["gluster", "a"], "params": {"volume": "v", "directory": "../.."}},
        {"dev_type": "ext", "logical_id": ["gluster", "a"], "params": "v"},
        "a disk",
        None,
    ],
)
def test_a_disk_that_leads_elsewhere_is_none(disk: Any) -> None:
    instances = {"i": {"name": "web", "primary_node": "n1", "disks": ["bad", "d0", "nosuch", 7]}}
    disks = {"bad": disk, "d0": config_data()["disks"]["d0"]}
    assert [
        each.path for each in parse_configuration(config_data(instances=instances, disks=disks)).disks
    ] == ["ganeti/i1.0"]


@pytest.mark.parametrize("size", [-1, True, "64", None, 1.5])
def test_a_size_that_is_none(size: Any) -> None:
    disks = {"d0": {**config_data()["disks"]["d0"], "size": size}}
    assert parse_configuration(config_data(disks=disks)).disks[0].size is None


@pytest.mark.parametrize("nonsense", [None, [], {}, {"cluster": {}}, {"cluster": {"a": 1}, "nodes": []}, "x"])
def test_what_is_no_configuration(nonsense: Any) -> None:
    with pytest.raises(NoConfiguration, match="not Ganeti's configuration"):
        parse_configuration(nonsense)


def test_it_is_read_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.data"
    file.write_text(json.dumps(config_data()))
    reader = Reader(str(file))
    first = reader.configuration()
    monkeypatch.setattr(
        configuration, "parse_configuration", lambda _content: pytest.fail("read again, unchanged")
    )
    assert reader.configuration() is first
    monkeypatch.undo()
    # As Ganeti does it: a new file in the place of the old one.
    other = tmp_path / "new"
    other.write_text(json.dumps(config_data(instances={})))
    os.replace(other, file)
    assert reader.disks() == ()


def test_a_node_without_it(tmp_path: Path) -> None:
    reader = Reader(str(tmp_path / "config.data"))
    with pytest.raises(NoConfiguration, match="this is no node of a Ganeti cluster"):
        reader.disks()
    (tmp_path / "ssconf_node_list").write_text("node1\n")
    with pytest.raises(NoConfiguration, match="on the master and its candidates only"):
        reader.disks()
    (tmp_path / "config.data").write_text("{")
    with pytest.raises(NoConfiguration, match="is not JSON"):
        reader.disks()


def test_the_names_of_all_disks_also_of_those_without_an_instance() -> None:
    """Whatever is no orphan has to be among them: a file that is missing here is called one."""
    config = config_data()
    config["disks"]["detached"] = {"dev_type": "gluster", "logical_id": ["loop", "ganeti/spare.0"], "size": 1}
    config["disks"]["shared"] = {"dev_type": "sharedfile", "logical_id": ["loop", "/srv/x/u9.file.disk0"]}
    config["disks"]["mirror"] = {
        "dev_type": "drbd",
        "logical_id": ["n1", "n2", 11000, 0, 0, "secret"],
        "children": [{"dev_type": "plain", "logical_id": ["xenvg", "child"]}, None, 5],
    }
    config["disks"]["odd"] = None
    names = parse_configuration(config).disk_names
    assert {"i1.0", "u2.ext.disk2", "u4", "u3", "spare.0", "u9.file.disk0", "child"} <= names


def test_how_instances_reach_their_disks_of_the_provider() -> None:
    assert parse_configuration(config_data()).ext_access == {"kernelspace"}
    data = config_data()
    data["disks"]["d4"]["params"]["access"] = "userspace"
    data["disks"]["d3"]["params"]["access"] = "of another provider"
    data["disks"]["d0"]["params"]["access"] = "of another template"
    assert parse_configuration(data).ext_access == {"kernelspace", "userspace"}
