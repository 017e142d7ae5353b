"""Gives up root for an unprivileged user, permanently."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


class NoSuchUser(Exception):
    """There is no user of that name; str() is one line for an administrator."""


def find(name: str) -> pwd.struct_passwd:
    """The user called *name*.  Raises NoSuchUser, also for one that is root under another name."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise NoSuchUser(
            f"there is no user {name}: adduser --system --group {name}, or name one with --user"
        ) from None
    if user.pw_uid == 0 or user.pw_gid == 0:
        raise NoSuchUser(f"{name} is root: name another user with --user")
    return user


def become(user: pwd.struct_passwd) -> None:
    """Give up root for *user*: its group alone, no capabilities, and no way to new ones.

    glusterd's socket lets root in only, so it is out of reach from then on.  Raises OSError.
    """
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    # From root to another user the kernel takes every capability away.
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.chdir("/")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def end_with_parent() -> None:
    """Get SIGTERM when the parent process ends, however it ends.  To be called after `become`."""
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent ended before the call
        os.kill(os.getpid(), signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
