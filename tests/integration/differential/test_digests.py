"""Typed digests against eth_account, and trees against their roots: 300 random ones here, 5,000 in `make test-deep`."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data

from salus.core.access import Access, AccessKind
from salus.core.consent import Consent
from salus.core.eip712 import Domain
from salus.core.hashing import keccak
from salus.core.ids import LeafHash, ParticipantId, Root, address_bytes, to_address
from salus.core.merkle import MerkleTree
from tests.integration.differential.conftest import Solidity
from tests.vectors.samples import access, consent

COUNTS = [300, pytest.param(5_000, marks=[pytest.mark.deep, pytest.mark.timeout(900)])]


def _consent(chance: random.Random) -> Consent:
    return consent(
        holder=to_address(chance.randbytes(20)),
        epoch=chance.getrandbits(64),
        max_uses=chance.getrandbits(32),
        deadline=chance.getrandbits(64),
        replaces=chance.randbytes(32),
        grantee=ParticipantId(chance.randbytes(32)),
        purposes=chance.getrandbits(32),
        categories=chance.getrandbits(64),
        actions=chance.getrandbits(16),
        max_level=chance.getrandbits(8),
        max_confidentiality=chance.getrandbits(8),
        min_form=chance.getrandbits(8),
        window_months=chance.getrandbits(8),
        from_day=chance.getrandbits(32),
        to_day=chance.getrandbits(32),
        valid_from=chance.getrandbits(64),
        valid_until=chance.getrandbits(64),
        session_minutes=chance.getrandbits(32),
        obligations=chance.getrandbits(32),
        flags=chance.getrandbits(32),
        ruleset=chance.getrandbits(16),
        terms=chance.randbytes(32),
        salt=chance.randbytes(32),
    )


def _access(chance: random.Random) -> Access:
    return access(
        kind=chance.choice(tuple(AccessKind)),
        participant=ParticipantId(chance.randbytes(32)),
        reference=chance.randbytes(32),
        purpose=chance.getrandbits(32),
        categories=chance.getrandbits(64),
        actions=chance.getrandbits(16),
        level=chance.getrandbits(8),
        confidentiality=chance.getrandbits(8),
        form=chance.getrandbits(8),
        from_day=chance.getrandbits(32),
        to_day=chance.getrandbits(32),
        role=chance.getrandbits(16),
        record_count=chance.getrandbits(16),
        records_root=Root(chance.randbytes(32)),
        session_key=chance.randbytes(32),
        user_digest=chance.randbytes(32),
        deadline=chance.getrandbits(64),
        salt=chance.randbytes(32),
    )


def _words(*values: Any) -> list[int]:
    raw = [address_bytes(value) if isinstance(value, str) else value for value in values]
    return [int.from_bytes(value, "big") if isinstance(value, bytes) else value for value in raw]


def _by_eth_account(value: Consent | Access, domain: Domain) -> int:
    return int.from_bytes(_hash_eip191_message(encode_typed_data(full_message=value.typed_data(domain))), "big")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("function", "make"), [("consentDigest", _consent), ("accessDigest", _access)])
def test_digests__random_structs__solidity_python_and_eth_account_agree(
    solidity: Solidity, function: str, make: Any, count: int
) -> None:
    chance = random.Random(712)
    domains = [Domain("Salus", chance.getrandbits(64), to_address(chance.randbytes(20))) for _ in range(count)]
    values = [make(chance) for _ in range(count)]
    asked = [_words(domain.separator, *value.to_words()) for domain, value in zip(domains, values, strict=True)]
    for domain, value, found in zip(domains, values, solidity.call(function, asked), strict=True):
        ours = value.consent_id(domain) if isinstance(value, Consent) else value.access_id(domain)
        assert found[-1] == int.from_bytes(ours, "big") == _by_eth_account(value, domain)


@pytest.mark.parametrize("count", COUNTS)
def test_trees__random_sizes__every_proof_leads_solidity_to_the_root(solidity: Solidity, count: int) -> None:
    chance = random.Random(1)
    asked, roots = [], []
    for _ in range(count):
        leaves = [LeafHash(keccak(chance.randbytes(8))) for _ in range(chance.choice((1, 2, 3, 5, 8, 33, 100)))]
        tree, leaf = MerkleTree(leaves), chance.choice(leaves)
        proof = tree.proof(leaf)
        # rootOf(bytes32 leaf, bytes32[] proof): the leaf, where the list begins, its length, its words
        asked.append(_words(leaf, 64, len(proof), *proof))
        roots.append(int.from_bytes(tree.root, "big"))
    assert [found for (found,) in solidity.call("rootOf", asked)] == roots
