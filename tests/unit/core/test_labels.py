import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.labels import (
    Action,
    Category,
    Confidentiality,
    Flag,
    Form,
    Labels,
    Obligation,
    Purpose,
    Role,
    Topic,
    mask_of,
    names,
)

WIDTHS = {
    Category: (37, 64),
    Topic: (19, 32),
    Purpose: (29, 32),
    Action: (11, 16),
    Obligation: (19, 32),
    Flag: (16, 32),
}
"""Defined bits and the width of the field they travel in. A bit is never reused: these only grow."""


@pytest.mark.parametrize("kind", WIDTHS, ids=lambda kind: kind.__name__)
def test_masks__bits__without_gaps_and_inside_their_field(kind: type[Category]) -> None:
    count, width = WIDTHS[kind]
    assert [int(bit) for bit in kind] == [1 << position for position in range(count)]
    assert count <= width


@pytest.mark.parametrize(
    ("member", "value"),
    [
        (Category.LAB, 1 << 7),
        (Category.CHECKUP, 1 << 20),
        (Category.ORGRES, 1 << 36),
        (Purpose.PATRQT, 1 << 16),
        (Purpose.X_INSUW, 1 << 28),
        (Topic.HGR, 1 << 18),
        (Action.X_PRINT, 1 << 10),
        (Obligation.X_INCOUNTRY, 1 << 18),
        (Flag.DELEGABLE, 1 << 8),
        (Confidentiality.V, 5),
        (Form.AGGREGATE, 4),
        (Role.SYSTEM, 10),
    ],
)
def test_values__that_are_signed_and_stored__never_move(member: int, value: int) -> None:
    assert int(member) == value


@given(st.sets(st.sampled_from(list(Category))))
def test_names__of_a_mask__and_back(bits: set[Category]) -> None:
    mask = Category(0)
    for bit in bits:
        mask |= bit
    assert names(mask) == [bit.name for bit in sorted(bits)]
    assert mask_of(Category, names(mask)) == mask


def test_mask_of__unknown_name__refused() -> None:
    with pytest.raises(KeyError):
        mask_of(Category, ["LAB", "NOTHING"])


@pytest.mark.parametrize("level", [-1, 0, 6, 255])
def test_labels__level_that_does_not_exist__refused(level: int) -> None:
    with pytest.raises(ValueError):
        Labels(Category.LAB, level, Confidentiality.N)


def test_labels__no_category__refused() -> None:
    with pytest.raises(ValueError):
        Labels(Category(0), 1, Confidentiality.N)


def test_confidentiality__order__from_unrestricted_to_very_restricted() -> None:
    assert [member.name for member in sorted(Confidentiality)] == list("ULMNRV")
