"""Quality: what reading a message says of the one who sent it, as counts. docs/quality.md gives the rules.

    message ─► standard.py   coded elements in a known system, units, demographic codes in range
    groups  ─► required.py   elements each kind of record must have

Pure, a few microseconds a message, and never content: a measure names a kind and an element, no value.
"""

from oracle.quality.tell import tell

__all__ = ["tell"]
