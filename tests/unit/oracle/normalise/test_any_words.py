"""Admissions, results and documents with anything in any field: valid FHIR inside its bindings, or a clear refusal."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.hl7.message import parse
from oracle.label import label
from oracle.normalise import NormaliseError, SourceProfile, normalise
from tests.unit.oracle.normalise.made import ENCODER, check_content

SOURCE = SourceProfile("示例医院", "H1")
# Values as careless senders write them: nulls, blanks, broken dates and numbers, separators in odd places
BLANKS = ("", '""', " ", "\t x \n y", "x\x01y", "a b")
NUMBERS = ("0", "-1", "1.50", "<5", "1e5", "٣")
DATES = ("20260101", "202601010830", "2026-01-01", "20261399", "00000000", "99999999", "20260101000000.000000001+2500")
ESCAPES = ("\\T\\a", "\\X0D\\", "\\E", "\\.br\\", "urn:x y", "http://x y/z")
CODES = ("中文", "é" * 40, "Y", "N", "F", "?", "W", "X", "HIV", "MR", "ISO", "UUID", "P")
_PART = st.sampled_from(BLANKS + NUMBERS + DATES + ESCAPES + CODES)
_SUB = st.lists(_PART, min_size=1, max_size=4).map("&".join)
_COMPONENTS = st.lists(st.one_of(_PART, _SUB), min_size=1, max_size=22).map("^".join)
_FIELD = st.lists(_COMPONENTS, min_size=1, max_size=2).map("~".join)
_TYPES = st.sampled_from(
    ["NM", "SN", "NR", "DR", "CE", "CWE", "IS", "ST", "TX", "DT", "TS", "TM", "ED", "RP", "XX", ""]
)
SHAPES: dict[str, tuple[str, ...]] = {
    "ADT^A08": ("PID", "PD1", "NK1", "PV1", "PV2", "DG1", "AL1", "OBX", "ZZZ"),
    "ADT^A31": ("PID", "PD1", "NK1", "ZZZ"),
    "ORU^R01": ("PID", "PV1", "ORC", "OBR", "NTE", "OBX", "NTE", "SPM", "ZZZ"),
    "MDM^T02": ("PID", "PV1", "TXA", "OBX", "ZZZ"),
}
LENGTH = {"PV1": 54, "PID": 40, "NK1": 41, "PV2": 40, "OBR": 53, "OBX": 33, "ORC": 33, "SPM": 31, "TXA": 25}


@st.composite
def _segment(draw: st.DrawFn, name: str) -> str:
    chosen = draw(st.dictionaries(st.integers(1, LENGTH.get(name, 12)), _FIELD, max_size=8))
    if name == "PID":
        chosen.setdefault(3, "P1^^^H1^MR")
    if name == "PV1":
        chosen.setdefault(19, "V1")
    if name == "OBR":
        chosen.setdefault(3, "R1")
    if name == "OBX":
        chosen[2] = draw(_TYPES)
        chosen.setdefault(5, "1")
    return "|".join((name, *(chosen.get(number, "") for number in range(1, max(chosen, default=1) + 1))))


def _messages(kind: str) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*(_segment(name) for name in SHAPES[kind]))


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_mapping__any_words__valid_records_or_a_refusal_with_its_place(kind: str) -> None:
    seen = set()

    @settings(max_examples=25, deadline=None)
    @given(_messages(kind))
    def attempt(segments: tuple[str, ...]) -> None:
        text = "\r".join((f"MSH|^~\\&|A|B|C|D|20260101||{kind}|1|P|2.5.1", *segments))
        try:
            found = normalise(parse(text), SOURCE)
        except NormaliseError as error:
            seen.add("refused" if error.location.segment else "refused without a place")
            return
        for group in found:
            for draft in label(group):
                check_content(draft.content)
                assert ENCODER.encode(draft.content)
        seen.add("mapped")

    attempt()
    assert "mapped" in seen
    assert "refused without a place" not in seen
