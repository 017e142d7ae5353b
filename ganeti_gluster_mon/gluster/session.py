"""The ``gluster`` command: one process, which gets query after query on its standard input.

Starting ``gluster`` costs many times what a query costs, so a process is started once
and talked to.  Its output does not show where one answer ends and the next begins: an answer
may be one XML document, plain text, or nothing, and some stay in its buffer until something else
is printed.  So each query is followed by a second one whose answer is known and cheap, takes
no lock, and pushes out whatever is left: the *sentinel*.  All before it belongs to the query.

Not on a terminal, ``gluster`` ends after a query whose answer is a failure of certain
kinds (quota that is not enabled, a heal query about a volume that cannot heal).  What is
left is run in a new process.

The next query is sent when the one before it is answered.  That costs next to nothing, no
pipe is ever full of queries, and should we be killed with SIGKILL, ``gluster`` finds the end of
its input after the one it is at and ends (a heal query about a brick that hangs takes 10 s);
had it been sent all of them, it would go on to run them in vain.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import selectors
import signal
import threading
import time
from typing import Iterable, Optional, Tuple

from ganeti_gluster_mon.gluster import probe
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.child import Child, read
from ganeti_gluster_mon.gluster.query import VOLUME_NAME, Query

#: where glusterd listens for the gluster command
GLUSTERD_SOCKET = "/var/run/glusterd.socket"

#: bytes of answers of one session, by default
MAX_OUTPUT = 64 * 1024 * 1024

_SENTINEL = b"system:: uuid get\n"
#: In an answer's text a "<" is written "&lt;", so only the sentinel's own answer can hold this.
_SENTINEL_MARK = b"<uuidGenerate>"
_GREETING = b"Welcome to gluster prompt"
_NO_CONNECTION = b"Connection failed"
#: gluster reads lines with fgets into 1024 bytes, and takes what is longer for two lines
_LONGEST_LINE = 1022
_MAX_ERRORS = 64 * 1024
_AT_ONCE = 64 * 1024
_UNSPEAKABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class GlusterUnavailable(Exception):
    """Gluster cannot be queried on this node; the message is one line with what to do."""

    #: one word for metrics
    kind = "cannot-query"


class GivenUp(Exception):
    """The queries of a session were given up."""


class NotRoot(GlusterUnavailable):
    """glusterd talks to root only."""

    kind = "not-root"


class NoGluster(GlusterUnavailable):
    """There is no ``gluster`` command."""

    kind = "no-gluster"


class GlusterdDown(GlusterUnavailable):
    """No process listens on glusterd's socket."""

    kind = "glusterd-down"


class GlusterdHangs(GlusterUnavailable):
    """glusterd is there and does not answer."""

    kind = "glusterd-hangs"


def check_glusterd(
    socket_path: str = GLUSTERD_SOCKET, timeout: float = 1.0, already_silent: float = 0.0
) -> None:
    """Return if glusterd answers on this node; raise the GlusterUnavailable that fits if not.

    To be called before a session: without glusterd, ``gluster`` itself prints nothing at
    all for up to two minutes.  Takes less than a millisecond, and *timeout* seconds at worst.
    The seconds that it has not answered before, *already_silent*, count as part of the timeout.
    """
    if os.geteuid() != 0:
        raise NotRoot("glusterd answers root only: run this as root")
    reply = probe.probe_socket(socket_path, max(0.1, timeout - already_silent))
    if reply is probe.Reply.ANSWERS:
        return
    if reply is probe.Reply.SILENT:
        raise GlusterdHangs(
            f"glusterd does not answer within {timeout:g} s on {socket_path}: it hangs; "
            "see /var/log/glusterfs/glusterd.log, then systemctl restart glusterd"
        )
    if reply in (probe.Reply.UNREACHABLE, probe.Reply.REFUSED):
        raise GlusterdDown("glusterd does not run on this node: systemctl start glusterd")
    raise GlusterUnavailable(f"the process that listens on {socket_path} {reply.value}: is it glusterd?")


def why_invalid(query: Query) -> Optional[str]:
    """Why *query* must not be sent to gluster, which splits lines into words at spaces; None if it may.

    Names come from Gluster's own answers and from users; no name may become a second
    query, an option, or another word than it was.
    """
    if not query:
        return "invalid query: no words"
    for word in query:
        if not word or word.startswith("-") or _UNSPEAKABLE.search(word):
            return f"invalid query: {word!r} is no word to gluster"
    if query[0] == "volume" and len(query) > 2 and not VOLUME_NAME.match(query[2]):
        return f"invalid query: {query[2]!r} is not the name of a volume"
    if len(_line(query)) > _LONGEST_LINE + 1:
        return f"invalid query: longer than the {_LONGEST_LINE} bytes that gluster reads at once"
    return None


class GlusterSession:
    """Queries to one ``gluster`` process.

    A context manager: leaving it, by whatever exception, kills and reaps the process and all
    it started.  One thread runs queries at a time; another may leave the context meanwhile, and
    then what is not answered is given up at once.
    """

    def __init__(self, gluster: str = "gluster", max_output: int = MAX_OUTPUT) -> None:
        """Start the process at once, so that it warms up while other things are done.

        *max_output* is in bytes, for all answers together.  Raises NoGluster, or GlusterUnavailable
        when the process cannot be started.
        """
        self._in_use = threading.Lock()
        self._deadline = 0.0
        self._too_late = ""
        self._max_output = max_output
        self._bytes_left = max_output
        self._gluster = gluster
        #: why nothing more will be answered, once that is so
        self._over: Optional[str] = None
        self._given_up = False
        self._process: Optional[_Process] = _Process(gluster)

    def __enter__(self) -> GlusterSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill("the session was closed")
        with self._in_use:  # another thread may be at it; it hears the end of the process
            self._end()

    def give_up(self) -> None:
        """Have `run_queries` raise GivenUp, at once if it waits for an answer.  From any thread."""
        self._given_up = True
        self._kill("the queries were given up")

    def _kill(self, why: str) -> None:
        self._over = self._over or why
        process = self._process
        if process is not None:
            process.kill()

    def run_queries(
        self, queries: Iterable[Query], deadline: float, last_begin: float = float("inf")
    ) -> Tuple[Answer, ...]:
        """One Answer for each of *queries* that begins before *last_begin*, in their order, whatever happens.

        Blocks until all are answered, *deadline* (of time.monotonic()) has come or too much
        output.  An answer that is not whole has the reason in ``failure`` and keeps what came of it.
        Raises GivenUp.
        """
        with self._in_use:
            self._deadline = deadline
            self._too_late = f"no answer within {round(max(0.0, deadline - time.monotonic()), 1):g} s"
            in_time = itertools.takewhile(lambda _: time.monotonic() < last_begin, queries)
            answers = tuple(self._answer(query) for query in in_time)
        self.check_given_up()
        return answers

    def check_given_up(self) -> None:
        """Raise GivenUp after `give_up`."""
        if self._given_up:
            raise GivenUp

    def _answer(self, query: Query) -> Answer:
        refusal = why_invalid(query) or self._over
        if refusal is None and time.monotonic() >= self._deadline:
            refusal = self._too_late
        if self._process is not None and self._process.gone_since_answer():
            self._end()
        if refusal is None and self._process is None:
            try:
                self._process = _Process(self._gluster)
            except GlusterUnavailable as error:
                self._over = str(error)
            refusal = self._over  # it may have been set while the process was started
        if refusal is not None or self._process is None:
            return Answer(query, b"", failure=refusal)
        return self._run_query(self._process, query)

    def _run_query(self, process: _Process, query: Query) -> Answer:
        """Run *query* in *process*; it is gone afterwards if it ended, or had to be."""
        process.send(_line(query) + _SENTINEL)
        while True:
            output = process.take_answer()
            if output is not None:
                return process.answer(query, output)
            if process.over:
                return self._final_answer(process, query, self._end())
            failure = None
            if self._bytes_left < 0:
                failure = self._over = f"more than {self._max_output / 2**20:g} MiB of output"
            elif time.monotonic() >= self._deadline:
                failure = self._too_late
            if failure is not None:
                self._end()
                return process.answer(query, bytes(process.output), failure=failure)
            self._bytes_left -= process.turn(self._deadline - time.monotonic(), self._bytes_left + 1)

    def _final_answer(self, process: _Process, query: Query, status: Optional[int]) -> Answer:
        """The answer to the query at which *process* ended by itself."""
        output = bytes(process.output)
        failure = None
        if _NO_CONNECTION in output or _NO_CONNECTION in process.errors:
            failure = self._over = "glusterd does not answer on this node: connection failed"
        elif status is not None and status < 0:
            failure = f"gluster was ended by signal {_signal_name(-status)}"
        elif not output.strip():
            lines = process.stderr_text().splitlines()
            failure = f"gluster ended with status {status}" + (f": {lines[-1]}" if lines else "")
            if not process.greeted:
                # It ended before it read queries; to repeat them would not help.
                self._over = failure
        return process.answer(query, output, status, failure)

    def _end(self) -> Optional[int]:
        process, self._process = self._process, None
        return process.end() if process is not None else None


class _Process:
    """One gluster process, and what came out of it and was not taken yet."""

    def __init__(self, gluster: str) -> None:
        try:
            self._child = Child([gluster, "--mode=script", "--xml"], talk=True)
        except FileNotFoundError:
            raise NoGluster(_no_gluster(gluster)) from None
        except OSError as error:
            raise GlusterUnavailable(f"cannot start {gluster}: {error.strerror}") from error
        self.output = bytearray()
        self.errors = bytearray()
        #: it came up and read its standard input
        self.greeted = False
        #: it ended by itself, and all its output is here
        self.over = False
        self._searched = 0
        self._answered = False
        self._answered_at = time.monotonic()
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._child.stdout, self._child.stderr, self._child.ended):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def send(self, lines: bytes) -> None:
        """Write *lines*, at most 4 KiB, to its standard input, which has no others in it."""
        self._answered_at = time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it ended; its last output has the reason
            os.write(self._child.stdin, lines)

    def turn(self, timeout: float, most: int) -> int:
        """Wait until it prints something or ends; return how many bytes came, about *most* at most.

        Both pipes are read as they fill, so it never waits for one while we wait for the other.
        """
        came = 0
        ready = {key.fd for key, _ in self._selector.select(max(0.0, timeout))}
        if self._child.stdout in ready:
            came += self._read(self._child.stdout, self.output, most)
        if self._child.stderr in ready:
            came += self._read(self._child.stderr, self.errors, most)
        if self._child.ended in ready:
            while came < most:  # its last output is still in the pipes
                more = self._read(self._child.stdout, self.output, most - came)
                more += self._read(self._child.stderr, self.errors, most - came)
                if not more:
                    self.over = True
                    break
                came += more
        return came

    def take_answer(self) -> Optional[bytes]:
        """All that came before the next sentinel, if that has come whole; it is forgotten here."""
        mark = self.output.find(_SENTINEL_MARK, self._searched)
        if mark == -1:
            self._searched = max(0, len(self.output) - len(_SENTINEL_MARK))
            return None
        self._searched = mark
        tail = b"</cliOutput>" if self.over else b"</cliOutput>\n"
        end = self.output.find(tail, mark)
        if end == -1:
            return None
        begin = self.output.rfind(b"<?xml", 0, mark)
        answer = bytes(self.output[: mark if begin == -1 else begin])
        del self.output[: end + len(tail)]
        self._searched = 0
        self._answered = True
        # Its standard error is not buffered, so what belongs to this answer has been written by now.
        if not self.over:
            self._read(self._child.stderr, self.errors, _MAX_ERRORS)
        return answer

    def answer(
        self, query: Query, output: bytes, status: Optional[int] = None, failure: Optional[str] = None
    ) -> Answer:
        """An Answer of *output*, with what came on standard error since the one before, and its time."""
        now = time.monotonic()
        seconds, self._answered_at = now - self._answered_at, now
        stderr = self.stderr_text()
        self.errors.clear()
        return Answer(query, output, status, stderr, seconds, failure)

    def stderr_text(self) -> str:
        """Its standard error since the last answer, without the greeting."""
        lines = bytes(self.errors).splitlines(keepends=True)
        text = b"".join(line for line in lines if not line.startswith(_GREETING))
        return text.decode("utf-8", "replace")

    def gone_since_answer(self) -> bool:
        """Whether it has answered before and ended since, so that another has to be started."""
        return self._answered and self._child.over()

    def kill(self) -> None:
        """Kill it and all it started; from any thread."""
        self._child.kill()

    def end(self) -> Optional[int]:
        """Kill and reap it and all it started; its status if it is gone."""
        self._selector.close()
        return self._child.end()

    def _read(self, descriptor: int, into: bytearray, most: int) -> int:
        data = read(descriptor, min(_AT_ONCE, max(1, most)))
        if data is None:
            return 0
        if not data:
            with contextlib.suppress(KeyError):  # it has ended before
                self._selector.unregister(descriptor)
            return 0
        into += data
        if into is self.errors:
            self.greeted = self.greeted or _GREETING in into
            del into[:-_MAX_ERRORS]
        return len(data)


def _line(query: Query) -> bytes:
    return " ".join(query).encode() + b"\n"


def _no_gluster(command: str) -> str:
    return f"there is no command {command}: apt install glusterfs-cli, or name it with --gluster"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
