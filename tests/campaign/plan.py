"""Which operations a campaign does, in which order.  Pure: a seed gives the same steps always.

A step is a set of operations that run at the same time, and a line of text: `migrate g1 2 & kill-noded 3 400`.
At most one node is out of order at a time, and volumes heal before the next one is: two of three copies are left.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

NODES = (1, 2, 3)
#: the master runs Ganeti's commands: its power and its network stay
OTHERS = (2, 3)
ACCESS = ("userspace", "kernelspace")
#: how an OS script writes its image
STYLES = ("fsync", "plain", "convert")
RUNNING, STOPPED, KILLED = "running", "stopped", "killed"
#: MiB
SIZE, GROWTH, LARGEST = 32, 16, 80

#: faults that last until they are repaired: fault → its repair
LASTING = {
    "kill-brick": "start-brick",
    "freeze-brick": "thaw-brick",
    "kill-glusterd": "start-glusterd",
    "cut": "join",
    "power-off": "power-on",
}
#: what may begin only when the volume has healed: one copy of three is away
TAKES_A_COPY = (*LASTING, "replace-brick", "kill-healer")
#: faults and repairs that guests do not notice: operations on them go on at the same time, and have to succeed
WHILE_GUESTS_RUN = ("kill-brick", "start-brick", "freeze-brick", "thaw-brick")
#: faults in which the node can neither start nor stop a guest
UNUSABLE = ("kill-glusterd", "cut", "power-off")
#: faults that hit what runs at the same time, after so many milliseconds, and end by themselves
HITS = ("kill-noded", "kill-scripts")


@dataclass(frozen=True)
class Operation:
    """A word and its arguments: `create g1 ext userspace 2 plain`."""

    verb: str
    words: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.verb, *self.words))


Step = Tuple[Operation, ...]


def parse(line: str) -> Step:
    """A step from its line.  Raises ValueError where it is empty."""
    operations = []
    for text in line.split("&"):
        verb, *words = text.split()
        operations.append(Operation(verb, tuple(words)))
    return tuple(operations)


def line(step: Step) -> str:
    return " & ".join(map(str, step))


@dataclass(frozen=True)
class Guest:
    template: str
    access: str
    node: int
    status: str = RUNNING
    #: MiB
    size: int = SIZE
    #: disks after the first
    others: int = 0

    def has_path(self, node: int) -> bool:
        """Whether a node has the disks mounted, for a guest that runs or was killed."""
        return (self.node, self.access) == (node, "kernelspace") and self.status != STOPPED


@dataclass
class State:
    """What there is after the steps so far."""

    guests: Dict[str, Guest] = field(default_factory=dict)
    #: of template gluster: a parameter of the cluster
    access: str = ACCESS[0]
    #: the fault that lasts, and its node
    fault: Optional[Tuple[str, int]] = None

    def usable(self, node: int) -> bool:
        """Whether guests can be started and stopped on a node."""
        return self.fault is None or self.fault[1] != node or self.fault[0] not in UNUSABLE

    def writing(self) -> List[str]:
        """The guests whose blocks are written in spite of the fault."""
        cut = self.fault[1] if self.fault and self.fault[0] == "cut" else None
        return [name for name, guest in self.guests.items() if guest.status == RUNNING and guest.node != cut]

    def running(self) -> Dict[str, int]:
        """The guests that run, each with its node."""
        return {name: guest.node for name, guest in self.guests.items() if guest.status == RUNNING}

    def possible(self, operation: Operation) -> bool:
        """Whether an operation makes sense now."""
        verb, words = operation.verb, operation.words
        if verb in GUEST_VERBS:
            guest = self.guests.get(words[0])
            if verb == "create":
                template, access, node = words[1], words[2], int(words[3])
                fits = template == "ext" or access == self.access
                return guest is None and fits and self.usable(node)
            if guest is None or not self.usable(guest.node) or guest.status not in GUEST_VERBS[verb]:
                return False
            if verb in ("migrate", "failover"):
                target = int(words[1])
                return target != guest.node and self.usable(target)
            if verb == "grow":
                return guest.size < LARGEST
            if verb == "add-disk":
                return guest.others == 0
            return guest.others > 0 if verb == "remove-disk" else True
        if verb in LASTING:
            return self.fault is None
        if verb in LASTING.values():
            return (
                self.fault is not None and LASTING[self.fault[0]] == verb and self.fault[1] == int(words[0])
            )
        if verb in ("replace-brick", "kill-healer", "kill-client", "access"):
            return self.fault is None
        return verb == "check" or (verb in HITS and self.usable(int(words[0])))

    def apply(self, operation: Operation) -> None:
        """What is there when a possible operation has succeeded."""
        verb, words = operation.verb, operation.words
        if verb == "create":
            self.guests[words[0]] = Guest(words[1], words[2], int(words[3]))
        elif verb == "remove":
            del self.guests[words[0]]
        elif verb in GUEST_VERBS:
            self.guests[words[0]] = changed(self.guests[words[0]], operation)
        elif verb in LASTING:
            self.fault = (verb, int(words[0]))
            if verb == "power-off":
                self._fail_over(int(words[0]))
        elif verb in LASTING.values():
            self.fault = None
        elif verb == "kill-client":
            for name, guest in self.guests.items():
                if guest.has_path(int(words[0])):
                    self.guests[name] = replace(guest, status=RUNNING)
        elif verb == "access":
            self.access = words[0]
            for name, guest in self.guests.items():
                if guest.template == "gluster":
                    status = STOPPED if guest.status == KILLED else guest.status
                    self.guests[name] = replace(guest, access=self.access, status=status)

    def _fail_over(self, node: int) -> None:
        """Guests of a node without power go to another one; a stopped one stays stopped."""
        for name, guest in self.guests.items():
            if guest.node == node:
                status = STOPPED if guest.status == STOPPED else RUNNING
                self.guests[name] = replace(guest, node=refuge(node), status=status)


def refuge(node: int) -> int:
    """Where the guests of a node go that loses its power."""
    return 5 - node


#: operations on a guest → the states it may be in
GUEST_VERBS: Dict[str, Tuple[str, ...]] = {
    "create": (),
    "remove": (RUNNING, STOPPED, KILLED),
    "start": (STOPPED, KILLED),
    "stop": (RUNNING,),
    "reboot": (RUNNING,),
    "kill": (RUNNING,),
    "migrate": (RUNNING,),
    "failover": (RUNNING, STOPPED, KILLED),
    "grow": (RUNNING, STOPPED),
    "reinstall": (STOPPED,),
    "add-disk": (STOPPED,),
    "remove-disk": (STOPPED,),
}


def changed(guest: Guest, operation: Operation) -> Guest:
    """A guest after an operation on it."""
    verb, words = operation.verb, operation.words
    if verb in ("start", "reboot"):
        return replace(guest, status=RUNNING)
    if verb == "stop":
        return replace(guest, status=STOPPED)
    if verb == "kill":
        return replace(guest, status=KILLED)
    if verb == "migrate":
        return replace(guest, node=int(words[1]))
    if verb == "failover":
        status = STOPPED if guest.status == STOPPED else RUNNING
        return replace(guest, node=int(words[1]), status=status)
    if verb == "grow":
        return replace(guest, size=guest.size + GROWTH)
    if verb == "add-disk":
        return replace(guest, others=guest.others + 1)
    if verb == "remove-disk":
        return replace(guest, others=guest.others - 1)
    return guest


#: how often an operation is tried, relative to the others
WEIGHTS = {
    "create": 8, "remove": 1, "start": 10, "stop": 3, "reboot": 2, "kill": 8, "migrate": 8, "failover": 4,
    "grow": 3, "reinstall": 4, "add-disk": 3, "remove-disk": 6,
}  # fmt: skip
FAULT_WEIGHTS = {
    "kill-brick": 5, "freeze-brick": 3, "kill-glusterd": 3, "cut": 4, "power-off": 5,
    "replace-brick": 3, "kill-healer": 2, "kill-client": 2, "access": 3,
}  # fmt: skip
#: operations that a hit may interrupt
INTERRUPTED = ("create", "start", "stop", "migrate", "failover", "grow", "reinstall", "remove")
#: steps with a lasting fault before it is repaired, at most
FAULT_LASTS = 3


@dataclass(frozen=True)
class Width:
    """How much happens at the same time: the guests there are at most, and the operations on guests in a step."""

    guests: int
    least: int
    most: int


#: for a long campaign: most of the time of an operation is spent waiting
WIDE = Width(guests=9, least=5, most=7)


def generate(seed: int, width: Width = WIDE) -> Iterator[Step]:
    """Steps without end."""
    chance = random.Random(seed)
    state = State()
    since = 0
    while True:
        step = _next(chance, state, since, width)
        since = since + 1 if state.fault else 0
        for operation in step:
            state.apply(operation)
        yield step
        if any(operation.verb in LASTING.values() for operation in step):
            yield (Operation("check"),)


def _next(chance: random.Random, state: State, since: int, width: Width) -> Step:
    step: List[Operation] = []
    if state.fault and chance.randrange(FAULT_LASTS) < since:
        step += repair(state.fault)
    elif state.fault is None and len(state.guests) > 1 and chance.random() < 0.35:
        step.append(_node_operation(chance))
    if step and step[0].verb not in WHILE_GUESTS_RUN:
        return tuple(step)
    hit = not step and state.fault is None and chance.random() < 0.2
    names = [f"g{number}" for number in range(1, width.guests + 1)]
    for name in chance.sample(names, chance.randint(width.least, width.most)):
        operation = _guest_operation(chance, state, name)
        if operation is not None and (not hit or operation.verb in INTERRUPTED):
            step.append(operation)
    if not step:
        return repair(state.fault) if state.fault else (Operation("check"),)
    if hit:
        verb = chance.choice(HITS)
        step.append(Operation(verb, (str(chance.choice(NODES)), str(chance.randrange(100, 3000, 50)))))
    return tuple(step)


def repair(fault: Tuple[str, int]) -> Step:
    """The step that ends a lasting fault."""
    verb, node = fault
    return (Operation(LASTING[verb], (str(node),)),)


def _node_operation(chance: random.Random) -> Operation:
    (verb,) = chance.choices(list(FAULT_WEIGHTS), list(FAULT_WEIGHTS.values()))
    if verb == "access":
        return Operation(verb, (chance.choice(ACCESS),))
    nodes = OTHERS if verb in ("cut", "power-off") else NODES
    return Operation(verb, (str(chance.choice(nodes)),))


def _guest_operation(chance: random.Random, state: State, name: str) -> Optional[Operation]:
    """One of the possible operations on a guest; None where there is none."""
    target = chance.choice(NODES)
    template = chance.choice(("gluster", "ext"))
    access = state.access if template == "gluster" else chance.choice(ACCESS)
    style = chance.choice(STYLES)
    arguments: Dict[str, Tuple[str, ...]] = {
        "create": (template, access, str(target), style),
        "reinstall": (style,),
        "migrate": (str(target),),
        "failover": (str(target),),
    }
    operations = [Operation(verb, (name, *arguments.get(verb, ()))) for verb in WEIGHTS]
    possible = [operation for operation in operations if state.possible(operation)]
    if not possible:
        return None
    return chance.choices(possible, [WEIGHTS[operation.verb] for operation in possible])[0]


def steps(lines: Sequence[str]) -> List[Step]:
    """Steps to be repeated, from the lines of a report; empty lines and comments are left out."""
    return [parse(text) for text in lines if text.strip() and not text.lstrip().startswith("#")]
