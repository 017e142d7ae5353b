"""The times of the exchange let another node lead soon."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.daemon.cluster.exchange_timing import ExchangeTiming


@pytest.mark.parametrize("interval", [1.0, 5.0, 30.0, 300.0])
def test_another_leads_within_two_intervals(interval: float) -> None:
    """Whatever ends the first one: a node notices, queries the others, and the next leader begins."""
    rates = ExchangeTiming.of(interval)
    if interval >= 5:
        assert (
            rates.hold_timeout + rates.reply_timeout + rates.election_interval + rates.reply_timeout
            < 2 * interval
        )
