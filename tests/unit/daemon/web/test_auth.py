"""TLS and passwords by the web config: real certificates, real handshakes, real bcrypt."""

from __future__ import annotations

import base64
import dataclasses
import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, List, Optional

import bcrypt
import pytest

from ganeti_gluster_mon.daemon.web import auth
from ganeti_gluster_mon.daemon.web.auth import (
    MAX_PENDING,
    MAX_PENDING_PER_ADDRESS,
)
from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from ganeti_gluster_mon.daemon.web.bodies import Body
from tests.unit.daemon.web.serving import RENDERED, Client, serving
from tests.unit.daemon.web.web_config_files import HASHES, ONE, USERS, basic, written


def replaced(path: Path, text: str) -> None:
    """As by an editor or an ACME client: another file under the same name."""
    os.replace(written(path.with_suffix(".new"), text), path)


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


class Clock:
    """Time that goes on when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class TestTls:
    def test_it_is_spoken(self, certificates: Path) -> None:
        config = written(certificates / "tls.yml", ONE)
        with (
            serving(web_config=config) as served,
            served.client(trusting(certificates / "one.pem")) as client,
        ):
            assert client.ask("/1").body == b"null"
            assert client.ask("/metrics").status == 200
            assert isinstance(client.socket, ssl.SSLSocket)
            assert client.socket.version() == "TLSv1.3"

    def test_a_large_answer(self, certificates: Path) -> None:
        config = written(certificates / "large.yml", ONE)
        large = dataclasses.replace(RENDERED, metrics=Body("text/plain", os.urandom(4 << 20)))
        trusted = trusting(certificates / "one.pem")
        with serving(large, web_config=config) as served, served.client(trusted) as client:
            for _ in range(2):
                assert client.ask("/metrics").body == large.metrics.plain

    def test_a_client_without_tls_is_disconnected(
        self, certificates: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        config = written(certificates / "plain.yml", ONE)
        with serving(web_config=config) as served:
            with served.client() as client:
                client.send(b"GET / HTTP/1.1\r\n\r\n")
                assert client.closed()
            with served.client(trusting(certificates / "one.pem")) as client:
                assert client.ask("/1").body == b"null"
        assert caplog.text == ""

    def test_versions(self, certificates: Path) -> None:
        config = written(
            certificates / "versions.yml",
            "tls_server_config: {cert_file: one.pem, key_file: one.key, min_version: TLS13}",
        )
        old = trusting(certificates / "one.pem")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with serving(web_config=config) as served, pytest.raises((ssl.SSLError, ConnectionError)):
            served.client(old)

    @pytest.mark.parametrize(
        ("kind", "with_certificate", "without"),
        [("RequireAndVerifyClientCert", True, False), ("VerifyClientCertIfGiven", True, True)],
    )
    def test_certificates_of_clients(
        self, certificates: Path, kind: str, with_certificate: bool, without: bool
    ) -> None:
        text = (
            "tls_server_config: {cert_file: one.pem, key_file: one.key, "
            f"client_ca_file: client.pem, client_auth_type: {kind}}}"
        )
        config = written(certificates / f"{kind}.yml", text)

        def let_in(certificate: Optional[str]) -> bool:
            context = trusting(certificates / "one.pem")
            if certificate is not None:
                context.load_cert_chain(
                    certificates / f"{certificate}.pem", certificates / f"{certificate}.key"
                )
            try:
                with served.client(context) as client:
                    return client.ask("/1").body == b"null"
            except (ssl.SSLError, ConnectionError):
                return False

        with serving(web_config=config) as served:
            assert (let_in("client"), let_in(None), let_in("two")) == (with_certificate, without, False)

    def test_a_new_certificate_and_the_old_connection(self, certificates: Path, tmp_path: Path) -> None:
        for name in ("one", "two"):
            for end in ("pem", "key"):
                (tmp_path / f"{name}.{end}").write_bytes((certificates / f"{name}.{end}").read_bytes())
        config = written(tmp_path / "web.yml", ONE)
        trusted = trusting(certificates / "one.pem")
        with serving(web_config=config) as served, served.client(trusted) as old:
            old.ask("/1")
            for end in ("pem", "key"):
                os.replace(tmp_path / f"two.{end}", tmp_path / f"one.{end}")
            with served.client(trusting(certificates / "one.pem")):
                pass  # not read yet
            served.loop.call(served.authenticator.reload)
            with served.client(trusting(certificates / "two.pem")) as new:
                assert new.ask("/1").body == b"null"
            assert old.ask("/1").body == b"null"

    def test_a_broken_file_changes_nothing(
        self, certificates: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = ONE.replace("one.", f"{certificates}/one.")
        config = written(tmp_path / "web.yml", text)
        with serving(web_config=config) as served:

            def ask() -> int:
                with served.client(trusting(certificates / "one.pem")) as client:
                    return client.ask("/1").status

            for broken in ("tls_server_config: {", text.replace("one.key", "two.key"), "x: 1"):
                replaced(config, broken)
                caplog.clear()
                served.loop.call(served.authenticator.reload)
                assert [ask() for _ in range(3)] == [200] * 3
                assert caplog.text.count("what was read before stays") == 1
            config.unlink()
            served.loop.call(served.authenticator.reload)
            assert ask() == 200
            replaced(config, text + USERS)
            served.loop.call(served.authenticator.reload)
            assert ask() == 401


class TestPasswords:
    def test_every_path_wants_one(self, tmp_path: Path) -> None:
        config = written(tmp_path / "web.yml", USERS)
        with serving(web_config=config) as served:
            for path in ("/", "/1", "/metrics", "/-/healthy", "/node/node1.lab.test", "/runbook", "/nothing"):
                answer = served.ask(path)
                assert (answer.status, answer.body) == (401, b"Unauthorized\n")
                assert answer.headers["www-authenticate"].startswith('Basic realm="')
                for given in (basic("alice", "secret"), basic("bob", "pässwört:")):
                    assert served.ask(path, authorization=given).status == (
                        404 if path == "/nothing" else 200
                    )
            assert served.ask("/", "POST").status == 401

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "Basic",
            "Basic ",
            "Basic ====",
            "Basic é",
            "Basic " + base64.b64encode(b"alice").decode(),
            "Basic " + base64.b64encode(b"\xff:secret").decode(),
            "Bearer c2VjcmV0",
            basic("alice", ""),
            basic("alice", "Secret"),
            basic("alice", "secret\0"),
            basic("alice", "secret" * 1000),
            basic("", "secret"),
            basic("Alice", "secret"),
            basic("mallory", "secret"),
            basic("bob", "secret"),
        ],
    )
    def test_wrong(self, tmp_path: Path, given: str, caplog: pytest.LogCaptureFixture) -> None:
        with serving(web_config=written(tmp_path / "web.yml", USERS)) as served:
            assert served.ask("/metrics", authorization=given).status == 401
            assert served.ask("/metrics", authorization=basic("alice", "secret")).status == 200
        assert caplog.text == ""

    def test_signed_requests_want_none(self, tmp_path: Path) -> None:
        class Signed(BaseHandler):
            signed = True

            async def get(self) -> None:
                self.send_line(200, "signed")

        more: Any = [("/peer", Signed, {})]
        with serving(web_config=written(tmp_path / "web.yml", USERS), handlers=more) as served:
            assert served.ask("/peer").body == b"signed\n"
            assert served.ask("/1").status == 401

    def test_what_was_right_is_not_reckoned_again(self, tmp_path: Path, counted: Counted) -> None:
        config = written(tmp_path / "web.yml", USERS)
        with serving(web_config=config) as served:
            for _ in range(5):
                assert served.ask("/1", authorization=basic("alice", "secret")).status == 200
            assert len(counted.hashes) == 1
            for _ in range(2):
                assert served.ask("/1", authorization=basic("alice", "wrong")).status == 401
            assert len(counted.hashes) == 3
            other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
            replaced(config, f"basic_auth_users: {{alice: {other}}}")
            served.loop.call(served.authenticator.reload)
            assert served.ask("/1", authorization=basic("alice", "secret")).status == 401
            assert served.ask("/1", authorization=basic("alice", "other")).status == 200

    def test_a_user_there_is_not_costs_as_much(self, tmp_path: Path, counted: Counted) -> None:
        with serving(web_config=written(tmp_path / "web.yml", USERS)) as served:
            for name in ("alice", "mallory"):
                assert served.ask("/1", authorization=basic(name, "wrong")).status == 401
        known, unknown = counted.hashes
        assert unknown[:7] == known[:7] == b"$2b$04$"

    def test_users_that_are_not_configured_cost_what_some_configured_user_costs(
        self, tmp_path: Path, counted: Counted
    ) -> None:
        hashes = {cost: bcrypt.hashpw(b"secret", bcrypt.gensalt(cost)).decode() for cost in (4, 6)}
        users = "basic_auth_users:\n" + "".join(
            f"  user{cost}: {hashed}\n" for cost, hashed in hashes.items()
        )
        with serving(web_config=written(tmp_path / "web.yml", users)) as served:
            names = [f"mallory{number}" for number in range(20)]
            for _ in range(2):
                for name in names:
                    assert served.ask("/1", authorization=basic(name, "wrong")).status == 401
        costs = [int(hashed[4:6]) for hashed in counted.hashes]
        assert costs[:20] == costs[20:], "a user costs the same in each request"
        assert set(costs) == {4, 6}

    def test_a_flood_of_passwords(self, tmp_path: Path, counted: Counted) -> None:
        """The rest goes on, and no more wait than may, of one address and of all."""
        with serving(web_config=written(tmp_path / "web.yml", USERS)) as served:
            right = basic("alice", "secret")
            assert served.ask("/1", authorization=right).status == 200
            counted.go_on.clear()

            def attempt(number: int) -> int:
                source = f"127.0.1.{1 + number % 8}"
                with Client(served.address, source=source) as client:
                    return client.ask("/1", authorization=basic("alice", f"wrong{number}")).status

            with ThreadPoolExecutor(3 * MAX_PENDING) as attackers:
                attempts = [attackers.submit(attempt, number) for number in range(3 * MAX_PENDING)]
                assert served.ask("/1", authorization=right).status == 200
                while sum(each.done() for each in attempts) < 2 * MAX_PENDING:
                    assert served.ask("/1").status == 401
                assert {each.result() for each in attempts if each.done()} == {503}
                counted.go_on.set()
            assert sorted(each.result() for each in attempts) == [401] * MAX_PENDING + [503] * 2 * MAX_PENDING
            assert counted.at_once == 1

    def test_one_address_leaves_room_for_the_passwords_of_others(
        self, tmp_path: Path, counted: Counted
    ) -> None:
        with serving(web_config=written(tmp_path / "web.yml", USERS)) as served:
            counted.go_on.clear()

            def attempt(number: int) -> int:
                return served.ask("/1", authorization=basic("alice", f"wrong{number}")).status

            def other() -> int:
                with Client(served.address, source="127.0.1.1") as client:
                    return client.ask("/1", authorization=basic("alice", "secret")).status

            with ThreadPoolExecutor(2 * MAX_PENDING + 1) as clients:
                attempts = [clients.submit(attempt, number) for number in range(2 * MAX_PENDING)]
                while sum(each.done() for each in attempts) < 2 * MAX_PENDING - MAX_PENDING_PER_ADDRESS:
                    assert served.ask("/1").status == 401
                good = clients.submit(other)
                counted.go_on.set()
                assert good.result() == 200
            statuses = sorted(each.result() for each in attempts)
            refused = [503] * (2 * MAX_PENDING - MAX_PENDING_PER_ADDRESS)
            assert statuses == [401] * MAX_PENDING_PER_ADDRESS + refused

    def test_a_reload_does_not_lock_out_known_clients_during_a_flood(
        self, tmp_path: Path, counted: Counted
    ) -> None:
        config = written(tmp_path / "web.yml", USERS)
        with serving(web_config=config) as served:
            for name, password in (("alice", "secret"), ("bob", "pässwört:")):
                assert served.ask("/1", authorization=basic(name, password)).status == 200
            counted.go_on.clear()  # from now on every check of a password hangs
            checked = len(counted.hashes)
            changed = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()
            replaced(config, f"basic_auth_users: {{alice: {HASHES['alice']}, bob: {changed}}}")
            served.loop.call(served.authenticator.reload)
            assert served.ask("/1", authorization=basic("alice", "secret")).status == 200
            assert len(counted.hashes) == checked
            counted.go_on.set()
            assert served.ask("/1", authorization=basic("bob", "pässwört:")).status == 401, "his was changed"


class Counted:
    """Looks on while bcrypt works, and can hold it up."""

    def __init__(self, check: Callable[[bytes, bytes], bool]) -> None:
        self._check = check
        self._running = 0
        self.hashes: List[bytes] = []
        self.at_once = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        self.hashes.append(hashed)
        self.go_on.wait()
        right = self._check(password, hashed)
        self._running -= 1
        return right


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted(auth._check)
    monkeypatch.setattr(auth, "_check", made)
    return made
