"""The file of --web.config.file."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Dict

import pytest

from ganeti_gluster_mon.daemon.web.auth import (
    Authenticator,
)
from ganeti_gluster_mon.daemon.web.web_config import WebConfigError, read
from tests.unit.daemon.web.serving import serving
from tests.unit.daemon.web.web_config_files import HASHES, ONE, USERS, basic, written


class TestFile:
    def test_all_of_it(self, certificates: Path) -> None:
        config = read(
            written(
                certificates / "all.yml",
                """
tls_server_config:
  cert_file: one.pem
  key_file: one.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: client.pem
  min_version: TLS12
  max_version: TLS13
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
"""
                + USERS,
            )
        )
        assert config.tls is not None
        assert config.tls.minimum_version == ssl.TLSVersion.TLSv1_2
        assert config.users == {name: hashed.encode() for name, hashed in HASHES.items()}
        assert config.headers == {"X-Frame-Options": "deny"}
        assert {file.name for file in config.files} == {"all.yml", "one.pem", "one.key", "client.pem"}

    def test_headers_are_sent_and_win(self, tmp_path: Path) -> None:
        headers = (
            "http_server_config: {headers: {Cache-Control: private, Strict-Transport-Security: max-age=9}}"
        )
        with serving(web_config=written(tmp_path / "web.yml", headers)) as served:
            for path in ("/", "/nothing"):
                sent = served.ask(path).headers
                assert (sent["cache-control"], sent["strict-transport-security"]) == ("private", "max-age=9")

    @pytest.mark.parametrize("text", ["", "{}", "# nothing", "tls_server_config:\nbasic_auth_users:\n"])
    def test_nothing_in_it(self, tmp_path: Path, text: str) -> None:
        config = read(written(tmp_path / "web.yml", text))
        assert (config.tls, config.users, config.headers) == (None, {}, {})

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("tls_server_confg: {}", "unknown key 'tls_server_confg'; there are: tls_server_config, "),
            ("tls_server_config: {certfile: x}", "tls_server_config has an unknown key 'certfile'"),
            ("1: 2", "unknown key 1"),
            ("- a", "the file is no mapping"),
            ("{", "is no YAML"),
            ("a: !!python/object/apply:os.system [id]", "is no YAML"),
            ("tls_server_config: yes", "tls_server_config is no mapping"),
            ("tls_server_config: {}", "cert_file and key_file are both needed"),
            ("tls_server_config: {cert_file: one.pem}", "cert_file and key_file are both needed"),
            ("tls_server_config: {cert_file: 1, key_file: 2}", "cert_file is no path"),
            ("tls_server_config: {cert_file: none, key_file: one.key}", "No such file or directory"),
            ("tls_server_config: {cert_file: one.pem, key_file: two.key}", "KEY_VALUES_MISMATCH"),
            ("tls_server_config: {cert_file: one.pem, key_file: locked.key}", "locked.key"),
            ("tls_server_config: {cert_file: one.key, key_file: one.key}", "one.key"),
            (
                ONE.replace("}", ", client_auth_type: RequireAnyClientCert}"),
                "'RequireAnyClientCert' is not supported",
            ),
            (ONE.replace("}", ", client_auth_type: RequireAndVerifyClientCert}"), "needs a client_ca_file"),
            (ONE.replace("}", ", client_ca_file: client.pem}"), "does not check certificates"),
            (
                ONE.replace("}", ", min_version: TLS10}"),
                "min_version 'TLS10' is not supported; there are: TLS12, TLS13",
            ),
            (ONE.replace("}", ", cipher_suites: [A]}"), "cipher_suites is not supported"),
            (ONE.replace("}", ", prefer_server_cipher_suites: false}"), "is not supported"),
            ("http_server_config: {headers: {X-Powered-By: x}}", "unknown key 'X-Powered-By'"),
            ('http_server_config: {headers: {X-Frame-Options: "a\\nb"}}', "X-Frame-Options is no plain text"),
            ("basic_auth_users: {alice: secret}", "of 'alice' there is no name or no bcrypt hash"),
            ("basic_auth_users: [alice]", "is no mapping of names"),
            ("basic_auth_users: {alice: $2b$31$" + "a" * 53 + "}", "has a cost that is not 4 to 14"),
            ("basic_auth_users: {alice: $2b$00$" + "a" * 53 + "}", "has a cost that is not 4 to 14"),
        ],
    )
    def test_one_line_says_what_is_wrong(self, certificates: Path, text: str, words: str) -> None:
        path = written(certificates / "wrong.yml", text)
        with pytest.raises(WebConfigError) as raised:
            read(path)
        assert str(raised.value).startswith(f"{path}: ")
        assert words in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(WebConfigError, match=r"web\.yml: cannot be read: No such file or directory"):
            Authenticator(tmp_path / "web.yml")

    def test_the_usual_hashes(self, tmp_path: Path) -> None:
        """htpasswd -B writes $2y$, as Prometheus' documentation says."""
        hashes: Dict[str, str] = {
            kind: HASHES["alice"].replace("$2b$", kind) for kind in ("$2a$", "$2b$", "$2y$")
        }
        for hashed in hashes.values():
            config = written(tmp_path / "web.yml", f"basic_auth_users: {{alice: {hashed}}}")
            with serving(web_config=config) as served:
                assert served.ask("/1", authorization=basic("alice", "secret")).status == 200
