from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.canonical import canonical, parse
from salus.core.consent import (
    CONSENT_TYPE,
    HEAD_TYPE,
    SCOPE_TYPE,
    Consent,
    consent_from_words,
    consent_id_from_parts,
)
from salus.core.errors import CalldataError, InputError
from tests.unit.core.strategies import bytes32, consents
from tests.vectors.samples import CONSENTS, account, consent

NUMBERS = [("head", n) for t, n in HEAD_TYPE.members if str(t).startswith("uint")]
NUMBERS += [("scope", n) for t, n in SCOPE_TYPE.members if str(t).startswith("uint")]
WIDTHS = {name: int(str(t)[4:]) for t, name in (*HEAD_TYPE.members, *SCOPE_TYPE.members) if str(t).startswith("uint")}
HASHES = [("head", "replaces"), ("scope", "granteeId"), ("scope", "terms"), ("scope", "salt")]


@given(consents)
def test_words__of_any_consent__and_back(value: Consent) -> None:
    assert consent_from_words(value.to_words()) == value


@given(consents)
def test_words__of_any_consent__stay_below_their_last_field(value: Consent) -> None:
    _, head, _, _, scope, validity, _, _ = value.to_words()
    assert (head >> 160, scope >> 208, validity >> 240) == (0, 0, 0)


@pytest.mark.parametrize(("word", "bit"), [(1, 160), (1, 255), (4, 208), (4, 255), (5, 240), (5, 255)])
def test_words__bit_beyond_the_last_field__refused(word: int, bit: int) -> None:
    words: list[Any] = list(consent().to_words())
    words[word] |= 1 << bit
    with pytest.raises(CalldataError):
        consent_from_words(tuple(words))


@given(consents)
def test_json__of_any_consent__and_back_through_canonical_bytes(value: Consent) -> None:
    assert Consent.from_json(parse(canonical(value.to_json()))) == value


def test_json__holder_in_lower_case__checksummed() -> None:
    shown = consent().to_json()
    shown["head"]["holder"] = shown["head"]["holder"].lower()
    assert Consent.from_json(shown) == consent()


@pytest.mark.parametrize(("part", "name"), NUMBERS)
@pytest.mark.parametrize("kind", ["missing", "negative", "wide", "text", "fraction", "truth", "null"])
def test_json__number_malformed__refused(part: str, name: str, kind: str) -> None:
    shown = consent().to_json()
    wrong = {
        "negative": -1,
        "wide": 1 << WIDTHS[name],
        "text": "1",
        "fraction": Decimal("1.0"),
        "truth": True,
        "null": None,
    }
    if kind == "missing":
        del shown[part][name]
    else:
        shown[part][name] = wrong[kind]
    with pytest.raises(InputError):
        Consent.from_json(shown)


@pytest.mark.parametrize(("part", "name"), [*HASHES, ("head", "holder")])
@pytest.mark.parametrize("value", ["0x", "0x" + "ab" * 31, "0x" + "ab" * 33, "ab" * 32, "", None, 5, [], {}], ids=repr)
def test_json__bytes_malformed__refused(part: str, name: str, value: Any) -> None:
    shown = consent().to_json()
    shown[part][name] = value
    with pytest.raises(InputError):
        Consent.from_json(shown)


@pytest.mark.parametrize("value", [{}, {"head": {}}, {"head": [], "scope": []}, {"head": "x", "scope": "y"}, [], None])
def test_json__another_shape__refused(value: Any) -> None:
    with pytest.raises(InputError):
        Consent.from_json(value)


@given(consents)
def test_consent_id__from_head_and_scope_hash__as_grant_computes_it(value: Consent) -> None:
    assert consent_id_from_parts(CONSENTS, value.head(), value.scope_hash()) == value.consent_id(CONSENTS)


@given(consents, st.data())
def test_consent_id__any_field_changed__another_id(value: Consent, data: st.DataObject) -> None:
    shown = value.to_json()
    part, name = data.draw(st.sampled_from([*NUMBERS, *HASHES]))
    if name in WIDTHS:
        shown[part][name] ^= 1 << data.draw(st.integers(0, WIDTHS[name] - 1))
    else:
        shown[part][name] = "0x" + data.draw(bytes32).hex()
    other = Consent.from_json(shown)
    assert (other == value) == (other.consent_id(CONSENTS) == value.consent_id(CONSENTS))


def test_scope_hash__another_salt__tells_nothing_of_the_same_scope() -> None:
    assert consent(salt=b"\x01" * 32).scope_hash() != consent(salt=b"\x02" * 32).scope_hash()


def test_scope_hash__head_changed__same_hash() -> None:
    other = consent(holder=account("another"), epoch=9, max_uses=1, deadline=5, replaces=b"\x01" * 32)
    assert other.scope_hash() == consent().scope_hash()


def test_typed_data__primary_type__consent_with_both_halves_named() -> None:
    shown = consent().typed_data(CONSENTS)
    assert shown["primaryType"] == CONSENT_TYPE.name == "Consent"
    assert set(shown["types"]) == {"EIP712Domain", "Consent", "ConsentHead", "ConsentScope"}
    assert shown["message"]["scope"]["maxLevel"] == 4
