"""Other exporters in Go, built from their sources with the Go libraries that Debian packages; optional.

EXPORTER_SOURCES in the environment names a directory of Go (GOPATH) that has, below src/github.com:

* ofesseler/gluster_exporter, and gluster/gluster-prometheus with gluster/glusterd2: checkouts;
* prometheus/common/log, which is not in Debian's package any more: of prometheus/common before a184d5b, without its
  tests.

Packages: golang-go, golang-github-prometheus-client-golang-dev, golang-github-prometheus-common-dev,
golang-github-sirupsen-logrus-dev, golang-github-burntsushi-toml-dev, golang-gopkg-alecthomas-kingpin.v2-dev,
golang-github-dgrijalva-jwt-go-dev, golang-github-pborman-uuid-dev, golang-github-spf13-viper-dev.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Optional, Tuple

from tests.lab.lab import command

SOURCES = os.environ.get("EXPORTER_SOURCES", "")
GLUSTER_EXPORTER, GLUSTER_PROMETHEUS = "gluster_exporter", "gluster-prometheus"
#: by name of the program: what is built
_PACKAGES = {
    GLUSTER_EXPORTER: "github.com/ofesseler/gluster_exporter",
    GLUSTER_PROMETHEUS: "github.com/gluster/gluster-prometheus/gluster-exporter",
}
#: where Debian's packages have the sources of libraries
_DEBIAN = "/usr/share/gocode"


def build() -> Tuple[Dict[str, Path], Optional[str]]:
    """The programs that could be built, by name, below .venv, which the hosts of a lab see; and why one is missing."""
    if not SOURCES:
        return {}, "EXPORTER_SOURCES is not set"
    if shutil.which("go") is None:
        return {}, "there is no go"
    built: Dict[str, Path] = {}
    why = None
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{SOURCES}:{_DEBIAN}", "GOFLAGS": "-p=1"}
    for name, package in _PACKAGES.items():
        program = command().parent / name
        argv = ["go", "build", "-o", str(program), package]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            why = f"{name} was not built: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
        else:
            built[name] = program
    return built, why
