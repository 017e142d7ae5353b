"""The signatures of requests and responses."""

from __future__ import annotations

from ganeti_gluster_mon.daemon.cluster import signing
from tests.unit.daemon.cluster.peer_nodes import KEY


def test_no_part_of_what_is_signed_can_pass_for_another() -> None:
    assert signing.sign_response(KEY, "/a", "bc", b"d") != signing.sign_response(KEY, "/ab", "c", b"d")
    request = signing.sign_request(KEY, "/a", "b", "c", "d")
    assert request != signing.sign_response(KEY, "/a", "b", b"")
    assert request != signing.sign_request(signing.derived(b"another"), "/a", "b", "c", "d")
    assert request != signing.sign_request(KEY, "/a", "b", "cd", "")
    assert signing.is_nonce(signing.nonce())
    assert not signing.is_nonce("g" * 32)
