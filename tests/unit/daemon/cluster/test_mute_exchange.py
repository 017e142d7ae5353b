"""Mutes go both ways between a follower and its leader."""

from __future__ import annotations

import asyncio
from typing import Sequence

from ganeti_gluster_mon.daemon.cluster.exchange import Exchange
from ganeti_gluster_mon.daemon.cluster.mute_exchange import MuteExchange
from ganeti_gluster_mon.mutes import NONE, Mute


def mute(code: str) -> Mute:
    return Mute(code, "", 2000.0, 1000.0)


def test_both_get_the_mutes_of_the_other() -> None:
    async def work() -> None:
        exchange = Exchange(60, lambda bricks: None)
        exchange.mutes = NONE.merged([mute("HEAL_PENDING")], 1000.0)

        async def take(sent: Sequence[Mute]) -> None:
            exchange.mutes = exchange.mutes.merged(sent, 1000.0)

        exchange.on_mutes = take
        mutes = MuteExchange(exchange)
        await mutes.accept([mute("PEER_SILENT")])
        assert set(exchange.mutes.entries) == {("HEAL_PENDING", "", ""), ("PEER_SILENT", "", "")}
        assert mutes.pending == (mute("HEAL_PENDING"),)
        assert mutes.digest == exchange.mutes.digest
        await mutes.accept(None)
        assert mutes.pending == ()

    asyncio.run(work())


def test_a_leader_that_does_not_take_them_is_not_sent_them_for_ever() -> None:
    async def work() -> None:
        exchange = Exchange(60, lambda bricks: None)
        exchange.mutes = NONE.merged([mute("HEAL_PENDING")], 1000.0)
        mutes = MuteExchange(exchange)
        await mutes.accept(())
        assert mutes.pending
        await mutes.accept(())
        assert (mutes.pending, mutes.digest) == ((), None)

    asyncio.run(work())
