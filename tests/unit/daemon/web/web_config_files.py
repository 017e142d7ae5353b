"""Web-config files and certificates, for tests."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import bcrypt

HASHES = {
    name: bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()
    for name, password in (("alice", b"secret"), ("bob", "pässwört:".encode()))
}


USERS = "basic_auth_users:\n" + "".join(f"  {name}: {hashed}\n" for name, hashed in HASHES.items())


def openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True, timeout=60)


def make_certificate(directory: Path, name: str, common_name: str = "localhost") -> None:
    """NAME.pem and NAME.key, its own authority."""
    openssl(
        directory,
        *f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout {name}.key".split(),
        *f"-out {name}.pem -subj /CN={common_name} -addext subjectAltName=DNS:localhost".split(),
    )


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


ONE = "tls_server_config: {cert_file: one.pem, key_file: one.key}\n"
