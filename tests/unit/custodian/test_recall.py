"""Recall: a source is told what it deposited, with its notes; nobody else is, and of nothing that was erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custodian.app import MAX_BODY_BYTES
from custodian.deposit import MAX_ITEMS
from custodian.destroy import erase_ordered
from custodian.log import Kind, recalled
from custodian.rules import look
from custodian.told import HOUR, LEAST_COST, ToldLately
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import MemorySigner
from salus.core import hpke
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.custody import LogEntry
from salus.core.deposit import encode_items, items_for
from salus.core.errors import EnvelopeError, InputError, NotFoundError, UnavailableError
from salus.core.ids import LeafHash, ParticipantId, Root, hex32
from salus.core.leaf_row import MAX_NOTE
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import Signer
from salus.core.recall import RECALLS_AN_HOUR, RecallAnswer, RecallBody, RecalledVersion, decode_versions
from salus.core.sealing import SealedRecord
from tests.custody_stage import Draft
from tests.databases import url_of
from tests.unit.custodian.conftest import MemoryStage
from tests.unit.custodian.test_mending import Scene

SESSION = bytes([7]) * 32


class Source:
    """The stage's source with one batch, asking custodian 0."""

    def __init__(self, stage: MemoryStage, count: int = 3, notes: Sequence[bytes] | None = None) -> None:
        self.stage = stage
        self.patient = stage.patient()
        self.records = [stage.seal(self.patient.subject, Draft()) for _ in range(count)]
        self.custodian = stage.custodians[0]
        self.signer: Signer = stage.source.operator
        stage.deposit(self.records, notes=notes)
        self.body = RecallBody(stage.source.id, Root(stage.root(self.records)), hpke.public_key(SESSION))

    def call(self, body: RecallBody | None = None) -> dict[str, Any]:
        return self.stage.call("recall", self.custodian, (body or self.body).to_json(), self.signer)

    def ask(self, body: RecallBody | None = None) -> RecallAnswer:
        return RecallAnswer.from_json(self.stage.ask(self.custodian, "recall", self.call(body)))

    def opened(self, answer: RecallAnswer, body: RecallBody | None = None) -> list[RecalledVersion]:
        about = body or self.body
        chain_id = self.stage.chain.chain_id
        info = hpke.recall_info(chain_id, about.source, about.root, self.custodian, about.after)
        return decode_versions(hpke.open_sealed(answer.sealed, SESSION, info))

    def told(self) -> list[RecalledVersion]:
        """The first page, opened."""
        return self.opened(self.ask())

    def expected(self, records: Sequence[SealedRecord] | None = None) -> list[RecalledVersion]:
        chosen = self.records if records is None else records
        return [RecalledVersion(one.leaf, self.stage.note(one)) for one in sorted(chosen, key=self.stage.leaf)]

    def entries(self) -> list[dict[str, Any]]:
        return [entry.content for entry in self.stage.members[0].store.log_of(Kind.RECALL, 0)]


@pytest.fixture
def source(stage: MemoryStage) -> Source:
    return Source(stage)


def test_recall__batch_with_notes__is_told_whole_in_order_of_the_leaves(source: Source) -> None:
    answer = source.ask()
    assert (answer.custodian_set, answer.count, answer.more) == (1, 3, False)
    assert source.opened(answer) == source.expected()


def test_recall__some_without_notes__have_empty_ones(stage: MemoryStage) -> None:
    source = Source(stage, 3, [b"", bytes(MAX_NOTE), b"x"])
    notes = {one.leaf.record_id: one.note for one in source.told()}
    assert [notes[record.leaf.record_id] for record in source.records] == [b"", bytes(MAX_NOTE), b"x"]


def test_recall__answer__has_neither_shares_nor_topics(stage: MemoryStage, source: Source) -> None:
    info = hpke.recall_info(stage.chain.chain_id, source.body.source, source.body.root, source.custodian, bytes(32))
    payload = hpke.open_sealed(source.ask().sealed, SESSION, info)
    for record in source.records:
        assert record.leaf.topics_commitment in payload
        assert record.topics_salt not in payload
        assert not any(share[1:] in payload for share in record.shares)


@pytest.mark.parametrize("limit", [1, 250, 500])
def test_recall__pages_of_600__are_whole_and_exact(sqlite_stage: MemoryStage, limit: int) -> None:
    count = 600 if limit > 1 else 5
    source = Source(sqlite_stage, count)
    told: list[RecalledVersion] = []
    body, sizes, more = replace(source.body, limit=limit), [], True
    while more:
        answer = source.ask(body)
        page = source.opened(answer, body)
        assert answer.count == count
        told, more = told + page, answer.more
        sizes.append(len(page))
        body = replace(body, after=page[-1].leaf.hash(sqlite_stage.chain.chain_id))
    assert told == source.expected()
    assert sizes == [min(limit, count - start) for start in range(0, count, limit)]
    assert source.opened(source.ask(body), body) == []


def test_recall__same_leaf_deposited_with_another_note__has_the_first(stage: MemoryStage, source: Source) -> None:
    stage.deposit(source.records, notes=[b"another"] * 3)
    more = [*source.records, stage.seal(source.patient.subject, Draft())]
    stage.deposit(more, notes=[b"another"] * 4)
    assert source.told() == source.expected()
    body = replace(source.body, root=Root(stage.root(more)))
    assert [one for one in source.opened(source.ask(body), body) if one.note == b"another"] == [
        RecalledVersion(more[-1].leaf, b"another")
    ]


def test_recall__after_a_restart__is_told_the_same(sqlite_stage: MemoryStage, tmp_path: Path) -> None:
    source = Source(sqlite_stage)
    sqlite_stage.members[0].store.close()
    engine = open_engine(url_of(tmp_path / "custodian-0.db", "custodian"))
    migrate(engine, "custodian")
    again = DatabaseCustodianStore(engine)
    sqlite_stage.members[0] = replace(sqlite_stage.members[0], store=again)
    assert source.told() == source.expected()
    again.close()


def test_recall__version_ordered_then_erased__is_told_until_it_is_erased(sqlite_stage: MemoryStage) -> None:
    source, member = Source(sqlite_stage), sqlite_stage.members[0]
    gone = source.records[0]
    [kept] = member.store.find([sqlite_stage.leaf(gone)])[sqlite_stage.leaf(gone)]
    sqlite_stage.order(gone.leaf.record_id, source.patient)
    assert source.told() == source.expected()
    sqlite_stage.end_cooling_off()
    erase_ordered(member, source.body.source, gone.leaf.record_id, source.patient.subject, look(member))
    answer = source.ask()
    assert source.opened(answer) == source.expected(source.records[1:])
    assert (answer.count, answer.more) == (3, False)
    assert member.store.notes([kept.key]) == {}


def test_recall__note_of_an_erased_version__is_not_in_the_file(sqlite_stage: MemoryStage, tmp_path: Path) -> None:
    source, member = Source(sqlite_stage, 2, [b"a note that must go", b"a note that stays"]), sqlite_stage.members[0]
    sqlite_stage.order(source.records[0].leaf.record_id, source.patient)
    sqlite_stage.end_cooling_off()
    erase_ordered(member, source.body.source, source.records[0].leaf.record_id, source.patient.subject, look(member))
    left = b"".join(path.read_bytes() for path in tmp_path.glob("custodian-0.db*"))
    assert b"a note that stays" in left
    assert b"a note that must go" not in left


# who may ask


def test_recall__session_key_of_another__does_not_open(source: Source) -> None:
    answer = source.ask(replace(source.body, session_key=hpke.public_key(bytes([8]) * 32)))
    with pytest.raises(EnvelopeError):
        source.opened(answer)


def test_recall__page_shown_as_another__does_not_open(source: Source) -> None:
    answer = source.ask()
    with pytest.raises(EnvelopeError):
        source.opened(answer, replace(source.body, after=LeafHash(bytes([1]) * 32)))


@pytest.mark.parametrize("who", ["reader", "supervisor", "nobody", "custodian"])
def test_recall__by_no_operator_of_the_source__is_refused(stage: MemoryStage, source: Source, who: str) -> None:
    source.signer = {
        "reader": stage.reader.operator,
        "supervisor": stage.supervisor.operator,
        "nobody": MemorySigner.named("nobody"),
        "custodian": stage.members[1].signer,
    }[who]
    assert stage.outcome(source.custodian, "recall", source.call()) is Code.DEPOSIT_FORGED
    assert source.entries() == []


def test_recall__by_an_operator_removed_in_the_newest_block__is_refused(stage: MemoryStage, source: Source) -> None:
    stage.hold_final()
    stage.remove_operator(stage.source, stage.source.operator)
    assert stage.outcome(source.custodian, "recall", source.call()) is Code.DEPOSIT_FORGED


def test_recall__of_another_sources_batch__is_not_found(stage: MemoryStage, source: Source) -> None:
    source.signer = stage.other.operator
    with pytest.raises(NotFoundError):
        source.ask(replace(source.body, source=stage.other.id))


def test_recall__by_a_source_suspended_or_without_the_role__is_refused(stage: MemoryStage, source: Source) -> None:
    stage.suspend(stage.source.id)
    assert stage.outcome(source.custodian, "recall", source.call()) is Code.DEPOSIT_NOT_SOURCE
    stage.reinstate(stage.source.id)
    assert source.told() == source.expected()
    operators = [stage.source.operator.address]
    stage.chain.set_participant(stage.source.id, roles=ParticipantRole.CARE, operators=operators)
    assert stage.outcome(source.custodian, "recall", source.call()) is Code.DEPOSIT_NOT_SOURCE


def test_recall__at_a_suspended_custodian_or_sent_twice__is_refused(stage: MemoryStage, source: Source) -> None:
    call = source.call()
    stage.ask(source.custodian, "recall", call)
    assert stage.outcome(source.custodian, "recall", call) is Code.CALL_REPLAYED
    stage.chain.set_status(source.custodian, ParticipantStatus.SUSPENDED)
    assert stage.outcome(source.custodian, "recall", source.call()) is Code.CUSTODIAN_INACTIVE


def test_recall__batch_that_is_not_here__is_not_found(source: Source) -> None:
    with pytest.raises(NotFoundError):
        source.ask(replace(source.body, root=Root(bytes(32))))
    assert source.entries() == []


@pytest.mark.parametrize("change", [{"limit": 501}, {"after": "0x12"}, {"sessionKey": hex32(bytes(32))}, {"root": 7}])
def test_recall__malformed_or_a_key_of_low_order__is_refused(source: Source, change: dict[str, Any]) -> None:
    call = source.stage.call("recall", source.custodian, source.body.to_json() | change, source.signer)
    with pytest.raises(InputError):
        source.stage.ask(source.custodian, "recall", call)
    assert source.entries() == []


# log and bound


def test_recall__each_page__is_an_entry_that_names_source_root_signer_and_count(source: Source) -> None:
    source.ask(replace(source.body, limit=2))
    [entry] = source.entries()
    assert entry == {
        "kind": "recall",
        "reference": hex32(source.body.root),
        "signer": source.signer.address,
        "sourceId": hex32(source.body.source),
        "count": 2,
    }


def test_recall__more_than_an_hour_gives__waits_as_long_as_is_said(stage: MemoryStage, source: Source) -> None:
    store, now = stage.members[0].store, stage.clock.now()

    def told(count: int, of: ParticipantId) -> None:
        store.append(recalled(source.signer.address, of, source.body.root, count), stage.clock.now())

    told(RECALLS_AN_HOUR, stage.other.id)  # another's hour
    told(LEAST_COST, stage.source.id)
    stage.pass_seconds(100)
    told(RECALLS_AN_HOUR - 2 * LEAST_COST, stage.source.id)
    source.ask()
    with pytest.raises(UnavailableError, match="go on in 3500 s"):
        source.ask()
    assert source.entries()[-1]["count"] == 3
    stage.pass_seconds(3499)
    with pytest.raises(UnavailableError, match="go on in 1 s"):
        source.ask()
    stage.pass_seconds(1)
    assert stage.clock.now() == now + HOUR
    assert source.told() == source.expected()
    stage.members[0] = replace(stage.members[0])  # begun anew it knows of the hour by its log
    with pytest.raises(UnavailableError, match="go on in 100 s"):
        source.ask()


def test_told__log_that_grows__is_read_from_its_newest_second_on(stage: MemoryStage) -> None:
    store, lately, asked = stage.members[0].store, ToldLately(), list[int]()
    source, now = stage.source.id, stage.clock.now()

    def tell(count: int, at: int) -> None:
        store.append(recalled(stage.source.operator.address, source, Root(bytes(32)), count), at)

    def read(since: int) -> list[LogEntry]:
        asked.append(since)
        return store.log_of(Kind.RECALL, since)

    tell(3, now)
    tell(500, now + 1)
    assert lately.of(hex32(source), read, now + 1) == [(now, LEAST_COST), (now + 1, 500)]
    tell(11, now + 1)
    assert lately.of(hex32(source), read, now + HOUR) == [(now + 1, 500), (now + 1, 11)]
    assert lately.of(hex32(source), read, now + HOUR + 1) == []
    assert lately.of(hex32(stage.other.id), read, now + HOUR + 1) == []
    assert asked == [now + 2 - HOUR, now + 1, now + 2, now + 2]


# with the rest


def test_mend__custodian_that_lost_all__has_the_notes_again() -> None:
    scene = Scene()
    case = scene.case(Draft(), Draft(level=5))
    scene.lose()
    assert scene.mend().repaired == 2
    root = Root(scene.stage.root(case.records))
    kept = scene.lost.store.kept_in(scene.stage.source.id, root)
    assert kept is not None
    notes = scene.lost.store.notes(one.key for one in kept)
    assert {one.leaf_hash: notes[one.key] for one in kept} == {
        scene.stage.leaf(record): scene.stage.note(record) for record in case.records
    }


def test_deposit__as_many_items_as_may_be_with_the_longest_notes__fits_a_call(stage: MemoryStage) -> None:
    record = stage.seal(stage.patient().subject, Draft(level=5))
    [item] = items_for([record], 0)
    payload = encode_items([replace(item, note=bytes(MAX_NOTE))] * MAX_ITEMS)
    body = {"sourceId": hex32(bytes(32)), "root": hex32(bytes(32)), "custodianSet": 1, "sealed": "0x" + payload.hex()}
    call = stage.call("deposit", stage.custodians[0], body, stage.source.operator)
    assert len(canonical(call)) + 200 < MAX_BODY_BYTES


def test_deposit__note_too_long__is_refused(stage: MemoryStage) -> None:
    records = [stage.seal(stage.patient().subject, Draft())]
    calls = stage.deposit_calls(records, stage.source, notes=[bytes(MAX_NOTE + 1)])
    custodian = stage.custodians[0]
    assert stage.outcome(custodian, "deposit", calls[custodian]) is Code.DEPOSIT_MISMATCH
