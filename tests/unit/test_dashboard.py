"""The dashboard: made by its script, in Grafana's own form, asking for what there is.

A lab test checks that each query has an answer from a real Prometheus.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import jsonschema
import pytest
import yaml

from tests.dashboard import DASHBOARD, dashboard, queries
from tests.unit.test_alerts import metrics, promtool

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "scripts" / "make-dashboard"
SCHEMA = json.loads((REPOSITORY / "tests" / "grafana" / "dashboard.schema.json").read_text(encoding="utf-8"))


def test_it_is_what_the_script_makes() -> None:
    program = (
        f"import json, runpy; print(json.dumps(runpy.run_path({str(SCRIPT)!r})['dashboard'](), indent=2))"
    )
    made = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)
    assert DASHBOARD.read_bytes() == made.stdout


def faults(content: Dict[str, Any]) -> List[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(content)]


def test_it_is_of_grafanas_form() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert faults(dashboard()) == []


Change = Callable[[Dict[str, Any]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("panels"),
        lambda content: content.update(schemaVersion="37"),
        lambda content: content["panels"][1].pop("gridPos"),
        lambda content: content["panels"][1].update(type="stats"),
        lambda content: content["panels"][1]["gridPos"].update(w=25),
        lambda content: content["panels"][1]["targets"][0].update(refId=""),
        lambda content: content["panels"][1]["targets"][0].update(query="up"),
        lambda content: content["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(
            value=0
        ),
        lambda content: content["templating"]["list"][0].update(type="choice"),
    ],
)
def test_another_form_is_noticed(change: Change) -> None:
    content = copy.deepcopy(dashboard())
    change(content)
    assert len(faults(content)) >= 1


def test_panels_do_not_lie_on_each_other() -> None:
    def cells(panel: Dict[str, Any]) -> List[Tuple[int, int]]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        return list(itertools.product(columns, range(place["y"], place["y"] + place["h"])))

    taken = [cell for panel in dashboard()["panels"] for cell in cells(panel)]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(numbers) == len(set(numbers))


def test_prometheus_understands_every_question(tmp_path: Path) -> None:
    rules = [{"record": f"question:{number}", "expr": query} for number, query in enumerate(queries())]
    assert len(rules) > 20
    file = tmp_path / "questions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_it_asks_for_what_there_is() -> None:
    queried = set(re.findall(r"\bgluster_\w+", " ".join(queries())))
    assert queried - metrics() == set()


def test_the_variables_are_those_that_are_used() -> None:
    content = dashboard()
    names = {variable["name"] for variable in content["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(content["panels"]))) - {"__rate_interval"}
    assert used == names
