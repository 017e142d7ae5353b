"""Lines of Gluster's logs, as GlusterFS 10.3 writes them."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.gluster.log_messages import (
    LogReport,
    count_levels,
    logs_from_json,
    logs_to_json,
    mount_logs,
    process_of,
)

TIME = "[2026-11-26 21:30:01.123456 +0000]"
LOG = f"""\
{TIME} I [MSGID: 100030] [glusterfsd.c:2683:main] 0-glusterd: Started running version 10.3
{TIME} W [MSGID: 106204] [glusterd-store.c:3250:glusterd_store_update_volinfo] 0-management: Unknown key
The message "E [MSGID: 106007] [glusterd-utils.c:1:x] 0-management: no" repeated 3 times between {TIME} and {TIME}
{TIME} E [rpc-clnt.c:363:saved_frames_unwind] (--> /lib/x.so(+0x1)[0x7f] (--> ))))) 0-gv0-client-1: forced unwinding
[2020-01-02 03:04:05.678901] E [MSGID: 114058] [client-handshake.c:1:x] 0-gv0-client-0: of an older version
Final graph:
+------------------------------------------------------------------------------+
  1: volume gv0-client-0
pending frames:
patchset: git://git.gluster.org/glusterfs.git
signal received: 11
time of crash: E [x]
""".encode()


def test_messages_by_level() -> None:
    assert count_levels(LOG) == {"info": 1, "warning": 1, "error": 3}


@pytest.mark.parametrize("letter", "MACEWNIDT")
def test_each_level_of_gluster_is_known(letter: str) -> None:
    assert sum(count_levels(f"{TIME} {letter} [x.c:1:f] 0-x: y\n".encode()).values()) == 1


@pytest.mark.parametrize(
    "line",
    [
        f" {TIME} E [x] text",
        f"text {TIME} E [x] text",
        f"{TIME} X [x] text",
        f"{TIME} E text",
        f"{TIME}E [x]",
        "E [x]",
        "",
        "[] E [x]",
        "[2026-11-26 21:30:01.123456 +0000",
    ],
)
def test_what_is_no_message(line: str) -> None:
    assert count_levels(f"{line}\n".encode()) == {}


@given(st.binary())
def test_hostile_bytes_are_counted_or_not(text: bytes) -> None:
    assert all(number > 0 for number in count_levels(text).values())


def test_a_long_line_takes_no_longer_than_its_length() -> None:
    assert count_levels(b"[2026-11-26 " * 100_000 + b"1" * 1_000_000) == {}


@pytest.mark.parametrize(
    ("name", "process"),
    [
        ("glusterd.log", "glusterd"),
        ("glustershd.log", "self-heal"),
        ("bricks/export-b1-gv0.log", "brick"),
        ("snaps/gv0/snapd.log", "snapd"),
        ("snaps/gv0/other.log", None),
        ("gv0-rebalance.log", "rebalance"),
        ("mnt-gv0.log", "mount"),
        ("mnt-other.log", None),
        ("cli.log", None),
        ("cmd_history.log", None),
        ("glfsheal-gv0.log", None),
    ],
)
def test_whose_log_it_is(name: str, process: Optional[str]) -> None:
    assert process_of(name, mount_logs(["/mnt/gv0", "/var/run/ganeti/gluster"])) == process


REPORT = LogReport({("brick", "error"): 3, ("glusterd", "info"): 0}, {"brick": 5}, 4096)


@pytest.mark.parametrize("report", [REPORT, LogReport(), LogReport(directory_size=0)])
def test_a_report_comes_back_as_it_was(report: LogReport) -> None:
    assert logs_from_json(logs_to_json(report)) == report


@pytest.mark.parametrize(
    "changes",
    [{"counts": 3}, {"counts": [["brick", "error"]]}, {"skipped": [1]}, {"directory_size": "many"}],
)
def test_a_report_that_is_malformed(changes: Dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        logs_from_json({**logs_to_json(REPORT), **changes})
