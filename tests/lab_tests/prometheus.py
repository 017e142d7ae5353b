"""A real Prometheus on a host of the lab, with the configuration that the documentation shows."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import yaml

from tests.lab.pool import Pool
from tests.lab_tests.daemon import LONG

REPOSITORY = Path(__file__).parents[2]
_PLACE = "/run/prometheus"
_URL = "http://127.0.0.1:9090/api/v1"


@dataclass(frozen=True)
class Prometheus:
    """How to ask it."""

    pool: Pool
    host: int

    def values(self, query: str) -> List[float]:
        """The values of the samples that it finds; none while it starts."""
        return [float(each["value"][1]) for each in self._ask("query", query).get("result", ())]

    def rules(self) -> List[Dict[str, Any]]:
        """Its rules, each with how it fared when it was evaluated last."""
        return [rule for group in self._ask("rules").get("groups", ()) for rule in group["rules"]]

    def firing(self) -> Set[Tuple[str, str]]:
        """The alerts that fire: each one's name, and the volume, peer, host or instance it is about."""
        return {
            (labels["alertname"], next((labels[key] for key in _ABOUT if key in labels), ""))
            for alert in self._ask("alerts").get("alerts", ())
            if alert["state"] == "firing"
            for labels in (alert["labels"],)
        }

    def alerts(self, name: str, about: str) -> List[Dict[str, str]]:
        """The labels of each alert *name* that fires about the volume, peer, host or instance *about*."""
        return [
            alert["labels"]
            for alert in self._ask("alerts").get("alerts", ())
            if alert["state"] == "firing"
            and alert["labels"]["alertname"] == name
            and about in (alert["labels"].get(key) for key in _ABOUT)
        ]

    def _ask(self, what: str, query: Optional[str] = None) -> Dict[str, Any]:
        argv = ["curl", "--silent", "--fail", "--get", f"{_URL}/{what}"]
        if query is not None:
            argv += ["--data-urlencode", f"query={query}"]
        output = self.pool.exec(self.host, argv, check=False).stdout
        return dict(json.loads(output)["data"]) if output else {}


_ABOUT = ("volume", "peer", "host", "instance")


@contextmanager
def prometheus(pool: Pool, host: int, rules: Optional[str] = None, port: int = 1816) -> Iterator[Prometheus]:
    """Prometheus on *host* that scrapes all three each second, on *port*, and goes by *rules*; for a block."""
    page = (REPOSITORY / "docs" / "quick-start.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", page, re.DOTALL)
    config = yaml.safe_load(block.replace("example.org", "lab.test").replace(":1816", f":{port}"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [] if rules is None else [f"{_PLACE}/rules.yml"]
    pool.exec(host, ["mkdir", _PLACE])
    try:
        if rules is not None:
            pool.exec(host, ["tee", f"{_PLACE}/rules.yml"], input=rules)
        pool.exec(host, ["tee", f"{_PLACE}/config.yml"], input=yaml.safe_dump(config))
        pool.exec(host, ["promtool", "check", "config", f"{_PLACE}/config.yml"])
        words = [
            f"--config.file={_PLACE}/config.yml",
            f"--storage.tsdb.path={_PLACE}/data",
            "--log.level=error",
        ]
        running = pool.popen(host, ["prometheus", *words, "--web.listen-address=127.0.0.1:9090"])
        try:
            yield Prometheus(pool, host)
        finally:
            running.terminate()
            running.wait(LONG)
    finally:
        pool.exec(host, ["rm", "-rf", _PLACE])
