"""Root that is given up, for good."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon import privileges

NOBODY = pwd.getpwnam("nobody")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no-such-user-here", "there is no user no-such-user-here: adduser"),
        ("root", "root is root: name another"),
    ],
)
def test_no_user_and_root_are_refused_in_one_line(name: str, words: str) -> None:
    with pytest.raises(privileges.NoSuchUser, match=re.escape(words)) as refused:
        privileges.find(name)
    assert "\n" not in str(refused.value)


def test_a_user_is_found() -> None:
    assert privileges.find("nobody").pw_uid == NOBODY.pw_uid


@as_root
def test_root_is_given_up_with_its_groups_and_capabilities() -> None:
    program = (
        "import os, pwd; from ganeti_gluster_mon.daemon import privileges\n"
        "os.setgroups([0, 1]); privileges.become(pwd.getpwnam('nobody'))\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd())\n"
        "status = open('/proc/self/status').readlines()\n"
        "print(*(line.split()[1] for line in status if line.startswith(('CapPrm', 'CapEff', 'NoNew'))))\n"
        "try:\n    os.setuid(0)\nexcept PermissionError:\n    print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    uid, gid = NOBODY.pw_uid, NOBODY.pw_gid
    first, second, third = done.stdout.splitlines()
    assert first == f"({uid}, {uid}, {uid}) ({gid}, {gid}, {gid}) [] /"
    assert second == "0000000000000000 0000000000000000 1"
    assert third == "refused"


def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    """The parent starts a child and is killed; the child gets SIGTERM and the pipe that it holds is closed."""
    child = (
        "import signal; from ganeti_gluster_mon.daemon import privileges\n"
        "privileges.end_with_parent(); print('ready', flush=True); signal.pause()"
    )
    parent = (
        "import os, signal, subprocess, sys\n"
        f"process = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE, stderr=sys.stderr)\n"
        "assert process.stdout.readline() == b'ready\\n'\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", parent], stderr=subprocess.PIPE, timeout=30)
    # communicate() has read standard error to its end, which the child held, too.
    assert (done.returncode, done.stderr) == (-9, b"")
