"""Which answers a message asks for.

| MSH-15, MSH-16 | mode | answers |
| --- | --- | --- |
| both empty | original | one: AA, AE or AR |
| one or both filled | enhanced | accept CA, CE or CR as MSH-15 says; application AA or AE later as MSH-16 says |

Each of the two fields is AL (always), NE (never), ER (errors and rejects only) or SU (success only). Where only one is
filled the other counts as NE. A value outside the table counts as AL: an answer too many harms nobody.
Source: HL7 v2.5.1 sections 2.9.2 (original mode), 2.9.3 (enhanced mode), 2.15.9.15 and 2.15.9.16; table 0155.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class When(Enum):
    """HL7 table 0155, accept and application acknowledgment conditions."""

    ALWAYS = "AL"
    NEVER = "NE"
    ERROR = "ER"
    SUCCESS = "SU"

    def wants(self, *, success: bool) -> bool:
        """Whether this outcome is to be told."""
        return self is When.ALWAYS or self is (When.SUCCESS if success else When.ERROR)


@dataclass(frozen=True, slots=True)
class Asked:
    """The mode of a message and, in enhanced mode, which answers it wants."""

    enhanced: bool = False
    accept: When = When.ALWAYS
    application: When = When.NEVER


ORIGINAL = Asked()
_NULL = '""'


def asked_by(accept: str, application: str) -> Asked:
    """What MSH-15 and MSH-16 ask for; an explicit null is as empty."""
    accept, application = accept.replace(_NULL, "").strip(), application.replace(_NULL, "").strip()
    if not accept and not application:
        return ORIGINAL
    return Asked(enhanced=True, accept=_when(accept), application=_when(application))


def _when(text: str) -> When:
    if not text:
        return When.NEVER
    try:
        return When(text.upper())
    except ValueError:
        return When.ALWAYS
