"""Runs `gluster`, the only way there is to ask a pool everything.

One process is asked question after question on its standard input, since loading its
libraries takes it 60 ms and answering 2.  What has to be known about that:

* Which answer belongs to which question cannot be told by counting: a question may be
  answered by XML, by plain text, or by nothing at all.  So after each question a second one
  is asked whose answer is always the same kind of document and nothing else is (`system::
  uuid get`): where it begins, the answer before it ends.  It also makes gluster flush what
  it holds back (heal info, get-state).
* Not at a terminal, gluster ends itself after some failures (heal info refused, quota
  disabled).  What was not answered by then is asked in a new process.
* It reads a line into 1,024 bytes and splits it at white space; it knows no quotes.

The process leads a group of its own.  Whatever happens, the whole group, with the helpers
that gluster starts (glfsheal), is killed and reaped when the conversation ends.  Only when
we are killed by SIGKILL ourselves, nobody does that; then gluster reads the end of its
input and goes, once the question in hand is answered.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Dict, List, Optional, Sequence, Tuple, Type

from ganeti_gluster_mon.gluster import ping
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.question import Question

#: glusterd's own door for the gluster command on its node
GLUSTERD_SOCKET = "/var/run/glusterd.socket"

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_SENTINEL = b"system:: uuid get\n"
_SENTINEL_MARK = b"<uuidGenerate>"
_DOCUMENT_BEGIN, _DOCUMENT_END = b"<?xml", b"</cliOutput>"
_LONGEST_LINE = 1022
#: a word of a question: names of volumes and hosts, paths we made ourselves
_WORD = re.compile(r"[A-Za-z0-9_./:][A-Za-z0-9_./:@%+=,-]*\Z")
_MOST_STDERR = 64 << 10
_CONNECTION_FAILED = b"Connection failed. Please check if gluster daemon is operational."


class CannotAsk(Exception):
    """There is nobody to ask; str() is one line that says why and what to do."""

    #: one word for metrics
    kind = "cannot-ask"


class GlusterMissing(CannotAsk):
    """The gluster command is not there, or cannot be started."""

    kind = "gluster-missing"


class NotRoot(CannotAsk):
    """Only root may ask glusterd."""

    kind = "not-root"


class GlusterdDown(CannotAsk):
    """No glusterd runs on this node."""

    kind = "glusterd-down"


class GlusterdHangs(CannotAsk):
    """glusterd runs and does not answer."""

    kind = "glusterd-hangs"


def look_for_glusterd(path: str = GLUSTERD_SOCKET, timeout: float = 1.0) -> None:
    """See that this node's glusterd answers, within *timeout* seconds; usually it takes 1 ms.

    `gluster` itself waits two minutes for a glusterd that is not there.
    Raises NotRoot, GlusterdDown or GlusterdHangs.
    """
    if os.geteuid() != 0:
        raise NotRoot("only root may ask glusterd: run this as root")
    try:
        reply = ping.answering_socket(path, timeout)
    except FileNotFoundError:
        reply = ping.Reply.REFUSED
    except OSError as err:
        raise GlusterdDown(f"glusterd cannot be reached by {path}: {err.strerror or err}") from err
    if reply is ping.Reply.REFUSED:
        raise GlusterdDown("glusterd does not run on this node: systemctl start glusterd")
    if reply is not ping.Reply.ANSWERS:
        raise GlusterdHangs(
            f"glusterd runs, but did not answer within {timeout:g} s: look at its log, restart it"
        )


def version(gluster: str, timeout: float) -> Optional[str]:
    """Gluster's version ("10.3") by `gluster --version`; None where it does not say it in *timeout* seconds."""
    try:
        process = _start([gluster, "--version"])
    except GlusterMissing:
        return None
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)
    match = re.match(rb"glusterfs (\S+)", output)
    return match.group(1).decode("ascii", "replace") if match else None


class Conversation:
    """A `gluster` process that is asked; leaving the context kills it, whatever it does."""

    def __init__(self, gluster: str = "gluster", max_output: int = 64 << 20) -> None:
        """Start *gluster* at once; it loads while we do something else.

        *max_output*: bytes it may say in the whole conversation.  Raises GlusterMissing.
        """
        self._argv = [gluster, "--mode=script", "--xml"]
        self._max_output = max_output
        self._said = 0
        self._over = False
        self._asking = threading.Lock()
        self._process: Optional[subprocess.Popen[bytes]] = _start(self._argv)

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self,
        _type: Optional[Type[BaseException]],
        _error: Optional[BaseException],
        _traceback: Optional[TracebackType],
    ) -> None:
        self._over = True
        process = self._process
        if process is not None:
            _kill(process)
        with self._asking:  # another thread may be at it still; it hears the end of its process
            self._end()

    def ask(self, questions: Sequence[Question], deadline: float) -> Tuple[Answer, ...]:
        """One answer for each of *questions*, in their order, not later than *deadline* (time.monotonic())."""
        with self._asking:
            return self._ask(questions, deadline)

    def _ask(self, questions: Sequence[Question], deadline: float) -> Tuple[Answer, ...]:
        began = time.monotonic()
        answers: Dict[Question, Answer] = {}
        waiting: List[Question] = []
        for question in dict.fromkeys(questions):
            why_not = _unaskable(question)
            if why_not:
                answers[question] = Answer(question, b"", failure=why_not)
            else:
                waiting.append(question)
        while waiting:
            if self._process is None:
                if self._over:
                    failure = "the asking was ended"
                    answers.update((each, Answer(each, b"", failure=failure)) for each in waiting)
                    break
                self._process = _start(self._argv)
            turn = _Turn(self._process, waiting, self._max_output - self._said)
            turn.take(deadline)
            self._said += turn.said
            if turn.ended:
                self._end()
            answered = turn.answers(f"no answer within {deadline - began:.3g} s", self._max_output)
            answers.update((answer.question, answer) for answer in answered)
            waiting = waiting[len(answered) :]
        return tuple(answers[question] for question in questions)

    def _end(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            _end(process)


@dataclass
class _Said:
    """The answer to one question, and when it was complete."""

    output: bytes
    at: float


class _Turn:
    """Some questions put to one process, until all are answered or it has ended, one way or the other."""

    def __init__(self, process: subprocess.Popen[bytes], questions: Sequence[Question], room: int) -> None:
        self._process = process
        self._questions = questions
        self._room = room
        self._began = time.monotonic()
        self._to_send = b"".join(" ".join(question).encode() + b"\n" + _SENTINEL for question in questions)
        self._output = bytearray()
        self._searched = 0
        self._stderr = b""
        self._complete: List[_Said] = []
        #: bytes read
        self.said = 0
        #: why the process cannot be asked any more: "exited", "late", "flooding"; "" if it can
        self.ended = ""

    def take(self, deadline: float) -> None:
        """Send the questions and read what comes."""
        assert self._process.stdin and self._process.stdout and self._process.stderr
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdin, selectors.EVENT_WRITE, self._send)
            selector.register(self._process.stdout, selectors.EVENT_READ, self._hear)
            selector.register(self._process.stderr, selectors.EVENT_READ, self._hear_stderr)
            while len(self._complete) < len(self._questions) and not self.ended:
                left = deadline - time.monotonic()
                ready = selector.select(max(0.0, left))
                if left <= 0 and not ready:
                    self.ended = "late"
                for key, _ in ready:
                    if not key.data(key.fd):
                        selector.unregister(key.fileobj)
                if left <= 0 and len(self._complete) < len(self._questions):
                    self.ended = self.ended or "late"

    def answers(self, late: str, max_output: int) -> List[Answer]:
        """The answers that were had, and for one that was begun and cut short, why; the rest is to be asked again.

        After a process that was late or flooding nothing is asked again: all others fail alike.
        """
        answers = []
        before = self._began
        for question, said in zip(self._questions, self._complete):
            answers.append(Answer(question, said.output, seconds=said.at - before))
            before = said.at
        open_ones = self._questions[len(answers) :]
        if not self.ended or not open_ones:
            return answers
        now = time.monotonic()
        rest = _without_newline(self._output)
        stderr = _readable(self._stderr)
        if self.ended == "exited":
            returncode = self._process.returncode
            if _CONNECTION_FAILED in rest:
                failure = "glusterd went away while it was asked"
                return answers + [
                    Answer(question, b"", returncode, failure=failure) for question in open_ones
                ]
            return [*answers, Answer(open_ones[0], rest, returncode, stderr, now - before)]
        failure = late if self.ended == "late" else f"more than {max_output >> 20} MiB of output"
        answers.append(Answer(open_ones[0], rest, None, stderr, now - before, failure))
        return answers + [Answer(question, b"", failure=failure) for question in open_ones[1:]]

    def _send(self, descriptor: int) -> bool:
        """Send what can be sent; whether there is more."""
        try:
            self._to_send = self._to_send[os.write(descriptor, self._to_send) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False  # it has ended; what it said first is still to be read
        return bool(self._to_send)

    def _hear(self, descriptor: int) -> bool:
        more = os.read(descriptor, 1 << 20)
        if not more:
            self.ended = "exited"
            return False
        self.said += len(more)
        self._output += more
        if self.said > self._room:
            self.ended = "flooding"
        self._part()
        return True

    def _hear_stderr(self, descriptor: int) -> bool:
        more = os.read(descriptor, 1 << 16)
        self._stderr = (self._stderr + more)[-_MOST_STDERR:]
        return bool(more)

    def _part(self) -> None:
        """Take the answers that are complete out of what was read."""
        while True:
            mark = self._output.find(_SENTINEL_MARK, self._searched)
            end = self._output.find(_DOCUMENT_END, mark) if mark >= 0 else -1
            if end < 0:
                # the mark may have come in part
                self._searched = max(0, mark if mark >= 0 else len(self._output) - len(_SENTINEL_MARK))
                return
            begin = max(0, self._output.rfind(_DOCUMENT_BEGIN, 0, mark))
            self._complete.append(_Said(_without_newline(self._output[:begin]), time.monotonic()))
            del self._output[: end + len(_DOCUMENT_END)]
            self._searched = 0


def _without_newline(output: bytearray) -> bytes:
    """An answer without the end of the line that the sentinel before it was on."""
    return bytes(output[1:] if output[:1] == b"\n" else output)


def _readable(stderr: bytes) -> str:
    """*stderr* without the greeting that gluster has for people."""
    lines = stderr.decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Welcome to gluster prompt"))


def _unaskable(question: Question) -> Optional[str]:
    """Why *question* had better not be put to gluster; None where it may be."""
    if not question or not all(_WORD.match(word) for word in question):
        return f"cannot be asked: {' '.join(question)!r} holds what gluster would not take for one word"
    if len(" ".join(question)) > _LONGEST_LINE:
        return "cannot be asked: longer than gluster reads"
    return None


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
        )
    except FileNotFoundError as err:
        raise GlusterMissing(
            f"there is no command {argv[0]}: apt install glusterfs-cli, or name it with --gluster"
        ) from err
    except OSError as err:
        raise GlusterMissing(f"{argv[0]} cannot be started: {err.strerror or err}") from err
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the group and reap its leader; what was the leader's is reaped by init."""
    try:
        _kill(process)
    finally:
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        # The leader is not reaped yet, so the number of its group cannot be somebody else's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
