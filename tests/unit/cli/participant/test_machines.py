"""Keys of machines as people type them: what is read, and what a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cli.participant.machines import NONE, of_node, read_machines, read_node_key, read_validator
from salus.adapters.chain.address_book import enode_of
from salus.core.errors import InputError
from salus.core.ids import ZERO_ADDRESS, to_address


def public(number: int) -> bytes:
    return PrivateKey.from_int(number).public_key.format(compressed=False)[1:]


KEY, ACCOUNT = public(7), to_address(b"\xab" * 20)


@given(st.integers(1, 2**255))
def test_node_key__enode_or_digits__is_the_same_key(number: int) -> None:
    key = public(number)
    forms = (
        enode_of(key, "10.0.0.1:30303"),
        enode_of(key, None),
        key.hex(),
        "0x" + key.hex().upper(),
        f" {key.hex()}\n",
    )
    assert {read_node_key(form) for form in forms} == {key}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enode://",
        KEY.hex()[:-1],
        KEY.hex() + "00",
        "04" + KEY.hex(),
        f"enode://04{KEY.hex()}@h:1",
        "zz" * 64,
        "10.0.0.1:1",
    ],
)
def test_node_key__no_enode_nor_128_digits__is_refused_with_what_it_is(text: str) -> None:
    with pytest.raises(InputError, match=r"enode:// URL .* 128 hex digits"):
        read_node_key(text)


@pytest.mark.parametrize("key", [bytes(64), b"\xff" * 64, KEY[:63] + bytes([KEY[63] ^ 1])])
def test_node_key__digits_of_no_point__are_refused(key: bytes) -> None:
    with pytest.raises(InputError, match="no public key"):
        read_node_key(key.hex())


def test_validator__address_in_any_case__is_checksummed() -> None:
    assert read_validator(ACCOUNT.lower()) == ACCOUNT


@pytest.mark.parametrize("text", ["", "0x", "0xab", KEY.hex(), ZERO_ADDRESS])
def test_validator__no_address_or_zero__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_validator(text)


def test_machines__nothing_given__is_nothing_said() -> None:
    assert read_machines(None, None, None) is None


def test_machines__node_that_does_not_seal__has_no_validator() -> None:
    found = read_machines(KEY.hex(), None, None)
    assert found is not None
    assert (found.node_key, found.validator) == (KEY, NONE.validator)


def test_machines__both__are_both() -> None:
    found = read_machines(enode_of(KEY, "h:1"), ACCOUNT, None)
    assert found is not None
    assert (found.node_key, found.validator) == (KEY, ACCOUNT)


def test_machines__validator_without_node__is_refused() -> None:
    with pytest.raises(InputError, match="--validator needs --node-key"):
        read_machines(None, ACCOUNT, None)


@pytest.mark.parametrize("given", [(KEY.hex(), None), (None, ACCOUNT), (KEY.hex(), ACCOUNT)])
def test_machines__typed_and_from_the_node__is_refused(given: tuple[str | None, str | None]) -> None:
    with pytest.raises(InputError, match="--from-node reads both"):
        read_machines(*given, "geth.ipc")


@pytest.mark.parametrize("name", ["gone.ipc", "file.ipc"])
def test_node__no_socket__is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    (tmp_path / "file.ipc").write_text("")
    with pytest.raises(InputError, match="start the node first"):
        of_node(str(tmp_path / name))
