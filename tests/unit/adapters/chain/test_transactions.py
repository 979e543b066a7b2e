"""Legacy transactions: the same bytes as eth-account signs."""

from __future__ import annotations

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.adapters.chain.transactions import Transaction, nothing
from salus.adapters.keys.signer import LocalSigner
from salus.core.ids import ZERO_ADDRESS, Address

KEY = b"\x46" * 32
TO = Address("0x3535353535353535353535353535353535353535")


@given(st.integers(0, 1 << 40), st.integers(21_000, 30_000_000), st.binary(max_size=300), st.integers(1, 1 << 32))
@settings(max_examples=60)
def test_signed__any_transaction__is_what_eth_account_signs(nonce: int, gas: int, data: bytes, chain_id: int) -> None:
    raw = Transaction(nonce, gas, TO, data).signed(LocalSigner(KEY), chain_id)
    fields = {"nonce": nonce, "gas": gas, "gasPrice": 0, "to": TO, "value": 0, "data": data, "chainId": chain_id}
    expected = Account.sign_transaction(fields, KEY)
    assert raw.raw == bytes(expected.raw_transaction)
    assert raw.hash == bytes(expected.hash)
    assert Account.recover_transaction(raw.raw) == LocalSigner(KEY).address


def test_signed__to_the_zero_address__creates_a_contract() -> None:
    raw = Transaction(0, 100_000, ZERO_ADDRESS, b"\x60\x00").signed(LocalSigner(KEY), 1)
    fields = {"nonce": 0, "gas": 100_000, "gasPrice": 0, "to": b"", "value": 0, "data": b"\x60\x00", "chainId": 1}
    assert raw.raw == bytes(Account.sign_transaction(fields, KEY).raw_transaction)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 1 << 20])
def test_nothing__for_a_nonce__moves_nothing(nonce: int) -> None:
    filler = nothing(nonce)
    assert (filler.nonce, filler.data) == (nonce, b"")
