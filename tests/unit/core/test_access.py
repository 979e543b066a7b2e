from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.access import ACCESS_TYPE, Access, access_from_words
from salus.core.canonical import canonical, parse
from salus.core.errors import CalldataError, InputError
from tests.unit.core.strategies import accesses
from tests.vectors.samples import GATEWAY, access

WIDTHS = {name: int(str(t)[4:]) for t, name in ACCESS_TYPE.members if str(t).startswith("uint")}
HASHES = [name for t, name in ACCESS_TYPE.members if t == "bytes32"]


@given(accesses)
def test_words__of_any_access__and_back(value: Access) -> None:
    assert access_from_words(value.to_words()) == value


@pytest.mark.parametrize(("word", "bit"), [(2, 240), (2, 255), (6, 64), (6, 255)])
def test_words__bit_beyond_the_last_field__refused(word: int, bit: int) -> None:
    words: list[Any] = list(access().to_words())
    words[word] |= 1 << bit
    with pytest.raises(CalldataError):
        access_from_words(tuple(words))


@pytest.mark.parametrize("kind", [0, 4, 255])
def test_words__kind_that_does_not_exist__refused(kind: int) -> None:
    words: list[Any] = list(access().to_words())
    words[2] = words[2] >> 8 << 8 | kind
    with pytest.raises(CalldataError):
        access_from_words(tuple(words))


@pytest.mark.parametrize("field", ["level", "purpose", "from_day", "record_count", "deadline"])
def test_words__field_that_does_not_fit__refused(field: str) -> None:
    for value in (-1, 2**64):
        with pytest.raises(CalldataError):
            access(**{field: value}).to_words()


@given(accesses)
def test_json__of_any_access__and_back_through_canonical_bytes(value: Access) -> None:
    assert Access.from_json(parse(canonical(value.to_json()))) == value


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("kind", ["missing", "negative", "wide", "text", "fraction", "truth", "null"])
def test_json__number_malformed__refused(name: str, kind: str) -> None:
    shown = access().to_json()
    wrong = {
        "negative": -1,
        "wide": 1 << WIDTHS[name],
        "text": "1",
        "fraction": Decimal("1.0"),
        "truth": True,
        "null": None,
    }
    if kind == "missing":
        del shown[name]
    else:
        shown[name] = wrong[kind]
    with pytest.raises(InputError):
        Access.from_json(shown)


@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize("value", ["0x", "0x" + "ab" * 31, "0x" + "ab" * 33, "ab" * 32, None, 5, []], ids=repr)
def test_json__bytes_malformed__refused(name: str, value: Any) -> None:
    with pytest.raises(InputError):
        Access.from_json(access().to_json() | {name: value})


@pytest.mark.parametrize("value", [{}, [], None, "x"])
def test_json__another_shape__refused(value: Any) -> None:
    with pytest.raises(InputError):
        Access.from_json(value)


@given(accesses, st.sampled_from(sorted(WIDTHS)), st.data())
def test_access_id__any_bit_of_a_number_changed__another_id(value: Access, name: str, data: st.DataObject) -> None:
    members = value.members()
    members[name] ^= 1 << data.draw(st.integers(0, WIDTHS[name] - 1))
    assert ACCESS_TYPE.digest(GATEWAY, members) != value.access_id(GATEWAY)
