"""Accounts and storage words proven against a state root.

Source: Ethereum yellow paper, section 4.1 (world state), appendix D; EIP-1186 (`eth_getProof`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from salus.core import rlp
from salus.core.errors import IntegrityError, ProofError
from salus.core.ids import Address, address_bytes
from salus.core.trie import value_at


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the world state; roots and hashes are 32 bytes, the balance in wei."""

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes


def account_at(state_root: bytes, address: Address, nodes: Sequence[bytes]) -> Account | None:
    """Account of an address (`accountProof`), or None when the nodes prove that there is none.

    Raises:
        ProofError: the nodes prove neither.
    """
    found = value_at(state_root, address_bytes(address), nodes)
    if found is None:
        return None
    try:
        nonce, balance, storage_root, code_hash = rlp.items(rlp.decode(found), 4)
        return Account(
            rlp.number(nonce, 8), rlp.number(balance, 32), rlp.text(storage_root, 32), rlp.text(code_hash, 32)
        )
    except IntegrityError as error:
        raise ProofError(f"the account is malformed: {error}") from error


def word_at(storage_root: bytes, slot: int, nodes: Sequence[bytes]) -> int:
    """Word of a storage slot (`storageProof[].proof`), 0 when the nodes prove that nothing is stored there.

    Raises:
        ProofError: the nodes prove neither.
    """
    found = value_at(storage_root, slot.to_bytes(32, "big"), nodes)
    if found is None:
        return 0
    try:
        word = rlp.number(rlp.decode(found), 32)
    except IntegrityError as error:
        raise ProofError(f"the stored word is malformed: {error}") from error
    if not word:
        raise ProofError("a zero word is stored, where a trie holds none")
    return word
