"""The shared vectors are what the code makes, and what an independent reading of them gives."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.messages import encode_typed_data

from salus.core import hpke
from salus.core.access import access_from_words
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.consent import TermOpening, consent_from_words
from salus.core.deposit import decode_items
from salus.core.errors import CalldataError
from salus.core.hashing import keccak
from salus.core.ids import from_hex, to_address
from salus.core.leaf import Leaf
from salus.core.merkle import check_proof
from salus.core.recall import decode_versions
from salus.core.sealing import open_record
from tests.vectors import generate

Json = dict[str, Any]


def _cases(name: str) -> list[Json]:
    made: list[Json] = json.loads((generate.HERE / f"{name}.json").read_text())
    return made


@pytest.mark.parametrize("name", sorted(generate.MAKERS))
def test_file__of_this_code__has_not_drifted(name: str) -> None:
    assert (generate.HERE / f"{name}.json").read_text() == generate.rendered(name), "see tests/vectors/README.md"


def test_folder__every_file__has_a_maker() -> None:
    assert {path.stem for path in generate.HERE.glob("*.json")} == set(generate.MAKERS)


@pytest.mark.parametrize("name", sorted(generate.MAKERS))
def test_cases__names__unique(name: str) -> None:
    cases = _cases(name)
    assert cases
    assert all(set(case) == {"name", "input", "expected"} for case in cases)
    assert len({case["name"] for case in cases}) == len(cases)


def test_check__fresh_files__exit_0() -> None:
    assert generate.main(["--check"]) == 0


def test_policy__cases__more_than_150_and_every_code_the_gateway_decides() -> None:
    cases = _cases("policy")
    decided = {case["expected"]["code"] for case in cases}
    assert len(cases) >= 150
    # NOT_CONTROLLER is in the gateway's block of codes, but the gateway refuses such a request instead of recording it.
    assert decided == {int(code) for code in Code if code < 100} - {int(Code.NOT_CONTROLLER)}


def test_digests__every_type_of_the_protocol_page__by_eth_account() -> None:
    for case in _cases("digests"):
        message = encode_typed_data(
            full_message={
                "types": case["input"]["types"],
                "primaryType": case["input"]["type"],
                "domain": case["input"]["domain"],
                "message": case["input"]["message"],
            }
        )
        digest = keccak(b"\x19" + message.version + message.header + message.body)
        assert "0x" + digest.hex() == case["expected"]["digest"], case["name"]
        assert "0x" + message.header.hex() == case["expected"]["domainSeparator"]
        assert "0x" + message.body.hex() == case["expected"]["structHash"]


def _readers() -> dict[str, Callable[[list[str]], Any]]:
    def consent(words: list[str]) -> Any:
        raw = [from_hex(word) for word in words]
        n = [int(word, 16) for word in words]
        if n[0] >> 160:
            raise CalldataError("bits beyond the holder")
        return consent_from_words((to_address(raw[0][12:]), n[1], raw[2], raw[3], n[4], n[5], raw[6], raw[7]))

    def access(words: list[str]) -> Any:
        raw = [from_hex(word) for word in words]
        n = [int(word, 16) for word in words]
        return access_from_words((raw[0], raw[1], n[2], raw[3], raw[4], raw[5], n[6], raw[7]))

    return {"ConsentWords": consent, "AccessWords": access, "Consent": consent, "Access": access}


def test_words__of_consents_and_accesses__unpack_to_their_message() -> None:
    for case in _cases("digests"):
        if "words" in case["input"]:
            value = _readers()[case["input"]["type"]](case["input"]["words"])
            assert value.to_json() == case["input"]["message"], case["name"]


def test_words__dirty__refused_and_clean__read() -> None:
    for case in _cases("words"):
        read = _readers()[case["input"]["struct"]]
        if case["expected"]:
            read(case["input"]["words"])
        else:
            with pytest.raises(CalldataError):
                read(case["input"]["words"])


def test_leaves__records__by_abi_encode() -> None:
    for case in _cases("leaves"):
        if case["input"]["kind"] == "record":
            leaf = Leaf.from_json(case["input"]["leaf"])
            assert "0x" + leaf.hash(case["input"]["chainId"]).hex() == case["expected"]


def test_leaves__terms_requests_and_logs__by_abi_encode() -> None:
    rows = {
        "request": ("records", ["bytes32"], ["leaf"]),
        "term": ("terms", ["uint8", "bytes32", "bytes32"], ["field", "salt", "value"]),
        "log": ("log", ["uint64", "bytes32"], ["index", "entry"]),
    }
    for case in _cases("leaves"):
        given = case["input"]
        if given["kind"] in rows:
            tag, types, members = rows[given["kind"]]
            values = [given[m] if isinstance(given[m], int) else from_hex(given[m]) for m in members]
            encoded = encode(["bytes32", *types], [keccak(f"salus.{tag}.v1".encode()), *values])
            assert "0x" + keccak(keccak(encoded)).hex() == case["expected"], case["name"]


def test_trees__every_proof__leads_to_the_root() -> None:
    for case in _cases("trees"):
        for leaf, proof in zip(case["input"]["leaves"], case["expected"]["proofs"], strict=True):
            check_proof(from_hex(leaf), [from_hex(node) for node in proof], from_hex(case["expected"]["root"]))


def test_terms__every_opening__belongs_to_the_root() -> None:
    for case in _cases("terms"):
        assert len(case["expected"]["openings"]) == 7
        for opening in case["expected"]["openings"]:
            TermOpening.from_json(opening).check(from_hex(case["expected"]["root"]))


def test_wires__records__open() -> None:
    for case in _cases("wires"):
        if case["input"]["kind"] == "record":
            given, leaf = case["input"], Leaf.from_json(case["input"]["leaf"])
            opened = open_record(
                from_hex(given["envelope"], None),
                leaf.envelope_digest,
                leaf.content_commitment,
                [from_hex(share, 33) for share in given["shares"][1:]],
                [from_hex(share, 33) for share in given["innerShares"]],
            )
            assert canonical(opened.content).decode() == case["expected"]["content"]


def test_wires__sealed_messages__open() -> None:
    for case in _cases("wires"):
        if case["input"]["kind"] == "sealed":
            sealed, info = (from_hex(case["expected"][name], None) for name in ("sealed", "info"))
            opened = hpke.open_sealed(sealed, from_hex(case["input"]["privateKey"]), info)
            assert "0x" + opened.hex() == case["input"]["plaintext"]


def test_wires__deposit__decodes_to_its_leaves() -> None:
    case = next(case for case in _cases("wires") if case["input"]["kind"] == "deposit")
    decoded = decode_items(from_hex(case["expected"], None), case["input"]["custodianSet"])
    assert [item.leaf.to_json() for item in decoded] == [item["leaf"] for item in case["input"]["items"]]
    assert ["0x" + item.note.hex() for item in decoded] == [item["note"] for item in case["input"]["items"]]


def test_wires__recall__decodes_to_its_versions() -> None:
    case = next(case for case in _cases("wires") if case["input"]["kind"] == "recall")
    decoded = decode_versions(from_hex(case["expected"], None))
    told = [{"leaf": one.leaf.to_json(), "note": "0x" + one.note.hex()} for one in decoded]
    assert told == case["input"]["versions"]
