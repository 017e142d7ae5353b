"""scripts/install-packages on a host of a lab, with real apt, dpkg and services: nothing reaches the machine.

The packages come from a small archive of our own on the host, so nothing is fetched from outside either.
"""

from __future__ import annotations

import signal
import subprocess
from typing import Callable, Iterator

import pytest

from tests.lab import Pool, wait_until
from tests.lab.host import REPOSITORY

pytestmark = pytest.mark.lab

SCRIPT = str(REPOSITORY / "scripts/install-packages")
POLICY = "/usr/sbin/policy-rc.d"

#: makes the package $1, whose service says in /run/$1.started that it was started
MAKE_PACKAGE = """
set -eu
mkdir -p /archive /build/$1/DEBIAN /build/$1/etc/init.d
cat >/build/$1/DEBIAN/control <<END
Package: $1
Version: 1
Architecture: all
Maintainer: nobody <nobody@lab.test>
Description: a service that says when it is started
END
cat >/build/$1/etc/init.d/$1 <<END
#!/bin/sh
### BEGIN INIT INFO
# Provides: $1
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
touch /run/$1.started
END
cat >/build/$1/DEBIAN/postinst <<END
#!/bin/sh
set -e
$2
update-rc.d $1 defaults >/dev/null
invoke-rc.d $1 start
END
chmod 755 /build/$1/DEBIAN/postinst /build/$1/etc/init.d/$1
dpkg-deb --build --root-owner-group /build/$1 /archive/$1.deb
{
  dpkg-deb --field /archive/$1.deb
  echo "Filename: ./$1.deb"
  echo "Size: $(stat --format %s /archive/$1.deb)"
  echo "SHA256: $(sha256sum /archive/$1.deb | cut -d ' ' -f 1)"
  echo
} >>/archive/Packages
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Pool]:
    """One host whose only source of packages is /archive, and where no policy forbids anything."""
    with Pool.first_free("ganeti-gluster-test", hosts=1, disks=[]) as pool:
        pool.exec(1, ["rm", "-rf", POLICY, "/etc/apt/sources.list", "/etc/apt/sources.list.d"])
        pool.exec(1, ["mkdir", "-p", "/etc/apt/sources.list.d"])
        source = "deb [trusted=yes] file:/archive ./\n"
        pool.exec(1, ["tee", "/etc/apt/sources.list"], input=source)
        # a host of the lab has no init that could tell its runlevel, and outside of one Debian starts nothing
        pool.exec(1, ["rm", "-f", "/sbin/runlevel"])
        pool.exec(1, ["install", "-m", "755", "/dev/stdin", "/sbin/runlevel"], input="#!/bin/sh\necho N 5\n")
        # nor does Debian 13 start anything where no init is installed
        pool.exec(1, ["sh", "-c", "test -e /sbin/init || ln -s /bin/true /sbin/init"])
        # the machine's index of real packages would only make every run slow
        pool.exec(1, ["find", "/var/lib/apt/lists", "-type", "f", "-delete"])
        yield pool


@pytest.fixture
def package(host: Pool) -> Callable[..., str]:
    """Makes a package of that name; *first* is shell that its installation runs before it starts its service."""

    def make(name: str, first: str = ":") -> str:
        host.exec(1, ["sh", "-c", MAKE_PACKAGE, "sh", name, first])
        return name

    return make


def is_there(host: Pool, path: str) -> bool:
    return host.exec(1, ["test", "-e", path], check=False).returncode == 0


def install(host: Pool, *packages: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return host.exec(1, [SCRIPT, *packages], check=check)


def test_what_is_missing_is_installed_and_no_service_started(host: Pool, package: Callable[..., str]) -> None:
    name = package("plain-service")
    first = install(host, "bash", name)
    assert (first.stdout, first.stderr) == ("", f"installing {name}\n")
    assert (
        host.exec(1, ["dpkg-query", "--show", "--showformat=${Status}", name]).stdout
        == "install ok installed"
    )
    assert not is_there(host, f"/run/{name}.started")
    assert not is_there(host, POLICY)
    # so it was the policy that kept it down, and it is allowed again
    host.exec(1, ["invoke-rc.d", name, "start"])
    assert is_there(host, f"/run/{name}.started")
    # the second time it does not so much as look for apt-get
    again = host.exec(1, [SCRIPT, "bash", name], env={"PATH": "/nowhere:/usr/bin"})
    assert (again.stdout, again.stderr) == ("", "")


def test_a_policy_that_was_there_is_left_alone(host: Pool, package: Callable[..., str]) -> None:
    name = package("kept-policy")
    text = "#!/bin/sh\nexit 101\n"
    host.exec(1, ["tee", POLICY], input=text)
    host.exec(1, ["chmod", "755", POLICY])
    try:
        install(host, name)
        assert host.exec(1, ["cat", POLICY]).stdout == text
    finally:
        host.exec(1, ["rm", POLICY])


def test_a_failure_is_reported_with_the_message_of_apt_and_leaves_no_policy(
    host: Pool, package: Callable[..., str]
) -> None:
    package("any-other")  # without a package there is no archive
    failed = install(host, "no-such-package", check=False)
    assert failed.returncode == 1
    assert "Unable to locate package no-such-package" in failed.stderr
    assert not is_there(host, POLICY)


@pytest.mark.usefixtures("hangup_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_interrupted_it_lets_no_service_start_and_leaves_no_policy(
    host: Pool, package: Callable[..., str], number: signal.Signals
) -> None:
    name = package(
        f"slow-{number.name.lower()}", first=f"mkfifo /run/{number.name}; read line </run/{number.name}"
    )
    running = host.popen(1, [SCRIPT, name], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_there(host, f"/run/{number.name}"), "the package half installed", 20)
        assert is_there(host, POLICY)
        running.send_signal(number)
    finally:
        host.exec(1, ["sh", "-c", f"echo go on >/run/{number.name}"], timeout=20)
    running.wait(timeout=20)
    wait_until(lambda: not host.host(1).find("apt-get"), "apt-get to end", 20)
    assert not is_there(host, f"/run/{name}.started")
    if number == signal.SIGKILL:
        # nothing could be put right then; the next run does
        assert is_there(host, POLICY)
        install(host, package("after-a-kill"))
    assert not is_there(host, POLICY)


def test_a_second_run_does_not_take_the_policy_from_the_first(
    host: Pool, package: Callable[..., str]
) -> None:
    name = package("slow-first", first="mkfifo /run/first; read line </run/first")
    first = host.popen(1, [SCRIPT, name], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_there(host, "/run/first"), "the package half installed", 20)
        second = host.popen(1, [SCRIPT, "no-such-package"], stderr=subprocess.DEVNULL)
        wait_until(
            lambda: host.host(1).find("flock") or second.poll() is not None,
            "the second to wait or to end",
            20,
        )
        assert is_there(host, POLICY)
    finally:
        host.exec(1, ["sh", "-c", "echo go on >/run/first"], timeout=20)
    assert (first.wait(timeout=20), second.wait(timeout=20)) == (0, 1)
    assert not is_there(host, f"/run/{name}.started")
    assert not is_there(host, POLICY)
