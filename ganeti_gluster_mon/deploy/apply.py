"""Applies a plan: queries the state of every step first, then runs one step after the other.

If the precondition of any step fails, nothing is changed.  A step that is already done is skipped, so the same plan
can be applied again after an interruption: Ctrl-C, a node that died, a connection that was cut.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Callable, Dict, Iterable, List, Optional, Protocol, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import prerequisites
from ganeti_gluster_mon.deploy.step import Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.deploy.wait import PrintLine, Wait
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from ganeti_gluster_mon.text import one_line

#: the output of gluster while another command holds the lock that it needs, while a completed rebalance has not
#: ended on every node, or while a process of a rebalance begins or ends
_LOCKED = re.compile(
    r"Another transaction is in progress|[Ll]ocking failed|rebalance session is in progress for the volume|"
    r"Mgmt brick op 'Rebalance' failed"
)
#: seconds to wait for a lock of Gluster; glusterd releases the lock of a dead process after 180 s
_LOCK_TIMEOUT = 200.0
#: seconds between two attempts to get a lock of Gluster, and until the wait is reported
_PAUSE, _REPORT_AFTER = 0.5, 5.0
_AT_ONCE = 16
#: characters of the commands that are sent by one connection; Linux takes 131072 bytes in one argument, and quotes in
#: them count several times
_BATCH = 24576


class Host(Protocol):
    """Runs commands on nodes: `Nodes`, or a substitute in a test."""

    def run(
        self, node: str, argv: Sequence[str], timeout: float = ..., text: Optional[str] = ...
    ) -> CommandResult: ...

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = ...
    ) -> Tuple[CommandResult, ...]: ...


class PlanRefused(CommandError):
    """The plan was not started; a line for each reason."""


class PlanStopped(CommandError):
    """The plan was started and not completed; one line: the reason, and the number of steps that are done."""


def query_nodes(host: Host, queries: Iterable[NodeQuery]) -> Dict[NodeQuery, CommandResult]:
    """Run all *queries* at the same time, by as few connections as possible.

    Where a node cannot be queried, each of its answers has the status 255 and the reason.
    """
    batches = _batches(queries)

    def query_batch(batch: Sequence[NodeQuery]) -> Dict[NodeQuery, CommandResult]:
        try:
            answers = host.query(batch[0].node, [query.argv for query in batch], batch[0].timeout)
        except NodeUnavailable as err:
            answers = (CommandResult(255, "", str(err)),) * len(batch)
        return dict(zip(batch, answers))

    if not batches:
        return {}
    if len(batches) == 1:  # without a thread: then a Ctrl-C is not waited with
        return query_batch(*batches)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return {query: reply for part in pool.map(query_batch, batches) for query, reply in part.items()}


def _batches(queries: Iterable[NodeQuery]) -> Tuple[Tuple[NodeQuery, ...], ...]:
    """*queries* by node and timeout, each part small enough for the command line of one connection."""
    found: Dict[Tuple[str, float], List[List[NodeQuery]]] = {}
    sizes: Dict[Tuple[str, float], int] = {}
    for query in dict.fromkeys(queries):
        key = (query.node, query.timeout)
        size = sum(map(len, query.argv))
        if key not in found or sizes[key] + size > _BATCH:
            found.setdefault(key, []).append([])
            sizes[key] = 0
        found[key][-1].append(query)
        sizes[key] += size
    return tuple(tuple(batch) for batches in found.values() for batch in batches)


def query_step(host: Host, step: Step, print_line: PrintLine) -> Tuple[Remaining, Tuple[CommandResult, ...]]:
    """The remaining commands of a step, and the answers to its queries.

    Raises PreconditionFailed and NodeUnavailable.
    """
    queries = step.queries()

    def query() -> Tuple[CommandResult, ...]:
        found = query_nodes(host, queries)
        return tuple(found[each] for each in queries)

    answers = wait_for_lock(query, print_line)
    return _remaining(step, queries, answers), answers


def _remaining(step: Step, queries: Sequence[NodeQuery], answers: Sequence[CommandResult]) -> Remaining:
    unavailable = [reply for reply in answers if reply.status == 255]
    if unavailable:
        raise NodeUnavailable(unavailable[0].stderr)
    for query, reply in zip(queries, answers):
        # Without systemd a step has no unit to enable.  The survey reports a missing gluster.
        program = query.argv[0]
        if (
            reply.status == 127
            and program in prerequisites.PACKAGES
            and program not in ("systemctl", "gluster")
        ):
            raise CommandError(prerequisites.missing(query.node, program))
    return step.remaining(answers)


def precheck(host: Host, steps: Sequence[Step]) -> Tuple[Remaining, ...]:
    """The remaining commands of each of *steps*.

    Raises PlanRefused, with a line for each step whose precondition fails, and for each prerequisite of the remaining
    commands that a node lacks.
    """
    answers = query_nodes(host, (each for step in steps for each in step.queries()))
    remaining: List[Remaining] = []
    refusals: List[str] = []
    for step in steps:
        queries = step.queries()
        try:
            remaining.append(_remaining(step, queries, [answers[each] for each in queries]))
        except CommandError as err:
            refusals.append(str(err))
    commands = [command for one in remaining for command in one or ()]
    refusals += prerequisites.faults(query_nodes(host, prerequisites.queries(commands)))
    if refusals:
        raise PlanRefused("\n".join(dict.fromkeys(refusals)))
    return tuple(remaining)


def dry_run_text(steps: Sequence[Step], remaining: Sequence[Remaining]) -> str:
    """The remaining commands as one would type them, each with its node and its purpose."""
    lines = []
    for step, commands in zip(steps, remaining):
        if commands is None:
            lines.append(f"# {step.node}: {step.description}: already done")
            continue
        lines.append(f"# {step.node}: {step.description}")
        lines += [f"{command.node}: {command}" for command in commands]
        lines += [f"# if nothing changes: {command.node}: {command}" for command in step.kick()]
    return "".join(f"{line}\n" for line in lines)


def apply(host: Host, steps: Sequence[Step], print_line: PrintLine, verbose: bool = False) -> bool:
    """Run *steps* in their order and report each to *print_line*; returns whether anything was changed.

    Steps that are already done are counted; with *verbose* each is reported.
    Raises PlanRefused when nothing was done, and PlanStopped when something was.
    """
    remaining = precheck(host, steps)
    changed, done = False, 0
    for number, (step, commands) in enumerate(zip(steps, remaining)):
        label = f"[{number + 1}/{len(steps)}] {step.node}: {step.description}"
        try:
            # An earlier step may have changed the state that the precheck found.
            progress = ""
            if changed:
                commands, answers = query_step(host, step, print_line)
                progress = step.progress(answers)
            if commands is None and is_still_done(host, step, print_line):
                done += 1
                if verbose:
                    print_line(f"{label}: already done{f' ({progress})' if progress else ''}")
                continue
            print_line(label)
            changed = True
            run_step(host, step, print_line)
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM
            raise _stopped(steps, number, "interrupted", print_line) from None
        except CommandError as err:
            raise _stopped(steps, number, str(err), print_line) from err
    if done and not verbose:
        print_line(
            f"{done} of {len(steps)} steps {'was' if done == 1 else 'were'} already done (--verbose names them)"
        )
    return changed


def is_still_done(host: Host, step: Step, print_line: PrintLine) -> bool:
    """Whether all further readings of a step that is done show that it is done."""
    wait = Wait(step, print_line)
    for _ in range(step.readings - 1):
        wait.pause()
        if query_step(host, step, print_line)[0] is not None:
            return False
    return True


def run_step(host: Host, step: Step, print_line: PrintLine) -> None:
    """Run the remaining commands of a step, and wait until it is done.  Raises CommandError.

    The wait goes on as long as the progress of the step changes.
    """
    # Its timeout starts with the first answers: a node under load may need long for them.
    wait: Optional[Wait] = None
    ran, cured, done = False, False, 0
    while True:
        remaining, answers = query_step(host, step, print_line)
        done = done + 1 if remaining is None else 0
        if remaining and not ran:
            ran = run_all(host, step, remaining, print_line, may_cure=not cured)
            wait, cured = None, not ran
            continue
        wait = wait or Wait(step, print_line)
        wait.report(step.progress(answers), done=done >= step.readings)
        if done >= step.readings:
            return
        wait.report_blocked(step.blocked(answers) if remaining is not None else "")
        if remaining is not None and wait.kick_due():
            with suppress(PreconditionFailed):  # the command was not safe, and was not run
                for command in step.kick():
                    host.run(command.node, command.argv, command.timeout, command.text)
        wait.pause()


def run_all(
    host: Host, step: Step, commands: Sequence[Command], print_line: PrintLine, may_cure: bool
) -> bool:
    """Run *commands*; False: one failed, and the commands that cure that were run, so *commands* have to run again.

    Raises CommandError.
    """
    try:
        for command in commands:
            run(host, command, print_line)
    except CommandError as err:
        cure = step.cure(str(err)) if may_cure else ()
        if not cure:
            raise
        for command in cure:
            print_line(f"    {command.node}: {one_line(' '.join(command.argv), 200)}, for: {err}")
            run(host, command, print_line)
        return False
    return True


def run(host: Host, command: Command, print_line: PrintLine) -> None:
    """Run one command, again while another command holds the lock of Gluster, or while its failure is transient.

    Raises CommandError with its reason.
    """
    (reply,) = wait_for_lock(
        lambda: (host.run(command.node, command.argv, command.timeout, command.text),),
        print_line,
        command.transient,
    )
    if reply.status:
        raise CommandError(f"{command.node}: {one_line(' '.join(command.argv), 200)}: {reply.reason}")


def wait_for_lock(
    query: Callable[[], Tuple[CommandResult, ...]], print_line: PrintLine, transient: str = ""
) -> Tuple[CommandResult, ...]:
    """The answers of *query*, repeated while another command holds Gluster's lock, with a line about it.

    It is also repeated while an answer is a failure whose message *transient*, a regular expression, matches.
    """
    began, reported = time.monotonic(), False
    while True:
        answers = query()
        texts = [(reply, text) for reply in answers for text in (reply.stdout, reply.stderr)]
        locked = [found for _, text in texts for found in (_LOCKED.search(text),) if found]
        if transient:
            failed = [re.search(transient, text) for reply, text in texts if reply.status]
            locked += [found for found in failed if found]
        waited = time.monotonic() - began
        if not locked or waited >= _LOCK_TIMEOUT:
            return answers
        if waited >= _REPORT_AFTER and not reported:
            print_line(f"    waiting for Gluster, {_LOCK_TIMEOUT:.0f} s at most: {locked[0].group()}")
            reported = True
        time.sleep(_PAUSE)


def _stopped(steps: Sequence[Step], number: int, why: str, print_line: PrintLine) -> PlanStopped:
    for step in steps[:number]:
        print_line(f"done: {step.node}: {step.description}")
    for step in steps[number:]:
        print_line(f"not done: {step.node}: {step.description}")
    return PlanStopped(
        f"{why}; stopped at step {number + 1} of {len(steps)}, {number} "
        f"{'is' if number == 1 else 'are'} done: the same command again goes on from there"
    )
