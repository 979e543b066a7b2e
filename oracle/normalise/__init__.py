"""Normalise: an HL7 v2 message to groups of FHIR R4 resources with the source's own keys.

    ADT ─► visit.py     demographics group, encounter group (items: diagnoses, allergies)
           identity.py  merges, links, moves
    ORU, OUL ─► report.py ─► observation.py   one group per OBR (items: results)
    MDM ─► document.py   one group

Pure: the same message and source give the same groups, byte for byte.
"""

from __future__ import annotations

from dataclasses import replace

from oracle.hl7.errors import Condition, HL7Error
from oracle.hl7.message import Message
from oracle.normalise.document import document
from oracle.normalise.errors import NormaliseError
from oracle.normalise.identity import identity_changes
from oracle.normalise.reading import Reading, said_at
from oracle.normalise.report import reports
from oracle.normalise.source import SourceProfile
from oracle.normalise.systems import with_systems
from oracle.normalise.visit import visit
from salus.core.record import NormalisedGroup

__all__ = ["NormaliseError", "SourceProfile", "identity_changes", "normalise"]

_MAPPINGS = {"ADT": visit, "ORU": reports, "OUL": reports, "MDM": document}


def normalise(message: Message, source: SourceProfile) -> list[NormalisedGroup]:
    """Turn a message into groups, ready to be labelled.

    Raises:
        NormaliseError: the message can't become records; its location says where.
    """
    mapping = _MAPPINGS.get(message.type[0])
    if mapping is None:
        raise NormaliseError(
            "no mapping for this message type", message.header.at(9), condition=Condition.UNSUPPORTED_MESSAGE_TYPE
        )
    try:
        reading = Reading(message.without(source.ignored) if source.ignored else message, source)
        sent = said_at(reading.stamp(message.header, 7))
        groups = [group if group.said_at else replace(group, said_at=sent) for group in mapping(reading)]
        return with_systems(groups, source.systems) if source.systems else groups
    except NormaliseError:
        raise
    except HL7Error as error:
        raise NormaliseError(error.text, error.location, condition=error.condition) from error
