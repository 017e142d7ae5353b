"""`volume get all cluster.max-op-version`: the op-version that all nodes of the pool support.  Pure."""

from __future__ import annotations

from ganeti_gluster_mon.gluster.parse.xml_records import element, only
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, Unreadable, number, quoted
from ganeti_gluster_mon.gluster.xmlstream import read

_OPTION = "cluster.max-op-version"


def max_op_version(output: bytes) -> Parsed[int]:
    """The newest op-version that the pool could have.  Raises Unreadable where the answer has none."""
    faults = Faults()
    answer = read(output, "volGetopts", element(Opt=element("Option Value")), faults)
    texts = only(answer, "Opt").texts
    if texts.get("Option") != _OPTION:
        raise Unreadable(f"not the answer to this query: the option is {quoted(texts.get('Option', ''))}")
    value = number(texts.get("Value"), _OPTION, "the pool", faults)
    if value is None:
        raise Unreadable(faults.all()[0])
    return Parsed(value, faults.all())
