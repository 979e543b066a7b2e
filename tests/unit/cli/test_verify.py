"""`salus verify`: whose seals, whose contracts, and what is refused before it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands.check import verify
from salus.core.canonical import canonical
from salus.core.consensus import Clique
from salus.core.errors import InputError, ReceiptError
from salus.core.ids import hex32
from salus.core.receipt import MAX_BYTES
from tests.unit.core.chains import clique_genesis
from tests.unit.core.receipts import CHAIN_ID, DEPLOYMENT, OPERATOR, record_body
from tests.unit.core.test_evidence import SIGNERS, honest

GENESIS = {
    "config": {"chainId": CHAIN_ID},
    "alloc": {},
    "extraData": hex32(clique_genesis(SIGNERS).extra_data),
}


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    file = tmp_path / "receipt.json"
    file.write_bytes(canonical(honest(record_body()).sign(OPERATOR)))
    return file


@pytest.fixture
def genesis(tmp_path: Path) -> Path:
    return written(tmp_path / "genesis.json", GENESIS)


def written(file: Path, value: Any) -> Path:
    file.write_text(json.dumps(value))
    return file


def test_verify__genesis_and_council__says_what_was_compared(
    receipt: Path, genesis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify(receipt, genesis, DEPLOYMENT.council)
    said = capsys.readouterr().out
    assert f"of chain {CHAIN_ID} and the Council {DEPLOYMENT.council}" in said
    assert "not compared" not in said
    assert "how things stood at block 90, 2026-11-23" in said


def test_verify__no_council_named__says_that_the_contracts_may_be_anybodys(
    receipt: Path, genesis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify(receipt, genesis)
    assert "The deployment was not compared" in capsys.readouterr().out


def test_verify__another_council__is_refused(receipt: Path, genesis: Path) -> None:
    with pytest.raises(ReceiptError, match=r"deployment\.council"):
        verify(receipt, genesis, DEPLOYMENT.contracts["AuditLog"])


def test_verify__chain_id_of_another_genesis_with_the_same_signers__is_refused(receipt: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.json", {**GENESIS, "config": {"chainId": CHAIN_ID + 1}})
    with pytest.raises(ReceiptError, match=r"deployment\.chainId"):
        verify(receipt, other, DEPLOYMENT.council)


@pytest.mark.parametrize(("engine", "holds"), [("clique", True), ("qbft", False)])
def test_verify__snapshot_as_follow_keeps_it__believed_of_its_own_engine_only(
    receipt: Path, tmp_path: Path, engine: str, *, holds: bool
) -> None:
    snapshot = Clique().genesis(clique_genesis(SIGNERS)).to_json()
    kept = written(tmp_path / "kept.json", {"engine": engine, "epoch": 30_000, "snapshot": snapshot, "halted": None})
    if holds:
        verify(receipt, kept, DEPLOYMENT.council)
        return
    with pytest.raises(ReceiptError, match=r"proofs\.engine"):
        verify(receipt, kept, DEPLOYMENT.council)


@pytest.mark.parametrize("content", [b"[" * 200_000, b"[" * (MAX_BYTES + 1), b'{"proofs":null}', b"\xff"])
def test_verify__nested_long_or_no_receipt__is_refused_in_words(tmp_path: Path, genesis: Path, content: bytes) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    for trust in (None, genesis):
        with pytest.raises((InputError, ReceiptError)):
            verify(file, trust)
