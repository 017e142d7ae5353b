"""Does a plan: looks at everything first, then goes from step to step.

Nothing is done when any step finds what it will not change.  A step that is done already is passed over, so
the same plan can be applied again after whatever became of it: Ctrl-C, a node that died, a connection cut.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, Iterable, List, Optional, Protocol, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import prerequisites
from ganeti_gluster_mon.deploy.step import Command, NodeQuery, Remaining, Step
from ganeti_gluster_mon.deploy.wait import Say, Wait
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from ganeti_gluster_mon.text import one_line

#: what gluster says while somebody else's command, a monitoring's perhaps, holds a lock it needs, or while a
#: rebalance that is over has on some node not ended yet
_KEPT = re.compile(
    r"Another transaction is in progress|[Ll]ocking failed|rebalance session is in progress for the volume"
)
#: seconds; a lock whose holder died is given up by glusterd after 180
_LOCK_TIMEOUT = 200.0
#: seconds between two tries while Gluster is kept by another, and after which that is told
_PAUSE, _TOLD = 0.5, 5.0
_AT_ONCE = 16
#: characters of the commands that are sent by one connection; Linux takes 131072 bytes in one argument, and quotes in
#: them count several times
_BATCH = 24576


class Host(Protocol):
    """Where commands are run: Nodes, or what a test puts in their place."""

    def run(
        self, node: str, argv: Sequence[str], timeout: float = ..., text: Optional[str] = ...
    ) -> CommandResult: ...

    def ask(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = ...
    ) -> Tuple[CommandResult, ...]: ...


class PlanRefused(CommandError):
    """A plan that was not begun."""


class PlanStopped(CommandError):
    """A plan that was begun and not finished; one line that says why, and how far it came."""


def query_nodes(host: Host, queries: Iterable[NodeQuery]) -> Dict[NodeQuery, CommandResult]:
    """Ask all *queries*, by as few connections as can be, all at once.

    Of a node that cannot be asked each answer has the status 255, and says why.
    """
    batches = _batches(queries)

    def ask(batch: Sequence[NodeQuery]) -> Dict[NodeQuery, CommandResult]:
        try:
            answers = host.ask(batch[0].node, [question.argv for question in batch], batch[0].timeout)
        except NodeUnavailable as err:
            answers = (CommandResult(255, "", str(err)),) * len(batch)
        return dict(zip(batch, answers))

    if not batches:
        return {}
    if len(batches) == 1:  # without a thread: then a Ctrl-C is not waited with
        return ask(*batches)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return {question: reply for part in pool.map(ask, batches) for question, reply in part.items()}


def _batches(queries: Iterable[NodeQuery]) -> Tuple[Tuple[NodeQuery, ...], ...]:
    """*queries* by node and timeout, each part small enough for the command line of one connection."""
    found: Dict[Tuple[str, float], List[List[NodeQuery]]] = {}
    sizes: Dict[Tuple[str, float], int] = {}
    for question in dict.fromkeys(queries):
        key = (question.node, question.timeout)
        size = sum(map(len, question.argv))
        if key not in found or sizes[key] + size > _BATCH:
            found.setdefault(key, []).append([])
            sizes[key] = 0
        found[key][-1].append(question)
        sizes[key] += size
    return tuple(tuple(batch) for batches in found.values() for batch in batches)


def look(host: Host, step: Step, say: Say) -> Tuple[Remaining, Tuple[CommandResult, ...]]:
    """What is left of a step, and what was said.  Raises PreconditionFailed and NodeUnavailable."""
    queries = step.queries()

    def ask() -> Tuple[CommandResult, ...]:
        told = query_nodes(host, queries)
        return tuple(told[question] for question in queries)

    answers = _wait_for_lock(ask, say)
    return _remaining(step, queries, answers), answers


def _remaining(step: Step, queries: Sequence[NodeQuery], answers: Sequence[CommandResult]) -> Remaining:
    silent = [reply for reply in answers if reply.status == 255]
    if silent:
        raise NodeUnavailable(silent[0].err)
    for question, reply in zip(queries, answers):
        # without systemd a step has nothing to enable; what it means that gluster is missing the survey says
        program = question.argv[0]
        if (
            reply.status == 127
            and program in prerequisites.PACKAGES
            and program not in ("systemctl", "gluster")
        ):
            raise CommandError(prerequisites.missing(question.node, program))
    return step.remaining(answers)


def precheck(host: Host, steps: Sequence[Step]) -> Tuple[Remaining, ...]:
    """What is left of each of *steps*, as things are now.

    Raises PlanRefused, with a line for each step that finds what it will not change, and for each thing that the
    commands that are left need and do not find on their nodes.
    """
    told = query_nodes(host, (question for step in steps for question in step.queries()))
    remaining: List[Remaining] = []
    refusals: List[str] = []
    for step in steps:
        queries = step.queries()
        try:
            remaining.append(_remaining(step, queries, [told[question] for question in queries]))
        except CommandError as err:
            refusals.append(str(err))
    commands = [command for one in remaining for command in one or ()]
    refusals += prerequisites.faults(query_nodes(host, prerequisites.queries(commands)))
    if refusals:
        raise PlanRefused("\n".join(dict.fromkeys(refusals)))
    return tuple(remaining)


def shown(steps: Sequence[Step], remaining: Sequence[Remaining]) -> str:
    """The commands that are left, on which node and what for, as one would type them there."""
    lines = []
    for step, commands in zip(steps, remaining):
        if commands is None:
            lines.append(f"# {step.node}: {step.words}: already done")
            continue
        lines.append(f"# {step.node}: {step.words}")
        lines += [f"{command.node}: {command}" for command in commands]
        lines += [f"# where it does not come on: {command.node}: {command}" for command in step.kick()]
    return "".join(f"{line}\n" for line in lines)


def apply(host: Host, steps: Sequence[Step], say: Say, verbose: bool = False) -> bool:
    """Do *steps*, in their order, telling *say* of each; returns whether anything was changed.

    Steps that are done already are counted, or told one by one where *verbose* is set.
    Raises PlanRefused when nothing was done, and PlanStopped when something was.
    """
    remaining = precheck(host, steps)
    changed, done = False, 0
    for number, (step, commands) in enumerate(zip(steps, remaining)):
        label = f"[{number + 1}/{len(steps)}] {step.node}: {step.words}"
        try:
            # what was so at first may not be so any more, once something was done
            came_to = ""
            if changed:
                commands, answers = look(host, step, say)
                came_to = step.progress(answers)
            if commands is None and is_still_done(host, step, say):
                done += 1
                if verbose:
                    say(f"{label}: already done{f' ({came_to})' if came_to else ''}")
                continue
            say(label)
            changed = True
            do(host, step, say)
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM
            raise _stopped(steps, number, "interrupted", say) from None
        except CommandError as err:
            raise _stopped(steps, number, str(err), say) from err
    if done and not verbose:
        say(
            f"{done} of {len(steps)} steps {'was' if done == 1 else 'were'} already done (--verbose names them)"
        )
    return changed


def is_still_done(host: Host, step: Step, say: Say) -> bool:
    """Whether a step that was found done is found done in its further readings, too."""
    wait = Wait(step, say)
    for _ in range(step.readings - 1):
        wait.pause()
        if look(host, step, say)[0] is not None:
            return False
    return True


def do(host: Host, step: Step, say: Say) -> None:
    """Do what is left of one step, once, and wait until it is done, as long as it comes on.  Raises CommandError."""
    # its time begins with the first answers: a node under load may take long to give them
    wait: Optional[Wait] = None
    ran, cured, done = False, False, 0
    while True:
        remaining, answers = look(host, step, say)
        done = done + 1 if remaining is None else 0
        if remaining and not ran:
            ran = run_all(host, step, remaining, say, may_cure=not cured)
            wait, cured = None, not ran
            continue
        wait = wait or Wait(step, say)
        wait.seen(step.progress(answers), done=done >= step.readings)
        if done >= step.readings:
            return
        if remaining is not None and wait.kick_due():
            for command in step.kick():
                host.run(command.node, command.argv, command.timeout, command.text)
        wait.pause()


def run_all(host: Host, step: Step, commands: Sequence[Command], say: Say, may_cure: bool) -> bool:
    """Run *commands*; False: one failed, and what cures that was run instead, so that they are to be run again.

    Raises CommandError.
    """
    try:
        for command in commands:
            run(host, command, say)
    except CommandError as err:
        cure = step.cure(str(err)) if may_cure else ()
        if not cure:
            raise
        for command in cure:
            say(f"    {command.node}: {one_line(' '.join(command.argv), 200)}, for: {err}")
            run(host, command, say)
        return False
    return True


def run(host: Host, command: Command, say: Say) -> None:
    """Run one command, again while Gluster is kept by another.  Raises CommandError with its own words."""
    (reply,) = _wait_for_lock(
        lambda: (host.run(command.node, command.argv, command.timeout, command.text),), say
    )
    if reply.status:
        raise CommandError(f"{command.node}: {one_line(' '.join(command.argv), 200)}: {reply.words}")


def _wait_for_lock(ask: Callable[[], Tuple[CommandResult, ...]], say: Say) -> Tuple[CommandResult, ...]:
    """What *ask* is told, asked again while Gluster is kept by another, which *say* is told of."""
    began, told = time.monotonic(), False
    while True:
        answers = ask()
        kept = [
            found
            for reply in answers
            for found in (_KEPT.search(reply.out), _KEPT.search(reply.err))
            if found
        ]
        waited = time.monotonic() - began
        if not kept or waited >= _LOCK_TIMEOUT:
            return answers
        if waited >= _TOLD and not told:
            say(f"    waiting for Gluster, {_LOCK_TIMEOUT:.0f} s at most: {kept[0].group()}")
            told = True
        time.sleep(_PAUSE)


def _stopped(steps: Sequence[Step], number: int, why: str, say: Say) -> PlanStopped:
    for step in steps[:number]:
        say(f"done: {step.node}: {step.words}")
    for step in steps[number:]:
        say(f"not done: {step.node}: {step.words}")
    return PlanStopped(
        f"{why}; stopped at step {number + 1} of {len(steps)}, {number} "
        f"{'is' if number == 1 else 'are'} done: the same command again goes on from there"
    )
