"""Whether Ganeti and GlusterFS have the versions that a node needs to work with the others.  Pure."""

from __future__ import annotations

from typing import Iterable, Iterator, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.text import one_line
from ganeti_gluster_mon.view.finding import Finding
from ganeti_gluster_mon.view.node_facts import NodeFacts

#: the series of Ganeti that this program was tested with
TESTED_GANETI = ("3.0", "3.1")
_RESTART_NODED = (
    "with no job running: /usr/lib/ganeti/daemon-util stop ganeti-noded && "
    "/usr/lib/ganeti/daemon-util start ganeti-noded"
)


def major(version: Optional[str]) -> Optional[int]:
    """The first number of *version*; None where there is none."""
    number = (version or "").partition(".")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= 4 else None


def series(version: Optional[str]) -> Optional[str]:
    """The series of Ganeti that *version* is of: "3.1" of "3.1.0~rc2"; None where there is none."""
    numbers = (version or "").split(".")
    return ".".join(numbers[:2]) if len(numbers) > 1 and numbers[0].isdecimal() else None


def ganeti_findings(facts: NodeFacts, release: Optional[str]) -> Iterator[Finding]:
    """What is wrong with the Ganeti of a node; *release* is that of the cluster's configuration."""
    own, of_cluster = facts.ganeti, series(release)
    if own is not None and of_cluster is not None and own != of_cluster:
        yield Finding(
            f"Ganeti {one_line(own, 20)} is in use here, {of_cluster} in the cluster",
            _change(facts, of_cluster),
        )
    elif own is not None:
        newer = [each for each in facts.ganeti_installed or () if _numbers(each) > _numbers(own)]
        if newer:
            yield Finding(
                f"Ganeti {one_line(newer[-1], 20)} is installed, and {one_line(own, 20)} is in use",
                f"when every node has it, on the master: gnt-cluster upgrade --to {one_line(newer[-1], 20)}",
                note=True,
            )
    if own is not None and own not in TESTED_GANETI:
        yield Finding(
            f"Ganeti {one_line(own, 20)} was not tested with this program: only {' and '.join(TESTED_GANETI)} were",
            "see docs/installation.md",
            note=True,
        )
    if facts.noded_outdated:
        yield Finding(
            "the node daemon still runs the former modules of Ganeti: it was started before they were replaced",
            _RESTART_NODED,
        )


def _change(facts: NodeFacts, wanted: str) -> str:
    """How a node comes to the series *wanted* of the cluster."""
    own = facts.ganeti or ""
    if _numbers(own) > _numbers(wanted) and wanted not in (facts.ganeti_installed or ()):
        return f"when every node has Ganeti {own}, on the master: gnt-cluster upgrade --to {own}"
    install = "" if wanted in (facts.ganeti_installed or ()) else f"apt install ganeti-{wanted}; "
    links = " && ".join(
        f"ln -sfn /usr/{each}/ganeti/{wanted} /etc/ganeti/{each}" for each in ("lib", "share")
    )
    return (
        f"{install}{links} && /usr/lib/ganeti/daemon-util stop-all && /usr/lib/ganeti/daemon-util start-all"
    )


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(word) for word in version.split(".") if word.isdecimal())


def pool_version_findings(every: Sequence[NodeFacts]) -> Iterator[Finding]:
    """What is not finished of an upgrade of GlusterFS; *every* has the facts of all nodes."""
    majors = {major(facts.gluster) for facts in every}
    versions = {facts.operating_version for facts in every}
    lowest = min((number for number in majors if number is not None), default=None)
    (version,) = versions if len(versions) == 1 else (None,)
    if lowest is None or None in majors or version is None or not version.isdecimal():
        return  # a node did not answer, or each works by another version, which is reported for the node
    able = lowest * 10000
    if int(version[:9]) < able:
        yield Finding(
            f"glusterd works as version {version}, and all nodes have GlusterFS {lowest}, which can work as {able}",
            f"when no older client has a volume mounted: gluster volume set all cluster.op-version {able}",
            note=True,
        )


def server_quorum_findings(every: Sequence[NodeFacts], volumes: Iterable[Volume]) -> Iterator[Finding]:
    """Volumes whose bricks glusterd stops while nodes of an upgrade reject each other; *every* as above."""
    majors = {major(facts.gluster) for facts in every} - {None}
    if len(majors) < 2:
        return
    for volume in volumes:
        if volume.options.get("cluster.server-quorum-type") == "server":
            name = one_line(volume.name, 40)
            yield Finding(
                f"volume {name}: glusterd stops bricks where peers with another version are rejected, for it does "
                "not count them for the server quorum",
                f"until all nodes have one version: gluster volume set {name} cluster.server-quorum-type none",
            )


def oldest(versions: Iterable[Optional[str]]) -> Optional[str]:
    """The oldest of *versions* of GlusterFS; None where none is known."""
    known = [version for version in versions if major(version) is not None]
    return min(known, key=lambda version: _numbers(version or ""), default=None)
