"""Failing, as people are told of it."""

from __future__ import annotations


class CannotDo(Exception):
    """What a command was asked for cannot be done: str() is one line that says why, and what to do."""
