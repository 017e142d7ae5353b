"""What `deploy` says of nodes without the storage backend, by the Ganeti that they have."""

from __future__ import annotations

from typing import Sequence, Tuple

import pytest

from ganeti_gluster_mon.backend.blockdev import kvm_blockdev
from ganeti_gluster_mon.deploy.backend_check import advice
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import cluster

DIVERTED = "/usr/share/ganeti/3.1/ganeti/storage/gluster.py.distrib\n"


class WithoutBackend:
    """Nodes that are without the package, but for those named *having*; one *away* does not answer."""

    def __init__(self, having: Sequence[str] = (), away: Sequence[str] = ()) -> None:
        self._having, self._away = having, away

    def query(self, node: str, argvs: Sequence[Sequence[str]], timeout: float) -> Tuple[CommandResult, ...]:
        if node in self._away:
            return (CommandResult(255, "", "away"),) * len(argvs)
        return (CommandResult(0, DIVERTED if node in self._having else "", ""),) * len(argvs)


def lines(host: WithoutBackend, defective: bool, monkeypatch: pytest.MonkeyPatch) -> Tuple[str, ...]:
    monkeypatch.setattr(kvm_blockdev, "is_defective", lambda: defective)
    three = cluster(3)
    return advice(Context(three, host, three.nodes[0].name))  # type: ignore[arg-type]


def test_without_it_instances_do_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [node.name for node in cluster(3).nodes]
    (line,) = lines(WithoutBackend(having=names[:1]), True, monkeypatch)
    assert line.startswith(
        f"needed for userspace access: apt-get install ganeti-gluster-backend on {names[1]}, {names[2]}: "
    )
    assert line.endswith("instances do not start")


def test_it_is_recommended_where_instances_start(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = lines(WithoutBackend(), False, monkeypatch)
    assert line.startswith("recommended: apt-get install ganeti-gluster-backend on ")


@pytest.mark.parametrize("defective", [True, False])
def test_nothing_is_reported_where_all_have_it_or_it_is_not_known(
    defective: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [node.name for node in cluster(3).nodes]
    assert lines(WithoutBackend(having=names[:2], away=names[2:]), defective, monkeypatch) == ()
