"""Z segments are kept as sent and heard by labelling; explicit nulls are told; documents of 50 MB are read."""

import tracemalloc
from base64 import b64encode
from random import Random

import pytest

from oracle.hl7.message import parse
from oracle.label import label
from oracle.normalise import SourceProfile, normalise
from oracle.normalise.local import URL
from salus.core.record import NormalisedGroup
from tests.unit.oracle.normalise.made import groups, last, segment, visit

PV1 = segment("PV1", {2: "I", 19: "V1"})
OBR = segment("OBR", {1: "1", 3: "R1^LIS", 4: "a^b^L", 24: "CH", 25: "F"})
OBX = "OBX|1|NM|a^b^L||1||||||F"
TXA = segment("TXA", {1: "1", 2: "DS^小结", 4: "20260105", 12: "D1^EMR", 17: "AU", 19: "AV"})


def _kept(group: NormalisedGroup) -> list[str]:
    return [one["valueString"] for one in group.head.get("extension", []) if one["url"] == URL]


# --- Z segments


def test_adt__z_segments__go_with_the_person_or_the_visit_they_follow() -> None:
    person, stay = groups("ADT^A01", "ZPD|1|医保", PV1, "ZPV|1|床位费")
    assert (_kept(person), _kept(stay)) == (["ZPD|1|医保"], ["ZPV|1|床位费"])
    assert person.unmapped == stay.unmapped == ()


def test_adt__person_alone__keeps_all_of_them() -> None:
    (person,) = groups("ADT^A31", "ZPD|1|a", "ZPD|2|b")
    assert _kept(person) == ["ZPD|1|a", "ZPD|2|b"]


def test_oru__z_segments__go_with_the_report_they_follow() -> None:
    first, second = groups("ORU^R01", "ZPI|早", OBR, OBX, "ZLB|1|一", OBR.replace("R1", "R2"), "ZLB|1|二")
    assert (_kept(first), _kept(second)) == (["ZPI|早", "ZLB|1|一"], ["ZLB|1|二"])


def test_mdm__z_segment__is_in_the_document() -> None:
    assert _kept(last("MDM^T02", TXA, "OBX|1|TX|a||x", "ZDC|归档号|7")) == ["ZDC|归档号|7"]


def test_z_segment__sensitive_words__raise_the_level() -> None:
    plain, told = (
        label(last("ORU^R01", OBR, OBX, f"ZLB|1|{words}"))[0].labels.level for words in ("备注", "HIV抗体复核")
    )
    assert (plain, told) == (4, 5)


def test_z_segment__control_characters__are_left_out() -> None:
    assert _kept(last("ORU^R01", OBR, "ZLB|a\x01b\x7f")) == ["ZLB|ab"]


# --- explicit nulls

NULL = '""'


def test_cleared__pid__names_the_elements() -> None:
    pid = segment("PID", {3: "P1^^^H1^MR", 5: NULL, 7: NULL, 11: NULL, 13: NULL, 16: NULL, 29: NULL})
    (group,) = normalise(parse(f"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.5.1\r{pid}"), SourceProfile("x", "H1"))
    assert group.cleared == (
        "name",
        "birthDate",
        "_birthDate",
        "address",
        "telecom",
        "maritalStatus",
        "deceasedDateTime",
    )


def test_cleared__identity__is_an_item_that_clears() -> None:
    pid = segment("PID", {3: "P1^^^H1^MR", 22: NULL})
    (group,) = normalise(parse(f"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.5.1\r{pid}"), SourceProfile("x", "H1"))
    assert [(item.key, item.cleared) for item in group.items] == [("item|identity", ("extension",))]


def test_cleared__stay__names_parts_of_elements() -> None:
    found = visit({3: NULL, 10: NULL, 36: NULL, 45: NULL}, {3: NULL, 25: NULL})
    assert found.cleared == (
        "location",
        "serviceType",
        "hospitalization.dischargeDisposition",
        "period.end",
        "reasonCode",
        "priority",
    )


def test_cleared__report_and_result__name_their_own() -> None:
    obx = segment("OBX", {2: "NM", 3: "a^b^L", 5: NULL, 7: NULL, 8: NULL, 11: "F"})
    found = last("ORU^R01", OBR.replace("||||CH", '||""||CH'), obx)
    assert found.cleared == ("issued",)
    assert {"valueQuantity", "valueString", "referenceRange", "interpretation"} <= set(found.items[0].cleared)
    assert not any(name.startswith("value") for name in found.items[0].resource)


def test_cleared__document__names_its_own() -> None:
    found = last("MDM^T02", segment("TXA", {2: "DS", 12: "D1", 17: NULL, 18: NULL, 25: NULL}), "OBX|1|TX|a||x")
    assert found.cleared == ("docStatus", "securityLabel", "description")


@pytest.mark.parametrize("sent", ["", " ", '"', '"" ', 'a""'])
def test_cleared__what_is_no_null__clears_nothing(sent: str) -> None:
    assert visit({10: sent}).cleared == ()


# --- large documents


def test_mdm__document_of_50_mb__is_read_with_bounded_memory() -> None:
    size = 50 * 1000 * 1000
    data = b64encode(Random(1).randbytes(size)).decode()
    text = "\r".join(
        (
            "MSH|^~\\&|A|B|C|D|20260101||MDM^T02|1|P|2.5.1",
            "PID|1||P1^^^H1^MR||x",
            TXA,
            f"OBX|1|ED|a^报告^L||^application^PDF^Base64^{data}||||||F",
        )
    )
    tracemalloc.start()
    try:
        (group,) = normalise(parse(text), SourceProfile("x", "H1"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert group.head["content"][0]["attachment"]["data"] == data
    assert peak < 8 * size
