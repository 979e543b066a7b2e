"""The field of key shares against an independent multiplication, and the laws of a field."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core.field import Scaling, coefficients, inverse, times
from tests.vectors.makers import shamir

elements = st.integers(0, (1 << 128) - 1)


@given(elements, elements)
def test_times__any_two__as_the_other_implementation(one: int, other: int) -> None:
    assert times(one, other) == times(other, one) == shamir.times(one, other)


@settings(max_examples=25)
@given(elements.filter(bool))
def test_inverse__of_any_but_zero__gives_one(element: int) -> None:
    assert times(element, inverse(element)) == 1


def test_inverse__of_zero__is_refused() -> None:
    with pytest.raises(ZeroDivisionError):
        inverse(0)


@settings(max_examples=25)
@given(elements, elements)
def test_scaling__any_element__is_the_product(factor: int, element: int) -> None:
    assert Scaling(factor).of(element.to_bytes(16, "big")) == times(factor, element).to_bytes(16, "big")


@settings(max_examples=10)
@given(st.lists(elements, min_size=4, max_size=4))
def test_coefficients__of_any_four_points__find_every_other(polynomial: list[int]) -> None:
    values = {point: shamir.value_at(point, polynomial[0], polynomial[1:]) for point in range(8)}
    for points in combinations(range(8), 4):
        for at in set(range(8)) - set(points):
            found = 0
            for factor, point in zip(coefficients(at, points), points, strict=True):
                found ^= times(factor, values[point])
            assert found == values[at]


@pytest.mark.parametrize(("at", "points"), [(1, (1, 2)), (3, (1, 1))])
def test_coefficients__points_that_meet__are_refused(at: int, points: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="distinct"):
        coefficients(at, points)
