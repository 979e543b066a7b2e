from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.canonical import canonical, parse
from salus.core.consent import TermField, TermOpening, Terms, topics_value
from salus.core.errors import InputError, ProofError
from salus.core.labels import Topic
from tests.unit.core.strategies import bytes32
from tests.vectors.samples import Tape, raw32

fields = st.sampled_from(TermField)
salts = st.fixed_dictionaries(dict.fromkeys(TermField, bytes32))
values = st.dictionaries(fields, bytes32)
OTHERS = {field: [other for other in TermField if other is not field] for field in TermField}


@given(values, salts, fields)
def test_open__any_field__belongs_to_the_root(given_values: Any, given_salts: Any, field: TermField) -> None:
    terms = Terms(given_values, given_salts)
    opening = terms.open(field)
    opening.check(terms.root)
    assert opening.value == given_values.get(field, bytes(32))


@given(st.binary(min_size=1), fields)
def test_open__any_field__holds_no_other_salt_value_or_leaf(seed: bytes, field: TermField) -> None:
    tape = Tape(seed.hex())
    given_values, given_salts = ({each: tape(32) for each in TermField} for _ in range(2))
    opening = Terms(given_values, given_salts).open(field)
    told = {opening.salt, opening.value, *opening.proof}
    for other in OTHERS[field]:
        assert not {given_salts[other], given_values[other]} & told


@given(salts, fields)
def test_open__every_guess_of_another_topics_mask__is_not_confirmed_without_its_salt(
    given_salts: Any, field: TermField
) -> None:
    if field is TermField.TOPICS:
        return
    opening = Terms({TermField.TOPICS: topics_value(Topic.HIV)}, given_salts).open(field)
    known = {bytes(32), opening.salt, opening.value, *opening.proof}
    guesses = {
        TermOpening(TermField.TOPICS, salt, topics_value(mask), ()).leaf() for salt in known for mask in range(64)
    }
    if given_salts[TermField.TOPICS] not in known:
        assert not guesses & set(opening.proof)


@given(salts, fields, bytes32, bytes32)
def test_open__another_field_with_another_value__same_shape(
    given_salts: Any, field: TermField, one: bytes, other: bytes
) -> None:
    full = Terms(dict.fromkeys(OTHERS[field], one), given_salts).open(field)
    empty = Terms(dict.fromkeys(OTHERS[field][:1], other), given_salts).open(field)
    assert (full.salt, full.value) == (empty.salt, empty.value)
    assert {len(full.proof), len(empty.proof)} <= {2, 3}


def test_root__absent_field__is_a_leaf_of_its_own() -> None:
    given_salts = {field: raw32(field.name) for field in TermField}
    terms = Terms({}, given_salts)
    for field in TermField:
        opening = terms.open(field)
        assert opening.value == bytes(32)
        opening.check(terms.root)


@given(values, salts, fields, st.data())
def test_check__any_byte_changed__refused(
    given_values: Any, given_salts: Any, field: TermField, data: st.DataObject
) -> None:
    terms = Terms(given_values, given_salts)
    opening = terms.open(field)
    parts = [opening.salt, opening.value, *opening.proof]
    which, at = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 31))
    changed = bytearray(parts[which])
    changed[at] ^= data.draw(st.integers(1, 255))
    parts[which] = bytes(changed)
    with pytest.raises(ProofError):
        TermOpening(field, parts[0], parts[1], tuple(parts[2:])).check(terms.root)


@given(values, salts, fields)
def test_check__opening_shown_as_another_field__refused(given_values: Any, given_salts: Any, field: TermField) -> None:
    terms = Terms(given_values, given_salts)
    opening = terms.open(field)
    for other in OTHERS[field]:
        with pytest.raises(ProofError):
            TermOpening(other, opening.salt, opening.value, opening.proof).check(terms.root)


@given(values, salts, salts, fields)
def test_check__against_another_consent_s_terms__refused(
    given_values: Any, given_salts: Any, other_salts: Any, field: TermField
) -> None:
    if given_salts != other_salts:
        with pytest.raises(ProofError):
            Terms(given_values, given_salts).open(field).check(Terms(given_values, other_salts).root)


def test_check__consent_without_terms__refused() -> None:
    opening = Terms({}, {field: raw32(field.name) for field in TermField}).open(TermField.TOPICS)
    with pytest.raises(ProofError):
        opening.check(bytes(32))


def test_terms__salt_missing__refused() -> None:
    with pytest.raises(KeyError):
        Terms({}, {TermField.TOPICS: raw32("only one")})


@given(values, salts, fields)
def test_json__of_any_opening__and_back(given_values: Any, given_salts: Any, field: TermField) -> None:
    opening = Terms(given_values, given_salts).open(field)
    assert TermOpening.from_json(parse(canonical(opening.to_json()))) == opening


@pytest.mark.parametrize(
    "change",
    [
        {"field": 0},
        {"field": 8},
        {"field": "1"},
        {"field": None},
        {"field": True},
        {"salt": "0x"},
        {"salt": None},
        {"value": "0x" + "ab" * 20},
        {"proof": None},
        {"proof": ["0x"]},
        {"proof": [1]},
        {"proof": "0xab"},
    ],
    ids=repr,
)
def test_json__malformed_opening__refused(change: dict[str, Any]) -> None:
    shown = Terms({}, {field: raw32(field.name) for field in TermField}).open(TermField.NOTICE).to_json()
    with pytest.raises(InputError):
        TermOpening.from_json(shown | change)
    for name in shown:
        with pytest.raises(InputError):
            TermOpening.from_json({key: value for key, value in shown.items() if key != name})


@given(st.integers(0, 2**32 - 1))
def test_topics_value__any_mask__right_aligned(mask: int) -> None:
    assert int.from_bytes(topics_value(mask), "big") == mask
    assert len(topics_value(mask)) == 32
