"""`volume quota V list`: the limits on directories.  Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.parse.xml_records import (
    element,
    listing,
    once,
)
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    Refused,
    is_name,
    number,
    quoted,
)
from ganeti_gluster_mon.gluster.xmlstream import Record, read

#: the refusal by which Gluster reports that quota is on and nothing is limited yet
_NO_LIMIT = "No quota configured on volume"


def quota_list(output: bytes) -> Parsed[Tuple[QuotaLimit, ...]]:
    """The limits on the volume's directories, from `volume quota V list`."""
    faults = Faults()
    limit = element(
        "path errstr hard_limit soft_limit_value used_space avail_space sl_exceeded hl_exceeded",
        make=lambda record: _quota_limit(record, faults),
    )
    try:
        answer = read(output, "volQuota", listing(limit=limit), faults)
    except Refused as refusal:
        if refusal.message.startswith(_NO_LIMIT):
            return Parsed((), faults.all())
        raise
    found: List[Optional[QuotaLimit]] = answer.children.get("limit", [])
    if not found:
        faults.add("it lists no limit, and Gluster refuses the query where there is none")
    return Parsed(once(found, "the limit of", attrgetter("path"), faults), faults.all())


def _quota_limit(record: Record, faults: Faults) -> Optional[QuotaLimit]:
    texts = record.texts
    path = texts.get("path", "")
    if not is_name(path):
        faults.add(f"a limit is on {quoted(path)}")
        return None
    whose = f"the limit of {path}"
    if "errstr" in texts:
        faults.add(f"{whose}: {texts['errstr']}")
        return QuotaLimit(path, None, None, None, None, None)

    def size(element: str) -> Optional[int]:
        return None if texts.get(element) == "N/A" else number(texts.get(element), element, whose, faults)

    def flag(element: str) -> Optional[bool]:
        text = texts.get(element)
        if text not in ("Yes", "No", "N/A"):
            faults.add(f"{element} of {whose} is {quoted(text or '')}")
        return {"Yes": True, "No": False}.get(text or "")

    if "N/A" in (texts.get("hard_limit"), texts.get("used_space")):
        # quotad did not answer, or the directory has a limit on its files only
        faults.add(f"{whose} and what is used are N/A")
    return QuotaLimit(
        path,
        hard_limit=size("hard_limit"),
        soft_limit=size("soft_limit_value"),
        used=size("used_space"),
        available=size("avail_space"),
        exceeded=flag("hl_exceeded"),
        soft_exceeded=flag("sl_exceeded"),
    )
