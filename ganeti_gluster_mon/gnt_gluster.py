# PYTHON_ARGCOMPLETE_OK
"""The command ``gnt-gluster``: GlusterFS in the manner of Ganeti's own commands, for people.

What it can do comes in families, each of which adds its commands by itself: those that look (view/), those that
change something (deploy/), and those for the maintenance of nodes (maintenance/).  What only one command needs is
imported by that command.
"""

from __future__ import annotations

import argparse
import sys
from typing import Optional, Sequence

from ganeti_gluster_mon import __version__, commandline

PROGRAM = "gnt-gluster"


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line *argv* (without the program's name); returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    return commandline.run(PROGRAM, lambda: _run(words))


def _run(words: Sequence[str]) -> int:
    arguments = commandline.parse(parser(), words)
    return int(arguments.run(arguments))


def parser() -> argparse.ArgumentParser:
    """The whole command line: what is run, what --help shows, and the source of the man page."""
    from ganeti_gluster_mon.deploy import deploy_commands as deploy
    from ganeti_gluster_mon.maintenance import maintenance_commands as maintenance
    from ganeti_gluster_mon.view import view_commands as view

    whole = commandline.Parser(
        prog=PROGRAM,
        description="GlusterFS under Ganeti: see the pool as Ganeti's own commands show things, and set it up.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = whole.add_subparsers(
        metavar="COMMAND", required=True, parser_class=commandline.Parser
    )
    view.add_commands(commands)
    deploy.add_commands(commands)
    maintenance.add_commands(commands)
    return whole


if __name__ == "__main__":
    sys.exit(main())
