"""Answers the requests of the other nodes: ``GET /exchange``, see exchange.py."""

from __future__ import annotations

import json

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import CHALLENGE, NONCE, OTHER_CHALLENGE, SIGNATURE, Exchange
from ganeti_gluster_mon.daemon.spool import MOST_REPORTED
from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from ganeti_gluster_mon.mutes import from_json


class ExchangeHandler(BaseHandler):
    """Answers a signed request of another node."""

    # The signature authenticates the peer, which has no password.
    signed = True

    def initialize(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def get(self) -> None:
        """Send this node's state, and its capture if it leads."""
        exchange, uri = self._exchange, self.request.uri or ""
        headers = self.request.headers
        nonce = headers.get(NONCE, "")
        why = exchange.accept(uri, nonce, headers.get(CHALLENGE, ""), headers.get(SIGNATURE, ""))
        self.set_header(CHALLENGE, exchange.challenges.current)
        if why is not None:
            if why != OTHER_CHALLENGE:
                exchange.refused(self.request.remote_ip or "", why)
            self.send_line(403, why)
            return
        try:
            try:
                wait = float(self._argument("wait"))
            except ValueError:
                self.send_line(400, "wait is no number of seconds")
                return
            bricks = self.get_query_arguments("brick")[:MOST_REPORTED]
            try:
                mutes = [from_json(json.loads(each)) for each in self.get_query_arguments("mute")]
            except (ValueError, TypeError, RecursionError):
                self.send_line(400, "mute is no mute")
                return
            if mutes:
                await exchange.on_mutes(mutes)
            nudge = self._argument("nudge") == "1"
            reply = await exchange.answer(
                self._argument("after"), wait, nudge, bricks, self._argument("mutes") or None
            )
        finally:
            exchange.done()
        key = exchange.key
        if key is None:
            self.send_line(403, "This node has no secret any more")
            return
        self.set_header(CHALLENGE, exchange.challenges.current)  # the one from before may be over meanwhile
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header(SIGNATURE, signing.sign_response(key, uri, nonce, reply))
        self.finish(reply)

    def _argument(self, name: str) -> str:
        return str(self.get_query_argument(name, ""))
