"""A hospital day as HL7 messages, the same for the same seed: for demonstrations, tests and benchmarks.

    hospital    admission A01 or registration A04 · biochemistry · blood count · preoperative panel (with HIV and
    syphilis)
                · correction of a result · document · update A08 · discharge A03
    checkup     registration A04 · measurements · laboratory · ultrasound, today and for some patients long ago

Only `random.Random(seed)` and the given day decide; nothing here reads a clock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cli.hospital_people import (
    DEMO,
    LABORATORY,
    Person,
    SourceKind,
    person_at,
    profile,
    report_number,
    visit_number,
)
from oracle.hl7.charset import codec_of
from oracle.hl7.escapes import escape
from oracle.hl7.separators import STANDARD

__all__ = ["DEMO", "OLD_CHECKUP_DAYS", "messages", "results"]

# A check-up this long ago is outside a consent for the last three months
OLD_CHECKUP_DAYS = 210

# LOINC code, name, unit, low, high, decimals
_Test = tuple[str, str, str, float, float, int]
_BIOCHEMISTRY: tuple[_Test, ...] = (
    ("2345-7", "葡萄糖", "mmol/L", 3.9, 6.1, 2),
    ("1742-6", "丙氨酸氨基转移酶", "U/L", 9, 50, 0),
    ("1920-8", "天门冬氨酸氨基转移酶", "U/L", 15, 40, 0),
    ("2160-0", "肌酐", "umol/L", 57, 97, 1),
    ("22664-7", "尿素", "mmol/L", 3.1, 8.0, 2),
    ("2093-3", "总胆固醇", "mmol/L", 2.8, 5.7, 2),
    ("2571-8", "甘油三酯", "mmol/L", 0.5, 1.7, 2),
    ("2823-3", "钾", "mmol/L", 3.5, 5.3, 2),
)
_BLOOD_COUNT: tuple[_Test, ...] = (
    ("6690-2", "白细胞计数", "10*9/L", 3.5, 9.5, 2),
    ("789-8", "红细胞计数", "10*12/L", 4.3, 5.8, 2),
    ("718-7", "血红蛋白", "g/L", 130, 175, 0),
    ("777-3", "血小板计数", "10*9/L", 125, 350, 0),
)
_MEASUREMENTS: tuple[_Test, ...] = (
    ("8302-2", "身高", "cm", 155, 185, 1),
    ("29463-7", "体重", "kg", 48, 90, 1),
    ("8480-6", "收缩压", "mm[Hg]", 95, 139, 0),
    ("8462-4", "舒张压", "mm[Hg]", 60, 89, 0),
    ("8867-4", "心率", "/min", 55, 100, 0),
)
# Coded results of the preoperative panel: code, name; three of them belong to sensitive topics
_PREOPERATIVE = (
    ("56888-1", "HIV抗原抗体联合检测"),
    ("24110-9", "梅毒螺旋体抗体"),
    ("883-9", "ABO血型"),
    ("10331-7", "Rh(D)血型"),
    ("14979-9", "活化部分凝血活酶时间"),
)
_CARRIER = ("5195-3", "乙肝表面抗原")
_DIAGNOSES = (
    ("I10.x00x002", "高血压病"),
    ("E11.900", "2型糖尿病"),
    ("K80.200", "胆囊结石"),
    ("I25.103", "冠状动脉粥样硬化性心脏病"),
    ("J18.900", "肺炎"),
)
_WARDS = ("心内科", "普外科", "内分泌科", "呼吸内科", "骨科")
_DOCTORS = ("00023^赵医生", "00031^葉醫師", "00047^欧阳誠", "00052^孙玘")


@dataclass(slots=True)
class _Writer:
    """Writes messages of one source with running control ids."""

    kind: SourceKind
    codec: str
    charset: str
    prefix: str
    count: int = 0

    def message(self, event: str, moment: str, *segments: str) -> bytes:
        """One message with its MSH."""
        self.count += 1
        place = profile(self.kind).authority
        structure = {"ADT^A04": "ADT_A01", "ADT^A08": "ADT_A01"}.get(event, event.replace("^", "_"))
        header = (
            f"MSH|^~\\&|{'HIS' if event.startswith('ADT') else LABORATORY[self.kind]}|{place}|SALUS|{place}|{moment}||"
            f"{event}^{structure}|{self.prefix}{self.count:06d}|P|2.5.1|||||CHN|{self.charset}"
        )
        return ("\r".join((header, *segments)) + "\r").encode(self.codec)


def messages(
    seed: int, patients: int, source_kind: SourceKind, charset: str, day: date, *, size_bytes: int | None = None
) -> Iterator[bytes]:
    """All messages of a day, without MLLP marks, in the order a hospital would send them.

    `charset` is written to MSH-18 as given. With `size_bytes` each biochemistry report is filled up to about that size.

    Raises:
        ValueError: the character set is unknown.
    """
    writer = _writer(seed, source_kind, charset, day)
    for place in range(patients):
        person = person_at(seed, place)
        chance = random.Random(f"{seed}/{source_kind}/{place}")  # noqa: S311 - made-up results, not secrets
        if source_kind == "hospital":
            yield from _hospital_visit(writer, chance, place, person, day, size_bytes)
        else:
            if place % 3 == 0:
                long_ago = day - timedelta(days=OLD_CHECKUP_DAYS)
                yield from _checkup_visit(writer, chance, place, person, long_ago, size_bytes)
            yield from _checkup_visit(writer, chance, place, person, day, size_bytes)


def results(seed: int, number: int, charset: str, day: date, *, size_bytes: int = 3500) -> Iterator[bytes]:
    """`number` hospital results of about `size_bytes`, each of another visit: for benchmarks."""
    writer = _writer(seed, "hospital", charset, day)
    for place in range(number):
        yield _report(writer, person_at(seed, place), day, "BIO", size_bytes=size_bytes)


def _writer(seed: int, kind: SourceKind, charset: str, day: date) -> _Writer:
    codec = codec_of(charset)
    if codec is None:
        raise ValueError(f"unknown character set {charset!r}; use a name of HL7 table 0211")
    return _Writer(kind, codec, charset, f"{'H' if kind == 'hospital' else 'T'}{seed}.{day:%Y%m%d}.")


def _hospital_visit(
    writer: _Writer, chance: random.Random, place: int, person: Person, day: date, size_bytes: int | None
) -> Iterator[bytes]:
    inpatient = place % 2 == 0
    ward, doctor, diagnosis = chance.choice(_WARDS), chance.choice(_DOCTORS), chance.choice(_DIAGNOSES)
    arrived, left = f"{day:%Y%m%d}08{chance.randrange(60):02d}00", f"{day:%Y%m%d}17{chance.randrange(60):02d}00"
    pid = _pid(writer.kind, person)
    pv1 = _pv1(writer.kind, place, person, day, "I" if inpatient else "O", ward, doctor, arrived)
    dg1 = f"DG1|1||{diagnosis[0]}^{diagnosis[1]}^ICD-10||{arrived}|A"
    arrival = "A01" if inpatient else "A04"
    yield writer.message(f"ADT^{arrival}", arrived, f"EVN|{arrival}|{arrived}", pid, pv1, dg1)
    yield _report(writer, person, day, "BIO", size_bytes=size_bytes)
    yield _report(writer, person, day, "CBC")
    if inpatient:
        yield _preoperative(writer, chance, person, day)
    if place % 5 == 0:
        yield _report(writer, person, day, "BIO", corrected=True, size_bytes=size_bytes)
    moved = f"{day:%Y%m%d}120000"
    yield writer.message("ADT^A08", moved, f"EVN|A08|{moved}", pid, pv1, dg1)
    yield _document(writer, place, person, day, ward, doctor, diagnosis[1], inpatient=inpatient)
    if inpatient:
        ended = _pv1(writer.kind, place, person, day, "I", ward, doctor, arrived, left)
        yield writer.message("ADT^A03", left, f"EVN|A03|{left}", pid, ended, dg1)


def _checkup_visit(
    writer: _Writer, chance: random.Random, place: int, person: Person, day: date, size_bytes: int | None
) -> Iterator[bytes]:
    arrived = f"{day:%Y%m%d}07{chance.randrange(60):02d}00"
    pid = _pid(writer.kind, person)
    pv1 = _pv1(writer.kind, place, person, day, "O", "体检大厅", _DOCTORS[place % len(_DOCTORS)], arrived)
    yield writer.message("ADT^A04", arrived, f"EVN|A04|{arrived}", pid, pv1)
    yield _report(writer, person, day, "VIT")
    yield _report(writer, person, day, "LAB", size_bytes=size_bytes)
    yield _ultrasound(writer, chance, person, day)


def _pid(kind: SourceKind, person: Person) -> str:
    numbers = f"{person.number(kind)}^^^{profile(kind).authority}^MR~{person.id_card}^^^^NNCHN"
    address = f"{person.street}^^示例市^示例省^100000^CHN^H"
    known = f"{person.name}^^^^^^L^I||{person.born:%Y%m%d}|{person.sex}"
    return f"PID|1||{numbers}||{known}|||{address}||{person.phone}^PRS^CP"


def _pv1(
    kind: SourceKind,
    place: int,
    person: Person,
    day: date,
    visit_class: str,
    ward: str,
    doctor: str,
    arrived: str,
    left: str = "",
) -> str:
    fields = [""] * 46
    fields[0], fields[1], fields[2] = "PV1", "1", visit_class
    fields[3] = f"{ward}^{place % 20 + 1:02d}床^{place % 3 + 1}^{profile(kind).authority}"
    fields[7], fields[19] = doctor, f"{visit_number(kind, person, day)}^^^{profile(kind).authority}^VN"
    fields[44], fields[45] = arrived, left
    return "|".join(fields).rstrip("|")


_PANELS: dict[str, tuple[str, str, str, tuple[_Test, ...]]] = {
    "BIO": ("24323-8", "生化全套", "CH", _BIOCHEMISTRY),
    "CBC": ("58410-2", "血常规", "HM", _BLOOD_COUNT),
    "VIT": ("85353-1", "一般检查", "", _MEASUREMENTS),
    "LAB": ("24323-8", "体检生化", "LAB", _BIOCHEMISTRY[:6]),
}


def _report(
    writer: _Writer,
    person: Person,
    day: date,
    panel: str,
    *,
    corrected: bool = False,
    size_bytes: int | None = None,
) -> bytes:
    """One numeric report. A correction repeats the report with one value mended and status C."""
    _, _, section, tests = _PANELS[panel]
    # The report's own chance, so that a correction repeats every value but the one it mends.
    chance = random.Random(f"{writer.prefix}/{report_number(writer.kind, person, day, panel)}")  # noqa: S311 - as above
    taken = f"{day:%Y%m%d}0815{chance.randrange(60):02d}"
    lines = [_numeric(number, test, chance, taken, "F") for number, test in enumerate(tests, 1)]
    if (
        panel == "LAB"
    ):  # a carrier test among harmless ones: labelled level 5, split off, never shared by category alone
        code, name = _CARRIER
        lines.append(f"OBX|{len(lines) + 1}|ST|{code}^{name}^LN||阴性(-)||阴性|N|||F|||{taken}")
    if corrected:
        lines[0] = _numeric(1, tests[0], chance, taken, "C")
    service = "^".join((*_PANELS[panel][:2], "LN"))
    obr = _obr(writer.kind, person, day, panel, service, section, taken, "C" if corrected else "F")
    note = "NTE|1||备注：标本合格，结果仅对本次标本负责"
    segments = [_pid(writer.kind, person), _order(writer.kind, person, day, panel), obr, *lines, note]
    if size_bytes is not None:
        have = sum(len(segment.encode(writer.codec)) + 1 for segment in segments) + 140
        while have < size_bytes:
            test = tests[len(lines) % len(tests)]
            line = _numeric(len(lines) + 1, test, chance, taken, "F", series=len(lines) // len(tests))
            lines.append(line)
            segments.insert(-1, line)
            have += len(line.encode(writer.codec)) + 1
    return writer.message("ORU^R01", f"{day:%Y%m%d}{'15' if corrected else '10'}3000", *segments)


def _numeric(number: int, test: _Test, chance: random.Random, taken: str, status: str, series: int = 0) -> str:
    code, name, unit, low, high, decimals = test
    spread = (high - low) or 1
    value = chance.uniform(low - 0.15 * spread, high + 0.15 * spread)
    flag = "L" if value < low else "H" if value > high else "N"
    place = f"{series}" if series else ""
    return (
        f"OBX|{number}|NM|{code}^{name}^LN|{place}|{value:.{decimals}f}|{unit}^{unit}^UCUM|{low:g}-{high:g}|{flag}"
        f"|||{status}|||{taken}"
    )


def _preoperative(writer: _Writer, chance: random.Random, person: Person, day: date) -> bytes:
    taken = f"{day:%Y%m%d}081700"
    lines = []
    for number, (code, name) in enumerate(_PREOPERATIVE, 1):
        if code == "14979-9":
            test = (code, name, "s", 25.0, 37.0, 1)
            lines.append(_numeric(number, test, chance, taken, "F"))
            continue
        word = {"883-9": f"{chance.choice('ABO')}型", "10331-7": "阳性"}.get(code, "阴性(-)")
        lines.append(f"OBX|{number}|ST|{code}^{name}^LN||{word}||阴性|N|||F|||{taken}")
    obr = _obr(writer.kind, person, day, "PRE", "99PRE^术前检查组合^L", "LAB", taken, "F")
    order = _order(writer.kind, person, day, "PRE")
    return writer.message("ORU^R01", f"{day:%Y%m%d}110000", _pid(writer.kind, person), order, obr, *lines)


def _ultrasound(writer: _Writer, chance: random.Random, person: Person, day: date) -> bytes:
    taken = f"{day:%Y%m%d}085500"
    liver = chance.choice(("肝脏大小形态正常，回声均匀。", "肝脏回声增强，考虑脂肪肝。", "肝右叶见一囊性回声，约8mm。"))
    finding = escape(f"检查所见：{liver}\n胆囊壁光滑，胰、脾未见异常。\n双肾大小形态正常。", STANDARD)
    obr = _obr(writer.kind, person, day, "USG", "US001^腹部彩超^L", "RUS", taken, "F")
    lines = (
        f"OBX|1|TX|59776-5^检查所见^LN||{finding}||||||F|||{taken}",
        f"OBX|2|TX|19005-8^检查结论^LN||{'脂肪肝' if '脂肪肝' in liver else '腹部超声未见明显异常'}||||||F|||{taken}",
    )
    order = _order(writer.kind, person, day, "USG")
    return writer.message("ORU^R01", f"{day:%Y%m%d}113000", _pid(writer.kind, person), order, obr, *lines)


def _order(kind: SourceKind, person: Person, day: date, panel: str) -> str:
    filler = report_number(kind, person, day, panel)
    return f"ORC|RE|S{filler}^HIS|{filler}^{LABORATORY[kind]}"


def _obr(
    kind: SourceKind, person: Person, day: date, panel: str, code: str, section: str, taken: str, status: str
) -> str:
    filler = report_number(kind, person, day, panel)
    fields = [""] * 26
    fields[0], fields[1] = "OBR", "1"
    fields[2], fields[3], fields[4] = f"S{filler}^HIS", f"{filler}^{LABORATORY[kind]}", code
    fields[7], fields[22], fields[24], fields[25] = taken, f"{day:%Y%m%d}100000", section, status
    return "|".join(fields)


def _document(
    writer: _Writer,
    place: int,
    person: Person,
    day: date,
    ward: str,
    doctor: str,
    diagnosis: str,
    *,
    inpatient: bool,
) -> bytes:
    kind = "DS^出院小结" if inpatient else "CN^门诊病历"
    moment = f"{day:%Y%m%d}163000"
    body = (
        f"患者{person.name}，因“{diagnosis}”就诊于{ward}。\n诊疗经过：完善检查，给予对症治疗，病情平稳。\n"
        f"诊断：{diagnosis}。\n医嘱：规律服药，一个月后复诊；饮食清淡，控制体重<75kg & 血压≤140/90。"
    )
    number = f"{visit_number(writer.kind, person, day)}DOC"
    txa = f"TXA|1|{kind}|TX|{moment}|{doctor}|{moment}||||||{number}^EMR|||||AU||AV"
    obx = f"OBX|1|TX|18842-5^{kind.split('^')[1]}^LN||{escape(body, STANDARD)}||||||F"
    pv1 = _pv1(writer.kind, place, person, day, "I" if inpatient else "O", ward, doctor, f"{day:%Y%m%d}080000")
    event = f"EVN|T02|{moment}"
    return writer.message("MDM^T02", moment, event, _pid(writer.kind, person), pv1, txa, obx)
