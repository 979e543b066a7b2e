"""Why a message can't become records."""

from __future__ import annotations

from oracle.hl7.errors import Condition, HL7Error


class NormaliseError(HL7Error):
    """A message was accepted but can't become records; `location` says where. It goes to quarantine for a person."""

    default_condition = Condition.REQUIRED_FIELD_MISSING
