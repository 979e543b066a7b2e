"""The people of a made-up hospital day: names, numbers, addresses. Nobody here exists.

Some names hold hanzi whose second byte in GB18030 is a separator of HL7 (東 億 誠 葉 瑋 珅 …), so a receiver that
splits before it decodes breaks on them. Identity card numbers use sequence number 000, which is never given out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from oracle.normalise import SourceProfile

SourceKind = Literal["hospital", "checkup"]

HOSPITAL: Final = SourceProfile(name="示例市第一医院", authority="SHILI-H1")
CHECKUP_CENTRE: Final = SourceProfile(
    name="示例健康体检中心", authority="SHILI-TJ", charset="GB 18030-2000", is_checkup_centre=True
)

_SURNAMES = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "葉", "欧阳", "徐", "孙", "買買提", "過"]
_GIVEN = (
    *("伟", "静", "東", "億明", "秀英", "誠", "建国", "瑋", "丽娟", "珅"),
    *("志强", "海東", "婷婷", "億", "晓珇", "俊杰", "昞", "雪梅", "玘", "永誠"),
)
_STREETS = ["东風路", "中山北路", "解放大街", "光明巷", "人民南路", "學府路"]


@dataclass(frozen=True, slots=True)
class Person:
    """One patient with the numbers each source knows them by."""

    name: str
    sex: str
    born: date
    id_card: str
    phone: str
    street: str
    hospital_number: str
    checkup_number: str

    def number(self, kind: SourceKind) -> str:
        """The patient's number at a source."""
        return self.hospital_number if kind == "hospital" else self.checkup_number


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """What is fixed about the first patient of every day, so that a demonstration can name it."""

    person: Person

    def subject_key(self, kind: SourceKind) -> str:
        """Key by which a source's normaliser knows this patient."""
        return f"{profile(kind).authority}|{self.person.number(kind)}"

    def visit_number(self, kind: SourceKind, day: date) -> str:
        """Visit number of this patient at a source on a day."""
        return visit_number(kind, self.person, day)

    def report_key(self, kind: SourceKind, day: date, panel: str, code: str) -> str:
        """Record key of a report; `panel` as in `cli.hospital_day` (BIO, CBC, PRE, VIT, LAB, USG)."""
        filler = report_number(kind, self.person, day, panel)
        return f"report|{profile(kind).authority}|{LABORATORY[kind]}|{filler}|{code}"


LABORATORY: Final[dict[SourceKind, str]] = {"hospital": "LIS", "checkup": "TJXT"}

DEMO: Final = DemoPatient(
    Person(
        name="陳億東",
        sex="M",
        born=date(1979, 5, 12),
        id_card="110105197905120000",
        phone="13900000001",
        street="东風路1号",
        hospital_number="H000000000",
        checkup_number="T000000000",
    )
)


def profile(kind: SourceKind) -> SourceProfile:
    """Settings of one of the two sources."""
    return HOSPITAL if kind == "hospital" else CHECKUP_CENTRE


def visit_number(kind: SourceKind, person: Person, day: date) -> str:
    """Number of a person's one visit of a day."""
    return f"{'ZY' if kind == 'hospital' else 'TJ'}{day:%Y%m%d}{person.number(kind)[1:]}"


def report_number(kind: SourceKind, person: Person, day: date, panel: str) -> str:
    """Filler number of one report."""
    return f"{visit_number(kind, person, day)}{panel}"


def person_at(seed: int, place: int) -> Person:
    """The patient at a place of a seed's list; the first is always the patient of the demonstration."""
    if place == 0:
        return DEMO.person
    chance = random.Random(f"people/{seed}/{place}")  # noqa: S311 - made-up people, not secrets
    born = date(1940, 1, 1) + timedelta(days=chance.randrange(25_000))
    return Person(
        name=chance.choice(_SURNAMES) + chance.choice(_GIVEN),
        sex=chance.choice("MF"),
        born=born,
        id_card=f"110105{born:%Y%m%d}000{chance.randrange(10)}",
        phone=f"139{chance.randrange(10**8):08d}",
        street=f"{chance.choice(_STREETS)}{chance.randrange(1, 300)}号",
        hospital_number=f"H{seed % 1000:03d}{place:06d}",
        checkup_number=f"T{seed % 1000:03d}{place:06d}",
    )
