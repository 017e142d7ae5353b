"""What is wrong and what to do, by the facts about the nodes, Ganeti's settings and the pool.  Pure."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.ganeti.configuration import EXT, GLUSTER, KERNELSPACE, USERSPACE, Configuration
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.gluster.placement import is_here
from ganeti_gluster_mon.gluster.volume_files import VolumeFiles
from ganeti_gluster_mon.health import OK, Health, host_of, remedy_of
from ganeti_gluster_mon.text import one_line, some
from ganeti_gluster_mon.view.access_findings import access_findings, server_findings
from ganeti_gluster_mon.view.brick_mounts import findings
from ganeti_gluster_mon.view.finding import NO_BACKEND, Finding
from ganeti_gluster_mon.view.node_facts import NodeFacts
from ganeti_gluster_mon.view.orphans import orphans
from ganeti_gluster_mon.view.stats_findings import stats_findings
from ganeti_gluster_mon.view.version_findings import (
    ganeti_findings,
    oldest,
    pool_version_findings,
    server_quorum_findings,
)

GLUSTERD_PORT = 24007
#: seconds that a node's clock may be off
CLOCK_SKEW = 2.0
_ACCESS = (USERSPACE, KERNELSPACE)
_MOST_NAMES = 5


@dataclass(frozen=True)
class Diagnosis:
    """All findings."""

    cluster: Tuple[Finding, ...]
    pool: Tuple[Finding, ...]
    nodes: Mapping[str, Tuple[Finding, ...]]
    #: files of disks; None: not listed
    files: Optional[Tuple[Finding, ...]] = None

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        findings = [
            *self.cluster,
            *self.pool,
            *(self.files or ()),
            *(each for mine in self.nodes.values() for each in mine),
        ]
        return all(finding.note for finding in findings)


@dataclass(frozen=True)
class DiagnosisInput:
    """The input of `diagnose`."""

    cluster: Cluster
    #: by node that is not offline
    facts: Mapping[str, NodeFacts]
    pool: Pool
    health: Health
    #: None: it is not on this node, for the reason *no_configuration*
    configuration: Optional[Configuration] = None
    no_configuration: str = ""
    #: the files in the folders of disks; None: not listed
    files: Optional[Sequence[VolumeFiles]] = None
    #: seconds since the epoch
    now: float = 0.0


def names_to_know(cluster: Cluster, pool: Pool) -> Tuple[str, ...]:
    """The names that every node has to resolve: the nodes', the peers', those that bricks have."""
    names = [node.name for node in cluster.nodes if not node.offline]
    names += [peer.hostname for peer in pool.peers or ()]
    names += [brick.host for volume in pool.volumes or () for brick in volume.bricks]
    return tuple(dict.fromkeys(name for name in names if name != "localhost"))


def diagnose(inputs: DiagnosisInput) -> Diagnosis:
    """Everything that is wrong by what was *inputs* at."""
    common = _Common(inputs)
    return Diagnosis(
        cluster=tuple(_of_the_cluster(inputs)),
        pool=(
            *(
                Finding(
                    problem.text, remedy_of(problem).fix, note=problem.severity == OK, host=host_of(problem)
                )
                for problem in inputs.health.problems
            ),
            *pool_version_findings(tuple(inputs.facts.values())),
            *server_quorum_findings(tuple(inputs.facts.values()), inputs.pool.volumes or ()),
        ),
        nodes={
            node.name: tuple(_of_a_node(node, inputs, common))
            if node.name in inputs.facts
            else (Finding("not queried: it is marked offline", note=True),)
            for node in inputs.cluster.nodes
        },
        files=None
        if inputs.files is None
        else tuple(orphans(inputs.files, _names_of_disks(inputs), inputs.now)),
    )


def _names_of_disks(inputs: DiagnosisInput) -> FrozenSet[str]:
    return frozenset() if inputs.configuration is None else inputs.configuration.disk_names


class _Common:
    """What most nodes agree on, by which the others are measured."""

    def __init__(self, inputs: DiagnosisInput) -> None:
        every = inputs.facts.values()
        self.gluster = _most(facts.gluster for facts in every)
        self.oldest = oldest(facts.gluster for facts in every) or "an older version"
        self.operating_version = _most(facts.operating_version for facts in every)
        names = {name for facts in every for name in facts.resolved}
        self.resolved: Dict[str, Optional[Tuple[str, ...]]] = {
            name: _most(_elsewhere(facts.resolved.get(name)) for facts in every) for name in names
        }


def _most(values: Any) -> Any:
    """The value that occurs most often, None and () left out; None where there is none."""
    counts = Counter(value for value in values if value)
    return counts.most_common(1)[0][0] if counts else None


def _elsewhere(addresses: Optional[Tuple[str, ...]]) -> Tuple[str, ...]:
    """*addresses* but those of a host's own name on itself, on loopback."""
    return tuple(address for address in addresses or () if not _is_loopback(address))


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


# --- Ganeti's settings -----------------------------------------------------------------------------


def _of_the_cluster(inputs: DiagnosisInput) -> Iterator[Finding]:
    configuration = inputs.configuration
    if configuration is None:
        master = inputs.cluster.master
        yield Finding(
            f"Ganeti's settings were not looked at: {inputs.no_configuration}",
            f"run gnt-gluster diagnose on {master}",
            note=True,
        )
        return
    enabled = configuration.enabled_disk_templates
    if GLUSTER not in enabled and EXT not in enabled:
        yield Finding(
            f"no disk template for Gluster is enabled, only {', '.join(enabled) or 'none'}",
            f"gnt-cluster modify --enabled-disk-templates {','.join((*enabled, GLUSTER))}",
        )
    for template in (GLUSTER, EXT):
        if template in enabled and template not in configuration.allowed_disk_templates:
            allowed = ",".join((*configuration.allowed_disk_templates, template))
            yield Finding(
                f"disk template {template} is enabled, and the instance policy does not allow it",
                f"gnt-cluster modify --ipolicy-disk-templates {allowed}",
            )
    yield from server_findings(configuration, (facts.gluster for facts in inputs.facts.values()))
    if GLUSTER not in enabled:
        return
    if inputs.cluster.gluster_storage_dir is None:
        yield Finding(
            "Ganeti has no directory for Gluster",
            "gnt-cluster modify --gluster-storage-dir /var/run/ganeti/gluster",
        )
    for parameters in configuration.parameters:
        yield from _of_parameters(parameters, inputs)


def _of_parameters(parameters: Any, inputs: DiagnosisInput) -> Iterator[Finding]:
    where = f"disk parameters of group {one_line(parameters.group)}"
    modify = (
        f"gnt-cluster modify -D gluster:volume=NAME or gnt-group modify -D … {one_line(parameters.group)}"
    )
    volumes = inputs.pool.volumes
    volume = next((each for each in volumes or () if each.name == parameters.volume), None)
    if volumes is not None and volume is None and not is_here(parameters.host):
        yield Finding(f"{where}: {parameters.host} is not looked at, it is not of this pool", note=True)
    elif volumes is not None and volume is None:
        there = some([each.name for each in volumes], _MOST_NAMES) or "none"
        yield Finding(
            f"{where}: there is no volume {one_line(parameters.volume, 80)}; there are: {there}",
            f"{modify}; or make it: gnt-gluster create-volume",
        )
    elif volume is not None and volume.state != "started":
        yield Finding(f"{where}: volume {volume.name} is not started", f"gluster volume start {volume.name}")
    if parameters.port != GLUSTERD_PORT:
        yield Finding(
            f"{where}: port is {parameters.port}, glusterd listens on {GLUSTERD_PORT}",
            f"gnt-cluster modify -D gluster:port={GLUSTERD_PORT}",
        )
    if parameters.access not in _ACCESS:
        yield Finding(
            f"{where}: access is {one_line(parameters.access, 80)}",
            "gnt-cluster modify -D gluster:access=userspace",
        )


# --- a node ----------------------------------------------------------------------------------------


def _of_a_node(node: Node, inputs: DiagnosisInput, common: _Common) -> Iterator[Finding]:
    facts = inputs.facts[node.name]
    if facts.unreachable is not None:
        yield Finding(f"cannot be queried: {one_line(facts.unreachable)}")
        return
    yield from _of_glusterd(node, facts, inputs, common)
    yield from _of_the_clock(facts)
    yield from _of_names(node, facts, inputs, common)
    yield from findings(node.name, facts.bricks or ())
    yield from stats_findings(facts, inputs.pool.volumes or ())
    yield from ganeti_findings(facts, inputs.cluster.release)
    configuration = inputs.configuration
    if configuration is not None:
        yield from _of_the_backend(facts, inputs, configuration)
        if node.vm_capable:
            yield from access_findings(node.name, facts, configuration)


def _of_glusterd(node: Node, facts: NodeFacts, inputs: DiagnosisInput, common: _Common) -> Iterator[Finding]:
    if facts.gluster is None:
        yield Finding("Gluster is not installed", "apt install glusterfs-server")
        return
    if facts.glusterd is False:
        yield Finding(
            "glusterd does not run", "systemctl start glusterd; journalctl -u glusterd shows why it ended"
        )
    if facts.gluster != common.gluster:
        yield Finding(
            f"Gluster is {one_line(facts.gluster, 40)}, elsewhere {one_line(common.gluster, 40)}",
            f"upgrade each node with {one_line(common.oldest, 40)}, one after the other, each when all is healed: "
            "apt-get install --only-upgrade glusterfs-server glusterfs-client; at the end, where peers are rejected, "
            "on each node, one after the other: systemctl restart glusterd",
        )
    if facts.operating_version and facts.operating_version != common.operating_version:
        yield Finding(
            f"glusterd works as version {one_line(facts.operating_version, 40)}, elsewhere as "
            f"{one_line(common.operating_version, 40)}",
            "see gluster volume get all cluster.op-version",
        )
    peers = inputs.pool.peers
    if peers is not None and facts.glusterd and facts.uuid not in {peer.uuid for peer in peers}:
        yield Finding("it is not in the pool", f"gnt-gluster add-node {node.name}")


def _of_the_clock(facts: NodeFacts) -> Iterator[Finding]:
    offset = facts.clock_offset
    if offset is not None and abs(offset) > CLOCK_SKEW + facts.clock_error:
        yield Finding(
            f"its clock is {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}",
            "have it set by NTP: timedatectl set-ntp true",
        )


def _of_names(node: Node, facts: NodeFacts, inputs: DiagnosisInput, common: _Common) -> Iterator[Finding]:
    unknown = [name for name, addresses in facts.resolved.items() if not addresses]
    if unknown:
        yield Finding(
            f"it does not know the name {some(unknown, _MOST_NAMES)}", "add it to DNS, or to its /etc/hosts"
        )
    for name, addresses in facts.resolved.items():
        here = _elsewhere(addresses)
        if addresses and not here and name != node.name:
            yield Finding(f"it takes {name} for {some(addresses, _MOST_NAMES)}, itself", "see its /etc/hosts")
        elif here and here != common.resolved[name]:
            others = common.resolved[name] or ()
            yield Finding(
                f"it takes {name} for {some(here, _MOST_NAMES)}, others for {some(others, _MOST_NAMES)}",
                "see its /etc/hosts and /etc/resolv.conf",
            )
    if facts.glusterd is False:
        return
    silent = [
        name
        for name, reached in facts.reached.items()
        if not reached and name != node.name and _listens(name, inputs)
    ]
    if silent:
        yield Finding(
            f"it does not reach port {GLUSTERD_PORT} of {some(silent, _MOST_NAMES)}",
            f"see the firewalls: TCP {GLUSTERD_PORT}, and the bricks' ports from 49152 on",
        )


def _listens(name: str, inputs: DiagnosisInput) -> bool:
    """Whether a glusterd should listen there: not where the node itself reports that its glusterd does not run."""
    facts = inputs.facts.get(name)
    return facts is None or (facts.unreachable is None and facts.glusterd is not False)


def _of_the_backend(
    facts: NodeFacts, inputs: DiagnosisInput, configuration: Configuration
) -> Iterator[Finding]:
    enabled = configuration.enabled_disk_templates
    if EXT in enabled and facts.provider is False and any(each.provider for each in inputs.facts.values()):
        yield Finding(
            "the ExtStorage provider gluster is not there, as on other nodes",
            "apt install ganeti-gluster-backend",
        )
    if GLUSTER not in enabled:
        return
    directory = inputs.cluster.gluster_storage_dir
    if directory is not None and not _allowed(directory, facts.storage_paths or ()):
        yield Finding(
            f"/etc/ganeti/file-storage-paths does not allow {directory}",
            f"add the line {directory}; from the master to all: gnt-cluster copyfile /etc/ganeti/file-storage-paths",
        )
    if facts.backend is False:
        yield NO_BACKEND


def _allowed(directory: str, paths: Sequence[str]) -> bool:
    """As Ganeti decides it (lib/storage/filestorage.py): the directory itself or one above it is named."""
    wanted = os.path.normpath(directory)
    named: List[str] = [os.path.normpath(path) for path in paths if path.startswith("/")]
    return any(wanted == path or wanted.startswith(path.rstrip("/") + "/") for path in named)
