"""A hospital's month as its systems would tell it: people, visits, orders, documents, with what is decided about each.

Nothing here knows HL7 or what Salus makes of it, so it can stand as the truth. `story` gives what is said in the order
of the sources' own times; each `Said` is one message's content.

    person ─► visit: arrival, transfer, changes, discharge or cancellation       HIS
               ├► orders: preliminary, partial, final, corrected, wrong patient   LIS
               └► documents: written, edited                                       HIS
    some people ─► check-up with its own orders                                    checkup
    some people have two numbers, one merged into the other half-way
    twins: same surname, same birthday, same test at the same time with equal values
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import Enum

from oracle.hl7.timestamps import SHANGHAI

BEGAN = int(datetime(2026, 10, 1, 7, tzinfo=SHANGHAI).timestamp())
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
HIS, LIS, CHECKUP = "his", "lis", "checkup"
_SURNAMES = ("王", "李", "葉", "欧阳", "陳", "買買提", "張", "劉", "過")
_GIVEN = ("東", "億明", "秀英", "誠", "瑋", "静", "珅", "建国", "海東", "婷婷")
_STREETS = ("东風路", "中山北路", "解放大街", "學府路")
_WARDS = ("心内科", "普外科", "内分泌科", "呼吸内科", "骨科")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


class Kind(Enum):
    """What a message is about."""

    VISIT = "visit"
    REPORT = "report"
    DOCUMENT = "document"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a laboratory: its code, system (HL7 table 0396; "99LAB" is the house's own), unit and its system."""

    code: str
    name: str
    system: str
    unit: str
    unit_system: str
    decimals: int


TESTS = (
    Test("2345-7", "葡萄糖", "LN", "mmol/L", "UCUM", 2),
    Test("1742-6", "丙氨酸氨基转移酶", "LN", "U/L", "UCUM", 0),
    Test("2160-0", "肌酐", "LN", "umol/L", "UCUM", 1),
    Test("2823-3", "钾", "LN", "mmol/L", "", 2),
    Test("6690-2", "白细胞计数", "LN", "10*9/L", "UCUM", 2),
    Test("99TG", "甘油三酯(本院)", "99LAB", "毫摩尔每升", "", 2),
)
PANELS = (("24323-8", "生化", (0, 1, 2, 3)), ("58410-2", "血常规", (4,)), ("24331-1", "血脂", (0, 5)))


@dataclass(frozen=True, slots=True)
class Person:
    """One patient; with two numbers the first is merged into the second."""

    place: int
    name: str
    sex: str
    born: date
    card: str
    numbers: tuple[str, ...]
    phone: str
    street: str


@dataclass(frozen=True, slots=True)
class Result:
    """One result as one message tells it: place in `TESTS`, value ("" if the message gives none), table 0085 status."""

    test: int
    value: str
    status: str


@dataclass(frozen=True, slots=True)
class Said:
    """The content of one message. `at` is the source's own time for it, `name` the number of visit, order or document.

    `event` is the trigger event, `status` OBR-25, `taken` when a specimen was, `withdraws` that the whole order was
    another patient's.
    """

    source: str
    at: int
    person: Person
    number: str
    kind: Kind
    event: str
    name: str
    ward: str = ""
    began: int = 0
    ended: int = 0
    status: str = ""
    taken: int = 0
    panel: int = 0
    results: tuple[Result, ...] = ()
    text: str = ""
    withdraws: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often what happens, as shares of orders or people."""

    preliminary: float = 0.2
    corrected: float = 0.08
    partial: float = 0.08
    cancelled: float = 0.02
    wrong_patient: float = 0.03
    silent: float = 0.02
    confirmed: float = 0.02
    repeated_test: float = 0.1
    same_code: float = 0.05
    twins: float = 0.1
    two_numbers: float = 0.06
    no_phone: float = 0.05
    checkup: float = 0.3


@dataclass
class Story:
    """Writes a month. The same seed gives the same."""

    seed: int
    patients: int
    days: int
    trouble: Trouble = field(default_factory=Trouble)
    _orders: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"month/{self.seed}")
        self.people: list[Person] = []

    def tell(self) -> list[Said]:
        """All that is said, in the order of the sources' own times."""
        said: list[Said] = []
        while len(self.people) < self.patients:
            person = self._person()
            said += self._stay(person)
            if self._often(self.trouble.twins) and len(self.people) < self.patients:
                said += self._twin(person, said)
        return sorted(said, key=lambda one: (one.at, one.source, one.name, one.event, one.number))

    # people

    def _person(self, twin_of: Person | None = None) -> Person:
        chance, place = self._chance, len(self.people)
        born = twin_of.born if twin_of else date(1940, 1, 1) + timedelta(days=chance.randrange(22_000))
        surname = twin_of.name[:1] if twin_of else chance.choice(_SURNAMES)
        numbers = (f"{self.seed % 10}{place:06d}", f"{self.seed % 10}{place:06d}N")
        person = Person(
            place=place,
            name=f"{surname}{chance.choice(_GIVEN)}",
            sex=chance.choice("MF"),
            born=born,
            card=_card(born, place),
            numbers=numbers if self._often(self.trouble.two_numbers) else numbers[1:],
            phone="" if self._often(self.trouble.no_phone) else f"139{chance.randrange(10**8):08d}",
            street=f"{chance.choice(_STREETS)}{chance.randrange(1, 300)}号",
        )
        self.people.append(person)
        return person

    def _twin(self, person: Person, said: list[Said]) -> list[Said]:
        """Somebody with the same birthday and surname, tested at the same time with equal values."""
        twin = self._person(person)
        own = self._stay(twin)
        like = next(
            (one for one in said if one.person is person and one.kind is Kind.REPORT and one.status == "F"), None
        )
        if like is not None:
            own.append(replace(like, person=twin, number=twin.numbers[0], name=self._order(), withdraws=False))
        return own

    # stays

    def _stay(self, person: Person) -> list[Said]:
        chance, inpatient = self._chance, self._often(0.5)
        began = BEGAN + chance.randrange(max(1, self.days - 6)) * _DAY + chance.randrange(10 * _HOUR)
        visit, number, ward = f"V{person.numbers[-1]}", person.numbers[0], chance.choice(_WARDS)
        first = Said(HIS, began, person, number, Kind.VISIT, "A01" if inpatient else "A04", visit, ward, began)
        said = [first]
        at = began + self._minutes(20, 60)
        merged_at = began + self._minutes(200, 300) if len(person.numbers) > 1 else 0
        for _ in range(chance.randrange(1, 5)):
            said += self._order_story(person, at, LIS)
            at += self._minutes(30, 120)
        at += self._minutes(30, 60)
        if inpatient and self._often(0.3):
            ward = chance.choice(_WARDS)
            said.append(replace(first, at=at, event="A02", ward=ward))
            at += self._minutes(30, 60)
        if self._often(0.4):
            person_now = replace(person, phone=f"138{chance.randrange(10**8):08d}")
            first = replace(first, person=person_now)
            said.append(replace(first, at=at, event="A08", ward=ward))
            at += self._minutes(30, 60)
        said += self._document(person, at, visit)
        at += self._minutes(90, 300)
        if inpatient and self._often(0.05):
            said.append(replace(first, at=at, event="A11", ward=ward))
        elif inpatient:
            at += chance.randrange(0, 4) * _DAY
            said.append(replace(first, at=at, event="A03", ward=ward, ended=at))
        if self._often(self.trouble.checkup):
            said += self._checkup(person, at + self._minutes(60, 600))
        return list(self._with_merge(person, said, merged_at))

    def _with_merge(self, person: Person, said: list[Said], merged_at: int) -> Iterator[Said]:
        """From the merge on messages name the surviving number."""
        for one in said:
            late = merged_at and one.at > merged_at and one.number == person.numbers[0]
            yield replace(one, number=person.numbers[-1]) if late else one
        if merged_at:
            merge = Said(HIS, merged_at, person, person.numbers[-1], Kind.MERGE, "A40", person.numbers[0])
            yield merge

    def _document(self, person: Person, at: int, visit: str) -> list[Said]:
        written = Said(
            HIS,
            at,
            person,
            person.numbers[0],
            Kind.DOCUMENT,
            "T02",
            f"{visit}D",
            text=f"病程记录 {visit} 第一稿",
            began=at,
        )
        if not self._often(0.2):
            return [written]
        return [written, replace(written, at=at + self._minutes(20, 60), event="T08", text=f"病程记录 {visit} 修订稿")]

    def _checkup(self, person: Person, at: int) -> list[Said]:
        number = person.numbers[-1]
        visit = Said(CHECKUP, at, person, number, Kind.VISIT, "A04", f"T{number}", "体检大厅", at)
        orders = self._order_story(replace(person, numbers=(number,)), at + self._minutes(10, 30), CHECKUP)
        return [visit, *orders]

    # orders

    def _order(self) -> str:
        self._orders += 1
        return f"{self.seed % 10}L{self._orders:07d}"

    def _order_story(self, person: Person, at: int, source: str) -> list[Said]:
        chance, panel = self._chance, self._chance.randrange(len(PANELS))
        results = tuple(Result(test, self._value(test), "F") for test in PANELS[panel][2])
        final = Said(
            source,
            at + self._minutes(20, 40),
            person,
            person.numbers[0],
            Kind.REPORT,
            "R01",
            self._order(),
            status="F",
            taken=at,
            panel=panel,
            results=results,
        )
        said = self._life(final, at)
        if self._often(self.trouble.repeated_test):  # an hour later, equal values: another order, no duplicate
            again = replace(final, at=final.at + _HOUR, taken=final.taken + _HOUR, name=self._order())
            said.append(again)
        if self._often(self.trouble.same_code):  # a second order for the same test on the same specimen
            said.append(replace(final, at=final.at + chance.randrange(2, 50), name=self._order()))
        return said

    def _life(self, final: Said, at: int) -> list[Said]:
        """What one order goes through."""
        trouble, drawn = self.trouble, self._chance.random()
        later = final.at + self._minutes(30, 180)
        if (drawn := drawn - trouble.preliminary) < 0:
            early = tuple(Result(one.test, self._value(one.test), "P") for one in final.results[:2])
            return [replace(final, at=at + self._minutes(5, 15), status="P", results=early), final]
        if (drawn := drawn - trouble.corrected) < 0:
            mended = (
                replace(final.results[0], value=self._value(final.results[0].test), status="C"),
                *final.results[1:],
            )
            return [final, replace(final, at=later, status="C", results=mended)]
        if (drawn := drawn - trouble.partial) < 0 and len(final.results) > 1:
            # some results, later only those that were missing: what is absent was not taken back
            return [
                replace(final, at=at + self._minutes(5, 15), status="A", results=final.results[:1]),
                replace(final, results=final.results[1:]),
            ]
        if (drawn := drawn - trouble.cancelled) < 0:
            none = tuple(Result(one.test, "", "X") for one in final.results)
            return [replace(final, status="X", results=none)]
        if (drawn := drawn - trouble.wrong_patient) < 0 and len(self.people) > 1:
            other = self._chance.choice(self.people[:-1])
            wrong = tuple(Result(one.test, one.value, "W") for one in final.results)
            right = replace(final, at=later + 60, person=other, number=other.numbers[-1], name=self._order())
            return [final, replace(final, at=later, status="C", results=wrong, withdraws=True), right]
        if (drawn := drawn - trouble.silent) < 0:
            other_value = (replace(final.results[0], value=self._value(final.results[0].test)), *final.results[1:])
            return [final, replace(final, at=later, results=other_value)]
        if drawn - trouble.confirmed < 0:
            early = tuple(replace(one, status="P") for one in final.results)
            kept = tuple(Result(one.test, "", "U") for one in final.results)
            return [
                replace(final, at=at + self._minutes(5, 15), status="P", results=early),
                replace(final, results=kept),
            ]
        return [final]

    def _value(self, test: int) -> str:
        return f"{self._chance.uniform(1, 90):.{TESTS[test].decimals}f}"

    def _often(self, share: float) -> bool:
        return self._chance.random() < share

    def _minutes(self, least: int, most: int) -> int:
        """Seconds of a random number of minutes, never whole minutes: times of one record differ."""
        return self._chance.randrange(least * _MINUTE, most * _MINUTE)


def _card(born: date, place: int) -> str:
    """A citizen number of nobody: sequence 000 is never given out, its check character is right (GB 11643-1999)."""
    digits = f"110{100 + place % 900:03d}{born:%Y%m%d}000"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return digits + "10X98765432"[total % 11]
