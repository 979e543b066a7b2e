import json
import random
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.canonical import MAX_DEPTH, canonical, integer, parse
from salus.core.errors import CanonicalError, InputError
from salus.core.labels import Category, Form
from tests.unit.core.strategies import json_objects, json_values


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        members = list(value.items())
        chance.shuffle(members)
        return {name: _shuffled(member, chance) for name, member in members}
    return [_shuffled(item, chance) for item in value] if isinstance(value, list) else value


@given(json_objects, st.randoms(use_true_random=False))
def test_canonical__members_shuffled__same_bytes(value: dict[str, Any], chance: random.Random) -> None:
    assert canonical(_shuffled(value, chance)) == canonical(value)


@given(json_values)
def test_canonical__parsed_again__same_bytes(value: Any) -> None:
    written = canonical(value)
    assert canonical(parse(written)) == written


@given(json_values)
def test_canonical__any_value__no_white_space_outside_strings_and_utf8(value: Any) -> None:
    written = canonical(value)
    again = json.dumps(json.loads(written, parse_float=str), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    assert len(written.decode()) <= len(again) + 2 * again.count('"')


def test_canonical__names__in_order_of_code_units() -> None:
    # RFC 8785 section 3.2.3, with the names below U+D800.
    value = {"€": "Euro Sign", "\r": "Carriage Return", "1": "One", "\x80": "Control", "ö": "Diaeresis", "": 0}
    assert list(parse(canonical(value))) == ["", "\r", "1", "\x80", "ö", "€"]


def test_canonical__strings__escaped_as_rfc_8785_says() -> None:
    # RFC 8785 section 3.2.2.2: short escapes, \u00xx in lower case, nothing else escaped.
    text = '\b\t\n\f\r"\\\x00\x1f\x7f/€\u2028😀'
    assert canonical(text).decode() == '"\\b\\t\\n\\f\\r\\"\\\\\\u0000\\u001f\x7f/€\u2028😀"'


@pytest.mark.parametrize("text", ["5.40", "0.0", "-0.0", "100.000", "0.0000001", "0.0000000", "-1.50", "12345678901.2"])
def test_canonical__decimal__keeps_the_digits_it_was_written_with(text: str) -> None:
    assert canonical(parse(text)) == text.encode()
    assert canonical({"value": [parse(text)]}) == f'{{"value":[{text}]}}'.encode()


def test_canonical__integer_of_any_size__digits() -> None:
    assert canonical([2**63, -(2**64), 10**40]) == f"[{2**63},{-(2**64)},{10**40}]".encode()


def test_canonical__flags_and_ordinals__their_numbers() -> None:
    assert canonical({"c": Category.LAB | Category.DEMO, "f": Form.LIMITED}) == b'{"c":129,"f":2}'


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+2"),
        Decimal("1E-101"),
        Decimal("1E-999999999"),
        b"bytes",
        {1: "one"},
        {None: 1},
        {"\ud800": 1},
        {"😀": 1},
        {"\ue000": 1},
        {"a": {"b": [1, 2.0]}},
        "\ud800",
        {"a": 1j},
        {1, 2},
    ],
    ids=repr,
)
def test_canonical__no_exact_form__refused(value: Any) -> None:
    with pytest.raises(CanonicalError):
        canonical(value)


def test_canonical__float_after_small_decimal__refused() -> None:
    with pytest.raises(CanonicalError):
        canonical([Decimal("0.0000001"), 1.5])


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000, 100_000])
def test_canonical__nested_too_deep__refused(depth: int) -> None:
    value: Any = 1
    for i in range(depth):
        value = {"a": value} if i % 2 else [value]
    with pytest.raises(CanonicalError):
        canonical(value)


@pytest.mark.parametrize("text", ["[" * MAX_DEPTH + "]" * MAX_DEPTH, '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH])
def test_canonical__nested_to_the_limit__same_bytes(text: str) -> None:
    assert canonical(parse(text)) == text.encode()


def test_parse__many_brackets_that_are_not_deep__read() -> None:
    text = '["[[[[[","\\"[[[",' + ",".join(["[[],{}]"] * 1_000) + "]"
    assert len(parse(text)) == 1_002


@pytest.mark.parametrize("limit", [1_000, 100_000])
@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"a":' * 1_000_000,
        '[{"a":' * 90_000 + "1" + "}]" * 90_000,
        '["' + '\\"' * 500_000,
        "[]" * 129 + '"' + '\\"' * 500_000 + "\\",  # took hours when each quote began the search anew
        '["]",' * 1_000_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_parse__nested_too_deep__refused_whatever_the_interpreter_s_limit(text: str, limit: int) -> None:
    # py_ecc, which eth-account imports, sets the limit to 100,000; the C stack ends long before.
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        with pytest.raises(InputError):
            parse(text)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        "NaN",
        "Infinity",
        "-Infinity",
        '{"a":1,"a":1}',
        '{"x":{"a":1,"b":2,"a":3}}',
        "01",
        "1.",
        ".5",
        "+1",
        "1 2",
        "'a'",
        '"\x01"',
        "[1,]",
        b'"\xff"',
        "1e2",
        "1E-2",
        "1.5e3",
        '{"a":1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a":1}',
        "9" * 5_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_parse__not_such_json__refused(text: str | bytes) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_parse__exponent_of_eleven_characters__refused_before_it_is_computed() -> None:
    with pytest.raises(InputError):
        parse('{"issuedAt":1e999999999}')


@given(st.integers(1, 256), st.data())
def test_integer__of_its_width__itself(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, 2**bits - 1))
    assert integer(value, bits) == value


@pytest.mark.parametrize(
    "value", [-1, 2**64, True, False, "5", 5.0, Decimal(5), Decimal("5.9"), None, [], b"5"], ids=repr
)
def test_integer__anything_else__refused(value: Any) -> None:
    with pytest.raises(InputError):
        integer(value)


_wide_text = st.text(st.sampled_from('a"\\:，\ue000\ufffd😀\ud7ff'), max_size=6)
_wide_json = st.recursive(
    _wide_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_wide_text, inner, max_size=3),
    max_leaves=8,
)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _names(member)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member)


@given(_wide_json)
def test_canonical__wide_characters__are_refused_in_names_only(value: Any) -> None:
    if any(character > "\ud7ff" for name in _names(value) for character in name):
        with pytest.raises(CanonicalError, match="U\\+D7FF"):
            canonical(value)
    else:
        assert parse(canonical(value)) == value


@pytest.mark.parametrize("name", [1, 1.5, None, True, b"a", (), "\ud800"], ids=repr)
@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"a": [one]}], ids=["outside", "inside"])
def test_canonical__name_that_is_no_text__refused(name: Any, wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(CanonicalError):
        canonical(wrap({name: 1}))


def test_canonical__float_in_a_part_that_others_share__refused() -> None:
    shared = {"value": [1.5]}
    with pytest.raises(CanonicalError):
        canonical([{"a": shared}, {"b": shared}])


def test_canonical__part_shared_at_two_depths__counts_where_it_is_deepest() -> None:
    shared: Any = "x"
    for _ in range(MAX_DEPTH - 2):
        shared = [shared]
    assert canonical([shared, shared])
    with pytest.raises(CanonicalError):
        canonical([shared, [[shared]]])
