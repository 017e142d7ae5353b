"""What every node of a Ganeti cluster knows of the cluster: the files ``/var/lib/ganeti/ssconf_*``.

Ganeti's master writes them on all nodes, offline ones excepted, whenever its configuration changes, so
they are there without a query, and as old as the last change that reached this node.  The format
is Ganeti's lib/ssconf.py: text, a value or a list of one value a line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from ganeti_gluster_mon.command_error import CommandError

DIRECTORY = "/var/lib/ganeti"
PREFIX = "ssconf_"
#: bytes of one file; Ganeti writes no more
_MOST = 128 << 10
_SSH_PORT = 22


class NoCluster(CommandError):
    """This is no node of a Ganeti cluster, or what Ganeti wrote there cannot be read."""


@dataclass(frozen=True)
class Node:
    """A node of the cluster."""

    #: fully qualified, as Ganeti names it
    name: str
    #: by which the nodes are managed, and Ganeti's own traffic goes
    primary_ip: str
    #: for replication; the same as primary_ip where there is one network only
    secondary_ip: str
    #: marked offline: Ganeti does not talk to it
    offline: bool = False
    #: hosts instances
    vm_capable: bool = True
    #: could become the master, and so has the whole configuration
    master_candidate: bool = False
    ssh_port: int = _SSH_PORT


@dataclass(frozen=True)
class Cluster:
    """A Ganeti cluster as a node of it knows it."""

    name: str
    #: name of the master node
    master: str
    nodes: Tuple[Node, ...]
    #: names
    instances: Tuple[str, ...]
    #: of the cluster itself: "gluster:…", for programs that keep settings there
    tags: Tuple[str, ...]
    #: where Ganeti has its mounts of Gluster volumes; None where it has no such directory
    gluster_storage_dir: Optional[str]
    file_storage_dir: Optional[str]
    shared_file_storage_dir: Optional[str]
    #: of Ganeti itself, as of its configuration
    release: Optional[str]

    def node(self, name: str) -> Optional[Node]:
        """The node called *name*, fully or by an unmistakable beginning of it, as Ganeti takes names."""
        for node in self.nodes:
            if node.name == name:
                return node
        short = [node for node in self.nodes if node.name.startswith(f"{name}.")]
        return short[0] if len(short) == 1 else None

    def node_of_host(self, host: str) -> Optional[Node]:
        """The node that *host* names: by its name, by an unmistakable beginning of it, or by one of its addresses."""
        return self.node(host) or next(
            (node for node in self.nodes if host in (node.primary_ip, node.secondary_ip)), None
        )


def read(directory: str = DIRECTORY) -> Cluster:
    """The cluster that this node is in.  Raises NoCluster, one line, where it is in none."""
    names = _lines(directory, "node_list")
    master = _value(directory, "master_node")
    if not names or master is None:
        raise NoCluster(
            f"this is no node of a Ganeti cluster: {directory}/{PREFIX}node_list is "
            f"{'missing' if names is None else 'empty'}; run it on a node, or make a cluster: gnt-cluster init"
        )
    offline = set(_lines(directory, "offline_nodes") or ())
    candidates = set(_lines(directory, "master_candidates") or ())
    primary = _pairs(directory, "node_primary_ips", " ")
    secondary = _pairs(directory, "node_secondary_ips", " ")
    ports = _pairs(directory, "ssh_ports", "=")
    vm_capable = _pairs(directory, "node_vm_capable", "=")
    nodes = tuple(
        Node(
            name=name,
            primary_ip=primary.get(name, name),
            secondary_ip=secondary.get(name, primary.get(name, name)),
            offline=name in offline,
            vm_capable=vm_capable.get(name) != "False",
            master_candidate=name in candidates,
            ssh_port=_port(ports.get(name, "")),
        )
        for name in names
    )
    return Cluster(
        name=_value(directory, "cluster_name") or "",
        master=master,
        nodes=nodes,
        instances=tuple(_lines(directory, "instance_list") or ()),
        tags=tuple(_lines(directory, "cluster_tags") or ()),
        gluster_storage_dir=_value(directory, "gluster_storage_dir"),
        file_storage_dir=_value(directory, "file_storage_dir"),
        shared_file_storage_dir=_value(directory, "shared_file_storage_dir"),
        release=_value(directory, "release_version"),
    )


def _lines(directory: str, key: str) -> Optional[Tuple[str, ...]]:
    """The lines of a file; None where there is no such file.  Raises NoCluster where it cannot be read."""
    path = os.path.join(directory, PREFIX + key)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_MOST)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise NoCluster(
            f"cannot read {path}: {err.strerror}; this needs root, as Ganeti's commands do"
        ) from err
    return tuple(line for line in text.splitlines() if line)


def _value(directory: str, key: str) -> Optional[str]:
    lines = _lines(directory, key)
    return lines[0] if lines else None


def _pairs(directory: str, key: str, separator: str) -> Dict[str, str]:
    pairs = (line.partition(separator) for line in _lines(directory, key) or ())
    return {name: value for name, found, value in pairs if found}


def _port(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) < 65536 else _SSH_PORT
