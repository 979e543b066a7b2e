"""Writes what the month says as HL7 v2.5.1: HIS and check-up in UTF-8, LIS in GB18030."""

from __future__ import annotations

from datetime import datetime

from bench.month_story import CHECKUP, HIS, LIS, PANELS, TESTS, Kind, Person, Said
from oracle.hl7.timestamps import SHANGHAI

CHARSETS = {HIS: ("utf-8", "UNICODE UTF-8"), LIS: ("gb18030", "GB 18030-2000"), CHECKUP: ("utf-8", "UNICODE UTF-8")}
_STRUCTURES = {
    "A04": "ADT_A01",
    "A08": "ADT_A01",
    "A40": "ADT_A39",
    "A11": "ADT_A09",
    "R01": "ORU_R01",
    "T08": "MDM_T02",
}
_CODES = {Kind.VISIT: "ADT", Kind.MERGE: "ADT", Kind.REPORT: "ORU", Kind.DOCUMENT: "MDM"}


def write(said: Said, control: str, sent_at: int, number: int) -> bytes:
    """One message: `control` is MSH-10, `sent_at` MSH-7 and `number` MSH-13."""
    body = {Kind.VISIT: _visit, Kind.REPORT: _report, Kind.DOCUMENT: _document, Kind.MERGE: _merge}[said.kind](said)
    code = _CODES[said.kind]
    structure = _STRUCTURES.get(said.event, f"{code}_{said.event}")
    header = head(said.source, f"{code}^{said.event}^{structure}", control, sent_at, number)
    return encode(said.source, header, *body)


def head(source: str, event: str, control: str, sent_at: int, number: int) -> str:
    """MSH."""
    charset = CHARSETS[source][1]
    return f"MSH|^~\\&|{source.upper()}|HB|SALUS|HB|{stamp(sent_at)}||{event}|{control}|P|2.5.1|{number}|||||{charset}"


def encode(source: str, *segments: str) -> bytes:
    """Segments as the source's bytes."""
    return ("\r".join(segments) + "\r").encode(CHARSETS[source][0])


def stamp(at: int) -> str:
    """A Unix time as HL7 TS, in the hospital's own zone."""
    return f"{datetime.fromtimestamp(at, SHANGHAI):%Y%m%d%H%M%S}" if at else ""


def pid(person: Person, number: str) -> str:
    """PID."""
    phone = f"{person.phone}^PRS^CP" if person.phone else ""
    return (
        f"PID|1||{number}^^^HB^MR~{person.card}^^^^NNCHN||{person.name}^^^^^^L^I||{person.born:%Y%m%d}|{person.sex}|||"
        f"{person.street}^^示例市^示例省^100000^CHN^H||{phone}"
    )


def _visit(said: Said) -> list[str]:
    evn = f"EVN|{said.event}|{stamp(said.at)}"
    fields = [""] * 46
    fields[0:4] = "PV1", "1", "O" if said.event == "A04" or said.source == CHECKUP else "I", said.ward
    fields[7], fields[19] = "00023^赵医生", f"{said.name}^^^HB^VN"
    fields[44], fields[45] = stamp(said.began), stamp(said.ended)
    segments = [evn, pid(said.person, said.number), "|".join(fields).rstrip("|")]
    if said.event == "A03":
        segments.append(f"DG1|1||I10.x00x002^高血压病^ICD-10||{stamp(said.at)}|A")
    return segments


def _merge(said: Said) -> list[str]:
    return [f"EVN|A40|{stamp(said.at)}", pid(said.person, said.number), f"MRG|{said.name}^^^HB^MR"]


def _report(said: Said) -> list[str]:
    code, name, _ = PANELS[said.panel]
    obr = [""] * 26
    obr[0:5] = "OBR", "1", f"S{said.name}^HIS", f"{said.name}^LIS", f"{code}^{name}^LN"
    obr[7], obr[22], obr[24], obr[25] = stamp(said.taken), stamp(said.at), "LAB", said.status
    lines = []
    for place, result in enumerate(said.results, 1):
        test = TESTS[result.test]
        unit = f"{test.unit}^{test.unit}^{test.unit_system}" if test.unit_system else test.unit
        ranged = ("1-90", unit) if result.value else ("", "")
        lines.append(
            f"OBX|{place}|NM|{test.code}^{test.name}^{test.system}||{result.value}|{ranged[1]}|{ranged[0]}|"
            f"{'N' if result.value else ''}|||{result.status}|||{stamp(said.taken)}"
        )
    return [pid(said.person, said.number), f"ORC|RE|S{said.name}^HIS|{said.name}^LIS", "|".join(obr), *lines]


def _document(said: Said) -> list[str]:
    at = stamp(said.at)
    return [
        f"EVN|{said.event}|{at}",
        pid(said.person, said.number),
        f"TXA|1|CN^门诊病历|TX|{stamp(said.began)}|00023^赵医生|{at}||||||{said.name}^EMR|||||AU||AV",
        f"OBX|1|TX|18842-5^病历^LN||{said.text}||||||F",
    ]
