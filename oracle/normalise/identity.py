"""ADT events that say something about who a patient is: merges, links and moves.

| event | meaning | change |
| --- | --- | --- |
| A18, A34, A36, A39, A40 | MRG-1 was the patient of PID all along | merge |
| A30, A47 | MRG-1 is the old number of the patient of PID | merge |
| A24, A37 | the two PID are one patient, or are not after all | link, unlink |
| A43, A44, A45 | a number, an account, a visit of MRG belongs to the patient of PID | link for the number; move |

A sender speaks for the numbers of its own authority and of those that its settings name (`systems`, `patient`). What
it says of another's waits for a person: else one sender could join two patients of another.
Source: HL7 v2.9 section 3.3 (events), 3.4.10 (MRG).
"""

from __future__ import annotations

from collections.abc import Iterator

from oracle.hl7.errors import Condition
from oracle.hl7.message import Message, Segment
from oracle.model import ChangeKind, IdentityChange
from oracle.normalise.datatypes import Authority, authority_of
from oracle.normalise.errors import NormaliseError
from oracle.normalise.patient import home_authority, patient_number
from oracle.normalise.reading import Reading, join_key
from oracle.normalise.source import SourceProfile

MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A43", "A47"})
MOVES = {"A44": (3, "account"), "A45": (5, "encounter")}
LINKS = {"A24": ChangeKind.LINK, "A37": ChangeKind.UNLINK}
MOST_PAIRS = 100  # in one message; each is a transaction, and some unlinking before it
EVENTS = MERGES | MOVES.keys() | LINKS.keys()


def identity_changes(message: Message, source: SourceProfile) -> list[IdentityChange]:
    """What a message says about identities, in its order; nothing for other messages.

    Raises:
        NormaliseError: a number is missing, or MRG or the second PID, there are too many pairs, or a number is of an
            authority that the source doesn't speak for.
    """
    kind, event = message.type
    if kind != "ADT" or event not in EVENTS:
        return []
    reading = Reading(message, source)
    if event in LINKS:
        return [_linked(reading, LINKS[event])]
    found = [_merged(reading, event, pid, mrg) for pid, mrg in _pairs(message)]
    if len(found) > MOST_PAIRS:
        raise NormaliseError("too many pairs of patients", message.header.at(), condition=Condition.VALUE_TOO_LONG)
    if not found:
        raise NormaliseError(
            "the message has no MRG segment", message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    return found


def _pairs(message: Message) -> Iterator[tuple[Segment, Segment]]:
    """Each MRG with the PID before it."""
    pid: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG" and pid is not None:
            yield pid, segment


def _merged(reading: Reading, event: str, pid: Segment, mrg: Segment) -> IdentityChange:
    prior = _key(reading, mrg, 1)
    survivor = _key(reading, pid, 3)
    if event not in MOVES:
        return IdentityChange(ChangeKind.MERGE, prior, survivor)
    field, word = MOVES[event]
    number = mrg.value(field)
    if not number:
        raise NormaliseError("the number of what moves is missing", mrg.at(field))
    owner = authority_of(mrg.first(field), 4) or home_authority(reading.message, reading.source)
    _require_own(reading.source, owner, mrg, field)
    return IdentityChange(ChangeKind.MOVE, prior, survivor, join_key(word, owner.key, number))


def _linked(reading: Reading, kind: ChangeKind) -> IdentityChange:
    people = reading.message.all("PID")
    if len(people) < 2:
        raise NormaliseError(
            "a link names two patients", reading.message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    return IdentityChange(kind, _key(reading, people[1], 3), _key(reading, people[0], 3))


def _key(reading: Reading, segment: Segment, field: int) -> str:
    owner, number = patient_number(reading, segment, field)
    _require_own(reading.source, owner, segment, field)
    return join_key(owner.key, number)


def _require_own(source: SourceProfile, owner: Authority, segment: Segment, field: int) -> None:
    spoken_for = {source.authority, *(name for name, _ in source.systems), *(rule.authority for rule in source.patient)}
    if owner.key not in spoken_for:
        raise NormaliseError(
            "the number is of an authority that this source does not speak for",
            segment.at(field, 4),
            condition=Condition.UNKNOWN_KEY,
        )
