"""Steps, from answers to what is left to do: what is there is never lost, what is done is not done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.deploy.block_devices import filesystem_uuid
from ganeti_gluster_mon.deploy.brick_steps import MakeFilesystem, MountFilesystem, RunGlusterd
from ganeti_gluster_mon.deploy.fstab import OPTIONS, entries, line
from ganeti_gluster_mon.deploy.ganeti_steps import AllowDirectory, EnableTemplate
from ganeti_gluster_mon.deploy.layout import BrickAddress, replica
from ganeti_gluster_mon.deploy.pool_steps import CreateVolume, DeleteVolume, JoinPool, LeavePool, SetForGuests
from ganeti_gluster_mon.deploy.remote import disk_sample, program
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import (
    BLANK_LSBLK,
    BLANK_WIPEFS,
    EXT4_WIPEFS,
    FAILED,
    NO_DEVICE,
    child,
    device,
    lsblk,
    ok,
    pool_list,
    targets,
    volume,
    volume_info,
    wipefs,
)

UUID = "c9bfec32-86ad-5216-9bf9-daec6acd47fa"
NODE = "node2.example.org"
FINISHED = ok("inprogress = 0\n")


def commands(remaining: Remaining) -> List[str]:
    assert remaining is not None
    return [str(command) for command in remaining]


# --- a filesystem on a device -----------------------------------------------------------------------


ABSENT = CommandResult(1, "", "stat: cannot statx '/export/brick1/gluster': No such file or directory")
BLANK = ok('{"size": 1073741824, "sampled": 6291456, "nonzero": null}')
NOTHING = (ABSENT, FAILED, FAILED, FAILED)


def make(
    *answers: CommandResult,
    wipe: bool = False,
    on_disk: CommandResult = FAILED,
    directory: Sequence[CommandResult] = NOTHING,
    info: Optional[CommandResult] = None,
    sample: CommandResult = BLANK,
) -> Remaining:
    """*on_disk*: what xfs_db lists in the brick's directory; *directory*: answers for the mounted one."""
    inprogress = answers[2] if len(answers) > 2 else FAILED
    step = MakeFilesystem(NODE, "/dev/vdb", UUID, "/export/brick1", "gluster", "node1.example.org", wipe)
    return step.remaining(
        [
            info or volume_info(),
            pool_list(NODE),
            *answers[:2],
            inprogress,
            on_disk,
            FAILED,
            *directory,
            targets("/"),
            sample,
        ]
    )


MKFS = f"mkfs.xfs -q -i size=512 -m uuid={UUID} /dev/vdb"


def test_a_blank_disk_gets_a_filesystem() -> None:
    assert commands(make(ok(BLANK_LSBLK), ok(BLANK_WIPEFS))) == [MKFS]


def test_a_disk_with_raw_data_is_refused_unless_it_is_named() -> None:
    raw = ok('{"size": 1073741824, "sampled": 4096, "nonzero": 1049088}')
    with pytest.raises(
        PreconditionFailed,
        match=rf"holds data .*at byte 1049088.*nothing was changed.*--wipe {NODE}:/dev/vdb",
    ):
        make(ok(BLANK_LSBLK), ok(BLANK_WIPEFS), sample=raw)
    assert commands(make(ok(BLANK_LSBLK), ok(BLANK_WIPEFS), sample=raw, wipe=True)) == [MKFS]
    for failed in (
        CommandResult(1, "", "/dev/vdb: Input/output error"),
        CommandResult(124, "", "python3: no answer within 20 s"),
    ):
        with pytest.raises(PreconditionFailed, match="what is on /dev/vdb cannot be read"):
            make(ok(BLANK_LSBLK), ok(BLANK_WIPEFS), sample=failed)


def sampled(path: Path) -> Dict[str, Optional[int]]:
    argv = [sys.executable, *program(disk_sample, str(path))[1:]]
    reply = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return dict(json.loads(reply.stdout))


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), ((1 << 20) - 1, 1), ((64 << 20) - 1, 1), (63 << 20, 1), (20 << 20, 1 << 20)],
)
def test_what_is_on_a_disk_is_sampled_at_both_ends_and_between(
    tmp_path: Path, offset: int, length: int
) -> None:
    disk = tmp_path / "disk"
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    parsed = sampled(disk)
    assert (parsed["size"], parsed["nonzero"]) == (64 << 20, None)
    assert parsed["sampled"] == (2 << 20) + 1024 * 4096
    with open(disk, "r+b") as file:
        file.seek(offset)
        file.write(b"x" * length)
    found = sampled(disk)["nonzero"]
    assert found is not None and found <= offset + length


def test_a_small_disk_is_sampled_at_its_ends(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(3 << 20))
    assert sampled(disk) == {"size": 3 << 20, "sampled": 2 << 20, "nonzero": None}
    disk.write_bytes(bytes(1000))
    assert sampled(disk) == {"size": 1000, "sampled": 2000, "nonzero": None}


def test_ours_is_there_already() -> None:
    xfs = wipefs("xfs", uuid=UUID)
    assert make(lsblk(), xfs, FINISHED) is DONE
    assert make(lsblk(), xfs, FINISHED, wipe=True) is DONE
    assert make(lsblk(mountpoints=["/export/brick1"]), xfs, FINISHED, wipe=True) is DONE


def test_ours_that_was_cut_short_is_made_again() -> None:
    assert commands(make(lsblk(), wipefs("xfs", uuid=UUID), ok("inprogress = 1\n"))) == [
        f"mkfs.xfs -q -i size=512 -m uuid={UUID} -f /dev/vdb"
    ]


#: as xfs_db 6.1 lists a directory
XFS_DB_LS = """/gluster:
8          131                directory      0x0000002e   1 . (good)
10         128                directory      0x0000172e   2 .. (good)
12         524416             directory      0x2b6564fb  10 .glusterfs (good)
15         198                regular        0x00000064   1 d (good)
"""
XFS = wipefs("xfs", uuid=UUID)
MOUNTED = lsblk(mountpoints=["/export/brick1"])
STALE = (
    ok("directory\n"),
    ok("/export/brick1/gluster/d\n"),
    ok(),
    ok(
        "# file: /export/brick1/gluster\ntrusted.ganeti-gluster-mon.brick=0x677630\n"
        "trusted.gfid=0x00000000000000000000000000000001\n"
    ),
)


def test_a_stale_brick_in_an_unmounted_filesystem_of_ours_is_refused_and_wiped_by_name() -> None:
    with pytest.raises(
        PreconditionFailed, match=rf"{NODE}: /dev/vdb has a stale brick .*gluster/d.*--wipe {NODE}:/dev/vdb"
    ):
        make(lsblk(), XFS, FINISHED, on_disk=ok(XFS_DB_LS))
    remaining = make(lsblk(), XFS, FINISHED, on_disk=ok(XFS_DB_LS), wipe=True)
    assert commands(remaining) == [f"mkfs.xfs -q -i size=512 -m uuid={UUID} -f /dev/vdb"]


def test_a_prepared_brick_in_an_unmounted_filesystem_is_not_stale() -> None:
    empty = ok("".join(line for line in XFS_DB_LS.splitlines(keepends=True)[:4]))
    assert make(lsblk(), XFS, FINISHED, on_disk=empty) is DONE
    assert make(lsblk(), XFS, FINISHED, on_disk=empty, wipe=True) is DONE


def test_a_mounted_filesystem_with_a_stale_brick_is_made_anew_only_by_name() -> None:
    assert make(MOUNTED, XFS, FINISHED, directory=STALE) is DONE  # MakeBrick refuses it
    assert commands(make(MOUNTED, XFS, FINISHED, directory=STALE, wipe=True)) == [
        "umount /export/brick1",
        f"mkfs.xfs -q -i size=512 -m uuid={UUID} -f /dev/vdb",
        "mount --types xfs --options noatime,inode64 /dev/vdb /export/brick1",
    ]
    elsewhere = lsblk(mountpoints=["/export/brick1", "/mnt"])
    with pytest.raises(PreconditionFailed, match="is mounted at /mnt: umount it first"):
        make(elsewhere, XFS, FINISHED, directory=STALE, wipe=True)


def test_a_filesystem_with_a_brick_of_a_volume_is_never_made_anew() -> None:
    used = volume_info(volume("gv0", [f"{NODE}:/export/brick1/gluster", "n2:/b", "n3:/b"]))
    for disk, found in ((MOUNTED, FAILED), (lsblk(), ok(XFS_DB_LS))):
        assert make(disk, XFS, FINISHED, directory=STALE, on_disk=found, wipe=True, info=used) is DONE
    # glusterd may know the host by another name
    alias = volume_info(volume("gv0", ["alias2:/export/brick1/gluster", "n4:/b", "n3:/b"]))
    assert make(MOUNTED, XFS, FINISHED, directory=STALE, wipe=True, info=alias) is DONE
    missing = volume_info(volume("other", [f"{NODE}:/export/brick7/gluster", "n4:/b", "n3:/b"]))
    with pytest.raises(
        PreconditionFailed, match="may have the brick /export/brick7/gluster of volume other, where nothing"
    ):
        make(lsblk(), XFS, FINISHED, on_disk=ok(XFS_DB_LS), wipe=True, info=missing)
    other = volume_info(volume("other", [f"{NODE}:/export/brick1/other", "n4:/b", "n3:/b"]))
    with pytest.raises(
        PreconditionFailed, match="has the brick /export/brick1/other of volume other: it is in use"
    ):
        make(MOUNTED, XFS, FINISHED, directory=STALE, wipe=True, info=other)


@pytest.mark.parametrize(
    ("listed", "wiped", "words"),
    [
        (ok(BLANK_LSBLK), ok(EXT4_WIPEFS), "has ext4 8af90372-58c9-4d24-b692-3ea7908275c9 on it"),
        (lsblk(), wipefs("xfs", uuid=UUID[:-1] + "b"), "has xfs c9bf.* on it"),
        (lsblk(), wipefs("xfs", "gpt", uuid=UUID), "has xfs .*, a partition table .gpt."),
        (lsblk(), wipefs("LVM2_member"), "has LVM2_member on it"),
        (lsblk(), wipefs("gpt", "PMBR"), "has a partition table .gpt., a partition table .PMBR. on it"),
        (lsblk(children=[child("/dev/sdb1", "part")]), wipefs(), "has partitions: /dev/sdb1"),
    ],
)
def test_what_is_there_is_not_lost_unless_it_is_named(
    listed: CommandResult, wiped: CommandResult, words: str
) -> None:
    with pytest.raises(
        PreconditionFailed, match=f"{NODE}: /dev/vdb {words}.*nothing was changed.*--wipe {NODE}:/dev/vdb"
    ):
        make(listed, wiped)
    wipe, mkfs = commands(make(listed, wiped, wipe=True))
    assert wipe.startswith("wipefs --all -- ") and wipe.endswith("/dev/vdb")
    assert mkfs == MKFS


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (lsblk(mountpoints=["/srv"]), "is mounted at /srv"),
        (lsblk(mountpoints=["[SWAP]"]), "is mounted at"),
        (lsblk(children=[child("/dev/sdb1", "part", ["/boot"])]), "is mounted at /boot"),
        (lsblk(children=[child("/dev/mapper/vg-root", "lvm")]), "carries /dev/mapper/vg-root"),
        (
            lsblk(children=[child("/dev/sdb1", "part", children=[child("/dev/md0", "raid1")])]),
            "carries /dev/md0",
        ),
        (lsblk(ro=True), "is read-only"),
    ],
)
def test_what_is_in_use_is_not_wiped_whatever_is_said(listed: CommandResult, words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        make(listed, wipefs("gpt"), wipe=True)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((NO_DEVICE, FAILED), "/dev/vdb is no block device there"),
        (
            (
                lsblk(),
                CommandResult(
                    1, "", "wipefs: error: /dev/vdb: probing initialization failed: Permission denied"
                ),
            ),
            "denied",
        ),
        ((ok("nonsense"), wipefs()), "cannot be understood"),
        ((ok('{"blockdevices": []}'), wipefs()), "cannot be understood"),
        ((lsblk(size=64 << 20), wipefs()), "too small: xfs wants 300 MiB"),
    ],
)
def test_what_is_not_known_is_not_formatted(answers: Sequence[CommandResult], words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        make(*answers, wipe=True)


def test_the_uuid_is_that_of_the_disk_and_of_no_other() -> None:
    first, other = device(lsblk(serial="A1"), wipefs()), device(lsblk(serial="A2"), wipefs())
    mine = filesystem_uuid("cluster", "node1", "/dev/vdb", first)
    assert mine == filesystem_uuid("cluster", "node1", "/dev/vdc", first)
    different = {
        mine,
        filesystem_uuid("cluster", "node1", "/dev/vdb", other),
        filesystem_uuid("cluster", "node2", "/dev/vdb", first),
        filesystem_uuid("cluster2", "node1", "/dev/vdb", first),
    }
    assert len(different) == 4
    parts = (device(lsblk(wwn="0x5", type="part", path=f"/dev/sda{n}"), wipefs()) for n in (1, 2))
    assert len({filesystem_uuid("cluster", "node1", "/dev/x", part) for part in parts}) == 2


# --- its mount --------------------------------------------------------------------------------------


def mount(
    found: CommandResult,
    table: CommandResult,
    inside: Optional[CommandResult] = None,
    systemd: CommandResult = FAILED,
) -> Remaining:
    step = MountFilesystem(NODE, "/dev/vdb", UUID, "/export/brick1")
    return step.remaining([found, ok("  7:39\n"), table, inside or FAILED, systemd])


def findmnt(source: str, number: str) -> CommandResult:
    return ok(
        json.dumps({"filesystems": [{"target": "/export/brick1", "source": source, "maj:min": number}]})
    )


ENTRY = f"UUID={UUID} /export/brick1 xfs {OPTIONS} 0 0"


def test_mounted_now_and_at_every_boot() -> None:
    assert commands(mount(FAILED, ok("UUID=1 / ext4 defaults 0 1\n"))) == [
        "mkdir --parents /export/brick1",
        f"tee --append /etc/fstab <<'END'\n{ENTRY}\nEND",
        "sync /etc/fstab",
        "mount /export/brick1",
    ]
    assert "systemctl daemon-reload" in commands(mount(FAILED, ok(), systemd=ok()))
    assert mount(findmnt("/dev/vdb", "7:39"), ok(f"{ENTRY}\n")) is DONE


def test_a_line_without_an_end_is_not_run_into() -> None:
    remaining = mount(findmnt("/dev/vdb", "7:39"), ok("UUID=1 / ext4 defaults 0 1"))
    assert remaining is not None and remaining[0].text == f"\n{ENTRY}\n"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((findmnt("/dev/sdz", "8:1"), ok()), "/dev/sdz is mounted at /export/brick1"),
        ((FAILED, ok("/dev/sdz /export/brick1 ext4 defaults 0 0\n")), "has /dev/sdz for /export/brick1"),
        ((FAILED, ok(), ok("/export/brick1/file\n")), "is not empty"),
        ((FAILED, CommandResult(1, "", "cat: /etc/fstab: Input/output error")), "cannot be read"),
    ],
)
def test_a_mount_point_that_is_taken_is_left_alone(answers: Sequence[CommandResult], words: str) -> None:
    with pytest.raises(PreconditionFailed, match=words):
        mount(*answers)


@given(st.text(st.characters(whitelist_categories=("L", "N"), whitelist_characters=" \t\\-_/."), min_size=1))
def test_fstab_keeps_any_path(path: str) -> None:
    (entry,) = entries(f"# a comment\n\n{line(UUID, '/' + path)}\nshort line\n")
    assert (entry.source, entry.mount_point, entry.filesystem) == (f"UUID={UUID}", "/" + path, "xfs")


# --- pool and volume --------------------------------------------------------------------------------


def test_a_node_joins_once() -> None:
    step = JoinPool("node2", "node1")
    assert commands(step.remaining([pool_list("node1"), pool_list("node2")])) == [
        "gluster --mode=script peer probe node2"
    ]
    joined = pool_list("node1", "node2"), pool_list("node2", "node1")
    assert step.remaining(joined) is DONE
    probing = pool_list("node1", "node2", state="Probe Sent to Peer"), pool_list("node2", "node1")
    assert step.remaining(probing) == WAIT
    with pytest.raises(
        PreconditionFailed, match=r"node2 is in another pool already, with node7; .*gluster peer detach node2"
    ):
        step.remaining([pool_list("node1"), pool_list("node2", "node7")])


def test_a_node_with_bricks_does_not_leave() -> None:
    step = LeavePool("node2", "node1")
    bricks = volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"]))
    with pytest.raises(
        PreconditionFailed, match=r"node2 holds bricks: /b of gv0; .*replace-brick gv0 node2:/b"
    ):
        step.remaining([pool_list("node1", "node2"), bricks])
    assert commands(step.remaining([pool_list("node1", "node2"), volume_info()])) == [
        "gluster --mode=script peer detach node2"
    ]
    assert step.remaining([pool_list("node1"), bricks]) is DONE


def tasks(*parsed: Tuple[str, int, str]) -> CommandResult:
    """What `volume status gv0` says of tasks: type, status and its words."""
    each = "".join(
        f"<task><type>{kind}</type><id>ff1f3686-0c70-4081-8bc5-554d9498230e</id>"
        f"<status>{status}</status><statusStr>{words}</statusStr></task>"
        for kind, status, words in parsed
    )
    return ok(
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes><volume>"
        f"<volName>gv0</volName><nodeCount>0</nodeCount><tasks>{each}</tasks>"
        "</volume></volumes></volStatus></cliOutput>"
    )


def test_a_volume_is_deleted_whatever_runs_on_it_but_not_while_bricks_leave_it() -> None:
    step = DeleteVolume("node1", "gv0")
    there = volume_info(volume("gv0", ["node1:/b", "node2:/b"]))
    pool = pool_list("node1", "node2")
    stop = ["gluster --mode=script volume stop gv0", "gluster --mode=script volume delete gv0"]
    assert step.remaining([volume_info(), FAILED, pool]) is DONE
    assert commands(step.remaining([there, tasks(), pool])) == stop
    assert commands(step.remaining([there, FAILED, pool])) == stop
    for over in ((3, "completed"), (7, "fix-layout completed"), (2, "stopped")):
        assert commands(step.remaining([there, tasks(("Rebalance", *over)), pool])) == stop
    for running in ((1, "in progress"), (5, "fix-layout in progress")):
        first, *rest = commands(step.remaining([there, tasks(("Rebalance", *running)), pool]))
        assert (first, rest) == ("gluster --mode=script volume rebalance gv0 stop", stop)
    with pytest.raises(PreconditionFailed, match=r"volume remove-brick gv0 BRICK\.\.\. stop"):
        step.remaining([there, tasks(("Remove brick", 1, "in progress")), pool])


def test_nothing_is_deleted_or_detached_while_a_peer_is_disconnected() -> None:
    """Gluster 10.3: "Some of the peers are down", "One of the peers is probably down", after the stop."""
    there = volume_info(volume("gv0", ["node1:/b", "node2:/b"]))
    pool = pool_list("node1", "node2", "node3", connected={"node3": False})
    with pytest.raises(
        PreconditionFailed,
        match=r"gv0 cannot be deleted, and was not stopped: .* and node3 is: .*restart glusterd",
    ):
        DeleteVolume("node1", "gv0").remaining([there, tasks(), pool])
    with pytest.raises(PreconditionFailed, match=r"node2 cannot leave the pool: .* and node3 is: "):
        LeavePool("node2", "node1").remaining([pool, volume_info()])
    # but the one that is disconnected may itself be detached
    assert commands(LeavePool("node3", "node1").remaining([pool, volume_info()])) == [
        "gluster --mode=script peer detach node3"
    ]


BRICKS = tuple(BrickAddress(f"node{n}", "/b") for n in (1, 2, 3))


def test_a_volume_is_made_once_and_its_name_is_not_taken_away() -> None:
    step = CreateVolume("node1", "gv0", replica(3), BRICKS)
    assert commands(step.remaining([volume_info()])) == [
        "gluster --mode=script volume create gv0 replica 3 node1:/b node2:/b node3:/b"
    ]
    assert step.remaining([volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"]))]) is DONE
    with pytest.raises(PreconditionFailed, match="there is a volume gv0 already, on node1:/other"):
        step.remaining([volume_info(volume("gv0", ["node1:/other", "node2:/b", "node3:/b"]))])


def test_options_are_set_before_there_is_data_and_never_after() -> None:
    step = SetForGuests("node1", "gv0", (("features.shard", "off"),))
    group = ok("features.shard=on\nnetwork.ping-timeout=20\n")
    created = volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"], status=0))
    assert commands(step.remaining([created, group])) == [
        "gluster --mode=script volume set gv0 group virt",
        "gluster --mode=script volume set gv0 features.shard off",
    ]
    for status in (1, 2):
        used = volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"], status=status))
        assert step.remaining([used, group]) is DONE


def test_a_volume_without_copies_gets_the_options_that_it_can_have() -> None:
    step = SetForGuests("node1", "gv0", (("cluster.server-quorum-type", "none"),), copies=False)
    group = ok("features.shard=on\ncluster.shd-max-threads=8\ncluster.server-quorum-type=server\n")
    assert commands(step.remaining([volume_info(), group])) == [
        "gluster --mode=script volume set gv0 features.shard on cluster.server-quorum-type none"
    ]


def test_glusterd_is_enabled_where_there_is_systemd() -> None:
    step = RunGlusterd("node1")
    assert step.remaining([FAILED, FAILED, FAILED]) is DONE
    assert step.remaining([ok(), ok("enabled\n"), ok("active\n")]) is DONE
    assert commands(step.remaining([ok(), CommandResult(1, "disabled\n", ""), ok("active\n")])) == [
        "systemctl enable --now glusterd.service"
    ]


# --- Ganeti -----------------------------------------------------------------------------------------


def configuration(enabled: Sequence[str], volume_name: str = "gv0", users: int = 0) -> CommandResult:
    return ok(
        json.dumps(
            {
                "cluster": {
                    "enabled_disk_templates": list(enabled),
                    "ipolicy": {"disk-templates": list(enabled)},
                    "diskparams": {
                        "gluster": {
                            "host": "127.0.0.1",
                            "volume": volume_name,
                            "access": "userspace",
                            "port": 24007,
                        }
                    },
                    "gluster_storage_dir": "/var/run/ganeti/gluster",
                },
                "nodes": {"n1": {"name": "node1", "group": "g"}},
                "nodegroups": {"g": {"name": "default", "diskparams": {}}},
                "instances": {
                    str(n): {"name": f"web{n}", "primary_node": "n1", "disks": [f"d{n}"]}
                    for n in range(users)
                },
                "disks": {
                    f"d{n}": {"dev_type": "gluster", "params": {}, "logical_id": ["file", f"ganeti/{n}.0"]}
                    for n in range(users)
                },
            }
        )
    )


def test_ganeti_is_told_what_it_does_not_know() -> None:
    step = EnableTemplate("node1", "127.0.0.1", 24007, "gv0", "userspace")
    assert commands(step.remaining([configuration(["plain"], "other")])) == [
        "gnt-cluster modify --enabled-disk-templates=plain,gluster --ipolicy-disk-templates=plain,gluster "
        "--disk-parameters=gluster:host=127.0.0.1,port=24007,volume=gv0,access=userspace"
    ]
    assert step.remaining([configuration(["plain", "gluster"], users=2)]) is DONE
    with pytest.raises(
        PreconditionFailed, match="on volume other, of web0, web1: another volume would lose them"
    ):
        step.remaining([configuration(["gluster"], "other", users=2)])


def test_ganetis_directory_is_added_to_those_that_are_there() -> None:
    step = AllowDirectory("node1", "/var/run/ganeti/gluster")
    remaining = step.remaining([ok("/srv/ganeti/file-storage")])
    assert remaining is not None and remaining[0].text == "\n/var/run/ganeti/gluster\n"
    assert step.remaining([ok("/srv\n/var/run/ganeti/gluster/\n")]) is DONE
