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


def test_a_nonce_has_32_hexadecimal_digits() -> None:
    assert len(signing.nonce()) == 32 and signing.nonce() != signing.nonce()
    assert signing.is_nonce("0123456789abcdef" * 2)
    for text in ("a" * 31, "a" * 33, "a" * 34, "A" * 32, "a" * 31 + "g", ""):
        assert not signing.is_nonce(text)


def test_nodes_of_different_versions_compute_the_same_signatures() -> None:
    key = signing.derived(b"0123456789abcdef")
    assert key.hex() == "0d9f06d4718d92218fdb7b6fd696ca831414fafb2e3e343dec5c454cbc7f08ef"
    assert (
        signing.sign_request(key, "/a?b", "0" * 32, "node", "challenge")
        == "bf243921ebe6db79aaa6d5d2519b0941b63430ebace8ae95665f464c6777ee1e"
    )
    assert (
        signing.sign_response(key, "/a?b", "0" * 32, b"body")
        == "8b3b70aa074b715f8e2ebf7aa6e06f2db85d25025d5629ac274028d35a200dd3"
    )


def test_signatures_are_equal_or_not() -> None:
    assert signing.signatures_equal("ab", "ab")
    assert not signing.signatures_equal("ab", "ac")
    assert not signing.signatures_equal("ab", "")
