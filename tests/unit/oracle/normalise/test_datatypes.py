"""HL7 data types to FHIR data types, one repetition at a time."""

from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest

from oracle.hl7.message import Repetition
from oracle.hl7.separators import STANDARD
from oracle.normalise.datatypes import (
    Authority,
    address,
    amount,
    concept,
    human_name,
    identifier,
    pair_identifiers,
    telecom,
    unit_of,
    words_of,
)
from oracle.normalise.organizations import organization, producer
from oracle.normalise.people import person, role

HOME = Authority("H1", "urn:id:H1")
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"


def _sent(raw: str) -> Repetition:
    return Repetition(raw, STANDARD)


def _extensions(value: dict[str, Any]) -> dict[str, Any]:
    return {
        one["url"].removeprefix(EXTENSIONS): one.get("valueString", one.get("valueCode")) for one in value["extension"]
    }


# --- CX, EIP


def test_identifier__check_digit_and_validity__are_kept() -> None:
    found = identifier(_sent("1^7^M10^&2.16.1&ISO^MR^分院^20200101^20300101"), HOME)
    assert found is not None
    assert _extensions(found) == {"identifier-checkDigit": "7", "namingsystem-checkDigit": "M10"}
    assert found["period"] == {"start": "2020-01-01", "end": "2030-01-01"}
    assert (found["system"], found["assigner"]) == ("urn:oid:2.16.1", {"display": "分院"})


@pytest.mark.parametrize("raw", ["", "^7^M10", '""', "^^^H1^MR"])
def test_identifier__no_number__is_none(raw: str) -> None:
    assert identifier(_sent(raw), HOME) is None


def test_identifier__dates_that_cant_be_read__are_left_out() -> None:
    found = identifier(_sent("1^^^H1^MR^^20201399^soon"), HOME)
    assert found is not None
    assert "period" not in found


def test_pair_identifiers__placer_and_filler__have_their_types() -> None:
    found = pair_identifiers(_sent("P1&LIS^F1&&2.16.1&ISO"), HOME)
    assert [(one["value"], one["system"], one["type"]["coding"][0]["code"]) for one in found] == [
        ("P1", "urn:id:LIS", "PGN"),
        ("F1", "urn:oid:2.16.1", "FGN"),
    ]
    assert pair_identifiers(_sent("^"), HOME) == []


# --- XPN, XAD, XTN


def test_name__surname_of_parts__keeps_them() -> None:
    found = human_name(_sent("Beethoven&van&Braun&von&Ertmann^Ludwig^^^Dr^PhD^L^^^^G^20200101^20300101"))
    assert found is not None
    assert found["family"] == "Beethoven"
    assert _extensions(found["_family"]) == {
        "humanname-own-prefix": "van",
        "humanname-own-name": "Braun",
        "humanname-partner-prefix": "von",
        "humanname-partner-name": "Ertmann",
    }
    assert _extensions(found) == {"humanname-assembly-order": "G"}
    assert found["period"] == {"start": "2020-01-01", "end": "2030-01-01"}
    assert found["suffix"] == ["PhD"]


def test_name__range_of_validity__stands_in_for_dates() -> None:
    found = human_name(_sent("Doe^Jane^^^^^^^^20200101&20300101"))
    assert found is not None
    assert found["period"] == {"start": "2020-01-01", "end": "2030-01-01"}


def test_name__one_word__is_family_in_latin_and_whole_in_hanzi() -> None:
    latin, hanzi = human_name(_sent("Madonna")), human_name(_sent("欧阳娜娜"))
    assert latin == {"text": "Madonna", "family": "Madonna"}
    assert hanzi == {"text": "欧阳娜娜"}


def test_address__street_in_parts__is_lines_in_order() -> None:
    found = address(_sent("4861&20th Ave&1^Flat 2^T^IG^99999^USA^H^^County^6059^^^20220501^20230501^^^^^Addressee"))
    assert found is not None
    assert found["line"] == ["4861", "20th Ave", "1", "Flat 2", "Addressee"]
    assert found["period"] == {"start": "2022-05-01", "end": "2023-05-01"}
    assert _extensions(found) == {"iso21090-ADXP-censusTract": "6059"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("139^PRN^PH", {"system": "phone", "value": "139", "use": "home"}),
        ("^^Internet^a@b.cn", {"system": "email", "value": "a@b.cn"}),
        ("^^^a@b.cn", {"system": "email", "value": "a@b.cn"}),
        ("123^^PH^a@b.cn", {"system": "phone", "value": "123"}),
        ("1^^PH^^^^^^^^^010-5", {"system": "phone", "value": "010-5"}),
    ],
)
def test_telecom__plain_forms__give_one_value(raw: str, expected: dict[str, Any]) -> None:
    assert telecom(_sent(raw)) == expected


def test_telecom__number_in_parts__is_put_together_and_kept_in_parts() -> None:
    found = telecom(_sent("^WPN^PH^^86^10^5551234^9^^^^^20200101^^^^^2"))
    assert found is not None
    assert (found["value"], found["rank"]) == ("+86 10 5551234 X9", 2)
    assert list(_extensions(found).values()) == ["86", "10", "5551234", "9"]
    assert found["period"] == {"start": "2020-01-01"}


@pytest.mark.parametrize("raw", ["", "^PRN^PH", "^^^^86^10", "^^Internet^^^^123"])
def test_telecom__no_number__is_none(raw: str) -> None:
    assert telecom(_sent(raw)) is None


# --- CWE, CQ


def test_concept__third_code_and_object_identifier__are_codings() -> None:
    found = concept(_sent("A^a^L^B^b^L2^1^2^原文^C^c^L3^3")) or ({}, ())
    assert [(one["code"], one["version"]) for one in found[0]["coding"]] == [("A", "1"), ("B", "2"), ("C", "3")]
    assert words_of(found[0]) == ["原文", "a", "b", "c"]
    by_oid = concept(_sent("A^a^^^^^^^^^^^^2.16.840.1")) or ({}, ())
    assert by_oid[0]["coding"][0]["system"] == "urn:oid:2.16.840.1"


def test_concept__object_identifier_that_is_none__gives_no_system() -> None:
    found = concept(_sent("A^a^^^^^^^^^^^^not an oid")) or ({}, ())
    assert "system" not in found[0]["coding"][0]


def test_words_of__code_alone__is_its_own_word() -> None:
    assert words_of({"coding": [{"code": "X9"}]}) == ["X9"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("5^mL&毫升&UCUM", {"value": 5, "unit": "毫升", "system": "http://unitsofmeasure.org", "code": "mL"}),
        ("5.40^mL", {"value": Decimal("5.40"), "unit": "mL"}),
        ("5", {"value": 5}),
        ("few^mL", None),
        ("", None),
    ],
)
def test_amount__number_with_unit__is_a_quantity(raw: str, expected: dict[str, Any] | None) -> None:
    found = amount(_sent(raw))
    assert found == expected
    assert expected is None or found is None or str(found["value"]) == str(expected["value"])


def test_unit__of_the_senders_own_system__keeps_code_and_system() -> None:
    assert unit_of("1^ML^METRIC", STANDARD) == {"unit": "ML", "system": "urn:id:METRIC", "code": "1"}
    assert unit_of("1^ML", STANDARD) == {"unit": "ML"}


# --- XCN, NDL, XON, CWE as resources


def test_person__all_of_it__is_a_practitioner() -> None:
    raw = "1^Doe^Jane^Q^Jr^Dr^MD^^LIS&2.16.1&ISO^L^7^M10^NPI^^^^^G^20200101^20300101^FACP"
    made = person(_sent(raw), HOME, UTC)
    assert made is not None
    name = made.resource["name"][0]
    assert (name["family"], name["given"], name["prefix"], name["suffix"]) == (
        "Doe",
        ["Jane", "Q"],
        ["Dr"],
        ["Jr", "FACP"],
    )
    assert made.resource["qualification"][0]["code"]["coding"][0]["code"] == "MD"
    assert made.resource["identifier"][0]["type"]["coding"][0]["code"] == "NPI"
    assert made.reference == {
        "reference": f"#{made.resource['id']}",
        "type": "Practitioner",
        "display": "Dr Jane Q Doe Jr FACP",
    }


def test_person__same_words__same_id_and_other_words_another() -> None:
    first, again, other = (person(_sent(raw), HOME, UTC) for raw in ("1^赵医生", "1^赵医生", "2^赵医生"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.resource["id"] == again.resource["id"] != other.resource["id"]


@pytest.mark.parametrize("raw", ["", '""', "^^^Q", "^^^^^Dr^MD"])
def test_person__nobody_named__is_none(raw: str) -> None:
    assert person(_sent(raw), HOME, UTC) is None


def test_role__person_of_subcomponents__is_contained_beside_it() -> None:
    made = role(_sent("7&钱&医生^20200101^20300101"), HOME, UTC)
    assert made is not None
    (someone,) = made.needs
    assert made.resource["practitioner"] == someone.reference
    assert made.resource["period"] == {"start": "2020-01-01", "end": "2030-01-01"}
    assert someone.display == "钱医生"
    assert role(_sent("^20200101"), HOME, UTC) is None


def test_organization__name_number_and_address__is_one() -> None:
    made = organization(_sent("检验科^L^99^7^M10^LIS&2.16.1&ISO^XX^^^Q8"), ({"city": "北京"},), ({"value": "1"},))
    assert made is not None
    own = made.resource["identifier"][0]
    assert (own["value"], own["system"], made.display) == ("Q8", "urn:oid:2.16.1", "检验科")
    assert (made.resource["address"], made.resource["telecom"]) == ([{"city": "北京"}], [{"value": "1"}])
    assert organization(_sent("")) is None


def test_producer__number_alone__is_its_own_name() -> None:
    made = producer(_sent("11D0668319^^CLIA"))
    assert made is not None
    assert (made.display, made.resource["identifier"]) == (
        "11D0668319",
        [{"value": "11D0668319", "system": "urn:id:CLIA"}],
    )
