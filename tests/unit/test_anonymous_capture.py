"""A capture without names shows the same faults, and has no name of the pool that it was recorded on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Set

import pytest

from ganeti_gluster_mon import anonymous_capture, snapshot
from ganeti_gluster_mon.anonymous_capture import without_names
from ganeti_gluster_mon.gluster import anonymize, capture, query
from ganeti_gluster_mon.gluster.anonymous_names import AnonymousNames
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Health, Limits
from tests import mutate
from tests.unit import all_captures, built_pool, varied
from tests.unit.test_kinds_of_faults import KINDS, NAMES

UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADDRESS = re.compile(rb"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def replayed(recorded: Capture, directory: Path) -> snapshot.Snapshot:
    """*recorded*, written to *directory* and replayed."""
    capture.write(recorded, str(directory))
    return snapshot.from_capture(str(directory), Limits())


def verdict(health: Health) -> Dict[str, Any]:
    """What may not change, spelled out here: codes, severities, statuses, and the percentages in the texts."""

    def problems(found: Any) -> List[Any]:
        return [
            (
                each.code,
                each.severity,
                each.implied,
                len(each.guests or ()),
                re.findall(r"[\d.]+ %", each.text),
            )
            for each in found
        ]

    return {
        "code": health.code,
        "problems": problems(health.problems),
        "volumes": [(each.status, each.code, problems(each.problems)) for each in health.volumes.values()],
    }


def numbers(pool: Any) -> List[Any]:
    """All space, counts and states of *pool*."""
    return [
        (
            volume.state, volume.type, volume.capacity, volume.inodes, volume.heal, volume.up,
            [(brick.online, brick.size, brick.free, brick.pid, brick.port) for brick in volume.bricks],
            [subvolume.quorum for subvolume in volume.subvolumes],
            [(limit.hard_limit, limit.used) for limit in volume.quota or ()],
        )
        for volume in pool.volumes or ()
    ]  # fmt: skip


def names_of(recorded: Capture) -> Set[bytes]:
    """The names in *recorded* that a reader of it could recognise the pool by."""
    pool = build_pool(recorded)
    names = set(varied.host_names(recorded))
    names |= {volume.name for volume in pool.volumes or ()}
    names |= {brick.path for volume in pool.volumes or () for brick in volume.bricks}
    names |= {brick.device for volume in pool.volumes or () for brick in volume.bricks if brick.device}
    names |= {mount.path for mount in recorded.mounts}
    found = {name.encode() for name in names}
    for answer in recorded.answers:
        found |= set(UUID.findall(answer.output)) | set(ADDRESS.findall(answer.output))
    return found - {b"00000000-0000-0000-0000-000000000000", b"127.0.0.1"}


def files_of(directory: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def holds(content: bytes, name: bytes) -> bool:
    """Whether *content* has *name* as a word of its own, tags left out."""
    content = re.sub(rb"<[/?\w][^<>]*>", b" ", content)
    return re.search(rb"(?<![\w.-])" + re.escape(name) + rb"(?![\w-]|\.\w)", content) is not None


@pytest.mark.corpus
@pytest.mark.parametrize("name", all_captures.NAMES)
def test_each_capture_shows_the_same_without_its_names(name: str, tmp_path: Path) -> None:
    recorded = all_captures.read(name)
    before = snapshot.from_capture(str(all_captures.CAPTURES / name), Limits())
    after = replayed(without_names(recorded), tmp_path / "new")
    assert verdict(after.health) == verdict(before.health)
    assert numbers(after.pool) == numbers(before.pool)
    assert after.now == before.now
    own_words = {b"stopped"}  # a volume has this name, and it is the state of another
    for file, content in files_of(tmp_path / "new").items():
        left = [
            each for each in names_of(recorded) - own_words if each.decode() in file or holds(content, each)
        ]
        assert left == [], file


@pytest.mark.parametrize("name", all_captures.NAMES[:4])
def test_the_same_capture_gives_the_same_files(name: str, tmp_path: Path) -> None:
    for directory in ("one", "two"):
        capture.write(without_names(all_captures.read(name)), str(tmp_path / directory))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.parametrize("name", all_captures.NAMES[:4])
def test_a_capture_without_names_has_none_to_lose(name: str) -> None:
    once = without_names(all_captures.read(name))
    assert anonymous_capture.verdict(without_names(once)) == anonymous_capture.verdict(once)


@pytest.mark.corpus
@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
def test_each_kind_of_fault_whatever_the_hosts_are_called(names: List[str]) -> None:
    for kind in KINDS.values():
        pool = kind.make(names)
        kind.change(pool)
        recorded = pool.capture()
        assert anonymous_capture.verdict(without_names(recorded)) == anonymous_capture.verdict(recorded)


VOLUMES = [
    "status",
    "brick",
    "volume",
    "name",
    "5",
    "on",
    "quota",
    "Started",
    "gluster",
    "v1",
    "text1",
    "not",
    "_-",
]
HOSTS = [
    "a",
    "-",
    "3",
    "node1",
    "localhost.corp",
    "node.*+",
    "x&y",
    "N<1>",
    "status",
    "zwei Worte",
    "näme",
    "Daemon",
]


@pytest.mark.corpus
@pytest.mark.parametrize("volume", VOLUMES)
@pytest.mark.parametrize("host", HOSTS)
def test_hostile_names(volume: str, host: str, tmp_path: Path) -> None:
    pool = built_pool.pool(built_pool.replicated([host, *built_pool.hosts(2)], volume))
    bricks = pool.volumes[0].bricks
    bricks[0].online, bricks[0].heal = False, "Transport endpoint is not connected"
    bricks[1].path = "/srv/my (old) data/$&+*"
    recorded = pool.capture()
    changed = without_names(recorded)
    after = replayed(changed, tmp_path / "new")
    (found,) = after.pool.volumes or ()
    assert [(each.code, each.volume) for each in after.health.problems] == [("BRICK_OFFLINE", found.name)]
    assert volume != found.name
    assert host not in {found.bricks[0].host, *(each.hostname for each in after.pool.peers or ())}
    content = b"".join(files_of(tmp_path / "new").values())
    assert b"my (old)" not in content
    if len(host) > 4 and host not in ("status", "Daemon"):  # these are words of Gluster, too
        assert not holds(content, host.encode())


@pytest.mark.parametrize("name", ["kvm\xff", "kvm\x01", "kvm&", "kvm<"])
def test_an_answer_that_is_no_xml_by_a_name_stays_none(name: str) -> None:
    recorded = built_pool.pool(built_pool.replicated(built_pool.hosts(3))).capture()
    broken = tuple(
        replace(answer, output=answer.output.replace(b"node1.n.example", name.encode("latin-1")))
        for answer in recorded.answers
    )
    recorded = replace(recorded, answers=broken)
    changed = without_names(recorded)
    assert anonymous_capture.verdict(changed) == anonymous_capture.verdict(recorded)
    assert all(b"kvm" not in answer.output for answer in changed.answers)
    assert build_pool(changed).volumes is None


def test_values_of_options_are_hidden_and_what_they_decide_is_not() -> None:
    pool = built_pool.pool(built_pool.replicated(built_pool.hosts(3)))
    secrets = {
        "auth.login.bob.password": "hunter",
        "auth.allow": "10.9.8.*,10.9.8.7",
        "ssl.certificate-depth": "3",
        "user.comment": "the box of Bob",
        "server.ssl": "on",
        "storage.reserve": "5",
        "cluster.self-heal-daemon": "off",
    }
    pool.volumes[0].options.update(secrets)
    changed = without_names(pool.capture())
    info = changed.answer(query.VOLUME_INFO)
    assert info is not None
    assert re.search(rb"hunter|10\.9|[Bb]ob", info.output) is None
    assert all(f"<name>{name}</name>".encode() in info.output for name in ("auth.allow", "server.ssl"))
    options = dict(build_pool(changed).volumes[0].options)  # type: ignore[index]
    assert options["storage.reserve"] == "5"
    assert options["cluster.self-heal-daemon"] == "off"


def test_instances_are_replaced_and_counted(tmp_path: Path) -> None:
    pool = built_pool.pool(built_pool.replicated(built_pool.hosts(3), sets=2))
    brick = pool.volumes[0].bricks[0]
    brick.online, brick.heal = False, "Transport endpoint is not connected"
    disks = (
        DiskFile("web1.corp", "disk/0", "gv0", "web1.corp/0", copies={"node1:" + brick.path: 7}),
        DiskFile("db", "disk/0", "gv0", "db/0", bricks=("node2.n.example:/export/b1/gv0",)),
    )
    recorded = replace(pool.capture(), disks=disks, disks_unknown=None)
    after = replayed(without_names(recorded), tmp_path / "new")
    assert [each.guests for each in after.health.problems] == [("instance1",)]
    content = b"".join(files_of(tmp_path / "new").values())
    assert not any(holds(content, name) for name in (b"web1.corp", b"db", b"node1", b"node2.n.example"))


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["healthy/node1", "recorded/peer-cut", "reports/quota-na"])
def test_answers_that_are_cut_short_or_damaged(name: str) -> None:
    recorded = all_captures.read(name)
    for place, answer in enumerate(recorded.answers):
        if not answer.output:
            continue
        kinds: List[Callable[[bytes], Iterator[mutate.Mutant]]] = [mutate.truncated, mutate.damaged]
        if answer.query != query.GET_STATE:
            kinds += [mutate.dropped, mutate.doubled]
        for kind in kinds:
            for mutant in mutate.sample(
                list(kind(answer.output)), 2 if len(recorded.answers) > 12 else 6, seed=place
            ):
                answers = list(recorded.answers)
                answers[place] = replace(answer, output=mutant.output)
                damaged = replace(recorded, answers=tuple(answers))
                changed = without_names(damaged)
                assert anonymous_capture.verdict(changed) == anonymous_capture.verdict(damaged), mutant.what


def test_a_capture_in_which_a_name_is_left_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = built_pool.pool(built_pool.replicated(built_pool.hosts(3))).capture()
    monkeypatch.setattr(AnonymousNames, "device", lambda self, text: text)
    monkeypatch.setattr(AnonymousNames, "volume", lambda self, text: self._new("volume", text) and text)
    with pytest.raises(
        CaptureError, match=r"cannot be anonymized: 'gv0' would be left in it; nothing was written"
    ):
        without_names(recorded)


def test_a_capture_that_shows_other_faults_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = built_pool.pool(built_pool.replicated(built_pool.hosts(3))).capture()
    whole = anonymize.anonymous

    def without_an_answer(recorded: Capture) -> Any:
        changed, names = whole(recorded)
        return replace(changed, answers=changed.answers[:-1]), names

    monkeypatch.setattr(anonymize, "anonymous", without_an_answer)
    with pytest.raises(
        CaptureError, match="cannot be anonymized: it would show other faults; nothing was written"
    ):
        without_names(recorded)


def test_a_query_that_is_not_known_is_refused() -> None:
    with pytest.raises(CaptureError, match="cannot be anonymized: not a query of a capture: volume top gv0"):
        without_names(Capture(recorded_at=7, answers=(Answer(("volume", "top", "gv0"), b""),)))


def test_the_verdict_has_the_numbers_and_no_names() -> None:
    pool = built_pool.pool(built_pool.replicated(built_pool.hosts(3)))
    first = anonymous_capture.verdict(pool.capture())
    assert "n.example" not in repr(first)
    pool.volumes[0].bricks[0].free = 5
    assert anonymous_capture.verdict(pool.capture()) != first
