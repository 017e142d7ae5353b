"""Directories of a mount."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError


def test_a_directory_has_to_be_absolute() -> None:
    with pytest.raises(VolumeError, match="absolute"):
        GlusterVolume("127.0.0.1", 24007, "gv0", (), "gluster")
