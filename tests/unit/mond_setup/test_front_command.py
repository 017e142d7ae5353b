"""`front enable` and `front disable`: what they make of the files in /etc/default, and of what mond's clients get."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from typing import Dict, Iterator, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.cli import main
from ganeti_gluster_mon.failure import CannotDo
from ganeti_gluster_mon.mond_setup import change, mond_client, mond_settings, restart, shell_defaults
from ganeti_gluster_mon.mond_setup.mond_settings import Files, Mond

GANETI = """\
# Default arguments for Ganeti daemons
NODED_ARGS=""
MOND_ARGS=""
KVMD_ARGS=""
"""
OURS = """\
# a comment
ARGS="--listen @ganeti:1816"
"""


def words(text: str, name: str) -> Tuple[str, ...]:
    return shell_defaults.read(text, name, "/file").words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('A=""', ()),
        ("A=", ()),
        ("A=''", ()),
        ("A=-d", ("-d",)),
        ('A="-p 1  -b ::1"', ("-p", "1", "-b", "::1")),
        ("  export A='-p 1' # why", ("-p", "1")),
        ('A="-p 1"\nA="-p 2"', ("-p", "2")),
        ('#A="-p 1"', ()),
        ('BA="-p 1"', ()),
        ("", ()),
    ],
)
def test_reading(line: str, expected: Tuple[str, ...]) -> None:
    assert words(f"{line}\n", "A") == expected


@pytest.mark.parametrize("line", ['A="-p', 'A="$B"', "A=`date`", "A=-p 1", 'A="a\\"b"'])
def test_what_only_a_shell_understands_is_named_with_its_place(line: str) -> None:
    for does in (
        lambda: shell_defaults.read(f"B=1\n{line}\n", "A", "/etc/default/x"),
        lambda: shell_defaults.changed(f"B=1\n{line}\n", "A", "/etc/default/x", ["-d"]),
    ):
        with pytest.raises(CannotDo, match=r"^/etc/default/x, line 2: A has .*: "):
            does()


@pytest.mark.parametrize("word", ['"', "$(id)", "a b", "`", "a;b", "a\nb", ""])
def test_nothing_is_written_that_a_shell_could_take_for_more(word: str) -> None:
    with pytest.raises(CannotDo):
        shell_defaults.changed(GANETI, "MOND_ARGS", "/f", [word])


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(['A=""', "A=-d", 'export A="-p 1"', "# A=1", "", "B=2", "A='x'"]),
        st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12).filter(
            lambda line: "A=" not in line
        ),
    ),
    max_size=8,
).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(TEXTS)
def test_there_and_back_again_to_the_letter(text: str) -> None:
    once = shell_defaults.changed(text, "A", "/f", ["-p", "2"])
    assert words(once, "A") == ("-p", "2")
    twice = shell_defaults.changed(once, "A", "/f", ["-p", "3"])
    assert words(twice, "A") == ("-p", "3")
    assert shell_defaults.restored(once, "A", "/f") == shell_defaults.restored(twice, "A", "/f") == text
    assert shell_defaults.restored(text, "A", "/f") == text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", Mond(None, 1815)),
        ("-p 99", Mond(None, 99)),
        ("-p99 -d", Mond(None, 99, ("-d",))),
        ("--port=99 --bind=::1", Mond("::1", 99)),
        ("--no-user-checks -b 10.0.0.1 --port 7", Mond("10.0.0.1", 7, ("--no-user-checks",))),
    ],
)
def test_where_mond_listens(given: str, expected: Mond) -> None:
    assert mond_settings.parse_mond_args(given.split()) == expected
    assert mond_settings.parse_mond_args(expected.words) == expected


@pytest.mark.parametrize("given", ["-p", "-p x", "-p 0", "--port=65536", "-d -b"])
def test_what_mond_would_not_start_with(given: str) -> None:
    with pytest.raises(CannotDo, match=r"^/etc/default/ganeti: MOND_ARGS: "):
        mond_settings.parse_mond_args(given.split())


@pytest.mark.parametrize(
    ("mond_args", "args", "new_mond", "new_ours"),
    [
        ("", "", "-p 1817 -b 127.0.0.1", "--listen :1815 --front http://127.0.0.1:1817"),
        (
            "-d -b 10.0.0.1",
            "--listen @ganeti:1816 --interval 60",
            "-p 1817 -b 127.0.0.1 -d",
            "--interval 60 --listen 10.0.0.1:1815 --front http://127.0.0.1:1817",
        ),
        (
            "-b ::1 -p 99",
            "--listen=:1816",
            "-p 1817 -b 127.0.0.1",
            "--listen [::1]:99 --front http://127.0.0.1:1817",
        ),
    ],
)
def test_enabling(mond_args: str, args: str, new_mond: str, new_ours: str) -> None:
    before = Files(f'MOND_ARGS="{mond_args}"\n', f'ARGS="{args}"\n')
    after = mond_settings.enabled(before, 1817)
    assert words(after.ganeti, "MOND_ARGS") == tuple(new_mond.split())
    assert words(after.ours, "ARGS") == tuple(new_ours.split())
    assert mond_settings.enabled(after, 1817) == after, "the second time changes nothing"
    assert mond_settings.current_setup(after) == mond_settings.MondSetup(
        Mond("127.0.0.1", 1817, mond_settings.mond(before).other), mond_settings.mond(before)
    )
    assert mond_settings.disabled(after) == before
    assert mond_settings.disabled(before) == before


def test_enabled_again_with_another_port() -> None:
    before = Files(GANETI, OURS)
    after = mond_settings.enabled(mond_settings.enabled(before, 1817), 1900)
    assert mond_settings.mond(after).port == 1900
    assert "--front http://127.0.0.1:1900" in after.ours
    assert mond_settings.disabled(after) == before


def test_what_was_changed_meanwhile_stays() -> None:
    after = mond_settings.enabled(Files(GANETI, OURS), 1817)
    later = Files(
        after.ganeti.replace("-b 127.0.0.1", "-b 127.0.0.1 -d").replace('KVMD_ARGS=""', 'KVMD_ARGS="-d"'),
        after.ours.replace("--listen :1815", "--listen :1815 --interval 9"),
    )
    undone = mond_settings.disabled(later)
    assert undone.ganeti == GANETI.replace('MOND_ARGS=""', 'MOND_ARGS="-d"').replace(
        'KVMD_ARGS=""', 'KVMD_ARGS="-d"'
    )
    assert words(undone.ours, "ARGS") == ("--interval", "9", "--listen", "@ganeti:1816")
    assert "before" not in undone.ganeti + undone.ours


def test_half_of_it_is_said_and_can_be_undone() -> None:
    before = Files(GANETI, OURS)
    after = mond_settings.enabled(before, 1817)
    for files in (Files(after.ganeti, OURS), Files(GANETI, after.ours)):
        with pytest.raises(CannotDo, match=r"front disable"):
            mond_settings.current_setup(files)
        assert mond_settings.disabled(files) == before


def test_what_cannot_be() -> None:
    with pytest.raises(CannotDo, match="--mond-port"):
        mond_settings.enabled(Files(GANETI, OURS), 1815)
    with pytest.raises(CannotDo, match="front"):
        mond_settings.enabled(Files(GANETI, 'ARGS="--front http://127.0.0.1:1"\n'), 1817)


@contextmanager
def mond(answers: Dict[str, Tuple[int, bytes]]) -> Iterator[str]:
    """A server on loopback that has *answers*; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b"Resource not found"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(*collectors: Tuple[str, str, int], **more: Tuple[int, bytes]) -> Dict[str, Tuple[int, bytes]]:
    return {
        "/": (200, b"[1]"),
        "/1/list/collectors": (200, json.dumps(collectors).encode()),
        **{f"/1/report/{category}/{name}": more.get(name, (200, b"{}")) for name, category, _ in collectors},
    }


LV, DRBD, GLUSTER = ("lv", "storage", 0), ("drbd", "storage", 1), ("gluster", "storage", 1)


def test_what_clients_lose() -> None:
    with mond(told(LV, DRBD, drbd=(500, b""))) as before, mond(told(GLUSTER, LV, lv=(502, b""))) as after:
        had, have = mond_client.query_mond(before), mond_client.query_mond(after)
    assert had.missing(had) == ()
    assert have.missing(had) == (
        "collector drbd (storage, kind 1) is not listed",
        "report storage/lv answers 502",
    )
    # What failed before may go on failing, and more is welcome.
    with mond(told(LV, DRBD, GLUSTER, drbd=(500, b""))) as more:
        assert mond_client.query_mond(more).missing(had) == ()


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/": (200, b"[1]")},
        {"/": (200, b"[1]"), "/1/list/collectors": (200, b'[["x"]]')},
        {"/": (200, b"nonsense")},
        {"/": (500, b"[1]")},
    ],
)
def test_who_is_not_mond(answers: Dict[str, Tuple[int, bytes]]) -> None:
    with mond(answers) as url, pytest.raises(mond_client.MondUnavailable, match="^" + url):
        mond_client.query_mond(url)


def test_nobody_there() -> None:
    with mond({}) as url:
        pass
    with pytest.raises(mond_client.MondUnavailable, match=r"nothing answers at .*refused"):
        mond_client.query_mond(url)


def test_files_keep_their_mode_and_a_symlink_stays_one(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path_factory.mktemp("default")
    real, link = directory / "real", directory / "ganeti"
    real.write_text(GANETI)
    real.chmod(0o640)
    link.symlink_to(real)
    change._write(str(link), "new\n")
    assert (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink()) == ("new\n", 0o640, True)
    change._write(str(directory / "fresh"), "x\n")
    assert (directory / "fresh").stat().st_mode & 0o777 == 0o644
    monkeypatch.setattr("os.replace", _fails)
    with pytest.raises(CannotDo, match=r"cannot write .*: No space left"):
        change._write(str(real), "half")
    assert real.read_text() == "new\n"
    assert sorted(path.name for path in directory.iterdir()) == ["fresh", "ganeti", "real"]


def _fails(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_dry_run_changes_nothing_and_says_all(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = tmp_path_factory.mktemp("default")
    for name, text in (("GANETI", GANETI), ("OURS", OURS)):
        (directory / name).write_text(text)
        monkeypatch.setattr(change, name, str(directory / name))
    monkeypatch.setattr(restart, "run", _fails)
    assert main(["front", "enable", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert '+MOND_ARGS="-p 1817 -b 127.0.0.1"' in said
    assert '+ARGS="--listen :1815 --front http://127.0.0.1:1817"' in said
    assert "daemon-util stop ganeti-mond" in said
    assert (directory / "GANETI").read_text() == GANETI
    assert main(["front", "disable", "--dry-run"]) == 0
    assert capsys.readouterr().out == "nothing to do\n"


def test_a_command_that_fails_is_told_in_its_own_words() -> None:
    with pytest.raises(CannotDo, match=r"^sh -c .* failed with exit status 3: no more$"):
        restart.run(["sh", "-c", "echo no more >&2; exit 3"])
    with pytest.raises(CannotDo, match="cannot run /nowhere/x: No such file"):
        restart.run(["/nowhere/x"])
