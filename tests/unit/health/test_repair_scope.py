"""What repair does about each code: every code has an entry, and docs/maintenance.md has it as a table."""

from __future__ import annotations

import re
from pathlib import Path

from ganeti_gluster_mon.health import CODES, REMEDIES
from ganeti_gluster_mon.health.repair_scope import BY_ITSELF, NAMES, REPAIRED, REPAIRS, SCOPES, SILENT
from tests import runbook, runbook_tests

PAGE = Path(__file__).parents[3] / "docs" / "maintenance.md"


def test_every_code_has_an_entry() -> None:
    assert list(SCOPES) == list(CODES)
    for code, scope in SCOPES.items():
        assert scope.kind in (REPAIRS, BY_ITSELF, NAMES, SILENT), code
        assert scope.words and not scope.words.endswith("."), code


def test_what_is_repaired() -> None:
    assert "BRICK_OFFLINE" in REPAIRED and not REPAIRED & {"VOLUME_FULL", "HEAL_PENDING"}


def test_what_is_repaired_has_a_lab_test() -> None:
    # a glusterd is restarted by systemd, which does not run on the hosts of the lab
    without = {code for code in REPAIRED if code.startswith(("PEER_", "GLUSTERD_"))}
    assert set(runbook_tests.REPAIRED_BY) == REPAIRED - without
    for code, test in runbook_tests.REPAIRED_BY.items():
        name, _, function = test.partition("::")
        source = (PAGE.parents[1] / "tests" / "lab_tests" / name).read_text(encoding="utf-8")
        body = re.search(rf"^def {function}\(.*?(?=^(?:def|@)|\Z)", source, re.M | re.S)
        assert body, test
        # "fix" types what the check names
        fixes = REMEDIES[code].fix.startswith("gnt-gluster repair") and re.search(r"\bfix\b", body[0])
        assert fixes or "gnt-gluster repair" in body[0], test


def test_the_table_of_the_page() -> None:
    assert runbook.repair_table() in PAGE.read_text(encoding="utf-8")
