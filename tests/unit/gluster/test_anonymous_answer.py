"""Answers with other names: the bytes between the names stay."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.anonymous_answer import anonymous_output, pieces_of
from ganeti_gluster_mon.gluster.anonymous_names import AnonymousNames
from ganeti_gluster_mon.gluster.anonymous_text import AnonymousText
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.query import Query

UUID = b"2f5fe442-3b7d-413f-a157-e783a5d0af1b"
NEW_UUID = b"00000000-0000-4000-8000-000000000001"


def changed(output: bytes, wanted: Query = query.VOLUME_INFO) -> bytes:
    names = AnonymousNames()
    answer = Answer(wanted, output)
    anonymous_output(answer, AnonymousText(names))
    names.fix()
    return anonymous_output(answer, AnonymousText(names))


@pytest.mark.parametrize(
    ("output", "new"),
    [
        (
            b"<volume><name>status</name><status>1</status></volume>",
            b"<volume><name>v1</name><status>1</status></volume>",
        ),
        (b"<volName>volName</volName>", b"<volName>v1</volName>"),
        (b"<brick><name>kvm:/b</name></brick>", b"<brick><name>node1:/d1</name></brick>"),
        (b"<option><name>nfs.disable</name><value>on</value></option>",) * 2,
        (b"<option><name>user.x</name><value>y</value></option>",
         b"<option><name>user.text1</name><value>text2</value></option>"),
        (b"<fop><name>WRITE</name></fop>",) * 2,
        (b"<snapshot><name>before lunch</name></snapshot>", b"<snapshot><name>text1</name></snapshot>"),
        (
            b"<hostname>Self-heal Daemon</hostname><path>kvm</path>",
            b"<hostname>Self-heal Daemon</hostname><path>node1</path>",
        ),
        (b"<hostname>kvm</hostname><path>/b</path>", b"<hostname>node1</hostname><path>/d1</path>"),
        (
            b'<peer uuid="%s"/><uuid>%s</uuid>' % (UUID, UUID),
            b'<peer uuid="%s"/><uuid>%s</uuid>' % (NEW_UUID, NEW_UUID),
        ),
        (b'<peer uuid=&x;"%s"/>' % UUID, b'<peer uuid=&x;"%s"/>' % NEW_UUID),
        (b"<device>/dev/vg/x</device>", b"<device>/dev/disk1</device>"),
        (b"<statusStr>Started</statusStr><stateStr>Peer in Cluster</stateStr>",) * 2,
        (b"<status>Failed to process entries completely. (Input/output error)totalNumberOfEntries0</status>",) * 2,
        (
            b"<volName>a</volName><opErrstr>volume a is off</opErrstr>",
            b"<volName>v1</volName><opErrstr>volume v1 is off</opErrstr>",
        ),
        (b"<secret>hunter</secret>", b"<secret>text1</secret>"),
        (b"<volName>\n  gv0\n</volName>", b"<volName>\n  v1\n</volName>"),
        # no XML, and it stays none
        (b"<hostname>k", b"<hostname>node1"),
        (b"<hostname>k<</hostname>", b"<hostname>node1<</hostname>"),
        (b"<hostname>k&l</hostname>", b"<hostname>node1&</hostname>"),
        (b"<hostname>k&amp;l</hostname>", b"<hostname>node1</hostname>"),
        (b"<hostname>k]]>l</hostname>", b"<hostname>node1]]></hostname>"),
        (b"<hostname>k\xff</hostname>", b"<hostname>node1\xff</hostname>"),
        (b"<hostname>k\x01</hostname>", b"<hostname>node1\x01</hostname>"),
        (b"<!-- 10.0.0.1 --><hostname>k</hostname>", b"<!-- 192.0.2.1 --><hostname>node1</hostname>"),
        (b"",) * 2,
    ],
)  # fmt: skip
def test_xml(output: bytes, new: bytes) -> None:
    assert changed(output) == new


@pytest.mark.parametrize(
    ("output", "new"),
    [
        (b"[Peers]\nPeer1.primary_hostname: kvm\n", b"[Peers]\nPeer1.primary_hostname: node1\n"),
        (b"Peer1.othernames: kvm, kvm.corp\n", b"Peer1.othernames: node1, node1.example.org\n"),
        (b"Volume1.name: Peers\n[Peers]\n", b"Volume1.name: v1\n[Peers]\n"),
        (b"Volume1.Brick1.path: kvm:/b\n", b"Volume1.Brick1.path: node1:/d1\n"),
        (b"Volume1.Brick1.spacefree: 10Bytes\nVolume1.Brick1.status: Started\n",) * 2,
        (b"Volume1.quorum_status: not_applicable\nVolume1.options.nfs.disable: on\n",) * 2,
        (b"Volume1.options.user.bob: x\n", b"Volume1.options.user.text1: text2\n"),
        (b"[Global options]\nauth.allow: 10.0.0.1\n", b"[Global options]\nauth.allow: 192.0.2.1\n"),
        (b"svc1.name: bitd\n[Misc]\nBase port: 49152\n",) * 2,
        (b"MYUUID: %s\n" % UUID, b"MYUUID: %s\n" % NEW_UUID),
        (b"Peer1.primary_hostname: k\xff\n", b"Peer1.primary_hostname: node1\xff\n"),
        (b"Failed to get daemon state of kvm7.corp", b"Failed to get daemon state of node1.example.org"),
    ],
)
def test_states(output: bytes, new: bytes) -> None:
    assert changed(output, query.GET_STATE) == new


def test_pieces_that_may_hold_names() -> None:
    answer = Answer(query.VOLUME_INFO, b"<statusStr>Started</statusStr><hostname>x&amp;y</hostname>")
    assert [(piece.kind, piece.text) for piece in pieces_of(answer)] == [("host", "x&y")]
