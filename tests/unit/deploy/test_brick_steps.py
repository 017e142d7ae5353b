"""Steps, from answers to what is left to do: what is there is never lost, what is done is not done again."""

from __future__ import annotations

import json
from typing import List, Optional, Sequence

import pytest

from ganeti_gluster_mon.deploy.brick_steps import MakeFilesystem, MountFilesystem
from ganeti_gluster_mon.deploy.fstab import OPTIONS
from ganeti_gluster_mon.deploy.kept_on_device import KEPT
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import (
    BLANK_LSBLK,
    BLANK_WIPEFS,
    EXT4_WIPEFS,
    FAILED,
    NO_DEVICE,
    child,
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
NOTHING_KEPT = ok('{"files": [], "unmounted": []}')
BLANK = ok('{"size": 1073741824, "sampled": 6291456, "nonzero": null}')
NOTHING = (ABSENT, FAILED, FAILED, FAILED)


def make(
    *answers: CommandResult,
    wipe: bool = False,
    on_disk: CommandResult = FAILED,
    directory: Sequence[CommandResult] = NOTHING,
    info: Optional[CommandResult] = None,
    sample: CommandResult = BLANK,
    kept: CommandResult = NOTHING_KEPT,
    discard_kept: bool = False,
) -> Remaining:
    """*on_disk*: what xfs_db lists in the brick's directory; *directory*: answers for the mounted one."""
    inprogress = answers[2] if len(answers) > 2 else FAILED
    step = MakeFilesystem(
        NODE,
        "/dev/vdb",
        UUID,
        "/export/brick1",
        "gluster",
        "node1.example.org",
        wipe,
        discard_kept=discard_kept,
    )
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
            kept,
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


def test_ours_is_there_already() -> None:
    xfs = wipefs("xfs", uuid=UUID)
    assert make(lsblk(), xfs, FINISHED) is DONE
    assert make(lsblk(), xfs, FINISHED, wipe=True) is DONE
    assert make(lsblk(mountpoints=["/export/brick1"]), xfs, FINISHED, wipe=True) is DONE


def test_ours_that_was_cut_short_is_made_again() -> None:
    assert commands(make(lsblk(), wipefs("xfs", uuid=UUID), ok("inprogress = 1\n"))) == [
        f"mkfs.xfs -q -i size=512 -m uuid={UUID} -f /dev/vdb"
    ]


def test_ours_that_cannot_be_read_is_not_made_again() -> None:
    """Its brick's filesystem is not mounted, and xfs_db takes too long, or fails."""
    for failed in (CommandResult(124, "", "xfs_db: no answer within 20 s"), FAILED, ok("?")):
        for wipe in (False, True):
            with pytest.raises(PreconditionFailed, match=r"not known whether that is whole.*wipefs --all"):
                make(lsblk(), wipefs("xfs", uuid=UUID), failed, wipe=wipe)


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


def test_copies_that_were_kept_on_the_disk_are_not_wiped_unless_it_is_named() -> None:
    file = f"/export/brick1/{KEPT}/gv0/ganeti/0a5c8b52.0.1795483447"
    kept = ok(json.dumps({"files": [file], "unmounted": []}))
    unmounted = ok('{"files": [], "unmounted": ["/dev/vdb"]}')
    cases = (
        (MOUNTED, XFS, kept, FAILED),
        (lsblk(), XFS, unmounted, ok(XFS_DB_LS)),
        # the disk of another cluster
        (lsblk(), wipefs("xfs", uuid=UUID[:-1] + "b"), unmounted, FAILED),
        (lsblk(), ok(EXT4_WIPEFS), CommandResult(1, "", "EIO"), FAILED),
    )
    for listed, wiped, found, on_disk in cases:

        def made(discard_kept: bool) -> Remaining:
            return make(
                *(listed, wiped, FINISHED),  # noqa: B023
                wipe=True,
                directory=STALE,
                on_disk=on_disk,  # noqa: B023
                kept=found,  # noqa: B023
                discard_kept=discard_kept,
            )

        with pytest.raises(PreconditionFailed, match=f"--discard-kept {NODE}:/dev/vdb"):
            made(False)
        assert any("mkfs.xfs" in line for line in commands(made(True)))
    # nothing is made anew, so nothing is lost
    assert make(MOUNTED, XFS, FINISHED, kept=kept) is DONE
    assert commands(make(ok(BLANK_LSBLK), ok(BLANK_WIPEFS), kept=FAILED)) == [MKFS]


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
def test_what_is_in_use_is_not_wiped_whatever_the_arguments(listed: CommandResult, words: str) -> None:
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


# --- pool and volume --------------------------------------------------------------------------------


# --- Ganeti -----------------------------------------------------------------------------------------


def test_a_new_disk_may_hide_what_a_brick_wrote_below_its_mount_point() -> None:
    """The step before renames that, and keeps it."""
    step = MountFilesystem(NODE, "/dev/vdb", UUID, "/export/brick1", same_slot=True)

    def remaining(entry: str) -> Remaining:
        return step.remaining([FAILED, ok("  7:39\n"), ok(), ok(f"/export/brick1/{entry}\n"), FAILED])

    for entry in ("gluster", "gluster.not-mounted", "gluster.not-mounted.~1~"):
        assert commands(remaining(entry))[-1] == "mount /export/brick1"
    for entry in ("glusterfs", "file"):
        with pytest.raises(PreconditionFailed, match="is not empty"):
            remaining(entry)
