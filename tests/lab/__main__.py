"""The lab for people: ``python -m tests.lab up``, and down again."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import List, Optional

from tests.lab.ganeti import Cluster
from tests.lab.lab import MOST_HOSTS
from tests.lab.namespaces import ENVIRONMENT
from tests.lab.pool import Pool
from tests.lab.state import StateDirectory
from tests.lab.tools import GANETI_TOOLS, missing, obstacles
from tests.lab.waiting import LabError

PREFIX = "ganeti-gluster-lab"


def say(line: str) -> None:
    print(f"lab: {line}", file=sys.stderr, flush=True)


def host_number(word: str) -> int:
    """1, node1 or node1.lab.test."""
    match = re.fullmatch(r"(?:node)?([1-9])(?:\.lab\.test)?", word)
    if not match:
        raise argparse.ArgumentTypeError(f"not a host of a lab: {word}")
    return int(match.group(1))


def parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--prefix", default=PREFIX, help="name of the lab; several can stand (default: %(default)s)"
    )
    top = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description="A pool of real GlusterFS hosts in namespaces on this machine.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", parents=[shared], help="boot the hosts, make them a pool, create volumes")
    up.add_argument(
        "--hosts", type=int, default=3, metavar="N", help=f"1 to {MOST_HOSTS} (default: %(default)s)"
    )
    up.add_argument(
        "--volumes",
        choices=("none", "gv0", "all"),
        default="gv0",
        help="no volume; gv0, a replica on all hosts; one of each kind, on three hosts (default: gv0)",
    )
    up.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="root file system that the hosts are laid over, of make lab-root DEBIAN=13 (default: the machine's own)",
    )
    up.add_argument("--ganeti", action="store_true", help="make the hosts a Ganeti cluster, too")
    run = commands.add_parser(
        "exec", parents=[shared], help="run a command on a host (a shell where none is given)"
    )
    run.add_argument("host", type=host_number, metavar="HOST", help="1, or node1")
    run.add_argument(
        "argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments"
    )
    commands.add_parser("status", parents=[shared], help="what stands, and what runs on each host")
    for name, text in (
        ("off", "cut a host's power"),
        ("on", "boot it again"),
        ("cut", "pull its network cable"),
        ("join", "plug it in again"),
    ):
        one = commands.add_parser(name, parents=[shared], help=text)
        one.add_argument("host", type=host_number, metavar="HOST", help="1, or node1")
    commands.add_parser("down", parents=[shared], help="end and remove everything of the lab")
    return top


def up(arguments: argparse.Namespace) -> None:
    hindered = obstacles() + (missing(GANETI_TOOLS) if arguments.ganeti else [])
    if hindered:
        raise LabError("; ".join(hindered))
    if arguments.volumes == "all" and arguments.hosts != 3:
        raise LabError("--volumes all is laid out on three hosts")
    began = time.monotonic()
    pool = Pool(arguments.prefix, arguments.hosts, kept=True, progress=say, root=arguments.root)
    pool.up()
    try:
        pool.probe()
        if arguments.volumes == "all":
            pool.create_every_kind()
        elif arguments.volumes == "gv0":
            count = len(pool.hosts)
            pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=count if count > 1 else 0)
        if arguments.ganeti:
            Cluster(pool).up()
    except BaseException:
        pool.down()
        raise
    look = "gnt-node list" if arguments.ganeti else "gluster pool list"
    say(f"up in {time.monotonic() - began:.1f} s; try: python -m tests.lab exec 1 {look}")


def status(prefix: str) -> None:
    for host in Pool.attach(prefix).hosts:
        if not host.namespaces.running:
            print(f"{host.name}\toff")
            continue
        print(f"{host.name}\t{host.address}\tpid {host.namespaces.pid}")
        for found in host.processes():
            if found.pid != host.namespaces.pid:
                print(f"\t{found}")


def execute(prefix: str, number: int, argv: List[str]) -> None:
    host = Pool.attach(prefix).host(number)
    command = host.namespaces.enter([word for word in argv[:1] if word != "--"] + argv[1:] or ["bash"])
    environment = {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")}
    os.execvpe(command[0], command, environment)


def down(prefix: str) -> None:
    state = StateDirectory(prefix)
    if not state.path.exists():
        say(f"no lab {prefix} stands here ({state.path})")
        return
    state.end()
    state.remove()
    say(f"{prefix} is down")


def main(words: Optional[List[str]] = None) -> int:
    arguments = parser().parse_args(words)
    try:
        if arguments.command == "up":
            up(arguments)
        elif arguments.command == "exec":
            execute(arguments.prefix, arguments.host, arguments.argv)
        elif arguments.command == "status":
            status(arguments.prefix)
        elif arguments.command == "down":
            down(arguments.prefix)
        else:
            pool = Pool.attach(arguments.prefix)
            action = {"off": pool.power_off, "on": pool.power_on, "cut": pool.cut, "join": pool.join}
            action[arguments.command](arguments.host)
    except LabError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
