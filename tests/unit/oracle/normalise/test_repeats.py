"""Repeats in one message: each gets a key of its own, and thousands of them take no longer each than a few."""

from collections.abc import Callable

import pytest

from oracle.hl7.message import parse
from oracle.normalise import SourceProfile, normalise

SOURCE = SourceProfile("clinic", "CLINIC")
PID = "PID|1||X^^^CLINIC^MR||Z^Y||19800101|M"
PV1 = "PV1|1|I|W||||1^D|||||||||||V1^^^CLINIC^VN|||||||||||||||||||||||||20260101"
MANY = 15_000  # a count over all earlier ones took a quarter of a minute


def keys(kind: str, segments: list[str]) -> list[str]:
    header = f"MSH|^~\\&|A|B|C|D|20260101||{kind}|1|P|2.5.1"
    groups = normalise(parse("\r".join((header, PID, PV1, *segments))), SOURCE)
    items = [item.key for group in groups for item in group.items]
    return items or [group.record_key for group in groups]


REPEATS: dict[str, tuple[str, Callable[[int], list[str]]]] = {
    "diagnoses": ("ADT^A01", lambda count: ["DG1|1||I10^x^I10"] * count),
    "allergies": ("ADT^A01", lambda count: ["AL1|1||P^x"] * count),
    "reports": ("ORU^R01", lambda count: ["OBR|1||F|GLU^Glu|||20260101"] * count),
    "results": ("ORU^R01", lambda count: ["OBR|1||F|GLU^Glu|||20260101", *["OBX|1|NM|C^n||1|mmol|||||F"] * count]),
}


@pytest.mark.parametrize("name", REPEATS)
def test_normalise__same_code_again_and_again__numbered_from_the_second_on(name: str) -> None:
    kind, segments = REPEATS[name]
    first, *others = keys(kind, segments(3))
    assert others == [f"{first}|#2", f"{first}|#3"]


@pytest.mark.parametrize("name", REPEATS)
def test_normalise__thousands_of_repeats__each_with_a_key_of_its_own(name: str) -> None:
    kind, segments = REPEATS[name]
    assert len(set(keys(kind, segments(MANY)))) == MANY
