"""Finality rules on crafted headers; Clique seals are real signatures."""

from __future__ import annotations

from typing import Any

import pytest
import rlp

from salus.adapters.chain.finality import (
    CliqueFinality,
    DevFinality,
    Header,
    QbftFinality,
    clique_signer,
    rule_of,
    stamp_of,
)
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import IntegrityError, SetupError
from salus.core.hashing import keccak

SIGNERS = [LocalSigner(bytes([n + 1]) * 32) for n in range(7)]


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def block(number: int, parent: bytes, signer: LocalSigner | None, difficulty: int = 2) -> dict[str, Any]:
    """A Clique header as JSON-RPC shows it, sealed as EIP-225 says."""
    vanity = bytes(32)
    fields = [
        parent,
        b"\1" * 32,
        bytes(20),
        b"\2" * 32,
        b"\3" * 32,
        b"\4" * 32,
        bytes(256),
        _number(difficulty),
        _number(number),
        _number(30_000_000),
        _number(0),
        _number(1_700_000_000 + number),
        vanity,
        bytes(32),
        bytes(8),
    ]
    seal = b""
    if signer is not None:
        signature = signer.sign(keccak(rlp.encode(fields)))
        seal = signature[:64] + bytes([signature[64] - 27])
    sealed = [*fields[:12], vanity + seal, *fields[13:]]
    return {
        "hash": _hex(keccak(rlp.encode(sealed))),
        "parentHash": _hex(parent),
        "sha3Uncles": _hex(fields[1]),
        "miner": _hex(fields[2]),
        "stateRoot": _hex(fields[3]),
        "transactionsRoot": _hex(fields[4]),
        "receiptsRoot": _hex(fields[5]),
        "logsBloom": _hex(fields[6]),
        "difficulty": hex(difficulty),
        "number": hex(number),
        "gasLimit": hex(30_000_000),
        "gasUsed": "0x0",
        "timestamp": hex(1_700_000_000 + number),
        "extraData": _hex(vanity + seal),
        "mixHash": _hex(bytes(32)),
        "nonce": _hex(bytes(8)),
    }


def chain(signers: list[int], difficulty: int = 2) -> list[dict[str, Any]]:
    """Genesis and one block per signer index."""
    blocks = [block(0, bytes(32), None)]
    for number, signer in enumerate(signers, 1):
        blocks.append(block(number, bytes.fromhex(blocks[-1]["hash"][2:]), SIGNERS[signer], difficulty))
    return blocks


def final_of(signers: list[int], count: int, difficulty: int = 2) -> int:
    blocks = chain(signers, difficulty)
    by_hash: dict[bytes, Header] = {bytes.fromhex(item["hash"][2:]): item for item in blocks}
    return stamp_of(CliqueFinality(count).final(blocks[-1], by_hash.__getitem__)).number


def test_clique_signer__of_a_sealed_header__is_recovered() -> None:
    for index, signer in enumerate(SIGNERS):
        assert clique_signer(chain([index])[1]) == signer.address


@pytest.mark.parametrize(
    ("signers", "count", "final"),
    [
        ([0], 1, 0),
        ([0, 0], 1, 1),
        ([0, 1, 2, 3], 4, 1),
        ([0, 1, 2, 3, 0, 1], 4, 3),
        ([0, 1, 2], 4, 0),
        ([0, 1], 4, 0),
        ([], 4, 0),
        ([0, 1, 2, 1, 2, 1, 2], 4, 0),
        ([3, 0, 1, 2, 1, 2], 4, 1),
        ([0, 1, 2, 3, 4], 5, 2),
        ([0, 1, 0, 1, 2], 2, 3),
        ([0, 1, 2, 3, 4, 5, 6], 7, 3),
    ],
)
def test_clique_final__with_seals_of_more_than_half_on_top__counts_each_signer_once(
    signers: list[int], count: int, final: int
) -> None:
    assert final_of(signers, count) == final


def test_clique_final__blocks_that_weigh_less_than_a_minority_in_turn__wait_for_more() -> None:
    order = [0, 1, 2, 3, 4, 5, 6]  # seven signers, of whom three together can weigh 6
    assert [final_of(order[:count], 7, difficulty=1) for count in (5, 6, 7)] == [0, 0, 1]
    assert final_of(order[:5], 7) == 1


@pytest.mark.parametrize("member", ["stateRoot", "gasUsed", "timestamp", "parentHash", "miner", "nonce"])
def test_clique_signer__of_a_changed_header__is_another(member: str) -> None:
    header = chain([2])[1]
    changed = header[member][:-1] + ("1" if header[member][-1] != "1" else "2")
    assert clique_signer({**header, member: changed}) != SIGNERS[2].address


@pytest.mark.parametrize("extra", ["0x", "0x" + "00" * 64, "0x" + "00" * 97, "0x" + "00" * 96 + "05", "0x" + "ff" * 97])
def test_clique_signer__without_a_seal__is_an_integrity_error(extra: str) -> None:
    with pytest.raises(IntegrityError, match="seal"):
        clique_signer({**chain([0])[1], "extraData": extra})


@pytest.mark.parametrize("rule", [DevFinality(), QbftFinality()])
def test_final__at_once__is_the_head_and_unproven(rule: DevFinality | QbftFinality) -> None:
    head = chain([0, 1])[-1]

    def nothing(_: bytes) -> Header:
        raise AssertionError("no other header is needed")

    assert rule.final(head, nothing) is head
    assert not rule.proven


def test_rule_of__each_setting__is_its_rule() -> None:
    assert rule_of("dev") == DevFinality()
    assert rule_of("qbft") == QbftFinality()
    assert rule_of("clique:4") == CliqueFinality(4)


@pytest.mark.parametrize(
    "setting", ["", "clique", "clique:", "clique:0", "clique:-1", "clique:x", "dev:1", "pow", "qbft:4"]
)
def test_rule_of__another_setting__says_what_is_possible(setting: str) -> None:
    with pytest.raises(SetupError, match="clique:N"):
        rule_of(setting)
