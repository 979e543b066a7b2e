"""The vocabulary of labels: categories, levels, confidentiality, topics, forms, purposes, actions, obligations, flags.

Every bit position below is part of the protocol: it is signed in consents, stored in leaves and never reused.
Sources: HL7 v3 ActReason (purposes), ActCode and Confidentiality; GB/T 39725-2020 section 6 (levels 1 to 5);
HL7 v3 ActCode information sensitivity (topics).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TypeVar

F = TypeVar("F", bound=IntFlag)


class Category(IntFlag):
    """Kind of clinical content; bit positions of a 64-bit mask."""

    DEMO = 1 << 0
    IDENT = 1 << 1
    BIOM = 1 << 2
    ALLERGY = 1 << 3
    PROBLEM = 1 << 4
    HISTORY = 1 << 5
    VITAL = 1 << 6
    LAB = 1 << 7
    MICRO = 1 << 8
    PATH = 1 << 9
    GENOM = 1 << 10
    IMGREP = 1 << 11
    IMGPIX = 1 << 12
    WAVE = 1 << 13
    MEDORD = 1 << 14
    MEDDISP = 1 << 15
    PROC = 1 << 16
    NOTEOP = 1 << 17
    NOTEIP = 1 << 18
    DISCH = 1 << 19
    CHECKUP = 1 << 20
    IMMUN = 1 << 21
    MATERN = 1 << 22
    NURSE = 1 << 23
    CAREPLAN = 1 << 24
    CONSDOC = 1 << 25
    PSYNOTE = 1 << 26
    DEVICE = 1 << 27
    PROM = 1 << 28
    CLAIM = 1 << 29
    ENC = 1 << 30
    PHREP = 1 << 31
    TCM = 1 << 32
    DENTAL = 1 << 33
    RESEARCH = 1 << 34
    AIOUT = 1 << 35
    ORGRES = 1 << 36


class Confidentiality(IntEnum):
    """HL7 v3 Confidentiality, ordered from unrestricted to very restricted."""

    U = 0
    L = 1
    M = 2
    N = 3
    R = 4
    V = 5


class Topic(IntFlag):
    """Sensitive topic; bit positions of a 32-bit mask that only ever appears committed, never in clear on chain."""

    HIV = 1 << 0
    STD = 1 << 1
    MH = 1 << 2
    PSYTHPN = 1 << 3
    SUD = 1 << 4
    GDIS = 1 << 5
    SEX = 1 << 6
    PREGNANT = 1 << 7
    SDV = 1 << 8
    NOTIFIABLE = 1 << 9
    HBV = 1 << 10
    DVD = 1 << 11
    PDS = 1 << 12
    PHY = 1 << 13
    VIP = 1 << 14
    MINOR = 1 << 15
    BIOMETRIC = 1 << 16
    IDENTITY = 1 << 17
    HGR = 1 << 18


class Form(IntEnum):
    """How identified a record's bytes are. Another form of the same item is another record."""

    IDENTIFIED = 0
    PSEUDONYMISED = 1
    LIMITED = 2
    DEIDENTIFIED = 3
    AGGREGATE = 4


class Purpose(IntFlag):
    """HL7 v3 ActReason purpose of use; a request names exactly one bit, matched exactly, never by hierarchy."""

    TREAT = 1 << 0
    ETREAT = 1 << 1
    BTG = 1 << 2
    COC = 1 << 3
    HPAYMT = 1 << 4
    COVERAGE = 1 << 5
    HOPERAT = 1 << 6
    HQUALIMP = 1 << 7
    PATSFTY = 1 << 8
    PUBHLTH = 1 << 9
    POPHLTH = 1 << 10
    HRESCH = 1 << 11
    CLINTRCH = 1 << 12
    BIORCH = 1 << 13
    DSRCH = 1 << 14
    POARCH = 1 << 15
    PATRQT = 1 << 16
    FAMRQT = 1 << 17
    PWATRNY = 1 << 18
    HLEGAL = 1 << 19
    GOV = 1 << 20
    TRAIN = 1 << 21
    MLTRAINING = 1 << 22
    HMARKT = 1 << 23
    HDECD = 1 << 24
    HTEST = 1 << 25
    X_CHECKUP_MGMT = 1 << 26
    X_EMPLOY = 1 << 27
    X_INSUW = 1 << 28


class Action(IntFlag):
    """What the grantee does with a record (HL7 consentaction, X_ codes local)."""

    COLLECT = 1 << 0
    ACCESS = 1 << 1
    USE = 1 << 2
    DISCLOSE = 1 << 3
    CORRECT = 1 << 4
    X_COPY = 1 << 5
    X_COMPUTE = 1 << 6
    X_RECONTACT = 1 << 7
    X_SUBSCRIBE = 1 << 8
    X_BULK = 1 << 9
    X_PRINT = 1 << 10


class Obligation(IntFlag):
    """HL7 v3 obligation and refrain policies a grantee accepts (X_ codes local)."""

    AOD = 1 << 0
    AUDIT = 1 << 1
    DELAU = 1 << 2
    DEID = 1 << 3
    PSEUD = 1 << 4
    ANONY = 1 << 5
    MASK = 1 << 6
    REDACT = 1 << 7
    ENCRYPT = 1 << 8
    HUAPRV = 1 << 9
    MINEC = 1 << 10
    PERSISTLABEL = 1 << 11
    NOREUSE = 1 << 12
    NORELINK = 1 << 13
    NORDSCLCDS = 1 << 14
    NOINTEGRATE = 1 << 15
    NOPERSISTP = 1 << 16
    NODSCLCD = 1 << 17
    X_INCOUNTRY = 1 << 18


class Flag(IntFlag):
    """Facts about how the consent was given; CROSS_BORDER and DELEGABLE must be zero in ruleset 1."""

    SEPARATE_CONSENT = 1 << 0
    WRITTEN_CONSENT = 1 << 1
    SENSITIVE_NOTICE = 1 << 2
    THIRD_PARTY_NOTICE = 1 << 3
    CROSS_BORDER = 1 << 4
    AUTO_DECISION = 1 << 5
    MINOR_U14 = 1 << 6
    NOTIFY_EACH_ACCESS = 1 << 7
    DELEGABLE = 1 << 8
    ETHICS_REQ = 1 << 9
    PIA_REF = 1 << 10
    HGR = 1 << 11
    ROLLING_WINDOW = 1 << 12
    COMMIT_ONLY = 1 << 13
    DENY_OVERRIDE = 1 << 14
    WITHDRAW_READABLE = 1 << 15


class Role(IntEnum):
    """Role the participant asserts for the natural person behind a request."""

    UNSPECIFIED = 0
    PHYSICIAN = 1
    NURSE = 2
    TECHNICIAN = 3
    PHARMACIST = 4
    RESEARCHER = 5
    ADMINISTRATOR = 6
    PATIENT = 7
    GUARDIAN = 8
    AUDITOR = 9
    SYSTEM = 10


MIN_LEVEL = 1
MAX_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one item.

    `categories` is never empty; `level` is 1 to 5; `topics` may be empty.
    """

    categories: Category
    level: int
    confidentiality: Confidentiality
    topics: Topic = Topic(0)

    def __post_init__(self) -> None:
        if not self.categories:
            raise ValueError("labels need at least one category")
        if not MIN_LEVEL <= self.level <= MAX_LEVEL:
            raise ValueError(f"level must be {MIN_LEVEL} to {MAX_LEVEL}, got {self.level}")


def names(mask: IntFlag) -> list[str]:
    """Names of the bits set in a mask, lowest bit first."""
    return [str(bit.name) for bit in type(mask) if bit & mask]


def mask_of(kind: type[F], codes: Iterable[str]) -> F:
    """Join code names into one mask.

    Raises:
        KeyError: a code is not in the table.
    """
    result = kind(0)
    for code in codes:
        result |= kind[code]
    return result
