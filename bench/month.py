"""A month as it arrives: what `bench.month_story` tells, with everything that goes wrong on the way, and the truth.

    story ─► each message numbered (MSH-13) ─► some lost, held back, sent again, sent again under another control id,
             the last ones of a source sent again after its restart, malformed ones in between ─► by time of arrival

`Arrival.repeats` says that its content had come before, `changes` that what must stand is not what stood before.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bench.month_story import CHECKUP, HIS, LIS, TESTS, Kind, Person, Said, Story, Trouble
from bench.month_truth import Name, TrueRecord, names_of, true_record
from bench.month_writing import encode, head, pid, write

SOURCES = (HIS, LIS, CHECKUP)
_EDGE = 5
_RESTARTS = 2
_SENT_AGAIN = 25


@dataclass(frozen=True, slots=True)
class Way:
    """How often what happens on the way, as shares of messages."""

    resent: float = 0.03
    renumbered: float = 0.02
    requeued: float = 0.01
    held_back: float = 0.02
    lost: float = 0.005
    malformed: float = 0.01


@dataclass(frozen=True, slots=True)
class Sent:
    """One message on its way: `said` is None for a malformed one, `content` the place of what it says."""

    source: str
    content: int
    said: Said | None
    sent_at: int
    number: int
    control: str
    raw: bytes


@dataclass(slots=True)
class Arrival:
    """One message that arrives. `held`: it must wait for a person. `counts` are the measures it adds when taken."""

    sent: Sent
    at: int
    repeats: bool = False
    changes: bool = False
    held: bool = False
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Month:
    """Arrivals in order, what must stand at the end, the people, and the numbers that never came by source."""

    arrivals: list[Arrival]
    records: dict[Name, TrueRecord]
    people: list[Person]
    lost: dict[str, set[int]]


def month(seed: int, patients: int, days: int = 30, way: Way = Way(), trouble: Trouble | None = None) -> Month:
    """One month; the same arguments give the same."""
    chance = random.Random(f"way/{seed}")
    story = Story(seed, patients, days, trouble or Trouble())
    sent = _send(story.tell(), story.people, chance, way)
    lost = _lose(sent, chance, way)
    arrivals = _deliver([one for one in sent if (one.source, one.number) not in lost], chance, way)
    records = _judge(arrivals)
    missing = {source: {number for at, number in lost if at == source} for source in SOURCES}
    return Month(arrivals, records, story.people, missing)


def _send(told: list[Said], people: list[Person], chance: random.Random, way: Way) -> list[Sent]:
    """Messages in the order of sending, numbered by each source. Some are queued twice, under two numbers."""
    queue: list[tuple[int, int, str, Said | None]] = []
    for content, said in enumerate(told):
        sent_at = said.at + chance.randrange(1, 5)
        queue.append((sent_at, content, said.source, said))
        if chance.random() < way.requeued:
            queue.append((sent_at + chance.randrange(60, 600), content, said.source, said))
        if chance.random() < way.malformed:
            queue.append((sent_at + 1, -len(queue), said.source, None))
    numbers: Counter[str] = Counter()
    sent = []
    for sent_at, content, source, what in sorted(queue, key=lambda one: one[:3]):
        numbers[source] += 1
        number = numbers[source]
        control = f"{source.upper()}{number:08d}"
        if what is None:
            raw = _malformed(source, control, sent_at, number, people[0], chance)
        else:
            raw = write(what, control, sent_at, number)
        sent.append(Sent(source, content, what, sent_at, number, control, raw))
    return sent


def _malformed(source: str, control: str, at: int, number: int, person: Person, chance: random.Random) -> bytes:
    header = head(source, "ORU^R01^ORU_R01", control, at, number)
    obx = "OBX|1|NM|2345-7^葡萄糖^LN||5.4|mmol/L|3.9-6.1|N|||F"
    obr = f"OBR|1|S{control}|{control}|24323-8^生化^LN|||||||||||||||||||||F"
    return chance.choice(
        (
            encode(source, header, "PID|1||||无号||19800101|M", obr, obx),
            encode(source, header, pid(person, person.numbers[0]), obx),
            encode(source, header.replace("ORU^R01^ORU_R01", "ZZZ^Z01"), pid(person, person.numbers[0])),
            header.encode() + b"\rPID|1||9^^^HB^MR||\xff\xff\xfe\r",
        )
    )


def _lose(sent: list[Sent], chance: random.Random, way: Way) -> set[tuple[str, int]]:
    """Numbers that never come; not the first and last ones of a source, whose loss no number can tell."""
    last = Counter(one.source for one in sent)
    return {
        (one.source, one.number)
        for one in sent
        if _EDGE < one.number <= last[one.source] - _EDGE and chance.random() < way.lost
    }


def _deliver(sent: list[Sent], chance: random.Random, way: Way) -> list[Arrival]:
    arrivals = []
    for one in sent:
        delay = chance.randrange(600, 4 * 3600) if chance.random() < way.held_back else chance.randrange(0, 20)
        arrivals.append(Arrival(one, one.sent_at + delay))
        if chance.random() < way.resent:
            arrivals.append(Arrival(one, one.sent_at + delay + chance.randrange(1, 120)))
        if chance.random() < way.renumbered and one.said is not None:
            again = _renumbered(one, one.sent_at + chance.randrange(30, 3600))
            arrivals.append(Arrival(again, again.sent_at + chance.randrange(0, 20)))
    for source in SOURCES:  # after a restart a source sends its last messages once more
        own = [one for one in sent if one.source == source]
        for _ in range(_RESTARTS if len(own) > 4 * _SENT_AGAIN else 0):
            place = chance.randrange(_SENT_AGAIN, len(own))
            at = own[place].sent_at + 60
            arrivals += [Arrival(one, at + step) for step, one in enumerate(own[place - _SENT_AGAIN : place])]
    arrivals.sort(key=lambda one: (one.at, one.sent.source, one.sent.number, one.sent.control))
    return arrivals


def _renumbered(sent: Sent, at: int) -> Sent:
    """The same content with another MSH-7 and MSH-10, under the number it had."""
    assert sent.said is not None
    control = f"{sent.control}R{at}"
    return replace(sent, sent_at=at, control=control, raw=write(sent.said, control, at, sent.number))


def _judge(arrivals: list[Arrival]) -> dict[Name, TrueRecord]:
    """Say of each arrival what it is, by what came before it; what stands at the end."""
    told: defaultdict[Name, list[Said]] = defaultdict(list)
    records: dict[Name, TrueRecord] = {}
    come: set[int] = set()
    numbered: set[tuple[str, int]] = set()
    for one in arrivals:
        said = one.sent.said
        one.held = said is None
        one.repeats = one.sent.content in come
        come.add(one.sent.content)
        if said is not None and (one.sent.source, one.sent.number) not in numbered:
            one.counts = _counts(said)  # what is queued twice is read twice, a resend is not read
        numbered.add((one.sent.source, one.sent.number))
        if said is None or one.repeats:
            continue
        one.changes = said.kind is Kind.MERGE
        for name in names_of(said):
            told[name].append(said)
            record = true_record(name, told[name])
            one.changes = one.changes or records.get(name) != record
            records[name] = record
    return records


def _counts(said: Said) -> dict[str, int]:
    """What quality must count of a message when it is read."""
    counts: Counter[str] = Counter()
    if said.kind is Kind.REPORT:
        tests = [TESTS[result.test] for result in said.results]
        valued = [test for test, result in zip(tests, said.results, strict=True) if result.value]
        counts["codes"] = 1 + len(tests)
        counts["codes.known"] = 1 + sum(test.system == "LN" for test in tests)
        counts["units"] = len(valued)
        counts["units.known"] = sum(test.unit_system == "UCUM" or test.unit == "mmol/L" for test in valued)
        counts["required.report"] = counts["present.report"] = 5 if said.status == "X" else 6
        if not said.withdraws:
            counts["required.result"] = counts["present.result"] = 4 * len(valued) + len(tests) - len(valued)
    elif said.kind is Kind.DOCUMENT:
        counts["codes"] = counts["codes.known"] = 1
        counts["required.document"] = counts["present.document"] = 6
    else:
        counts["required.demographics"] = 7
        counts["present.demographics"] = 7 - (not said.person.phone)
        counts["missing.demographics.phone"] = int(not said.person.phone)
        if said.event == "A03":
            counts["codes"] = counts["codes.known"] = 1
            counts["required.encounter"] = counts["present.encounter"] = 7
        elif said.kind is Kind.VISIT:
            counts["required.encounter"] = counts["present.encounter"] = 5
    return dict(counts)


def total(arrivals: Iterable[Arrival]) -> Counter[str]:
    """Sum of what arrivals add."""
    counts: Counter[str] = Counter()
    for one in arrivals:
        counts.update(one.counts)
    return counts
