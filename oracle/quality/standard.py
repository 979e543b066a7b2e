"""How much of a message is said in shared codes.

A code is known when its system is a published one: a name of HL7 table 0396 that has a FHIR system, or an HL7 table. A
unit is known when its system is UCUM, or when it is written as UCUM writes it. A value is known when it can be read as
its type (OBX-2) says, a status when HL7 table 0085 has it. Demographic codes are in range when they stand in the HL7
table, or in the Chinese standard that senders use instead.
Sources: GB/T 36344-2018 (normativity); HL7 v2.9 section 7.4.2 (OBX-2, 5, 11); UCUM 2.2; GB/T 2261.1-2003 sex, GB/T
2261.2-2003 marital status; GB 11643-1999 citizen number.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date
from functools import lru_cache

from oracle.hl7.errors import FieldError
from oracle.hl7.message import Message, Segment
from oracle.hl7.timestamps import parse_stamp
from oracle.normalise import tables
from oracle.normalise.datatypes import ID_CARD_TYPES, is_number
from oracle.normalise.values import is_of_type

_UCUM = "http://unitsofmeasure.org"
_LOCAL = "urn:id:"
_OWN = "urn:salus:"
_EARLIEST_BIRTH = date(1880, 1, 1)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
# UCUM codes of Chinese laboratories and wards, as senders write them without naming UCUM
_UNITS = (
    "% /uL /L /min 10*3/uL 10*6/uL 10*9/L 10*12/L Cel U/L U/mL IU/L IU/mL [IU]/L [IU]/mL mU/L m[IU]/L m[IU]/mL cm mm m "
    "kg g kg/m2 g/L g/dL mg/L mg/dL mg/mL ug/L ug/mL ng/mL ng/L pg/mL pg mg g/24.h mg/24.h mmol/L umol/L nmol/L pmol/L "
    "mmol/mol mmol/kg mosm/kg mm[Hg] kPa s min h d fL L L/min mL mL/min mL/min/{1.73_m2} mm/h mV ms dB {ratio} "
    "{copies}/mL"
)
WRITTEN_AS_UCUM = frozenset(_UNITS.split())


@lru_cache(maxsize=1024)
def weight_of(system: str) -> tuple[int, int]:
    """What a code of a FHIR system URI adds to codes, and to codes in a known system: our own are not the sender's."""
    if system.startswith(_OWN):
        return 0, 0
    return 1, int(system != "" and not system.startswith(_LOCAL))


@lru_cache(maxsize=1024)
def is_known_unit(system: str | None, unit: str) -> bool:
    """Whether a unit is one of UCUM."""
    return system == _UCUM or unit in WRITTEN_AS_UCUM


def count_demographics(counts: Counter[str], message: Message) -> None:
    """Count demographic codes sent, and those in range."""
    for pid in message.all("PID"):
        _count_person(counts, pid)
    for pv1 in message.all("PV1"):
        if pv1.field(2):
            _count(counts, is_known=pv1.value(2).upper() in tables.VISIT_CLASS)


def count_results(counts: Counter[str], message: Message) -> None:
    """Count values whose type has a form, and those that have it; and statuses, and those that mean something."""
    values = known_values = statuses = known_statuses = 0
    for obx in message.all("OBX"):  # may be thousands, most of them numbers that are final
        kind, status = obx.field(2), obx.field(11)
        if kind == "NM" and is_number(obx.field(5)):
            values += 1
            known_values += 1
        elif (fits := is_of_type(obx, kind.strip().upper(), obx.field(5), UTC)) is not None:
            values += 1
            known_values += fits
        if status:
            statuses += 1
            known_statuses += status == "F" or status.strip().upper() in tables.OBSERVATION_STATUS
    counts["values"] += values
    counts["values.known"] += known_values
    counts["statuses"] += statuses
    counts["statuses.known"] += known_statuses


def _count_person(counts: Counter[str], pid: Segment) -> None:
    if pid.field(8):
        _count(counts, is_known=bool(pid.value(8)) and pid.value(8).upper() in tables.GENDER)
    if pid.field(7):
        _count(counts, is_known=_is_birth_date(pid.value(7)))
    if pid.field(16):
        _count(counts, is_known=pid.value(16).upper() in tables.MARITAL_STATUS)
    for one in pid.repetitions(3):
        if one.value(5).upper() in ID_CARD_TYPES:
            _count(counts, is_known=is_citizen_number(one.value(1)))


def _count(counts: Counter[str], *, is_known: bool) -> None:
    counts["demographics"] += 1
    counts["demographics.known"] += is_known


@lru_cache(maxsize=4096)
def _is_birth_date(text: str) -> bool:
    try:
        born = parse_stamp(text)
    except FieldError:
        return False
    return born is not None and born.moment.date() >= _EARLIEST_BIRTH


def is_citizen_number(text: str) -> bool:
    """Whether a text has the form of a citizen number: 17 digits with a date of birth, and their check character.

    Source: GB 11643-1999, check character of ISO 7064 MOD 11-2.
    """
    digits, check = text[:17], text[17:].upper()
    if not (digits.isascii() and digits.isdigit() and len(digits) == 17 and len(check) == 1):
        return False
    if not _is_birth_date(digits[6:14]):
        return False
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11] == check
