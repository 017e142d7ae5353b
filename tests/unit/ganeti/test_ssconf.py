"""What a node knows of its cluster, from the files Ganeti writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganeti_gluster_mon.ganeti import ssconf

#: as Ganeti 3.0.2 wrote them on a cluster of three
FILES = {
    "cluster_name": "cluster.lab.test\n",
    "cluster_tags": "",
    "file_storage_dir": "/srv/ganeti/file-storage\n",
    "gluster_storage_dir": "/var/run/ganeti/gluster\n",
    "instance_list": "inst1.lab.test\ninst2.lab.test\n",
    "master_candidates": "node2.lab.test\nnode1.lab.test\n",
    "master_node": "node1.lab.test\n",
    "node_list": "node2.lab.test\nnode1.lab.test\nnode3.lab.test\n",
    "node_primary_ips": "node2.lab.test 10.99.0.2\nnode1.lab.test 10.99.0.1\nnode3.lab.test 10.99.0.3\n",
    "node_secondary_ips": "node2.lab.test 10.99.0.2\nnode1.lab.test 10.99.1.1\nnode3.lab.test 10.99.0.3\n",
    "node_vm_capable": "node2.lab.test=True\nnode1.lab.test=True\nnode3.lab.test=False\n",
    "offline_nodes": "node3.lab.test\n",
    "release_version": "3.0.2\n",
    "ssh_ports": "node2.lab.test=22\nnode1.lab.test=2222\nnode3.lab.test=22\n",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"ssconf_{name}").write_text(text)
    return tmp_path


def test_a_cluster(directory: Path) -> None:
    cluster = ssconf.read(str(directory))
    assert cluster.name == "cluster.lab.test"
    assert cluster.master == "node1.lab.test"
    assert cluster.instances == ("inst1.lab.test", "inst2.lab.test")
    assert cluster.tags == ()
    assert cluster.gluster_storage_dir == "/var/run/ganeti/gluster"
    assert cluster.shared_file_storage_dir is None
    assert cluster.release == "3.0.2"
    assert cluster.nodes == (
        ssconf.Node("node2.lab.test", "10.99.0.2", "10.99.0.2", master_candidate=True),
        ssconf.Node("node1.lab.test", "10.99.0.1", "10.99.1.1", master_candidate=True, ssh_port=2222),
        ssconf.Node("node3.lab.test", "10.99.0.3", "10.99.0.3", offline=True, vm_capable=False),
    )


@pytest.mark.parametrize(
    ("name", "found"), [("node1.lab.test", True), ("node1", True), ("node", False), ("node1.lab", True)]
)
def test_a_node_by_its_name(directory: Path, name: str, found: bool) -> None:
    node = ssconf.read(str(directory)).node(name)
    assert (node is not None and node.name == "node1.lab.test") is found


def test_no_node_of_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ssconf.NoCluster, match=r"no node of a Ganeti cluster: .*node_list is missing"):
        ssconf.read(str(tmp_path))
    (tmp_path / "ssconf_node_list").write_text("")
    with pytest.raises(ssconf.NoCluster, match="is empty"):
        ssconf.read(str(tmp_path))


def test_a_file_that_cannot_be_read(directory: Path) -> None:
    (directory / "ssconf_instance_list").unlink()
    (directory / "ssconf_instance_list").mkdir()
    with pytest.raises(ssconf.NoCluster, match="instance_list: Is a directory"):
        ssconf.read(str(directory))


def test_nonsense_in_a_file_harms_nothing_else(directory: Path) -> None:
    (directory / "ssconf_ssh_ports").write_text(
        "node1.lab.test=many\nnode2.lab.test\n\xff\n", encoding="latin-1"
    )
    assert {node.ssh_port for node in ssconf.read(str(directory)).nodes} == {22}
