"""The answer to `volume quota list`."""

from __future__ import annotations

from pathlib import Path

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from tests.unit.answers import HEALTHY, answer_of, xml


def test_quota_whose_figures_are_not_available() -> None:
    row = "".join(
        f"<{name}>N/A</{name}>"
        for name in (
            "hard_limit",
            "soft_limit_value",
            "used_space",
            "avail_space",
            "sl_exceeded",
            "hl_exceeded",
        )
    )
    parsed = parse.quota_list(xml(f"<volQuota><limit><path>/</path>{row}</limit></volQuota>"))
    assert parsed.facts == (QuotaLimit("/", None, None, None, None, None),)
    assert parsed.faults == ("the limit of / and what is used are N/A",)


def test_quota_that_is_on_without_a_limit() -> None:
    answer = (Path(__file__).parents[3] / "captures/recorded/healthy/quota-dist2.xml").read_bytes()
    assert parse.quota_list(answer) == parse.Parsed(())


def test_quota() -> None:
    assert parse.quota_list(answer_of(HEALTHY, "quota-dist2")).facts == (
        QuotaLimit("/vms", 524288000, 419430400, 20971520, 503316480, exceeded=False, soft_exceeded=False),
    )
    failed = xml("<volQuota><limit><path>/x</path><errstr>No such file</errstr></limit></volQuota>")
    assert parse.quota_list(failed) == parse.Parsed(
        (QuotaLimit("/x", None, None, None, None, None),), ("the limit of /x: No such file",)
    )
