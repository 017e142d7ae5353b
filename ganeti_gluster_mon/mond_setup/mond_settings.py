"""The settings in /etc/default with the daemon in front of mond, and without it.  Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.mond_setup import shell_defaults

#: Ganeti's settings, and ours
GANETI = "/etc/default/ganeti"
OURS = "/etc/default/ganeti-gluster-mon"
MOND_ARGS, ARGS = "MOND_ARGS", "ARGS"

#: the port of mond by default
MOND_PORT = 1815
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Mond:
    """Where mond listens, and its other arguments."""

    #: None: on every address
    address: Optional[str]
    port: int
    other: Tuple[str, ...] = ()

    @property
    def listen(self) -> str:
        """As ``serve --listen`` has it."""
        address = self.address or ""
        return f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"

    @property
    def words(self) -> Tuple[str, ...]:
        """As MOND_ARGS has it."""
        bind = () if self.address is None else ("-b", self.address)
        port = () if self.port == MOND_PORT else ("-p", str(self.port))
        return (*port, *bind, *self.other)

    def url(self) -> str:
        """The URL for clients on this node."""
        address = self.address or LOOPBACK
        return f"http://[{address}]:{self.port}" if ":" in address else f"http://{address}:{self.port}"


@dataclass(frozen=True)
class Files:
    """The text of both files."""

    ganeti: str
    ours: str


@dataclass(frozen=True)
class MondSetup:
    """The setup that both files have now."""

    #: None where we are not in front
    mond_behind: Optional[Mond]
    #: where clients connect: to mond, or to us in its place
    client_endpoint: Mond


def parse_mond_args(words: Sequence[str]) -> Mond:
    """MOND_ARGS as mond parses it.  Raises CommandError."""
    address: Optional[str] = None
    port = MOND_PORT
    other: List[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        flag, value = _option(word)
        if flag is None:
            other.append(word)
            continue
        if value is None:
            if not rest:
                raise CommandError(
                    f"{GANETI}: {MOND_ARGS}: {word} has no value: mond would not start with it"
                )
            value = rest.pop(0)
        if flag == "-b":
            address = value
        elif value.isascii() and value.isdecimal() and 0 < int(value) < 65536:
            port = int(value)
        else:
            raise CommandError(f"{GANETI}: {MOND_ARGS}: {value!r} is no port")
    return Mond(address, port, tuple(other))


def _option(word: str) -> Tuple[Optional[str], Optional[str]]:
    """``-b`` or ``-p`` for a word that is one of them, and its value where that is in the same word."""
    for short, long in (("-b", "--bind"), ("-p", "--port")):
        if word in (short, long):
            return short, None
        if word.startswith(f"{long}="):
            return short, word[len(long) + 1 :]
        if word.startswith(short) and not word.startswith("--"):
            return short, word[len(short) :]
    return None, None


def mond(files: Files) -> Mond:
    """Where mond itself listens.  Raises CommandError."""
    return parse_mond_args(shell_defaults.read(files.ganeti, MOND_ARGS, GANETI).words)


def current_setup(files: Files) -> MondSetup:
    """The setup that the files describe.  Raises CommandError where they contradict each other or cannot be parsed."""
    mond_args = shell_defaults.read(files.ganeti, MOND_ARGS, GANETI)
    args = shell_defaults.read(files.ours, ARGS, OURS)
    listens = parse_mond_args(mond_args.words)
    in_front = "--front" in args.words
    if not mond_args.ours and not in_front:
        return MondSetup(None, listens)
    if not mond_args.ours or not in_front:
        file = GANETI if mond_args.ours else OURS
        raise CommandError(
            f"only {file} has us in front of mond: ganeti-gluster-mon front disable, then enable again"
        )
    return MondSetup(listens, parse_mond_args(mond_args.before))


def enabled(files: Files, behind: int) -> Files:
    """*files* with us where mond is, and mond on the loopback port *behind*.  Raises CommandError."""
    front = current_setup(files)
    args = shell_defaults.read(files.ours, ARGS, OURS)
    if front.mond_behind is None and "--front" in args.words:
        raise CommandError(f"{OURS}: {ARGS} has --front already: take it out, and enable again")
    if behind == front.client_endpoint.port:
        raise CommandError(
            f"port {behind} is the port for clients: name another one for mond with --mond-port"
        )
    moved = Mond(LOOPBACK, behind, mond(files).other)
    ours = (*_without(args.words), "--listen", front.client_endpoint.listen, "--front", moved.url())
    return Files(
        shell_defaults.changed(files.ganeti, MOND_ARGS, GANETI, moved.words),
        shell_defaults.changed(files.ours, ARGS, OURS, ours),
    )


def disabled(files: Files) -> Files:
    """*files* as they were before; later changes of other arguments stay."""
    mond_args = shell_defaults.read(files.ganeti, MOND_ARGS, GANETI)
    args = shell_defaults.read(files.ours, ARGS, OURS)
    old = parse_mond_args(mond_args.before)
    other = parse_mond_args(mond_args.words).other
    listen = _value(args.before, "--listen")
    ours = (*_without(args.words), *(() if listen is None else ("--listen", listen)))
    return Files(
        shell_defaults.restored(
            files.ganeti,
            MOND_ARGS,
            GANETI,
            None if other == old.other else Mond(old.address, old.port, other).words,
        ),
        shell_defaults.restored(
            files.ours, ARGS, OURS, None if _without(args.words) == _without(args.before) else ours
        ),
    )


def _without(words: Sequence[str]) -> Tuple[str, ...]:
    """*words* but for --listen and --front."""
    left: List[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("--listen", "--front"):
            del rest[:1]
        elif not word.startswith(("--listen=", "--front=")):
            left.append(word)
    return tuple(left)


def _value(words: Sequence[str], flag: str) -> Optional[str]:
    for number, word in enumerate(words):
        if word == flag and number + 1 < len(words):
            return words[number + 1]
        if word.startswith(f"{flag}="):
            return word[len(flag) + 1 :]
    return None
