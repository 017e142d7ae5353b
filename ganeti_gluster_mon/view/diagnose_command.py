"""`gnt-gluster diagnose`: queries all nodes, and lists what is wrong, node by node."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import Iterator, List, Sequence

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.configuration import Configuration, NoConfiguration, Reader
from ganeti_gluster_mon.gluster.volume_files import list_volume_files
from ganeti_gluster_mon.view import pool_source
from ganeti_gluster_mon.view.diagnosis import Diagnosis, DiagnosisInput, diagnose, names_to_know
from ganeti_gluster_mon.view.finding import Finding
from ganeti_gluster_mon.view.node_queries import node_facts_of
from ganeti_gluster_mon.view.orphans import folders_of_disks


def run(timeout: float, names: Sequence[str] = ()) -> int:
    """Print what is found, of the nodes *names* only where there are some; 1 if anything of that is wrong.

    Raises CommandError where this is no node of a cluster, or a name is that of no node.
    """
    only = _nodes(names)
    found = look(timeout)
    if only:
        found = of_nodes(found, ssconf.read(), only)
        print("\n".join(line for node, parts in found.nodes.items() for line in _part(f"Node {node}", parts)))
    else:
        print("\n".join(lines(found)))
    return 0 if found.well else 1


def of_nodes(found: Diagnosis, cluster: ssconf.Cluster, names: Sequence[str]) -> Diagnosis:
    """What of *found* is about the nodes *names*: their answers, and findings about their bricks."""
    nodes = {}
    for name in names:
        about = []
        for finding in found.pool:
            node = cluster.node_of_host(finding.host) if finding.host else None
            if node is not None and node.name == name:
                about.append(finding)
        nodes[name] = (*about, *found.nodes.get(name, ()))
    return Diagnosis((), (), nodes)


def _nodes(names: Sequence[str]) -> List[str]:
    cluster = ssconf.read()
    found = []
    for name in names:
        node = cluster.node_of_host(name)
        if node is None or node.offline:
            why = "is offline" if node is not None else f"is no node of {cluster.name}"
            raise CommandError(f"{name} {why}: gnt-node list shows the nodes")
        found.append(node.name)
    return found


def look(timeout: float) -> Diagnosis:
    """Everything that is wrong; each node has *timeout* seconds to answer."""
    cluster = ssconf.read()
    current = pool_source.query_pool()
    reader = Reader()
    configuration, why = None, ""
    try:
        configuration = reader.configuration()
    except NoConfiguration as err:
        why = str(err)
    facts = node_facts_of(cluster, names_to_know(cluster, current.pool), timeout)
    files = None
    # Where instances have disks that are not in the configuration, as far as it is understood, no file is an orphan.
    if configuration is not None and (configuration.disk_names or not cluster.instances):
        files = list_volume_files(folders_of_disks(configuration, current.pool), timeout)
        configuration = _with_disks_of_now(configuration, reader)
    return diagnose(
        DiagnosisInput(
            cluster, facts, current.pool, current.health, configuration, why, files, now=time.time()
        )
    )


def _with_disks_of_now(before: Configuration, reader: Reader) -> Configuration:
    """*before*, with the disks' names of now as well: the files were listed in between."""
    # A disk that was removed is in the first one, one that was created or renamed in the second one.
    with suppress(NoConfiguration):
        return replace(before, disk_names=before.disk_names | reader.configuration().disk_names)
    return before


def lines(found: Diagnosis) -> Iterator[str]:
    """What people are shown."""
    yield from _part("Ganeti's settings", found.cluster)
    yield from _part("Pool", found.pool)
    if found.files is not None:
        yield from _part("Disk files", found.files)
    for node, findings in found.nodes.items():
        yield from _part(f"Node {node}", findings)


def _part(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    wrong = [finding for finding in findings if not finding.note]
    yield f"{title}: {f'{len(wrong)} wrong' if wrong else 'ok'}"
    reply: List[Finding] = [*wrong, *(finding for finding in findings if finding.note)]
    for finding in reply:
        yield f"  - {'note: ' if finding.note else ''}{finding.text}"
        if finding.to_do:
            yield f"    do: {finding.to_do}"
