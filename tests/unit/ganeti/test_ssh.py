"""Commands for other nodes: no word becomes anything else on its way through the shell there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.ganeti.ssh import KNOWN_HOSTS, CommandResult, Nodes, NodeUnavailable

CLUSTER = Cluster(
    name="cluster.example.org",
    master="node1.example.org",
    nodes=(
        Node("node1.example.org", "192.0.2.1", "192.0.2.1"),
        Node("node2.example.org", "192.0.2.2", "192.0.2.2", ssh_port=2222),
    ),
    instances=(),
    tags=(),
    gluster_storage_dir=None,
    file_storage_dir=None,
    shared_file_storage_dir=None,
    release=None,
)
NODES = Nodes(CLUSTER, "node1")
PRINT_ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))), max_size=4))
def test_every_word_arrives_as_it_was(words: List[str]) -> None:
    line = NODES.ssh("node2.example.org", [sys.executable, "-c", PRINT_ARGUMENTS, *words])[-1]
    result = subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True, timeout=30)
    assert json.loads(result.stdout) == words


def test_a_node_is_known_by_the_key_of_the_cluster() -> None:
    argv = NODES.ssh("node2.example.org", ["true"])
    assert argv[-2] == "root@node2.example.org"
    assert {
        "-oHostKeyAlias=cluster.example.org",
        f"-oGlobalKnownHostsFile={KNOWN_HOSTS}",
        "-oStrictHostKeyChecking=yes",
        "-oBatchMode=yes",
        "-oPort=2222",
    } <= set(argv)


def test_a_host_that_is_no_node_is_known_by_root() -> None:
    assert not any("HostKeyAlias" in word for word in NODES.ssh("new.example.org", ["true"]))


@pytest.mark.parametrize("name", ["", "-oProxyCommand=true", "a b", "a\nb", "root@b"])
def test_what_is_no_host_is_not_called(name: str) -> None:
    with pytest.raises(NodeUnavailable, match="no name of a host"):
        NODES.ssh(name, ["true"])


def test_on_the_own_node_there_is_no_ssh() -> None:
    reply = NODES.run("node1.example.org", ["tee", "/dev/stderr"], text="a\nb\n")
    assert (reply.status, reply.stdout, reply.reason) == (0, "a\nb\n", "b")


def test_a_command_that_is_missing_is_reported() -> None:
    reply = NODES.run("node1.example.org", ["no-such-command"])
    assert (reply.status, reply.reason) == (127, "no-such-command: No such file or directory")


def test_what_takes_too_long_is_killed_with_all_it_started() -> None:
    began = time.monotonic()
    with pytest.raises(NodeUnavailable, match=r"node1\.example\.org: no end of sh within 0\.2 s"):
        NODES.run("node1.example.org", ["sh", "-c", "sleep 60 & sleep 60"], timeout=0.2)
    assert time.monotonic() - began < 5


def test_several_questions_by_one_connection() -> None:
    queries = [["echo", "a b"], ["false"], ["no-such-command"], ["sleep", "60"], ["printf", r"\377"]]
    answers = NODES.query("node1.example.org", queries, timeout=3.0)
    assert [reply.status for reply in answers] == [0, 1, 127, 124, 0]
    assert answers[0].stdout == "a b\n"
    assert answers[3].reason == "sleep: no answer within 3 s"
    assert answers[4].stdout == "\udcff"


#: as mount(8) of util-linux 2.38 says it for a filesystem whose UUID is mounted already
MOUNT = """mount: /export/brick1: wrong fs type, bad option, bad superblock on /dev/loop36, missing codepage or helper
       dmesg(1) may have more information after failed mount system call.
"""


@pytest.mark.parametrize(
    ("out", "err", "reason"),
    [
        ("a\n", MOUNT, MOUNT.splitlines()[0]),
        ("a\nb\n\n", " \n", "b"),
        ("", "  indented\n   all of it \n", "all of it"),
        ("", "", "exit status 3"),
    ],
)
def test_the_reason_of_what_failed(out: str, err: str, reason: str) -> None:
    assert CommandResult(3, out, err).reason == reason
