from decimal import Decimal
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from salus.core.calls import UnsignedCall, read_call, verb_id
from salus.core.canonical import canonical, parse
from salus.core.errors import InputError, SalusError, SignatureError
from salus.core.hashing import keccak
from salus.core.ids import Address, ParticipantId, to_address
from tests.unit.core.strategies import bytes32, json_objects, uint
from tests.vectors.samples import CONSENTS, NOW, SALUS, raw32

KEY = PrivateKey(raw32("operator"))
ACCOUNT = to_address(keccak(KEY.public_key.format(compressed=False)[1:])[12:])
BODY: dict[str, Any] = {"leaves": ["0x" + "ab" * 32], "history": False, "amount": Decimal("5.40")}
CALL = UnsignedCall("release", ParticipantId(raw32("custodian")), BODY, NOW, raw32("nonce"))


def _signed(call: UnsignedCall) -> dict[str, Any]:
    raw: bytes = KEY.sign_recoverable(call.digest(SALUS), hasher=None)
    return call.signed(ACCOUNT, raw[:64] + bytes([raw[64] + 27]))


@given(st.sampled_from(["deposit", "list", "release", "destroy"]), bytes32, json_objects, uint(64), bytes32)
def test_read_call__any_signed_call__itself(
    verb: str, recipient: bytes, body: dict[str, Any], at: int, nonce: bytes
) -> None:
    call = UnsignedCall(verb, ParticipantId(recipient), body, at, nonce)
    read = read_call(parse(canonical(_signed(call))), SALUS)
    assert read.call == call
    assert (read.signer, read.body) == (ACCOUNT, body)


def test_read_call__signer_in_lower_case__checksummed() -> None:
    assert read_call(_signed(CALL) | {"signer": ACCOUNT.lower()}, SALUS).signer == ACCOUNT


def test_read_call__body_with_other_spacing_and_order__same_call() -> None:
    text = canonical(_signed(CALL)).decode().replace(",", " ,\n ").replace(":", " : ")
    assert read_call(parse(text), SALUS).call == CALL


def test_read_call__every_single_character_changed__refused_or_the_same_call() -> None:
    text = canonical(_signed(CALL)).decode()
    for at, character in enumerate(text):
        for other in {"0", "f", "}", '"', "A"} - {character}:
            try:
                read = read_call(parse(text[:at] + other + text[at + 1 :]), SALUS)
            except SalusError:
                continue
            assert read.call == CALL  # the other case of a hex digit
            assert read.signer == ACCOUNT


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "destroy"},
        {"recipient": "0x" + "00" * 32},
        {"issuedAt": NOW + 1},
        {"nonce": "0x" + "00" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_read_call__head_changed__refused(change: dict[str, Any]) -> None:
    signed = _signed(CALL)
    with pytest.raises(SignatureError):
        read_call(signed | {"call": signed["call"] | change}, SALUS)


@pytest.mark.parametrize(
    "body",
    [{}, BODY | {"history": True}, BODY | {"history": 0}, BODY | {"amount": Decimal("5.4")}, BODY | {"more": None}],
    ids=repr,
)
def test_read_call__body_changed__refused(body: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        read_call(_signed(CALL) | {"body": body}, SALUS)


def test_read_call__another_signer_named__refused() -> None:
    with pytest.raises(SignatureError):
        read_call(_signed(CALL) | {"signer": "0x" + "11" * 20}, SALUS)


def test_read_call__of_another_deployment_or_contract__refused() -> None:
    with pytest.raises(SignatureError):
        read_call(_signed(CALL), CONSENTS)


@pytest.mark.parametrize("name", ["body", "call", "signer", "signature"])
@pytest.mark.parametrize("value", [None, 5, "x", [], True, "0x", Decimal("1.5")], ids=repr)
def test_read_call__member_malformed__refused(name: str, value: Any) -> None:
    with pytest.raises(InputError):
        read_call(_signed(CALL) | {name: value}, SALUS)
    with pytest.raises(InputError):
        read_call({key: member for key, member in _signed(CALL).items() if key != name}, SALUS)


@pytest.mark.parametrize("name", ["recipient", "issuedAt", "nonce"])
@pytest.mark.parametrize("value", [None, "x", [], True, "0x", -1, 2**64, Decimal("1.0"), "1"], ids=repr)
def test_read_call__member_of_the_head_malformed__refused(name: str, value: Any) -> None:
    signed = _signed(CALL)
    with pytest.raises(InputError):
        read_call(signed | {"call": signed["call"] | {name: value}}, SALUS)


@pytest.mark.parametrize("body", [{"x": 1.5}, {"x": b""}, {"\ud800": 1}], ids=repr)
def test_read_call__body_without_canonical_form__refused(body: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        read_call(_signed(CALL) | {"body": body}, SALUS)


def test_verb_id__of_a_verb__is_the_protocol_hash() -> None:
    assert verb_id("release") == keccak(b"salus.call.release")
    assert len({verb_id(verb) for verb in ("deposit", "list", "release", "destroy")}) == 4


def test_signed_call__addresses__are_eip_55() -> None:
    assert Address(_signed(CALL)["signer"]) == ACCOUNT
