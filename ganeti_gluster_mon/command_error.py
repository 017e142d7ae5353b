"""The error that a command reports to its user."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do what it was called for; str() is one line: the reason, and what to do."""
