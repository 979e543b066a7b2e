"""A receipt with proofs: its facts hold by the chain's storage, its block by seals, and no change goes unnoticed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rlp as pyrlp

from salus.core.audit import LogHead
from salus.core.canonical import canonical
from salus.core.consensus import engine_of
from salus.core.consensus.qbft import Extra
from salus.core.errors import IntegrityError, ReceiptError
from salus.core.evidence import AccountEvidence, Evidence
from salus.core.hashing import keccak
from salus.core.header import Header
from salus.core.ids import Address, address_bytes, role_id, to_address
from salus.core.receipt import UnsignedReceipt, verify_receipt
from salus.core.receipt_bodies import AccessBody, RecordBody
from salus.core.receipt_state import check_state
from salus.core.slots.layout import LAYOUT, member
from salus.core.state import BlockStamp
from tests.unit.core.chains import clique_hash, clique_sealed, keys, plain, recorded
from tests.unit.core.receipts import DEPLOYMENT, FRAME, ISSUER, NOW, OPERATOR, access_body, record_body
from tests.unit.core.tries import Trie

SIGNERS = keys(4)
VALIDATORS = tuple(key.account for key in SIGNERS)
Words = dict[Address, dict[int, int]]


def words_of(body: RecordBody | AccessBody) -> Words:
    """Storage that says what a body says."""
    words: Words = {DEPLOYMENT.council: {}}
    for name, account in DEPLOYMENT.contracts.items():
        slot = member(LAYOUT["Council"]["_current"].slot, role_id(name))
        words[DEPLOYMENT.council][slot] = int.from_bytes(address_bytes(account), "big")
        words[account] = {}
    operator = member(LAYOUT["ParticipantRegistry"]["_operators"].slot, OPERATOR.address)
    words[DEPLOYMENT.contracts["ParticipantRegistry"]][operator] = int.from_bytes(ISSUER, "big")
    if isinstance(body, RecordBody):
        slot = member(member(LAYOUT["RecordRegistry"]["anchorOf"].slot, body.source), body.root)
        anchor = body.anchored_at | body.count << 64 | body.leaf.custodian_set << 96 | 1 << 128
        words[DEPLOYMENT.contracts["RecordRegistry"]][slot] = anchor
    else:
        slot = member(LAYOUT["AccessGateway"]["slotOf"].slot, body.access_id)
        state = body.code | body.expires_at << 16 | body.access.kind << 80 | body.recorded_at << 96
        words[DEPLOYMENT.contracts["AccessGateway"]][slot] = state
    for segment in body.log:
        places = LAYOUT["AuditLog"]
        slot = places["_global"].slot if segment.key is None else member(places["_chains"].slot, segment.key)
        words[DEPLOYMENT.contracts["AuditLog"]][slot] = segment.after.slot()
    return words


class Noted:
    """Storage that notes what is asked."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.asked: dict[Address, set[int]] = {}

    def word(self, contract: Address, slot: int) -> int:
        self.asked.setdefault(contract, set()).add(slot)
        return self.words[contract].get(slot, 0)


def path_of(key: bytes) -> str:
    return keccak(key).hex()


def proven(body: RecordBody | AccessBody, words: Words, on_top: int = 3) -> UnsignedReceipt:
    """A receipt on a chain of four signers whose state has these words."""
    noted = Noted(words_of(body))
    check_state(noted, FRAME, DEPLOYMENT.council, ISSUER, OPERATOR.address, body)
    tries = {
        contract: Trie({path_of(slot.to_bytes(32, "big")): pyrlp.encode(word) for slot, word in held.items() if word})
        for contract, held in words.items()
    }
    # An account nobody speaks of beside them, as on any chain.
    accounts = {address_bytes(one): [b"\1", b"", trie.root, keccak(b"code")] for one, trie in tries.items()}
    state = Trie(
        {path_of(key): pyrlp.encode(row) for key, row in {**accounts, b"\7" * 20: [b"", b"", b"", b""]}.items()}
    )
    headers: list[Header] = []
    for i in range(on_top + 1):
        parent = clique_hash(headers[-1]) if headers else keccak(b"parent")
        at: dict[str, Any] = {"parent_hash": parent, "timestamp": NOW + i}
        if not headers:
            at["state_root"] = state.root
        headers.append(clique_sealed(plain(90 + i, **at), SIGNERS[i % 4]))
    evidence = Evidence(
        "clique",
        tuple(headers),
        {
            contract: AccountEvidence(
                tuple(state.prove(path_of(address_bytes(contract)))),
                {
                    slot: tuple(tries[contract].prove(path_of(slot.to_bytes(32, "big")))) if words[contract] else ()
                    for slot in slots
                },
            )
            for contract, slots in noted.asked.items()
        },
    )
    block = BlockStamp(90, clique_hash(headers[0]), NOW)
    return UnsignedReceipt(replace(FRAME, block=block, finality="clique"), body, evidence)


def honest(body: RecordBody | AccessBody) -> UnsignedReceipt:
    return proven(body, words_of(body))


BODIES: dict[str, Callable[[], RecordBody | AccessBody]] = {"record": record_body, "access": access_body}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES.keys())
def test_verify__proofs_and_known_validators__all_is_proven(make: Callable[[], Any]) -> None:
    verified = verify_receipt(canonical(honest(make()).sign(OPERATOR)), validators=VALIDATORS)
    assert (verified.facts_proven, verified.finality_proven, verified.log_whole) == (True, True, True)


def test_verify__contracts_of_anybody_on_the_trusted_chain__are_not_taken_for_ours() -> None:
    """Whoever may create contracts there makes a directory of its own: every proof of such a receipt holds."""
    receipt = honest(access_body()).sign(OPERATOR)
    ours = DEPLOYMENT.contracts["AuditLog"]  # of another deployment than the receipt's, as a verifier knows it
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(receipt, validators=VALIDATORS, council=ours)
    assert caught.value.field == "deployment.council"
    unnamed = verify_receipt(receipt, validators=VALIDATORS)
    assert not unnamed.deployment_known
    assert any("deployment was not compared" in said for said in unnamed.statements)
    assert any("issuer was not compared" in said for said in unnamed.statements)
    named = verify_receipt(receipt, validators=VALIDATORS, council=DEPLOYMENT.council)
    assert named.deployment_known
    assert not any("not compared" in said for said in named.statements)


def test_verify__no_validators_given__finality_is_not_claimed() -> None:
    verified = verify_receipt(honest(record_body()).sign(OPERATOR))
    assert verified.facts_proven
    assert not verified.finality_proven
    assert any("not compared" in said for said in verified.statements)


def test_verify__stretch_made_up_below_the_head_the_log_keeps__is_said_to_be_the_issuers_word() -> None:
    body = access_body()
    words = words_of(body)
    words[DEPLOYMENT.contracts["AuditLog"]] = {
        slot: LogHead(7, LogHead.from_slot(word).count + 1).slot()
        for slot, word in words[DEPLOYMENT.contracts["AuditLog"]].items()
    }
    verified = verify_receipt(proven(body, words).sign(OPERATOR), validators=VALIDATORS)
    assert (verified.facts_proven, verified.log_whole) == (True, False)
    assert any("no head proves it" in said for said in verified.statements)


def test_verify__log_left_out__is_not_said_to_be_whole() -> None:
    verified = verify_receipt(honest(replace(record_body(), log=())).sign(OPERATOR), validators=VALIDATORS)
    assert (verified.facts_proven, verified.log_whole) == (True, False)
    assert any("No stretch of the log is shown" in said for said in verified.statements)


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES.keys())
def test_verify__issuer_contradicts_the_chain__is_refused_by_name(make: Callable[[], Any]) -> None:
    body = make()
    words = words_of(body)
    noted = Noted(words)
    check_state(noted, FRAME, DEPLOYMENT.council, ISSUER, OPERATOR.address, body)
    for contract, slots in noted.asked.items():
        for slot in slots & words[contract].keys():
            lie = copy.deepcopy(words)
            lie[contract][slot] ^= 1 << 70
            with pytest.raises(ReceiptError):
                verify_receipt(proven(body, lie).sign(OPERATOR), validators=VALIDATORS)


def walk(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(found for name, one in pairs for found in walk(one, (*path, name)))]


def forged_receipt(receipt: UnsignedReceipt, proofs: Any) -> dict[str, Any]:
    """What an issuer can make of other proofs: read, put in, signed."""
    return replace(receipt, evidence=Evidence.from_json(proofs)).sign(OPERATOR)


def test_verify__any_member_of_the_proofs_changed_and_signed_again__is_refused() -> None:
    """The issuer itself forges: its signature covers the change, so only the proofs can tell."""
    receipt = honest(access_body())
    assert receipt.evidence is not None
    shown = receipt.evidence.to_json()
    for path, value in walk(shown):
        if not isinstance(value, str) or not value.startswith("0x") or path[-1] == "extraData":
            continue
        forged = copy.deepcopy(shown)
        at: Any = forged
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value[:-1] + ("1" if value[-1] != "1" else "2")
        with pytest.raises(ReceiptError):
            verify_receipt(forged_receipt(receipt, forged), validators=VALIDATORS)


def test_verify__word_nobody_needs__is_refused() -> None:
    receipt = honest(record_body())
    assert receipt.evidence is not None
    log = DEPLOYMENT.contracts["AuditLog"]
    account = receipt.evidence.accounts[log]
    more = {**account.words, 5: next(iter(account.words.values()))}
    accounts = {**receipt.evidence.accounts, log: AccountEvidence(account.proof, more)}
    lie = replace(receipt, evidence=replace(receipt.evidence, accounts=accounts))
    with pytest.raises(ReceiptError, match="does not say"):
        verify_receipt(lie.sign(OPERATOR), validators=VALIDATORS)


@pytest.mark.parametrize("on_top", [0, 2, 4])
def test_verify__too_few_or_too_many_headers__is_refused(on_top: int) -> None:
    body = record_body()
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(proven(body, words_of(body), on_top).sign(OPERATOR), validators=VALIDATORS)
    assert caught.value.field == "proofs.headers"


def test_verify__validators_of_another_chain__is_refused() -> None:
    strangers = tuple(key.account for key in keys(4, first=50))
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(honest(record_body()).sign(OPERATOR), validators=strangers)
    assert caught.value.field == "proofs.headers"


def test_verify__proofs_left_out__is_refused() -> None:
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(replace(honest(record_body()), evidence=None).sign(OPERATOR), validators=VALIDATORS)
    assert caught.value.field == "proofs"


def test_verify__proven_word_that_no_contract_writes__is_refused_by_name() -> None:
    body = access_body()
    words = words_of(body)
    gateway = words[DEPLOYMENT.contracts["AccessGateway"]]
    for slot in gateway:
        gateway[slot] |= 0x77 << 80  # a kind of access there is not
    with pytest.raises(ReceiptError, match="no contract of Salus writes"):
        verify_receipt(proven(body, words).sign(OPERATOR), validators=VALIDATORS)


def test_verify__qbft_block_without_seals_and_nobody_to_seal__is_not_final() -> None:
    header = recorded().headers[5]
    bare = replace(header, extra_data=Extra.of(header).without_seals(0))
    with pytest.raises(IntegrityError, match="no validators"):
        engine_of("qbft").attest((), [bare])


def test_verify__tens_of_thousands_of_accounts__are_read_in_the_time_of_one_pass() -> None:
    """Each of n accounts was once compared with all before it: minutes for a receipt of some megabytes."""

    class Counted(str):
        __slots__ = ()
        compared = 0

        def __gt__(self, other: str) -> bool:
            Counted.compared += 1
            return str.__gt__(self, other)

    shown = Evidence("clique", (plain(1),), {}).to_json()
    addresses = sorted(to_address(number.to_bytes(20, "big")) for number in range(300))
    shown["accounts"] = [{"address": one, "proof": [], "words": []} for one in addresses]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salus.core.receipt_fields.read_address", Counted)
        assert len(Evidence.from_json(shown).accounts) == len(addresses)
    assert Counted.compared <= len(addresses)


def test_verify__header_of_another_block__is_refused() -> None:
    receipt = honest(record_body())
    other = replace(receipt, frame=replace(receipt.frame, block=replace(receipt.frame.block, hash=keccak(b"x"))))
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(other.sign(OPERATOR), validators=VALIDATORS)
    assert caught.value.field == "proofs.headers[0]"


def test_attest__qbft__recorded_header_by_its_own_validators() -> None:
    chain = recorded()
    engine = engine_of("qbft")
    engine.attest(chain.validators[4], [chain.headers[5]])
    with pytest.raises(IntegrityError, match="no validator"):
        engine.attest([key.account for key in keys(5)], [chain.headers[5]])
