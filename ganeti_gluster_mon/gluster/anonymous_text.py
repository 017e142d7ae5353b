"""The texts of a capture with other names in the place of those it has.  Pure.

A text stays as it is only where it is a number or a word of Gluster itself.  The place of a name shows its
kind.  In messages, which are sentences, a name is recognised by its form, or because it stands somewhere else too.
"""

from __future__ import annotations

import re
from typing import Callable, List, Optional

from ganeti_gluster_mon.gluster.anonymous_names import UUID, AnonymousNames, address_of
from ganeti_gluster_mon.gluster.validation import brick_of

#: a number, with its unit
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d+)?(?:%|Bytes|[kKMGTPE]i?B?|B|[mnu]?s)?|-|\*")
#: values that Gluster has words for, in lower case
_WORDS = frozenset(
    "on off enable disable enabled disabled yes no true false none n/a auto fixed server client full diff inet"
    " inet6 tcp rdma active inactive started stopped created connected disconnected online offline localhost utf-8"
    " ext3 ext4 xfs btrfs zfs rw ro relatime noatime nodiratime strictatime lazytime nosuid nodev noexec sync"
    " dirsync inode64 inode32 attr2 noquota usrquota prjquota grpquota nobarrier barrier discard nodiscard ssd"
    " nossd space_cache emergency_ro shutdown seclabel noacl acl user_xattr lzo zlib zstd ordered writeback"
    " journal remount-ro continue normal aggressive lazy hourly daily weekly biweekly monthly info warning error"
    " debug trace critical".split()
)
#: what Gluster alone writes: states, types and the like
_OWN = re.compile(r"(?:[A-Za-z0-9 ,.%()+_-]|(?<=[a-z])/(?=[a-z])){1,200}")
#: words with digits or underscores that occur in messages and are no names
_IN_MESSAGES = frozenset(
    {"IPv4", "IPv6", "op_ret", "op_errno", "op_errstr", "get-state.txt", "manifest.json"}
)
#: what is recognised by its words, whatever the names in the capture are
PHRASES = (
    "Welcome to gluster prompt, type 'help' to see the available commands.",
    "gluster>",
    "Usage:",
    "No quota configured on volume",
    "Failed to process entries completely",
    "Transport endpoint is not connected",
)
_MESSAGE_WORD = r"[^\s'\"`,;()<>=\[\]{}|!?]+"
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,}")
_LETTERS = re.compile(r"[A-Za-z…–/+&*.-]*")
_DAEMON = re.compile(r"[A-Za-z -]+ (?:Daemon|Server)")
_MOUNT_OPTION = re.compile(r"([a-z0-9_-]+)=(.*)", re.DOTALL)
#: the name of an option is Gluster's, but for those that an administrator makes up
_OPTION_NAME = re.compile(r"(?!user\.|auth\.login)[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_SCHEMES = frozenset({"http", "https", "gluster", "gluster+tcp"})


def is_plain(text: str) -> bool:
    """Whether *text* is a number, or a word that Gluster has for a value."""
    return not text or text.lower() in _WORDS or _NUMBER.fullmatch(text) is not None


def is_own(text: str) -> bool:
    """Whether *text*, in a place where Gluster alone writes, has nothing but words and numbers."""
    return _OWN.fullmatch(text) is not None


def is_daemon(text: str) -> bool:
    """Whether *text* is what `volume status` has in the place of a host for a daemon: "Self-heal Daemon"."""
    return _DAEMON.fullmatch(text) is not None


class AnonymousText:
    """Texts, each by what its place requires, with the names that stand for theirs."""

    def __init__(self, names: AnonymousNames) -> None:
        self.names = names
        self._pattern: Optional[re.Pattern[str]] = None

    def value(self, text: str) -> str:
        """The value of an option or of anything else: a number, a known word, a name by its form, or hidden."""
        if is_plain(text):
            return text
        if "," in text:
            return each_of(text, ",", self.value)
        known = self.names.known(text)
        if known is not None:
            return known
        return self._by_form(text) or self.names.text(text)

    def own(self, text: str) -> str:
        """A text that Gluster alone writes."""
        return text if is_own(text) else self.message(text)

    def option_name(self, text: str) -> str:
        """The name of an option."""
        if _OPTION_NAME.fullmatch(text):
            return text
        first, dot, rest = text.partition(".")
        if first in ("user", "auth") and dot:
            return f"{first}.{self.names.text(rest)}"
        return self.names.text(text)

    def mount_options(self, text: str) -> str:
        """The options of a filesystem, as /proc/mounts has them."""
        return ",".join(map(self._mount_option, text.split(",")))

    def daemon_or_host(self, text: str) -> str:
        """A host, or, of `volume status`, a daemon in its place: "Self-heal Daemon"."""
        return text if is_daemon(text) else self.names.host(text)

    def path_or_host(self, text: str) -> str:
        """A path, or, of a daemon in `volume status`, its host."""
        return self.names.path(text) if text.startswith("/") else self.names.host(text)

    def message(self, text: str) -> str:
        """A message, with all names in it that can be recognised."""
        if not self.names.fixed:
            return text  # names are collected where their kind is known
        if self._pattern is None:
            self._pattern = self._message_pattern()
        return self._pattern.sub(lambda match: self._part(match[0]), text)

    def _mount_option(self, text: str) -> str:
        match = _MOUNT_OPTION.fullmatch(text)
        return f"{match[1]}={self.value(match[2])}" if match else self.value(text)

    def _message_pattern(self) -> re.Pattern[str]:
        """Phrases that stay, names with characters that would part them, words."""
        parted = [name for name in self.names.originals() if not re.fullmatch(_MESSAGE_WORD, name)]
        parted.sort(key=len, reverse=True)
        return re.compile("|".join([*map(re.escape, PHRASES), *map(re.escape, parted), _MESSAGE_WORD]))

    def _part(self, text: str) -> str:
        if text in PHRASES:
            return text
        known = self.names.known(text)
        if known is not None:
            return known
        core = text.lstrip("-@~+").rstrip(".:")
        if not core:
            return text
        begin = text.index(core)
        return text[:begin] + self._word(core) + text[begin + len(core) :]

    def _word(self, text: str) -> str:
        """One word of a message."""
        known = self.names.known(text)
        if known is not None:
            return known
        if is_plain(text) or text in _IN_MESSAGES:
            return text
        found = self._by_form(text)
        if found is not None:
            return found
        for separator in (":", "@", "/"):
            if separator in text and not (separator == "/" and _LETTERS.fullmatch(text)):
                return separator.join(map(self._word, text.split(separator)))
        return text if _LETTERS.fullmatch(text) else self.names.text(text)

    def _by_form(self, text: str) -> Optional[str]:
        """*text* as the kind of name that its form shows; None where it shows none."""
        names = self.names
        if UUID.fullmatch(text):
            return names.uuid(text)
        address, slash, length = text.partition("/")
        if address_of(address) is not None and (not slash or length.isdecimal()):
            return names.address(address) + slash + length
        if text.startswith("/dev/"):
            return names.device(text)
        if text.startswith("/"):
            return names.path(text)
        scheme, colon, rest = text.partition("://")
        if colon and scheme in _SCHEMES:
            host, slash, path = rest.partition("/")
            return f"{scheme}://{names.host(host)}{names.path(slash + path)}"
        if brick_of(text) is not None:
            return names.brick(text)
        if _HOST_NAME.fullmatch(text):
            return names.host(text)
        return None


#: changes the text of a place: what the place is, its text
Change = Callable[[str], str]


def around(text: str, change: Change) -> str:
    """*text*, changed but for the white space around it."""
    core = text.strip(" \t\r\n")
    if not core:
        return text
    begin = text.index(core)
    return text[:begin] + change(core) + text[begin + len(core) :]


def each_of(text: str, separator: str, change: Change) -> str:
    """*text*, a list, with each of its parts changed."""
    parts: List[str] = [around(part, change) for part in text.split(separator)]
    return separator.join(parts)
