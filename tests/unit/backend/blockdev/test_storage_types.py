"""The table of storage types against the words of the Ganeti that is installed here, read by its own Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.backend.blockdev import called_from
from tests.unit.backend.blockdev.storage_types import STORAGE_TYPES

GANETI = Path("/usr/share/ganeti/3.0")

pytestmark = pytest.mark.skipif(not GANETI.exists(), reason="no Ganeti 3.0 is installed")

ASK = """
import inspect, json, sys
sys.path.insert(0, sys.argv[1])
from ganeti import backend, constants
found = {
    "types": constants.MAP_DISK_TEMPLATE_STORAGE_TYPE,
    "report": sorted(constants.STS_REPORT),
    "report_node": sorted(constants.STS_REPORT_NODE_STORAGE),
    "space": sorted(kind for kind, function in backend._STORAGE_TYPE_INFO_FN.items() if function),
    "functions": {name: inspect.getsource(function) for name, function in inspect.getmembers(backend)
                  if inspect.isfunction(function)},
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def ganeti() -> Dict[str, Any]:
    argv = ["/usr/bin/python3", "-c", ASK, str(GANETI)]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    parsed: Dict[str, Any] = json.loads(ran.stdout)
    return parsed


def test_every_template_is_in_it_by_ganetis_words(ganeti: Dict[str, Any]) -> None:
    assert {template: each.name for template, each in STORAGE_TYPES.items()} == ganeti["types"]


def test_list_storage_knows_these(ganeti: Dict[str, Any]) -> None:
    for each in STORAGE_TYPES.values():
        assert each.list_storage == (each.name in ganeti["report_node"]), each.name


def test_node_list_and_hail_reckon_with_these(ganeti: Dict[str, Any]) -> None:
    for each in STORAGE_TYPES.values():
        assert each.node_list == (each.name in ganeti["report"]), each.name
        assert each.node_list == (each.name in ganeti["space"]), each.name
        assert each.hail == each.node_list, "hail uses what the node reports"


def test_the_callers_that_are_recognised_exist_in_ganeti(ganeti: Dict[str, Any]) -> None:
    functions = ganeti["functions"]
    for name in called_from.WRITERS:
        assert "rdev.dev_path" in functions[name], name
        assert "Open()" not in functions[name], name
    for name in called_from.GUESTS:
        assert "device.Open()" in functions[name], name
        assert "_CalculateDeviceURI" in functions[name], name


def test_an_unknown_caller_is_not_recognised() -> None:
    def BlockdevWipe() -> bool:
        return called_from.called_from(called_from.WRITERS)

    assert not BlockdevWipe(), "a function of that name, but not Ganeti's"
