"""Queries mond, or the daemon in its place, as mond's clients do."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any, Mapping, Tuple
from urllib.parse import quote, urlsplit

from ganeti_gluster_mon.command_error import CommandError

#: seconds for one answer; mond runs lvs and the like for some
REPORT_TIMEOUT = 15.0
#: bytes
_LONGEST = 4 << 20


class MondUnavailable(CommandError):
    """Nothing there answers as mond does; str() is one line."""


@dataclass(frozen=True)
class MondReports:
    """The reports that a client gets."""

    #: status of HTTP by collector: name, category, kind
    reports: Mapping[Tuple[str, str, int], int]

    def missing(self, before: MondReports) -> Tuple[str, ...]:
        """The reports of *before* that are missing now, in words."""
        lost = [
            f"collector {name} ({category}, kind {kind}) is not listed"
            for name, category, kind in before.reports
            if (name, category, kind) not in self.reports
        ]
        return (
            *lost,
            *(
                f"report {each[1]}/{each[0]} answers {self.reports[each]}"
                for each, status in before.reports.items()
                if status == http.client.OK and self.reports.get(each, status) != status
            ),
        )


def query_mond(url: str) -> MondReports:
    """Request the version, the list, and each report in it.  Raises MondUnavailable."""
    if _json(url, "/") != [1]:
        raise MondUnavailable(f"{url}/ does not answer [1], as mond does")
    listed = _json(url, "/1/list/collectors")
    if not isinstance(listed, list):
        raise MondUnavailable(f"{url}/1/list/collectors is no list")
    reports = {}
    for each in listed:
        if not isinstance(each, list) or [type(part) for part in each] != [str, str, int]:
            raise MondUnavailable(f"{url}/1/list/collectors has {each!r} in it, which is no collector")
        name, category, kind = each
        path = f"/1/report/{quote(category, safe='')}/{quote(name, safe='')}"
        reports[name, category, kind] = _get(url, path)[0]
    return MondReports(reports)


def _json(url: str, path: str) -> Any:
    status, body = _get(url, path)
    try:
        return json.loads(body) if status == http.client.OK else None
    except (ValueError, RecursionError):
        return None


def _get(url: str, path: str) -> Tuple[int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=REPORT_TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(_LONGEST)
    except (OSError, http.client.HTTPException) as err:
        raise MondUnavailable(f"nothing answers at {url}: {getattr(err, 'strerror', None) or err}") from err
    finally:
        connection.close()
    return response.status, body
