"""The file of ``--web.config.file``, as Prometheus and its exporters read it: TLS, passwords, headers.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
A setting that is not supported is an error: to ignore a security setting would be dangerous.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, NoReturn, Optional, Tuple

from ganeti_gluster_mon.text import one_line

#: what exporter-toolkit lets its users set
HEADERS = (
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
    "Cache-Control",
)

_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
#: each step doubles the time; 14 takes a second
_MOST_ROUNDS = 14

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

#: Go's words.  Its other two ask for a certificate without checking it, which Python's ssl cannot.
_CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

_NOT_SUPPORTED = ("cipher_suites", "curve_preferences", "prefer_server_cipher_suites", "client_allowed_sans")


class WebConfigError(Exception):
    """The file, or one it names, cannot be used; the message is one line that begins with its path."""


@dataclass(frozen=True)
class WebConfig:
    """The content of the file; without a file: no TLS, no passwords, no headers."""

    #: None: plain HTTP
    tls: Optional[ssl.SSLContext] = None
    #: bcrypt hashes by user; empty: no password is needed
    users: Mapping[str, bytes] = field(default_factory=dict)
    #: to be sent with every answer
    headers: Mapping[str, str] = field(default_factory=dict)
    #: the file itself and what it names
    files: Tuple[Path, ...] = ()


def read(path: Path) -> WebConfig:
    """Read the file at *path* and the certificates it names.  Raises WebConfigError."""
    return _Reader(path).config()


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def config(self) -> WebConfig:
        # a server without such a file needs no YAML, 0.8 MiB
        import yaml

        try:
            loaded = yaml.safe_load(self._path.read_bytes())
        except OSError as error:
            self._fail(f"cannot be read: {error.strerror}")
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
            self._fail(f"is no YAML: {error}")
        whole = self._section(
            loaded, "the file", ("tls_server_config", "http_server_config", "basic_auth_users")
        )
        tls = whole.get("tls_server_config")
        context, files = (None, ()) if tls is None else self._tls(tls)
        return WebConfig(
            context,
            self._users(whole.get("basic_auth_users")),
            self._headers(whole.get("http_server_config")),
            (self._path, *files),
        )

    def _tls(self, given: object) -> Tuple[ssl.SSLContext, Tuple[Path, ...]]:
        where = "tls_server_config"
        known = (
            "cert_file",
            "key_file",
            "client_auth_type",
            "client_ca_file",
            "min_version",
            "max_version",
            *_NOT_SUPPORTED,
        )
        section = self._section(given, where, known)
        for name in _NOT_SUPPORTED:
            if section.get(name) not in (None, []):
                self._fail(f"{where}: {name} is not supported here: OpenSSL's own choice is kept")
        certificate, key = self._file(section, "cert_file"), self._file(section, "key_file")
        if certificate is None or key is None:
            self._fail(f"{where}: cert_file and key_file are both needed")
        authorities = self._file(section, "client_ca_file")
        client_auth = self._one_of(section, "client_auth_type", "", _CLIENT_AUTH)
        if client_auth == ssl.CERT_NONE and authorities is not None:
            self._fail(f"{where}: client_ca_file is given, but client_auth_type does not check certificates")
        if client_auth != ssl.CERT_NONE and authorities is None:
            self._fail(f"{where}: client_auth_type needs a client_ca_file")

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.minimum_version = self._one_of(section, "min_version", "TLS12", _VERSIONS)
            context.maximum_version = self._one_of(section, "max_version", "TLS13", _VERSIONS)
            # Without a function OpenSSL would ask the terminal for the password of a key that has one.
            context.load_cert_chain(certificate, key, password=lambda: "")
            if authorities is not None:
                context.load_verify_locations(authorities)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            named = ", ".join(str(file) for file in (certificate, key, authorities) if file is not None)
            self._fail(f"{where}: {named}: {error}")
        context.verify_mode = client_auth
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        return context, tuple(file for file in (certificate, key, authorities) if file is not None)

    def _users(self, given: object) -> Dict[str, bytes]:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._fail("basic_auth_users is no mapping of names to bcrypt hashes")
        users = {}
        for name, hashed in given.items():
            match = _BCRYPT.fullmatch(hashed) if isinstance(hashed, str) else None
            if not isinstance(name, str) or ":" in name or match is None:
                self._fail(f"basic_auth_users: of {name!r} there is no name or no bcrypt hash")
            if not 4 <= int(match[1]) <= _MOST_ROUNDS:
                self._fail(
                    f"basic_auth_users: the hash of {name!r} has a cost that is not 4 to {_MOST_ROUNDS}"
                )
            users[name] = hashed.encode("ascii")
        return users

    def _headers(self, given: object) -> Dict[str, str]:
        if given is None:
            return {}
        # http2 is for Go's server; ours speaks HTTP/1.1 in any case.
        section = self._section(given, "http_server_config", ("http2", "headers"))
        where = "http_server_config: headers"
        headers = self._section(section.get("headers") or {}, where, HEADERS)
        for name, value in headers.items():
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                self._fail(f"{where}: {name} is no plain text")
        return headers

    def _section(self, given: object, where: str, known: Tuple[str, ...]) -> Dict[str, Any]:
        """*given* as a mapping with no other keys than those *known*; an empty file is one, too."""
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._fail(f"{where} is no mapping")
        for key in given:
            if key not in known:
                self._fail(f"{where} has an unknown key {key!r}; there are: {', '.join(known)}")
        return given

    def _file(self, section: Mapping[str, Any], key: str) -> Optional[Path]:
        """The file under *key*; a relative path is relative to where the web config is."""
        given = section.get(key)
        if given is None or given == "":
            return None
        if not isinstance(given, str) or "\0" in given:
            self._fail(f"tls_server_config: {key} is no path")
        return self._path.parent / given

    def _one_of(self, section: Mapping[str, Any], key: str, default: str, choices: Mapping[str, Any]) -> Any:
        given = section.get(key)
        given = default if given is None else given
        if not isinstance(given, str) or given not in choices:
            names = ", ".join(name for name in choices if name)
            self._fail(f"tls_server_config: {key} {given!r} is not supported; there are: {names}")
        return choices[given]

    def _fail(self, text: str) -> NoReturn:
        raise WebConfigError(one_line(f"{self._path}: {text}", longest=500))
