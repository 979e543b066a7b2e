"""The number a sender counts its messages by."""

from dataclasses import replace

import pytest

from oracle.intake.receive import receive
from oracle.sources.model import Source
from oracle.sources.numbers import number_of
from tests.unit.oracle.oracle_world import report

SOURCE = Source("lis", "Hospital B", "HB")
BY_SEQUENCE, BY_CONTROL = replace(SOURCE, sequence_numbers=True), replace(SOURCE, control_id_digits=6)


def test_number__of_a_source_that_is_not_counted__is_none() -> None:
    received = receive(report("LIS20261101000017"))
    assert number_of(None, received) is None
    assert number_of(SOURCE, received) is None


@pytest.mark.parametrize(("sent", "number"), [("41", ("", 41)), ("", None), ("0", None), ("-1", None), ("4a", None)])
def test_number__by_sequence__is_msh_13(sent: str, number: tuple[str, int] | None) -> None:
    raw = report("C1").replace(b"|P|2.5.1||", b"|P|2.5.1|" + sent.encode() + b"|")
    assert number_of(BY_SEQUENCE, receive(raw)) == number


@pytest.mark.parametrize(
    ("control", "number"),
    [
        ("LIS20261101000017", ("LIS20261101", 17)),
        ("000017", ("", 17)),
        ("17", None),
        ("LIS2026110100001X", None),
    ],
)
def test_number__by_control_id__is_its_last_digits_in_the_counter_before_them(
    control: str, number: tuple[str, int] | None
) -> None:
    assert number_of(BY_CONTROL, receive(report(control))) == number
