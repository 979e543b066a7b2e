"""Recall over HTTP on the real chain: a source is told what it deposited, page by page, also by one that died."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest

from salus.core import hpke
from salus.core.codes import Code
from salus.core.errors import NotFoundError
from salus.core.ids import LeafHash, ParticipantId, Root, hex32
from salus.core.leaf_row import MAX_NOTE
from salus.core.recall import RecallAnswer, RecallBody, RecalledVersion, decode_versions
from salus.core.sealing import SealedRecord
from tests.custody_stage import Draft, Institution, Patient
from tests.integration.custodian.conftest import ChainStage

SESSION = secrets.token_bytes(32)
COUNT = 20
PAGE = 8


class Batch:
    """Records with notes of many lengths, deposited at all custodians and anchored."""

    def __init__(self, stage: ChainStage) -> None:
        self.stage = stage
        self.patient: Patient = stage.patient()
        self.records = [stage.seal(self.patient.subject, Draft(level=5 - number % 2)) for number in range(COUNT)]
        self.notes = [b"", bytes(MAX_NOTE), *(secrets.token_bytes(10 * n) for n in range(2, COUNT))]
        self.body = RecallBody(stage.source.id, Root(stage.root(self.records)), hpke.public_key(SESSION), limit=PAGE)
        stage.deposit(self.records, notes=self.notes)
        stage.anchor(self.body.root, COUNT, stage.custodian_set)

    def call(self, custodian: ParticipantId, by: Institution | None = None, **changes: Any) -> dict[str, Any]:
        body = replace(self.body, **changes).to_json()
        return self.stage.call("recall", custodian, body, (by or self.stage.source).operator)

    def told(self, custodian: ParticipantId) -> list[RecalledVersion]:
        """All pages."""
        found, after, more = list[RecalledVersion](), self.body.after, True
        while more:
            answer = RecallAnswer.from_json(self.stage.ask(custodian, "recall", self.call(custodian, after=after)))
            assert (answer.custodian_set, answer.count) == (self.stage.custodian_set, COUNT)
            chain_id = self.stage.chain.chain_id
            info = hpke.recall_info(chain_id, self.body.source, self.body.root, custodian, after)
            page = decode_versions(hpke.open_sealed(answer.sealed, SESSION, info))
            assert len(page) == PAGE if answer.more else len(page) <= PAGE
            found, more = found + page, answer.more
            after = page[-1].leaf.hash(chain_id)
        return found

    def expected(self, without: SealedRecord | None = None) -> list[RecalledVersion]:
        noted: dict[LeafHash, RecalledVersion] = {
            self.stage.leaf(record): RecalledVersion(record.leaf, note)
            for record, note in zip(self.records, self.notes, strict=True)
            if record is not without
        }
        return [noted[leaf] for leaf in sorted(noted)]


@pytest.fixture(scope="module")
def batch(stage: ChainStage) -> Batch:
    return Batch(stage)


def test_recall__each_custodian__tells_the_whole_batch_with_its_notes(stage: ChainStage, batch: Batch) -> None:
    for custodian in stage.custodians:
        assert batch.told(custodian) == batch.expected()


def test_recall__by_others_or_of_no_batch__is_refused(stage: ChainStage, batch: Batch) -> None:
    here = stage.custodians[0]
    for other in (stage.reader, stage.supervisor):
        assert stage.outcome(here, "recall", batch.call(here, other)) is Code.DEPOSIT_FORGED
    assert stage.outcome(here, "recall", batch.call(stage.custodians[1])) is Code.SIGNATURE_INVALID
    with pytest.raises(NotFoundError):
        stage.ask(here, "recall", batch.call(here, root=Root(secrets.token_bytes(32))))
    with pytest.raises(NotFoundError):
        stage.ask(here, "recall", batch.call(here, stage.other, source=stage.other.id))


def test_recall__by_a_suspended_source__waits_until_it_is_reinstated(stage: ChainStage, batch: Batch) -> None:
    here = stage.custodians[0]
    stage.suspend(stage.source.id)
    try:
        assert stage.outcome(here, "recall", batch.call(here)) is Code.DEPOSIT_NOT_SOURCE
    finally:
        stage.reinstate(stage.source.id)
    assert batch.told(here) == batch.expected()


def test_recall__custodian_killed_and_a_record_destroyed__tells_the_rest(stage: ChainStage, batch: Batch) -> None:
    here, gone = stage.custodians[0], batch.records[3]
    process = stage.processes[here]
    process.kill()
    process.start()
    process.await_ready(stage.mine)
    assert batch.told(here) == batch.expected()

    record, subject = gone.leaf.record_id, batch.patient.subject
    stage.order(record, batch.patient)
    stage.end_cooling_off()
    body = {"sourceId": hex32(stage.source.id), "recordId": hex32(record), "subjectRef": hex32(subject)}
    answer = stage.ask(here, "destroy", stage.call("destroy", here, body, stage.source.operator))
    assert answer["erased"] == 1
    assert batch.told(here) == batch.expected(without=gone)
