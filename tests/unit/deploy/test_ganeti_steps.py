"""Steps that change Ganeti's settings."""

from __future__ import annotations

import json
from typing import Sequence

import pytest

from ganeti_gluster_mon.deploy.ganeti_steps import AllowDirectory, EnableTemplate
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import (
    ok,
)
from tests.unit.deploy.test_brick_steps import commands


def configuration(enabled: Sequence[str], volume_name: str = "gv0", users: int = 0) -> CommandResult:
    return ok(
        json.dumps(
            {
                "cluster": {
                    "enabled_disk_templates": list(enabled),
                    "ipolicy": {"disk-templates": list(enabled)},
                    "diskparams": {
                        "gluster": {
                            "host": "127.0.0.1",
                            "volume": volume_name,
                            "access": "userspace",
                            "port": 24007,
                        }
                    },
                    "gluster_storage_dir": "/var/run/ganeti/gluster",
                },
                "nodes": {"n1": {"name": "node1", "group": "g"}},
                "nodegroups": {"g": {"name": "default", "diskparams": {}}},
                "instances": {
                    str(n): {"name": f"web{n}", "primary_node": "n1", "disks": [f"d{n}"]}
                    for n in range(users)
                },
                "disks": {
                    f"d{n}": {"dev_type": "gluster", "params": {}, "logical_id": ["file", f"ganeti/{n}.0"]}
                    for n in range(users)
                },
            }
        )
    )


def test_ganeti_gets_what_it_does_not_know() -> None:
    step = EnableTemplate("node1", "127.0.0.1", 24007, "gv0", "userspace")
    assert commands(step.remaining([configuration(["plain"], "other")])) == [
        "gnt-cluster modify --enabled-disk-templates=plain,gluster --ipolicy-disk-templates=plain,gluster "
        "--disk-parameters=gluster:host=127.0.0.1,port=24007,volume=gv0,access=userspace"
    ]
    assert step.remaining([configuration(["plain", "gluster"], users=2)]) is DONE
    with pytest.raises(
        PreconditionFailed, match="on volume other, of web0, web1: another volume would lose them"
    ):
        step.remaining([configuration(["gluster"], "other", users=2)])


def test_ganetis_directory_is_added_to_those_that_are_there() -> None:
    step = AllowDirectory("node1", "/var/run/ganeti/gluster")
    remaining = step.remaining([ok("/srv/ganeti/file-storage")])
    assert remaining is not None and remaining[0].text == "\n/var/run/ganeti/gluster\n"
    assert step.remaining([ok("/srv\n/var/run/ganeti/gluster/\n")]) is DONE


def test_the_host_of_disks_in_use_is_never_changed() -> None:
    there = configuration(["plain", "gluster"], users=1)
    assert EnableTemplate("node1", "node7", 24007, "gv0", None).remaining([there]) is DONE
    with pytest.raises(
        PreconditionFailed,
        match=r"have access userspace, not kernelspace: gnt-cluster modify .*access=kernelspace",
    ):
        EnableTemplate("node1", "127.0.0.1", 24007, "gv0", "kernelspace").remaining([there])
    # without disks nothing is lost
    (command,) = (
        EnableTemplate("node1", "node7", 24007, "gv0", None).remaining([configuration(["plain", "gluster"])])
        or ()
    )
    assert "host=node7,port=24007,volume=gv0,access=userspace" in str(command)
