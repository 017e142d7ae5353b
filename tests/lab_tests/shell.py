"""Commands of the documentation on a host of the lab, word for word, as an administrator types them there."""

from __future__ import annotations

import re
import subprocess
from typing import Mapping, Optional, Sequence

from tests.lab import Pool
from tests.lab.lab import command

#: the lab has glusterd and the daemon without systemd, and the commands that start them are typed all the same
_SYSTEMCTL = r"""#!/bin/sh
# systemctl of the lab: it starts and ends glusterd and the daemon, whose two units are one process here
set -eu
[ "$1" != --no-pager ] || shift
case "$1" in start | stop | restart | status) ;; *) echo "systemctl of the lab: $*" >&2; exit 1 ;; esac
verb=$1
shift
for unit; do
  case "${unit%.service}" in
    glusterd) program=glusterd; pids=$(pidof glusterd) || true ;;
    ganeti-gluster-mon-poller | ganeti-gluster-mon-web)
      program=serve
      pids=$(pgrep -f 'ganeti-gluster-mon serve') || true
      ;;
    *) echo "systemctl of the lab: $unit" >&2; exit 1 ;;
  esac
  # one that is killed may be a zombie for a moment
  running=
  for pid in $pids; do
    grep -q ') [^Z]' "/proc/$pid/stat" 2>/dev/null && running="$running $pid"
  done
  pids=$running
  if [ "$verb" = status ]; then
    echo "$unit: ${pids:-dead}"
    [ -n "$pids" ] || exit 3
    continue
  fi
  [ "$verb" != start ] || [ -z "$pids" ] || continue
  if [ "$verb" != start ]; then
    for pid in $pids; do
      kill -KILL "$pid" || true
      while kill -0 "$pid" 2>/dev/null && ! grep -q ') Z' "/proc/$pid/stat"; do sleep 0.1; done
    done
  fi
  if [ "$verb" != stop ]; then
    case "$program" in
      glusterd) glusterd </dev/null >/dev/null 2>&1 ;;
      serve) setsid --fork /usr/local/bin/ganeti-gluster-mon serve </dev/null >/dev/null 2>&1 ;;
    esac
  fi
done
"""


def prepare(pool: Pool, numbers: Optional[Sequence[int]] = None) -> None:
    """Let hosts of *pool*, all or those with *numbers*, run our commands by their names, over ssh as well."""
    for host in pool.hosts if numbers is None else map(pool.host, numbers):
        for name in ("gnt-gluster", "ganeti-gluster-mon"):
            host.exec(["ln", "-sf", str(command().with_name(name)), f"/usr/local/bin/{name}"])
        # in the place of the real one, which gnt-gluster would find on the other nodes
        host.exec(["tee", "/usr/bin/systemctl"], input=_SYSTEMCTL)


def type_in(
    pool: Pool, line: str, host: int = 1, timeout: float = 300.0, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Type *line* on a host.  With *check*, raises LabError with all output where its exit status is not 0."""
    path = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    return pool.exec(host, ["sh", "-c", line], timeout=timeout, check=check, env=path)


def instead(line: str, words: Mapping[str, str]) -> str:
    """*line* with what is the lab's own in the place of *words*; whole words only."""
    for word, other in words.items():
        line = re.sub(rf"(?<![\w./-]){re.escape(word)}(?![\w.-])", other.replace("\\", r"\\"), line)
    return line
