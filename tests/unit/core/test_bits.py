import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.bits import Layout, pack, unpack
from salus.core.errors import CalldataError

LAYOUT: Layout = (("low", 8), ("middle", 64), ("high", 32))


@given(st.integers(0, 2**8 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_pack__fields_that_fit__least_significant_first(low: int, middle: int, high: int) -> None:
    values = {"low": low, "middle": middle, "high": high}
    assert pack(LAYOUT, values) == low + (middle << 8) + (high << 72)
    assert unpack(LAYOUT, pack(LAYOUT, values)) == values


@given(st.integers(0, 2**104 - 1))
def test_unpack__any_clean_word__packs_to_itself(word: int) -> None:
    assert pack(LAYOUT, unpack(LAYOUT, word)) == word


@pytest.mark.parametrize("field", ["low", "middle", "high"])
@pytest.mark.parametrize("too", [-1, 2**64, 2**256])
def test_pack__value_that_does_not_fit__refused(field: str, too: int) -> None:
    with pytest.raises(CalldataError):
        pack(LAYOUT, {"low": 0, "middle": 0, "high": 0} | {field: too})


@pytest.mark.parametrize("bit", [104, 105, 160, 255])
def test_unpack__bit_beyond_the_last_field__refused(bit: int) -> None:
    with pytest.raises(CalldataError):
        unpack(LAYOUT, 1 << bit)
