"""What repair does about each code: every code has an entry, and docs/maintenance.md has it as a table."""

from __future__ import annotations

from pathlib import Path

from ganeti_gluster_mon.health import CODES
from ganeti_gluster_mon.health.repair_scope import BY_ITSELF, NAMES, REPAIRED, REPAIRS, SCOPES, SILENT
from tests import runbook

PAGE = Path(__file__).parents[3] / "docs" / "maintenance.md"


def test_every_code_has_an_entry() -> None:
    assert list(SCOPES) == list(CODES)
    for code, scope in SCOPES.items():
        assert scope.kind in (REPAIRS, BY_ITSELF, NAMES, SILENT), code
        assert scope.words and not scope.words.endswith("."), code


def test_what_is_repaired() -> None:
    assert "BRICK_OFFLINE" in REPAIRED and not REPAIRED & {"VOLUME_FULL", "HEAL_PENDING"}


def test_the_table_of_the_page() -> None:
    assert runbook.repair_table() in PAGE.read_text(encoding="utf-8")
