"""Fixtures for tests of the web process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.daemon.web.web_config_files import make_certificate, openssl


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    for name in ("one", "two", "client"):
        make_certificate(directory, name)
    openssl(directory, *"ec -in one.key -aes128 -passout pass:x -out locked.key".split())
    return directory
