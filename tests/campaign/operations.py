"""The operations of a campaign, done on a site: Ganeti's commands on guests, and faults of nodes and bricks."""

from __future__ import annotations

import time

from tests.campaign import guest as guests
from tests.campaign import plan
from tests.campaign.plan import RUNNING, STOPPED, Operation
from tests.campaign.record import Record
from tests.campaign.site import VOLUME, provider
from tests.lab import process
from tests.lab.lab import at_once


class Operations:
    """Does operations, each by the method of its name."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._site = record.site
        self._pool = record.site.pool

    def do(self, operation: Operation) -> None:
        """Raises LabError where it fails."""
        verb, words = operation.verb, operation.words
        action = getattr(self, f"_{verb.replace('-', '_')}")
        if verb in plan.GUEST_VERBS:
            action(*words)
        elif verb == "access":
            action(words[0])
        else:
            action(*map(int, words))

    def _instance(self, command: str, name: str, *words: str) -> None:
        self._site.run("gnt-instance", command, *words, name)

    def _create(self, name: str, template: str, access: str, node: str, style: str) -> None:
        self._site.prepare(name, int(node), self._record.new_generation(name), style)
        self._site.add(name, template, access, int(node), plan.SIZE)

    def _remove(self, name: str) -> None:
        self._instance("remove", name, "--force", "--shutdown-timeout=0")
        self._record.end(name)

    def _start(self, name: str) -> None:
        self._instance("startup", name)

    def _stop(self, name: str) -> None:
        self._instance("shutdown", name, "--timeout=0")

    def _reboot(self, name: str) -> None:
        self._instance("reboot", name, "--type=hard", "--shutdown-timeout=0")

    def _kill(self, name: str) -> None:
        for found in self._site.guests().get(name, {}).values():
            process.kill(found.pid)

    def _migrate(self, name: str, node: str) -> None:
        self._instance("migrate", name, "--force", f"--target-node={self._site.name(int(node))}")

    def _failover(self, name: str, node: str) -> None:
        target = f"--target-node={self._site.name(int(node))}"
        self._instance("failover", name, "--force", "--shutdown-timeout=0", target)

    def _grow(self, name: str) -> None:
        # Absolute, so that it can be repeated.
        size = self._record.state.guests[name].size + plan.GROWTH
        self._site.run("gnt-instance", "grow-disk", "--absolute", name, "0", f"{size}M")

    def _reinstall(self, name: str, style: str) -> None:
        self._site.prepare(
            name, self._record.state.guests[name].node, self._record.new_generation(name), style
        )
        self._instance("reinstall", name, "--force")

    def _add_disk(self, name: str) -> None:
        guest = self._record.state.guests[name]
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
        self._site.set_offline(node, True)

    def _join(self, node: int) -> None:
        self._pool.join(node)
        self._back(node)

    def _power_off(self, node: int) -> None:
        self._pool.power_off(node)
        self._site.set_offline(node, True)
        target = str(plan.refuge(node))
        at_once(
            lambda name: self._failover(name, target),
            [name for name, guest in self._record.state.guests.items() if guest.node == node],
        )

    def _power_on(self, node: int) -> None:
        self._pool.power_on(node)
        self._site.cluster.start_daemons(node)
        self._back(node)

    def _back(self, node: int) -> None:
        """The pool and Ganeti have a node again."""
        self._pool.wait_connected(timeout=300)
        self._pool.start_volume(VOLUME, force=True)
        self._site.set_offline(node, False)

    def _kill_healer(self, node: int) -> None:
        """Kill the self-heal daemon of a node while it has work."""
        self._pool.kill_brick(VOLUME, node)
        self._record.wait_blocks(guests.SLOTS)
        self._pool.start_brick(VOLUME, node)
        self._pool.kill_self_heal_daemons([node])
        self._pool.start_volume(VOLUME, force=True)

    def _kill_client(self, node: int) -> None:
        """Kill the clients of what is mounted on a node; the guests that have their disks by a path start anew."""
        for found in self._pool.host(node).find("glusterfs"):
            if found.argv[-1].startswith("/run/ganeti/gluster"):
                process.kill(found.pid)
        victims = [name for name, guest in self._record.state.guests.items() if guest.has_path(node)]
        at_once(self._stop, victims)
        at_once(self._start, victims)

    def _replace_brick(self, node: int) -> None:
        self._site.replace_brick(node)

    def _access(self, access: str) -> None:
        """Change the access of template gluster: its guests are stopped meanwhile."""
        affected = {
            name: guest for name, guest in self._record.state.guests.items() if guest.template == "gluster"
        }
        running = [name for name, guest in affected.items() if guest.status != STOPPED]
        at_once(self._stop, running)
        self._site.set_access(access)
        at_once(self._start, [name for name in running if affected[name].status == RUNNING])

    def _kill_noded(self, node: int, after: int) -> None:
        time.sleep(after / 1000)  # this is when it happens: there is no event to wait for
        # A child that it has forked since the list was made still listens: it would be taken for a noded that runs.
        while daemons := self._pool.host(node).find("ganeti-noded"):
            for found in daemons:
                process.kill(found.pid)
        self._site.cluster.start_daemons(node)

    def _kill_scripts(self, node: int, after: int) -> None:
        time.sleep(after / 1000)
        for found in self._pool.host(node).processes():
            if any(
                "/extstorage/gluster/" in word or word.startswith("/usr/share/ganeti/os/")
                for word in found.argv
            ):
                process.kill(found.pid)

    # --- after an interruption ------------------------------------------------------------------------

    def repeat(self, operation: Operation) -> None:
        """Do again what was interrupted, as an administrator would."""
        verb, words = operation.verb, operation.words
        name = words[0]
        if verb == "create":
            if name in self._site.instances():
                self._instance("remove", name, "--force", "--shutdown-timeout=0", "--ignore-failures")
            self._remove_left_files()
            self._create(*words)
        elif verb == "remove":
            if name in self._site.instances():
                self._instance("remove", name, "--force", "--shutdown-timeout=0", "--ignore-failures")
            self._remove_left_files()
        elif verb == "migrate":
            self._instance("migrate", name, "--force", "--cleanup")
            if self._site.instances()[name].node != int(words[1]):
                self._migrate(*words)
        elif verb == "failover":
            self._repeat_failover(name, int(words[1]))
        else:
            self.do(operation)

    def _repeat_failover(self, name: str, node: int) -> None:
        guest = self._record.state.guests[name]
        if self._site.instances()[name].node != node:
            self._failover(name, str(node))
        elif guest.status != STOPPED and name not in self._site.guests():
            self._start(name)

    def _remove_left_files(self) -> None:
        """Remove the disks of an instance whose creation or removal was interrupted, which Ganeti gave up."""
        known = {path for instance in self._site.instances().values() for path in instance.disks}
        left_over = {path for brick in self._site.bricks().values() for path in brick.files()} - known
        if not left_over:
            return
        self._record.report(f"# left over by the interruption: {sorted(left_over)}")
        self._site.remove(sorted(left_over))
