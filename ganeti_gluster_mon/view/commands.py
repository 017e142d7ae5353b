"""The commands of ``gnt-gluster`` that look and change nothing."""

from __future__ import annotations

import argparse


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to *commands*, the subparsers of ``gnt-gluster``."""
