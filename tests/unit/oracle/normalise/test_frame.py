from decimal import Decimal
from typing import Any

import pytest

from oracle.hl7.message import Segment
from oracle.hl7.separators import STANDARD, Separators
from oracle.normalise.frame import Frame, frame_of
from salus.core.record import DraftStatus


def _frame(raw: str, status: str = "F", category: str = "laboratory", separators: Separators = STANDARD) -> Frame:
    return frame_of(Segment(raw, separators, 1), status, category)


def test_frame__results_of_one_test__share_it_whatever_their_value_and_time() -> None:
    one = _frame("OBX|1|NM|2345-7^葡萄糖^LN|1|5.40|mmol/L|3.9-6.1|H|||F|||20260105083000")
    other = _frame("OBX|7|NM|2345-7^葡萄糖^LN|2|4.10|mmol/L|3.9-6.1|H|||F|||20260106")
    assert one is other
    assert "valueQuantity" not in one.resource
    assert "4.10" not in repr(one)
    assert "5.40" not in repr(one)


@pytest.mark.parametrize(
    ("raw", "element", "expected"),
    [
        ("OBX|1|NM|a^b^L||1|g|1-2|H|||C", "status", "corrected"),
        ("OBX|1|NM|c^b^L||1|g|1-2|H|||F", "code", {"coding": [{"code": "c", "system": "urn:id:L", "display": "b"}]}),
        ("OBX|1|NM|a^b^L||1|g|1-2|L|||F", "interpretation", "L"),
        ("OBX|1|NM|a^b^L||1|kg|1-2|H|||F", "referenceRange", {"value": Decimal(1), "unit": "kg"}),
    ],
)
def test_frame__another_field_differs__another_frame(raw: str, element: str, expected: Any) -> None:
    first, other = _frame("OBX|1|NM|a^b^L||1|g|1-2|H|||F"), _frame(raw)
    assert first is not other
    assert first.resource[element] != other.resource[element]
    found = other.resource[element]
    if element == "interpretation":
        found = found[0]["coding"][0]["code"]
    elif element == "referenceRange":
        found = found[0]["low"]
    elif element == "code":
        found = {"coding": found["coding"]}
    assert found == expected


def test_frame__same_text_with_other_separators__is_split_by_its_own() -> None:
    raw = "OBX|1|NM|a^b*c||1|g|||||F"
    own = _frame(raw, separators=Separators(component="*", repetition="~"))
    assert (_frame(raw).codes[0].code, own.codes[0].code) == ("a", "a^b")


def test_frame__no_status_of_its_own__has_its_report_s() -> None:
    raw = "OBX|1|NM|a^b^L||1"
    withdrawn, final = _frame(raw, "D"), _frame(raw, "F")
    assert (withdrawn.status, withdrawn.draft_status) == ("D", DraftStatus.ENTERED_IN_ERROR)
    assert (final.status, final.draft_status) == ("F", DraftStatus.CURRENT)


def test_frame__long_segment__made_anew_so_that_what_is_kept_has_a_bound() -> None:
    raw = f"OBX|1|ST|a^b^L||{'x' * 2000}|||||F"
    assert _frame(raw) == _frame(raw)
    assert _frame(raw) is not _frame(raw)
