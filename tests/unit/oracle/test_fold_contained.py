"""What a folded record holds of several messages: all that its elements refer to, each extension, the class known."""

from typing import Any

import fhirkit
import msgspec

from oracle.fold import Told, fold
from oracle.hl7.message import parse
from oracle.normalise import SourceProfile, normalise
from salus.core.record import NormalisedGroup, compose

SOURCE = SourceProfile("示例医院", "H1")
ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
PID = "PID|1||P1^^^H1^MR||Z^Y"


def _group(kind: str, sent: str, *segments: str) -> NormalisedGroup:
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|{sent}||{kind}|42|P|2.5.1"
    return normalise(parse("\r".join((header, PID, *segments))), SOURCE)[-1]


def _folded(*groups: NormalisedGroup) -> dict[str, Any]:
    found = fold([Told(place, group) for place, group in enumerate(groups)]).group
    content = compose(found.record_key, found.head, found.items)
    assert fhirkit.validate(ENCODER.encode(content).decode()) == []
    return found.head


def _names(head: dict[str, Any]) -> set[str]:
    people = [one for one in head.get("contained", []) if one["resourceType"] == "Practitioner"]
    return {one["name"][0]["text"] for one in people}


def test_fold__later_message_names_others__keeps_who_is_still_referred_to() -> None:
    obr = "OBR|1||R1^LIS|24323-8^生化^LN|||20260101080000|||||||||{asked}||||||||CH|{status}|||||||{read}"
    first = _group("ORU^R01", "20260101090000", obr.format(asked="1^赵医生", status="P", read="2&钱医生"))
    second = _group("ORU^R01", "20260101100000", obr.format(asked="3^孙医生", status="F", read=""))
    head = _folded(first, second)
    assert _names(head) == {"孙医生", "钱医生"}
    assert head["resultsInterpreter"][0]["display"] == "钱医生"


def test_fold__place_left__is_gone_from_what_is_contained() -> None:
    admitted = _group("ADT^A01", "20260101090000", "PV1|1|I|心内科^01床^1" + "|" * 16 + "V1")
    moved = _group("ADT^A02", "20260102090000", "PV1|1|I|骨科^02床^2" + "|" * 16 + "V1")
    places = str(_folded(admitted, moved)["contained"])
    assert "骨科" in places
    assert "心内科" not in places


def test_fold__extensions__are_joined_by_their_meaning() -> None:
    first = _group("ADT^A28", "20260101090000", "ZPD|1|医保")
    second = normalise(
        parse(f"MSH|^~\\&|HIS|H1|SALUS|H1|20260102||ADT^A31|42|P|2.5.1\r{PID}" + "|" * 21 + "CHN^中国"), SOURCE
    )[-1]
    urls = [one["url"].rpartition("/")[2] for one in _folded(first, second)["extension"]]
    assert urls == ["urn:salus:fhir:z-segment", "patient-citizenship"]


def test_fold__message_without_class__keeps_the_class_known() -> None:
    admitted = _group("ADT^A01", "20260101090000", "PV1|1|I" + "|" * 17 + "V1")
    updated = _group("ADT^A08", "20260102090000", "PV1|1|" + "|" * 17 + "V1")
    assert _folded(admitted, updated)["class"]["code"] == "IMP"
