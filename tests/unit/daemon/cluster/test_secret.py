"""The secret of the cluster, and the key for the web process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon.cluster import secret, signing
from ganeti_gluster_mon.daemon.spool import Spool


def test_the_secret_of_the_cluster(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(secret.NoSecret, match="is not there"):
        secret.read(str(path))
    path.write_bytes(b"0123456789abcde\n")
    path.chmod(0o600)
    with pytest.raises(secret.NoSecret, match="holds 15 bytes"):
        secret.read(str(path))
    path.write_bytes(b"0123456789abcdef\n")
    assert secret.read(str(path)) == signing.derived(b"0123456789abcdef")
    path.chmod(0o604)
    with pytest.raises(secret.NoSecret, match="everybody can read"):
        secret.read(str(path))
    path.chmod(0o600)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(secret.NoSecret, match="larger than 4096 bytes"):
        secret.read(str(path))
    with pytest.raises(secret.NoSecret, match="is not a plain file"):
        secret.read(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(secret.NoSecret, match="not a plain file"):
        secret.read(str(tmp_path / "fifo"))


def test_the_key_comes_and_goes_with_the_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "secret"
    place = Spool(str(tmp_path / "run"))
    place.prepare()
    publisher = secret.KeyPublisher(str(path), place)
    assert not publisher.publish()
    assert not publisher.publish()
    assert caplog.text.count("no secret") == 1
    path.write_bytes(b"0123456789abcdef")
    path.chmod(0o600)
    assert publisher.publish()
    assert place.read_key() == signing.derived(b"0123456789abcdef")
    assert ((tmp_path / "run" / "key").stat().st_mode & 0o777) == 0o640
    path.write_bytes(b"another one for all nodes")
    assert publisher.publish()
    assert place.read_key() == signing.derived(b"another one for all nodes")
    path.unlink()
    assert not publisher.publish()
    assert place.read_key() is None
