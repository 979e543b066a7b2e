"""Normalise: an HL7 v2 message to groups of FHIR R4 resources with the source's own keys.

    ADT ─► visit.py     demographics group, encounter group (items: diagnoses, allergies)
           identity.py  merges, links, moves
    ORU, OUL ─► report.py ─► observation.py   one group per OBR (items: results)
    MDM ─► document.py   one group
    ORM, OML, OMG ─► order.py          one group per order; OMP, RDE ─► prescription.py
    RDS, RAS ─► dispense.py            one group per RXD or RXA; VXU ─► vaccination.py per RXA
    SIU ─► appointment.py              one group per patient
    DFT ─► charge.py, BAR ─► account.py, PPR ─► problem.py

Pure: the same message and source give the same groups, byte for byte.
"""

from __future__ import annotations

from dataclasses import replace

from oracle.hl7.errors import Condition, HL7Error
from oracle.hl7.message import Message
from oracle.normalise.account import accounts
from oracle.normalise.appointment import appointments
from oracle.normalise.charge import charges
from oracle.normalise.dispense import administrations, dispenses
from oracle.normalise.document import document
from oracle.normalise.errors import NormaliseError
from oracle.normalise.identity import identity_changes
from oracle.normalise.order import orders
from oracle.normalise.prescription import prescriptions
from oracle.normalise.problem import problems
from oracle.normalise.reading import Reading, said_at
from oracle.normalise.report import reports
from oracle.normalise.source import SourceProfile
from oracle.normalise.systems import with_systems
from oracle.normalise.vaccination import vaccinations
from oracle.normalise.visit import visit
from salus.core.record import NormalisedGroup

__all__ = ["NormaliseError", "SourceProfile", "identity_changes", "normalise"]

_MAPPINGS = {
    "ADT": visit,
    "BAR": accounts,
    "DFT": charges,
    "MDM": document,
    "OMG": orders,
    "OML": orders,
    "OMP": prescriptions,
    "ORM": orders,
    "ORU": reports,
    "OUL": reports,
    "PPR": problems,
    "RAS": administrations,
    "RDE": prescriptions,
    "RDS": dispenses,
    "SIU": appointments,
    "VXU": vaccinations,
}


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
