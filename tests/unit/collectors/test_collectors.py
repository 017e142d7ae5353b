"""The registry: a file is a collector, and nothing is imported before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ganeti_gluster_mon.collectors as package
from ganeti_gluster_mon.collectors import PERFORMANCE, STATUS, collectors, register

FIFTH = """
from ganeti_gluster_mon.collectors import PERFORMANCE, register

@register
class Fifth:
    name = "a-fifth"
    category = "storage"
    kind = PERFORMANCE
    format_version = 1
    summary = "dropped in"

    def collect(self, pool, health, now):
        return {}
"""


def test_every_file_is_a_collector() -> None:
    files = Path(package.__file__).parent.glob("[!_]*.py")
    assert sorted(collectors()) == sorted(file.stem.replace("_", "-") for file in files)


def test_they_come_in_the_order_of_their_names() -> None:
    assert list(collectors()) == sorted(collectors())


@pytest.mark.parametrize("name", sorted(collectors()))
def test_each_says_what_it_is(name: str) -> None:
    collector = collectors()[name]
    assert collector.name == name
    assert collector.kind in (PERFORMANCE, STATUS)
    assert collector.category in ("storage", "daemon")
    assert collector.summary
    assert "\n" not in collector.summary


def test_a_file_dropped_in_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_fifth.py").write_text(FIFTH)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.setattr(package, "_registered", dict(package._registered))
    assert next(iter(collectors())) == "a-fifth"


def test_a_name_is_taken_once() -> None:
    collectors()

    class Twin:
        name = "gluster"

    with pytest.raises(ValueError, match="two collectors are called gluster"):
        register(Twin)  # type: ignore[type-var]


def test_nothing_is_imported_before_it_is_needed() -> None:
    script = (
        "import sys, ganeti_gluster_mon.report, ganeti_gluster_mon.check, ganeti_gluster_mon.table;"
        "import ganeti_gluster_mon.gluster.processes;"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('psutil', 'prometheus_client')"
        " or name.startswith('ganeti_gluster_mon.collectors.')))"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=30).stdout
    assert out.decode() == "\n"
