"""Runs the steps of a campaign, and checks after them what has become of the disks."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Optional

from tests.campaign import guest as guests
from tests.campaign import plan
from tests.campaign.bricks import Brick, differences
from tests.campaign.guest import MIB, Log
from tests.campaign.plan import RUNNING, STOPPED, Operation, State, Step
from tests.campaign.site import TICKS, VOLUME, Site, lines, provider
from tests.lab import LabError, process, wait_until
from tests.lab.lab import at_once
from tests.lab.waiting import LabTimeout
from tests.lab_tests.extstorage import left

#: seconds in which a guest has to report another block, on a machine that may be busy
PROGRESS = 180.0
#: seconds in which a volume has to heal
HEAL = 300.0
#: seconds in which nodes let go of what no guest needs
TIDY = 90.0


class Fault(AssertionError):
    """A lost block, a stale one, a hang, a file of nobody."""


@dataclass
class Figures:
    """What a campaign has done."""

    operations: int = 0
    failed_as_expected: int = 0
    checks: int = 0
    acknowledged: int = 0
    boots: int = 0
    #: errors that guests got from their disks, and tried again
    errors: int = 0
    #: bytes that were compared, on all bricks and through the volume
    compared: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.operations} operations, of which {self.failed_as_expected} were interrupted and repeated; "
            f"{self.acknowledged} blocks acknowledged, {self.boots} boots, {self.errors} errors; "
            f"{self.checks} checks of {self.compared / 1e9:.1f} GB; {self.seconds:.0f} s"
        )


class Campaign:
    """A campaign on a site.  *report* gets a line for each step, before it is taken."""

    def __init__(self, site: Site, report: Callable[[str], None] = print) -> None:
        self.site = site
        self.report = report
        self.state = State()
        self.figures = Figures()
        self.logs: Dict[str, Log] = {}
        #: guest → node → bytes of its log that have been read
        self._read: Dict[str, Dict[int, int]] = {}
        #: guest → the number of the block that it has to get beyond
        self._reached: Dict[str, int] = {}
        self._generation = 0x10000000
        self._began = time.monotonic()
        self._pool = site.pool

    def run(self, steps: Iterable[Step], operations: int) -> Figures:
        """Take steps until so many *operations* are done, end with a check.  Raises Fault or LabError."""
        for step in steps:
            if self.figures.operations >= operations:
                break
            self.step(step)
        if self.state.fault is not None:
            fault, node = self.state.fault
            self.step((Operation(plan.LASTING[fault], (str(node),)),))
        self.step((Operation("check"),))
        for name in list(self.logs):
            self._account(name)
        return self.figures

    def step(self, step: Step) -> None:
        """Take one step.  What is not possible, in steps that were edited by hand, is left out."""
        began = time.monotonic()
        possible = [operation for operation in step if self.state.possible(operation)]
        for operation in set(step) - set(possible):
            self.report(f"# not possible now: {operation}")
        self.report(plan.line(tuple(possible)))
        self._read_logs()
        self._wait_progress(
            {operation.words[0] for operation in possible if operation.verb in plan.GUEST_VERBS}
        )
        if any(operation.verb in plan.TAKES_A_COPY for operation in possible):
            self._wait_healed()
        hits = [operation for operation in possible if operation.verb in plan.HITS]
        failed = self._at_once(possible)
        for operation, error in failed.items():
            if not hits or operation in hits:
                raise Fault(f"{operation}: {error}") from error
            self.report(f"# interrupted: {operation}: {str(error).splitlines()[-1]}")
            self.figures.failed_as_expected += 1
            self._repeat(operation)
        for operation in possible:
            self.state.apply(operation)
            if operation.verb != "check":
                self.figures.operations += 1
        self._read_logs()
        self._reached = {name: log.acknowledged for name, log in self.logs.items()}
        self._check_processes()
        self.figures.seconds = time.monotonic() - self._began
        self.report(f"# {time.monotonic() - began:.1f} s; {self.figures.operations} operations")

    def _at_once(self, operations: List[Operation]) -> Dict[Operation, LabError]:
        failed = {}

        def attempt(operation: Operation) -> None:
            try:
                self._do(operation)
            except LabError as error:
                failed[operation] = error

        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(attempt, operations))
        return failed

    # --- operations -----------------------------------------------------------------------------------

    def _do(self, operation: Operation) -> None:
        verb, words = operation.verb, operation.words
        action = getattr(self, f"_{verb.replace('-', '_')}")
        if verb in plan.GUEST_VERBS:
            action(*words)
        elif verb == "access":
            action(words[0])
        else:
            action(*map(int, words))

    def _instance(self, command: str, name: str, *words: str) -> None:
        self.site.run("gnt-instance", command, *words, name)

    def _new_generation(self, name: str) -> int:
        self._account(name)
        self._generation += 1
        self.logs[name] = Log(self._generation)
        return self._generation

    def _create(self, name: str, template: str, access: str, node: str, style: str) -> None:
        self.site.prepare(name, int(node), self._new_generation(name), style)
        self.site.add(name, template, access, int(node), plan.SIZE)

    def _remove(self, name: str) -> None:
        self._instance("remove", name, "--force", "--shutdown-timeout=0")
        self._account(name)

    def _start(self, name: str) -> None:
        self._instance("startup", name)

    def _stop(self, name: str) -> None:
        self._instance("shutdown", name, "--timeout=0")

    def _reboot(self, name: str) -> None:
        self._instance("reboot", name, "--type=hard", "--shutdown-timeout=0")

    def _kill(self, name: str) -> None:
        for found in self.site.guests().get(name, {}).values():
            process.kill(found.pid)

    def _migrate(self, name: str, node: str) -> None:
        self._instance("migrate", name, "--force", f"--target-node={self.site.name(int(node))}")

    def _failover(self, name: str, node: str) -> None:
        target = f"--target-node={self.site.name(int(node))}"
        self._instance("failover", name, "--force", "--shutdown-timeout=0", target)

    def _grow(self, name: str) -> None:
        # Absolute, so that it can be repeated.
        size = self.state.guests[name].size + plan.GROWTH
        self.site.run("gnt-instance", "grow-disk", "--absolute", name, "0", f"{size}M")

    def _reinstall(self, name: str, style: str) -> None:
        self.site.prepare(name, self.state.guests[name].node, self._new_generation(name), style)
        self._instance("reinstall", name, "--force")

    def _add_disk(self, name: str) -> None:
        guest = self.state.guests[name]
        self._instance("modify", name, f"--disk=add:size=8M{provider(guest.template, guest.access)}")

    def _remove_disk(self, name: str) -> None:
        self._instance("modify", name, "--disk=remove")

    # --- faults ---------------------------------------------------------------------------------------

    def _kill_brick(self, node: int) -> None:
        self._pool.kill_brick(VOLUME, node)

    def _start_brick(self, node: int) -> None:
        self._pool.start_brick(VOLUME, node)

    def _freeze_brick(self, node: int) -> None:
        self._pool.freeze_brick(VOLUME, node)

    def _thaw_brick(self, node: int) -> None:
        self._pool.thaw_brick(VOLUME, node)

    def _kill_glusterd(self, node: int) -> None:
        self._pool.kill_glusterd(node)

    def _start_glusterd(self, node: int) -> None:
        self._pool.start_glusterd(node)
        self._pool.wait_connected()

    def _cut(self, node: int) -> None:
        self._pool.cut(node)
        self.site.set_offline(node, True)

    def _join(self, node: int) -> None:
        self._pool.join(node)
        self._back(node)

    def _power_off(self, node: int) -> None:
        self._pool.power_off(node)
        self.site.set_offline(node, True)
        target = str(plan.refuge(node))
        at_once(
            lambda name: self._failover(name, target),
            [name for name, guest in self.state.guests.items() if guest.node == node],
        )

    def _power_on(self, node: int) -> None:
        self._pool.power_on(node)
        self.site.cluster.start_daemons(node)
        self._back(node)

    def _back(self, node: int) -> None:
        """The pool and Ganeti have a node again."""
        self._pool.wait_connected(timeout=300)
        self._pool.start_volume(VOLUME, force=True)
        self.site.set_offline(node, False)

    def _kill_healer(self, node: int) -> None:
        """Kill the self-heal daemon of a node while it has work."""
        self._pool.kill_brick(VOLUME, node)
        writing = self.state.writing()
        before = {name: self.logs[name].acknowledged for name in writing}

        def written() -> bool:
            self._read_logs()
            return all(self.logs[name].acknowledged > before[name] + guests.SLOTS for name in writing)

        wait_until(written, f"blocks of {', '.join(writing)} without the brick of node{node}", PROGRESS, 0.2)
        self._pool.start_brick(VOLUME, node)
        self._pool.kill_self_heal_daemons([node])
        self._pool.start_volume(VOLUME, force=True)

    def _kill_client(self, node: int) -> None:
        """Kill what is mounted on a node; the guests that have their disks by a path are started again."""
        for found in self._pool.host(node).find("glusterfs"):
            if found.argv[-1].startswith("/run/ganeti/gluster"):
                process.kill(found.pid)
        victims = [
            name
            for name, guest in self.state.guests.items()
            if (guest.node, guest.access, guest.status) == (node, "kernelspace", RUNNING)
        ]
        for name in victims:
            self._stop(name)
            self._start(name)

    def _replace_brick(self, node: int) -> None:
        self.site.replace_brick(node)

    def _access(self, access: str) -> None:
        """Change the access of template gluster: its guests are stopped meanwhile."""
        affected = {name: guest for name, guest in self.state.guests.items() if guest.template == "gluster"}
        running = [name for name, guest in affected.items() if guest.status != STOPPED]
        at_once(self._stop, running)
        self.site.set_access(access)
        at_once(self._start, [name for name in running if affected[name].status == RUNNING])

    def _kill_noded(self, node: int, after: int) -> None:
        time.sleep(after / 1000)  # this is when it happens: there is no event to wait for
        for found in self._pool.host(node).find("ganeti-noded"):
            process.kill(found.pid)
        self.site.cluster.start_daemons(node)

    def _kill_scripts(self, node: int, after: int) -> None:
        time.sleep(after / 1000)
        for found in self._pool.host(node).processes():
            if any(
                "/extstorage/gluster/" in word or word.startswith("/usr/share/ganeti/os/")
                for word in found.argv
            ):
                process.kill(found.pid)

    # --- after an interruption ------------------------------------------------------------------------

    def _repeat(self, operation: Operation) -> None:
        """Do again what was interrupted, as an administrator would."""
        verb, words = operation.verb, operation.words
        name = words[0]
        if verb == "create":
            if name in self.site.instances():
                self._instance("remove", name, "--force", "--shutdown-timeout=0", "--ignore-failures")
            self._remove_left_files()
            self._create(*words)
        elif verb == "remove":
            if name in self.site.instances():
                self._instance("remove", name, "--force", "--shutdown-timeout=0", "--ignore-failures")
            self._remove_left_files()
        elif verb == "migrate":
            self._instance("migrate", name, "--force", "--cleanup")
            if self.site.instances()[name].node != int(words[1]):
                self._migrate(*words)
        elif verb == "failover":
            self._repeat_failover(name, int(words[1]))
        else:
            self._do(operation)

    def _repeat_failover(self, name: str, node: int) -> None:
        guest = self.state.guests[name]
        if self.site.instances()[name].node != node:
            self._failover(name, str(node))
        elif guest.status != STOPPED and name not in self.site.guests():
            self._start(name)

    def _remove_left_files(self) -> None:
        """Remove the disks of an instance whose creation or removal was interrupted, which Ganeti gave up."""
        known = {path for instance in self.site.instances().values() for path in instance.disks}
        left_over = {path for brick in self.site.bricks().values() for path in brick.files()} - known
        if not left_over:
            return
        self.report(f"# left over by the interruption: {sorted(left_over)}")
        self.site.remove(sorted(left_over))

    # --- checks ---------------------------------------------------------------------------------------

    def _read_logs(self) -> None:
        """Take what guests have reported meanwhile."""
        for name in list(self.logs):
            self._read_log(name)

    def _read_log(self, name: str) -> None:
        log = self.logs[name]
        done = self._read.setdefault(name, {})
        paths = {node: self.site.log(name, node) for node in plan.NODES}
        there = {node: path for node, path in paths.items() if path.exists()}
        # A guest that has migrated has left the one node before it went on on the other.
        for node in sorted(there, key=lambda node: there[node].stat().st_mtime_ns):
            with open(there[node], "rb") as file:
                file.seek(done.get(node, 0))
                text = file.read().decode("ascii", "replace")
            done[node] = done.get(node, 0) + log.read(text)
        if log.faults:
            raise Fault(f"{name}:{lines(log.faults)}")

    def _account(self, name: str) -> None:
        """Add the figures of a disk that has ended: what its guest reports from now on is of another one."""
        if name in self.logs:
            self._read_log(name)
            log = self.logs.pop(name)
            self.figures.acknowledged += len(log.written)
            self.figures.boots += log.boots
            self.figures.errors += log.errors

    def _wait_progress(self, names: Iterable[str]) -> None:
        """Wait until each of the guests that should write has reported a block more since the last step."""
        waiting = set(names) & set(self.state.writing())

        def all_have() -> bool:
            self._read_logs()
            return all(self.logs[name].acknowledged > self._reached.get(name, 0) for name in waiting)

        try:
            wait_until(all_have, "progress", PROGRESS, 0.1)
        except LabTimeout:
            stuck = [name for name in waiting if self.logs[name].acknowledged <= self._reached.get(name, 0)]
            raise Fault(f"no block more within {PROGRESS:g} s of {', '.join(stuck)}") from None

    def _check_processes(self) -> None:
        """Each running guest runs once, where it should, and no other runs."""
        there = self.site.guests()
        for name in plan.GUESTS:
            guest = self.state.guests.get(name)
            expected = [guest.node] if guest is not None and guest.status == RUNNING else []
            found = sorted(there.get(name, {}))
            if found != expected:
                raise Fault(f"{name} runs on the nodes {found}, not {expected}")

    def _check(self) -> None:
        self._wait_progress(self.state.guests)
        if self.state.fault is not None:
            return
        self._check_configuration()
        self._wait_healed()
        self._check_leftovers()
        running = {name: guest.node for name, guest in self.state.guests.items() if guest.status == RUNNING}
        with self.site.paused(running):
            self._read_logs()
            bricks = self.site.bricks()
            found = self._compare(bricks) or self._compare_mounted(bricks)
        if found:
            raise Fault(lines(found))
        self.figures.checks += 1

    def _wait_healed(self) -> None:
        self._pool.gluster("volume", "heal", VOLUME)
        try:
            self._pool.wait_healed(VOLUME, in_use=True, timeout=HEAL)
        except LabTimeout as error:
            info = self._pool.gluster("volume", "heal", VOLUME, "info")
            raise Fault(f"{error}\n{info}") from error

    def _check_configuration(self) -> None:
        """Ganeti has each guest where it should be, with disks of the right size."""
        instances = self.site.instances()
        if sorted(instances) != sorted(self.state.guests):
            raise Fault(f"Ganeti has the instances {sorted(instances)}, not {sorted(self.state.guests)}")
        for name, guest in self.state.guests.items():
            instance = instances[name]
            sizes = [guest.size, *[8] * guest.others]
            admin_state = "down" if guest.status == STOPPED else "up"
            there = (instance.node, list(instance.disks.values()), instance.admin_state)
            if there != (guest.node, sizes, admin_state):
                raise Fault(f"{name}: Ganeti has {there}, not {(guest.node, sizes, admin_state)}")

    def _check_leftovers(self) -> None:
        """Nodes have nothing mounted that no guest of theirs needs, and no piece of a removed file is left."""
        needed = {
            guest.node
            for guest in self.state.guests.values()
            if guest.access == "kernelspace" and guest.status != STOPPED
        }

        def rest() -> List[str]:
            there = left(self.site.cluster)
            found = [
                f"node{node} has {points} mounted"
                for node, points in there.mounts.items()
                if node not in needed
            ]
            found += [
                f"node{node} has loops on {files}"
                for node, files in there.loops.items()
                if node not in needed
            ]
            found += [
                f"node{node}: {piece}"
                for node, brick in self.site.bricks().items()
                for piece in brick.stray()
            ]
            return found

        before: List[str] = []

        def nothing() -> bool:
            found = rest()
            if found and found != before:
                self.report(f"# not yet gone: {'; '.join(found)}")
            before[:] = found
            return not found

        try:
            wait_until(nothing, "nothing left over", TIDY, 1.0)
        except LabTimeout:
            raise Fault(f"left over:{lines(before)}") from None

    def _compare(self, bricks: Dict[int, Brick]) -> List[str]:
        """What is wrong with the disks, on any of the bricks."""
        found = differences(bricks)
        disks = {path: name for name, each in self.site.instances().items() for path in each.disks}
        for node, brick in bricks.items():
            there = set(brick.files())
            found += [f"node{node}: {path} is a file of no instance" for path in sorted(there - set(disks))]
            found += [
                f"node{node}: {path} of {disks[path]} is missing" for path in sorted(set(disks) - there)
            ]
        if found:
            return found
        for name, instance in self.site.instances().items():
            for number, (path, size) in enumerate(instance.disks.items()):
                first: Optional[bytes] = None
                for node, brick in bricks.items():
                    content = brick.read(path)
                    self.figures.compared += len(content)
                    if first is None:
                        first = content
                        found += [
                            f"{name} on node{node}: {each}"
                            for each in self._faults(name, number, size, content)
                        ]
                    elif content != first:
                        found.append(f"{name}: node{node} has another content of {path} than the first brick")
                        found += [
                            f"{name} on node{node}: {each}"
                            for each in self._faults(name, number, size, content)
                        ]
        return found

    def _faults(self, name: str, number: int, size: int, content: bytes) -> List[str]:
        """What is wrong with a disk of *size* MiB, the first (0) or another."""
        if number:
            return [] if content == bytes(size * MIB) else ["a disk that nobody has written to is not zero"]
        log = self.logs[name]
        return guests.faults(content, log.generation, log.acknowledged, size * MIB, TICKS)

    def _compare_mounted(self, bricks: Dict[int, Brick]) -> List[str]:
        """What is wrong with a disk, another each time, as a new client of the volume reads it."""
        disks = sorted(path for each in self.site.instances().values() for path in each.disks)
        if not disks:
            return []
        path = disks[self.figures.checks % len(disks)]
        content = bricks[1].read(path)
        self.figures.compared += len(content)
        read = self.site.digest(path)
        return [] if read == hashlib.sha256(content).hexdigest() else [f"the volume reads {path} otherwise"]
