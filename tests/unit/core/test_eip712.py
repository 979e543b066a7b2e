from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from salus.core.access import ACCESS_TYPE, Access
from salus.core.calls import CALL_TYPE
from salus.core.consent import (
    CONSENT_TYPE,
    HEAD_TYPE,
    LINK_TYPE,
    REVOCATION_OF_ALL_TYPE,
    REVOCATION_TYPE,
    SCOPE_TYPE,
    Consent,
)
from salus.core.eip712 import Domain, StructType, typed_digest
from salus.core.hashing import keccak
from salus.core.ids import Address
from salus.flows import bind
from tests.unit.core.strategies import accesses, addresses, bytes32, consents, uint
from tests.vectors.makers.typed import page_types

PAGE = page_types()
IN_CODE = (
    ACCESS_TYPE,
    CALL_TYPE,
    CONSENT_TYPE,
    HEAD_TYPE,
    LINK_TYPE,
    REVOCATION_OF_ALL_TYPE,
    REVOCATION_TYPE,
    SCOPE_TYPE,
    *(kind for kind in vars(bind).values() if isinstance(kind, StructType)),
)
domains = st.builds(Domain, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), uint(256), addresses)


def _digest(typed_data: dict[str, Any]) -> bytes:
    """EIP-712 digest by eth-account."""
    message = encode_typed_data(full_message=typed_data)
    return keccak(b"\x19" + message.version + message.header + message.body)


@pytest.mark.parametrize("kind", IN_CODE, ids=lambda kind: kind.name)
def test_type__in_code__is_the_protocol_page_s(kind: StructType) -> None:
    assert kind.type_hash == PAGE[kind.name].type_hash


def test_type_hash__of_the_eip_example__its_hash() -> None:
    # EIP-712, Example.sol: nested type appended to the first.
    person = StructType("Person", ("string", "name"), ("address", "wallet"))
    mail = StructType("Mail", (person, "from"), (person, "to"), ("string", "contents"))
    assert mail.type_hash.hex() == "a0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"


def test_domain__of_the_eip_example__its_separator() -> None:
    domain = Domain("Ether Mail", 1, Address("0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"))
    assert domain.separator.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"


def test_type__nested_twice_and_deeply__each_listed_once_in_order_of_names() -> None:
    deep = StructType("Zebra", ("bool", "z"))
    inner = StructType("Ant", (deep, "zebra"))
    outer = StructType("Middle", (inner, "a"), (deep, "b"), (inner, "c"))
    assert outer.type_hash == keccak(b"Middle(Ant a,Zebra b,Ant c)Ant(Zebra zebra)Zebra(bool z)")


@given(domains, consents)
def test_consent__any__digest_and_wallet_json_as_eth_account(domain: Domain, consent: Consent) -> None:
    assert consent.consent_id(domain) == _digest(consent.typed_data(domain))


@given(domains, accesses)
def test_access__any__digest_and_wallet_json_as_eth_account(domain: Domain, access: Access) -> None:
    assert access.access_id(domain) == _digest(access.typed_data(domain))


@given(st.data())
def test_page_types__any_values__digest_as_eth_account(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([kind for kind in PAGE.values() if kind.name != "Consent"]))
    values = {name: data.draw(_values(str(t))) for t, name in kind.members}
    domain = data.draw(domains)
    assert kind.digest(domain, values) == _digest(kind.typed_data(domain, values))


def _values(kind: str) -> st.SearchStrategy[Any]:
    if kind.startswith("uint"):
        return uint(int(kind[4:]))
    return {"address": addresses, "bytes32": bytes32, "bool": st.booleans()}[kind]


@given(consents, domains, domains)
def test_digest__another_domain__another_digest(consent: Consent, one: Domain, other: Domain) -> None:
    if one != other:
        assert consent.consent_id(one) != consent.consent_id(other)


def test_digest__any_member_changed__another_digest() -> None:
    domain = Domain("Salus", 1, Address("0x" + "11" * 20))
    for kind in PAGE.values():
        if kind.name == "Consent":
            continue
        plain = {name: _example(str(t), 1) for t, name in kind.members}
        seen = {kind.digest(domain, plain)}
        for t, name in kind.members:
            seen.add(kind.digest(domain, plain | {name: _example(str(t), 0)}))
        assert len(seen) == len(kind.members) + 1, kind.name


def _example(kind: str, number: int) -> Any:
    if kind == "address":
        return "0x" + f"{number:02x}" * 20
    return bytes([number]) * 32 if kind == "bytes32" else bool(number) if kind == "bool" else number


def test_struct_hash__member_missing__refused() -> None:
    with pytest.raises(KeyError):
        REVOCATION_TYPE.struct_hash({"holder": "0x" + "11" * 20})


@pytest.mark.parametrize("value", [b"short", -1, 2**256])
def test_struct_hash__value_that_fills_no_word__refused(value: Any) -> None:
    with pytest.raises(ValueError):
        LINK_TYPE.struct_hash({"consentId": value, "subjectRef": bytes(32)})


@given(bytes32)
def test_typed_digest__prefix__1901(struct: bytes) -> None:
    domain = Domain("Salus", 7, Address("0x" + "22" * 20))
    assert typed_digest(domain, struct) == keccak(b"\x19\x01" + domain.separator + struct)
