"""Whatever the fields of an order, appointment, dose, charge or problem hold: valid FHIR, or a clear refusal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.label import label
from oracle.normalise import NormaliseError
from tests.unit.oracle.normalise.written import PID, groups

VALUES = (
    "",
    '""',
    "1",
    "0",
    "-2.50",
    "007",
    "1e5",
    "99999999999",
    "20260102",
    "20260102103000",
    "20260230",
    "202601",
    "2026",
    "0000",
    "20250101^20240101",
    "^^^20260102^20250101^S",
    "^BID^^20260101",
    "Q6H",
    "A1^甲^L",
    "B20^^I10^X^乙^LN",
    "^只有文字",
    "^^^^",
    "S1&NS&1.2.3&ISO^F1&NS2",
    "00023^赵^医生^^^^^^NS&1.2&ISO",
    "P^1^2^H1&1.2&ISO^^C^B1^F1",
    "A~B^b~C&c",
    "CA",
    "D",
    "DE",
    "S",
    "CP",
    "Booked",
    "Deleted",
    "3.50&EUR",
    "\\F\\\\S\\\\T\\\\E\\",
    "\t x \n y",
    " ",
    "：，。；",
    "x" * 300,
)
# Message → its segments with how many fields to fill, in order
SHAPES = {
    "ORM^O01": (("PV1", 20), ("ORC", 30), ("OBR", 48), ("DG1", 21), ("OBX", 20), ("NTE", 6)),
    "OML^O21": (("ORC", 30), ("TQ1", 14), ("OBR", 48), ("SPM", 31), ("OBX", 20)),
    "OML^O33": (("SPM", 31), ("OBX", 8), ("ORC", 20), ("OBR", 31)),
    "OMP^O09": (("ORC", 30), ("RXO", 28), ("RXR", 6), ("RXC", 5), ("OBX", 12)),
    "RDE^O11": (("ORC", 30), ("RXO", 20), ("RXE", 36), ("TQ1", 14), ("RXR", 6)),
    "RDS^O13": (("ORC", 30), ("RXD", 20), ("RXR", 6)),
    "RAS^O17": (("ORC", 30), ("RXA", 22), ("RXR", 6), ("RXA", 22)),
    "VXU^V04": (("ORC", 30), ("RXA", 27), ("RXR", 3), ("OBX", 15)),
    "SIU^S14": (("SCH", 27), ("TQ1", 14), ("PV1", 20), ("DG1", 21), ("AIS", 10), ("AIG", 14), ("AIL", 12), ("AIP", 12)),
    "DFT^P03": (("PV1", 20), ("FT1", 29), ("PR1", 20), ("DG1", 21), ("IN1", 49)),
    "BAR^P05": (("PV1", 46), ("DG1", 21), ("PR1", 20), ("GT1", 11), ("IN1", 49)),
    "PPR^PC2": (("PRB", 28), ("GOL", 18), ("OBX", 15), ("ORC", 20), ("OBR", 31)),
}
# Fields without which a message is refused
NEEDED = {("ORC", 2): "S1", ("RXA", 3): "20260102", ("SCH", 2): "F1", ("FT1", 2): "T1", ("PRB", 4): "PB1"}


@st.composite
def _filled(draw: st.DrawFn, kind: str) -> tuple[str, ...]:
    segments = []
    for name, count in SHAPES[kind]:
        places = draw(st.dictionaries(st.integers(0, count - 1), st.sampled_from(VALUES), max_size=12))
        if draw(st.integers(0, 9)):
            places |= {place - 1: value for (segment, place), value in NEEDED.items() if segment == name}
        segments.append("|".join((name, *(places.get(place, "") for place in range(count)))))
    return tuple(segments)


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_mapping__any_fields__give_valid_records_or_a_clear_refusal(kind: str) -> None:
    seen = set()
    refusals: list[NormaliseError] = []

    @settings(max_examples=60, deadline=None)
    @given(_filled(kind))
    def attempt(segments: tuple[str, ...]) -> None:
        try:
            found = groups(kind, PID, *segments)
        except NormaliseError as error:
            refusals.append(error)
            return
        for group in found:
            assert all(draft.record_key.startswith(group.record_key) for draft in label(group))
        seen.add("mapped")

    attempt()
    assert "mapped" in seen
    assert all(error.location.segment for error in refusals)
