"""Receipts the API issues hold offline."""

from typing import Any

import pytest

from salus.core.access import Access, access_from_words
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.codes import Code
from salus.core.custody import attestation_digest
from salus.core.destruction import destruction_digest
from salus.core.errors import ReceiptError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, RecordId, hex32
from salus.core.index_rows import AccessRow, AnchorRow, BlockRow, EntryRow, RecordRow, Row, seq_of
from salus.core.merkle import MerkleTree
from salus.core.receipt import Trust, verify_receipt
from salus.core.receipt_bodies import AccessBody, RecordBody
from salus.core.receipt_destruction import DestructionBody
from salus.core.state import RecordStatus
from tests.unit.api.world import CUSTODIANS, HOSPITAL, SOURCE, SUBJECT, ApiWorld

FIRST_BLOCK = 1000


def trust(world: ApiWorld) -> Trust:
    return Trust(world.chain.chain_id, world.chain.address_of("Council"), {world.operator.address: HOSPITAL})


def index_log(world: ApiWorld) -> None:
    """Index every log entry of the chain, with heads, and the accesses sent, as the watch does from real events."""
    rows: list[Row] = []
    heads: dict[bytes | None, LogHead] = {}
    accesses = {
        access.access_id(world.chain.domain("AccessGateway")): (access, call.args[0][0])
        for call in world.writer.sent
        if call.function == "request"
        for access in [access_from_words(call.args[1])]
    }
    for event in world.chain.events(0, world.chain.head().number):
        if event.name != "Appended":
            continue
        a, seq = event.args, seq_of(FIRST_BLOCK + event.block_number, event.log_index)
        digest = Entry(a["emitter"], a["key"], a["kind"], a["code"], a["referenceId"], a["time"]).digest(31337)
        for key in (None, a["key"]):
            heads[key] = heads.get(key, LogHead()).after(digest)
        rows.append(
            EntryRow(
                seq=seq,
                position=heads[None].count,
                key=a["key"],
                key_position=heads[a["key"]].count,
                kind=a["kind"],
                code=a["code"],
                reference=a["referenceId"],
                emitter=a["emitter"],
                at=a["time"],
                participant=None,
                head=heads[None].head.to_bytes(26, "big"),
                key_head=heads[a["key"]].head.to_bytes(26, "big"),
                tx=event.tx_hash,
            )
        )
        if a["referenceId"] in accesses:
            rows.append(access_row(world, seq, a, accesses[a["referenceId"]][0]))
    stamp = world.chain.head()
    number = FIRST_BLOCK + stamp.number
    rows.append(BlockRow(seq=seq_of(number, 999), number=number, hash=stamp.hash, timestamp=stamp.timestamp, events=1))
    world.index.write(FIRST_BLOCK, rows)


def access_row(world: ApiWorld, seq: int, entry: dict[str, Any], access: Access) -> AccessRow:
    state = world.chain.access(entry["referenceId"], world.chain.head())
    return AccessRow(
        seq=seq,
        access=entry["referenceId"],
        participant=access.participant,
        operator=world.operator.address,
        kind=int(access.kind),
        reference=access.reference,
        key=entry["key"],
        purpose=access.purpose,
        categories=access.categories,
        actions=access.actions,
        level=access.level,
        confidentiality=access.confidentiality,
        form=access.form,
        from_day=access.from_day,
        to_day=access.to_day,
        role=access.role,
        record_count=access.record_count,
        records_root=access.records_root,
        user_digest=access.user_digest,
        code=state.code,
        expiry=state.expires_at,
        at=entry["time"],
        tx=bytes(32),
    )


def ask(world: ApiWorld) -> dict[str, Any]:
    world.add_record("glucose", {"resourceType": "Observation"})
    body = {"consentId": hex32(world.hand_in().consent_id), "purpose": "TREAT", "actions": ["ACCESS"]}
    answer: dict[str, Any] = world.client.post("/v1/accesses", json=body, headers=world.staff()).json()
    return answer


def test_receipt__granted_access__holds_offline_with_consent_and_leaves(world: ApiWorld) -> None:
    opened = ask(world)
    index_log(world)
    answer = world.client.get(f"/v1/receipts/accesses/{opened['accessId']}", headers=world.staff())
    assert answer.status_code == 200, answer.text
    verified = verify_receipt(answer.content, trust(world))
    assert isinstance(verified.body, AccessBody)
    assert verified.issuer_known
    assert verified.body.consent is not None
    assert [hex32(leaf) for leaf in verified.body.leaves or ()] == [opened["records"][0]["leaf"]]
    assert any("development chain" in statement for statement in verified.statements)


def test_receipt__changed_by_a_byte__does_not_hold(world: ApiWorld) -> None:
    opened = ask(world)
    index_log(world)
    content = world.client.get(f"/v1/receipts/accesses/{opened['accessId']}", headers=world.staff()).content
    with pytest.raises(ReceiptError):
        verify_receipt(content.replace(b'"code":1', b'"code":2', 1))


def test_receipt__denied_access__holds_offline(world: ApiWorld) -> None:
    world.next_code = Code.CONSENT_REVOKED
    denial = ask(world)
    index_log(world)
    answer = world.client.get(f"/v1/receipts/accesses/{denial['accessId']}", headers=world.staff())
    verified = verify_receipt(answer.content, trust(world))
    assert isinstance(verified.body, AccessBody)
    assert (verified.body.code, verified.body.leaves) == (20, None)


def test_receipt__not_indexed_or_of_another_institution__is_not_found(world: ApiWorld) -> None:
    opened = ask(world)
    path = f"/v1/receipts/accesses/{opened['accessId']}"
    assert world.client.get(path, headers=world.staff()).status_code == 404
    other = f"/v1/receipts/accesses/{hex32(sha256(b'x'))}"
    assert world.client.get(other, headers=world.staff()).status_code == 404
    assert world.client.get(path, headers=world.staff("audit:read")).status_code == 403


def anchored(world: ApiWorld) -> dict[str, Any]:
    leaf = world.add_record("glucose", {"resourceType": "Observation"}).leaf
    leaf_hash = leaf.hash(31337)
    tree = MerkleTree([leaf_hash, LeafHash(sha256(b"other"))])
    world.chain.set_anchor(SOURCE, tree.root, 2, 1)
    index_log(world)
    row = AnchorRow(
        seq=seq_of(FIRST_BLOCK + world.chain.head().number, 500),
        participant=SOURCE,
        root=tree.root,
        count=2,
        custodian_set=1,
        tag=1,
        at=world.chain.head().timestamp,
    )
    world.index._append(row)
    return {
        "sourceId": hex32(SOURCE),
        "leaf": leaf.to_json(),
        "root": hex32(tree.root),
        "proof": [hex32(node) for node in tree.proof(leaf_hash)],
    }


def test_receipt__anchored_record__holds_offline(world: ApiWorld) -> None:
    body = anchored(world)
    answer = world.client.post("/v1/receipts/records", json=body, headers=world.patient(world.controller))
    assert answer.status_code == 200, answer.text
    verified = verify_receipt(answer.content, trust(world))
    assert isinstance(verified.body, RecordBody)
    assert verified.body.status is RecordStatus.VALID


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"root": hex32(sha256(b"x"))}, 404),
        ({"sourceId": hex32(HOSPITAL)}, 404),
        ({"proof": []}, 502),
        ({"leaf": {}}, 422),
    ],
)
def test_receipt__record_facts_that_do_not_fit__are_refused(
    world: ApiWorld, change: dict[str, Any], status: int
) -> None:
    body = {**anchored(world), **change}
    assert world.client.post("/v1/receipts/records", json=body, headers=world.staff()).status_code == status


def destroyed(world: ApiWorld, status: RecordStatus = RecordStatus.DESTROYED) -> dict[str, Any]:
    record, now = RecordId(sha256(b"record")), world.clock.now()
    domain = world.chain.domain("RecordRegistry")
    world.chain._mine({}, log=(SUBJECT, EntryKind.DESTRUCTION_ORDERED, 0, record))
    world.chain._mine({}, log=(SUBJECT, EntryKind.DESTRUCTION_ATTESTED, int(status), record))
    index_log(world)
    row = RecordRow(
        seq=seq_of(FIRST_BLOCK + world.chain.head().number, 500),
        at=now,
        source=HOSPITAL,
        record=record,
        subject=SUBJECT,
        status=int(status),
        custodian_set=1,
        ordered_at=now,
        erasable_from=now,
        attestations=2,
        destroyed_at=now,
    )
    world.index._append(row)
    attestations = []
    for custodian in CUSTODIANS[:2]:
        signer = world.custodian_operator(custodian)
        signature = signer.sign(attestation_digest(domain, HOSPITAL, record, SUBJECT, custodian, 1))
        attestations.append({"custodianId": hex32(custodian), "erased": 1, "signature": hex32(signature)})
    digest = destruction_digest(domain, HOSPITAL, record, SUBJECT, 1, now + 60)
    return {
        "recordId": hex32(record),
        "subjectRef": hex32(SUBJECT),
        "agreement": {"deadline": now + 60, "signature": hex32(world.controller.sign(digest))},
        "attestations": attestations,
    }


def test_receipt__destruction__holds_offline_and_says_what_cannot_be_proven(world: ApiWorld) -> None:
    answer = world.client.post("/v1/receipts/destructions", json=destroyed(world), headers=world.staff())
    assert answer.status_code == 200, answer.text
    verified = verify_receipt(answer.content, trust(world))
    assert isinstance(verified.body, DestructionBody)
    assert verified.body.agreement is not None
    assert verified.body.agreement.controller == world.controller.address
    assert any("cannot be proven" in statement for statement in verified.statements)


def test_receipt__destruction_with_too_few_or_forged_attestations__is_refused(world: ApiWorld) -> None:
    body = destroyed(world)
    few = {**body, "attestations": body["attestations"][:1]}
    assert world.client.post("/v1/receipts/destructions", json=few, headers=world.staff()).status_code == 502
    forged = {**body["attestations"][0], "custodianId": hex32(CUSTODIANS[2])}
    bad = {**body, "attestations": [forged, body["attestations"][1]]}
    assert world.client.post("/v1/receipts/destructions", json=bad, headers=world.staff()).status_code == 422


def test_receipt__only_ordered_or_unknown_record__is_refused(world: ApiWorld) -> None:
    body = destroyed(world, RecordStatus.ORDERED)
    assert world.client.post("/v1/receipts/destructions", json=body, headers=world.staff()).status_code == 409
    unknown = {**body, "recordId": hex32(sha256(b"x"))}
    assert world.client.post("/v1/receipts/destructions", json=unknown, headers=world.staff()).status_code == 404
