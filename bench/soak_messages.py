"""What the soak sends: lanes of messages, each with what must become of it; the same for the same seed.

A lane is one sender with patients of its own, so its order is the order in which its patients' facts are told. Most
messages are results; some correct an earlier one. One in a hundred is a resend, half of them under a new control id;
one in a hundred is malformed, in four ways.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from oracle.hl7.errors import Condition

RESENDS = 0.01
MALFORMED = 0.01
CORRECTIONS = 0.10
PER_PATIENT = 50
_BEGAN = datetime(2026, 11, 1, 8)  # noqa: DTZ001 - HL7 stamps without a zone are the source's own
# A resend or a correction is of a message this far back: further than a sender's window, so it is answered by then
_NEAREST, _FURTHEST = 64, 320
_SURNAMES = ("王", "李", "葉", "欧阳", "陳", "買買提")
_GIVEN = ("東", "億明", "秀英", "誠", "瑋", "静")


class Kind(Enum):
    """Why a message is sent."""

    ADMISSION = "admission"
    RESULT = "result"
    CORRECTION = "correction"
    REPLAY = "resend, same bytes"
    RENUMBERED = "resend, new control id"
    NO_PATIENT = "no patient number"
    NO_ORDER = "result without order"
    UNKNOWN_TYPE = "unknown message type"
    UNREADABLE = "unreadable characters"


@dataclass(frozen=True, slots=True)
class Fate:
    """What must become of a message: MSA-1 of its answer, whether the journal keeps a row of its own, and the record
    versions it makes. `condition` is that of table 0357 with which it waits for a person, 0 for none."""

    answer: str = "AA"
    kept: bool = True
    versions: int = 0
    condition: int = 0


FATES = {
    Kind.ADMISSION: Fate(versions=2),
    Kind.RESULT: Fate(versions=1),
    Kind.CORRECTION: Fate(versions=1),
    Kind.REPLAY: Fate(kept=False),
    Kind.RENUMBERED: Fate(),
    Kind.NO_PATIENT: Fate(condition=int(Condition.REQUIRED_FIELD_MISSING)),
    Kind.NO_ORDER: Fate(condition=int(Condition.SEGMENT_SEQUENCE)),
    Kind.UNKNOWN_TYPE: Fate("AR", kept=False, condition=int(Condition.UNSUPPORTED_MESSAGE_TYPE)),
    Kind.UNREADABLE: Fate("AE", condition=int(Condition.DATA_TYPE)),
}
_BROKEN = (Kind.NO_PATIENT, Kind.NO_ORDER, Kind.UNKNOWN_TYPE, Kind.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message. `order` is the filler number of its result, "" for others."""

    kind: Kind
    control: str
    raw: bytes
    order: str = ""

    @property
    def fate(self) -> Fate:
        """What must become of it."""
        return FATES[self.kind]


@dataclass(frozen=True, slots=True)
class _Result:
    """A result that was sent, to be sent again or corrected."""

    place: int
    order: str
    patient: str
    sent: Sent


def lane(seed: int, name: str, number: int) -> Iterator[Sent]:
    """The messages of one sender, in the order it sends them."""
    chance = random.Random(f"soak/{seed}/{name}")
    recent: deque[_Result] = deque()
    past: list[_Result] = []
    for place in range(number):
        while recent and place - recent[0].place >= _NEAREST:
            past.append(recent.popleft())
        while past and place - past[0].place > _FURTHEST:
            past.pop(0)
        patient, control = f"{name}P{place // PER_PATIENT}", f"{name}.{place}"
        old = chance.choice(past) if past else None
        drawn = chance.random()
        if place % PER_PATIENT == 0:
            yield Sent(Kind.ADMISSION, control, _admission(control, place, patient, chance))
        elif drawn < MALFORMED:
            yield _malformed(chance.choice(_BROKEN), control, place, patient)
        elif drawn < MALFORMED + RESENDS and old is not None:
            yield old.sent if chance.random() < 0.5 else _renumbered(old.sent, control, place)
        elif drawn < MALFORMED + RESENDS + CORRECTIONS and old is not None:
            past.remove(old)
            yield Sent(Kind.CORRECTION, control, _result(control, place, old.patient, old.order, "C"), old.order)
        else:
            sent = Sent(Kind.RESULT, control, _result(control, place, patient, f"L{control}", "F"), f"L{control}")
            recent.append(_Result(place, sent.order, patient, Sent(Kind.REPLAY, control, sent.raw, sent.order)))
            yield sent


def _stamp(place: int) -> str:
    return f"{_BEGAN + timedelta(seconds=place):%Y%m%d%H%M%S}"


def _header(control: str, place: int, event: str, sender: str = "LIS") -> str:
    return f"MSH|^~\\&|{sender}|HB|SALUS|HB|{_stamp(place)}||{event}|{control}|P|2.5.1||||||UNICODE UTF-8"


def _person(patient: str) -> str:
    chance = random.Random(patient)
    name = f"{chance.choice(_SURNAMES)}^{chance.choice(_GIVEN)}"
    return f"PID|1||{patient}^^^HB^MR||{name}||{1940 + chance.randrange(60)}0101|{chance.choice('MF')}"


def _admission(control: str, place: int, patient: str, chance: random.Random) -> bytes:
    at, ward = _stamp(place), chance.choice(("心内科", "普外科", "骨科"))
    return _bytes(
        _header(control, place, "ADT^A01^ADT_A01", "HIS"),
        f"EVN|A01|{at}",
        _person(patient),
        f"PV1|1|I|{ward}|||||||||||||||V{patient}|V{patient}|||||||||||||||||||||||||{at}",
    )


def _result(control: str, place: int, patient: str, order: str, status: str) -> bytes:
    at = _stamp(place)
    value = f"{place % 97}.{place % 89:02d}"
    return _bytes(
        _header(control, place, "ORU^R01^ORU_R01"),
        _person(patient),
        f"OBR|1|S{order}|{order}|24323-8^生化^LN|||{at}|||||||||||||||{at}||LAB|{status}",
        f"OBX|1|NM|2345-7^葡萄糖^LN||{value}|mmol/L|3.9-6.1|N|||{status}|||{at}",
        f"OBX|2|NM|2160-0^肌酐^LN||{place}.5|umol/L|57-97|N|||{status}|||{at}",
    )


def _renumbered(sent: Sent, control: str, place: int) -> Sent:
    """The same message with another MSH-7 and MSH-10, as a sender writes it that has forgotten that it sent it."""
    head, mark, rest = sent.raw.decode().partition("\r")
    fields = head.split("|")
    fields[6], fields[9] = _stamp(place), control
    return Sent(Kind.RENUMBERED, control, ("|".join(fields) + mark + rest).encode(), sent.order)


def _malformed(kind: Kind, control: str, place: int, patient: str) -> Sent:
    at = _stamp(place)
    obx = f"OBX|1|NM|2345-7^葡萄糖^LN||5.4|mmol/L|3.9-6.1|N|||F|||{at}"
    if kind is Kind.NO_PATIENT:
        obr = f"OBR|1|S{control}|{control}|24323-8^生化^LN|||{at}|||||||||||||||{at}||LAB|F"
        raw = _bytes(_header(control, place, "ORU^R01^ORU_R01"), "PID|1||||无号||19800101|M", obr, obx)
    elif kind is Kind.NO_ORDER:
        raw = _bytes(_header(control, place, "ORU^R01^ORU_R01"), _person(patient), obx)
    elif kind is Kind.UNKNOWN_TYPE:
        raw = _bytes(_header(control, place, "ZZZ^Z01"), _person(patient))
    else:
        head = _header(control, place, "ORU^R01^ORU_R01").replace("UNICODE UTF-8", "GB 18030-2000")
        raw = head.encode() + b"\rPID|1||" + patient.encode() + b"^^^HB^MR||\xff\xff\xfe\r"
    return Sent(kind, control, raw)


def _bytes(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()
