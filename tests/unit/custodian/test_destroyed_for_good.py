"""Who tries to bring a destroyed record back, to have one destroyed too early, or to lose others' keys on the way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from custodian.audit import audit
from custodian.destroy import erase_ordered
from custodian.ports import CustodianStore
from custodian.rules import Custodian, look
from custodian.sweeps import sweep_orders, sweep_periods
from custodian.wrap import number_of, unwrap
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import MemoryCustodianStore
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.codes import Code
from salus.core.custody import WrappedShare
from salus.core.erasable_keys import ErasableKeys
from salus.core.errors import ConflictError, NotFoundError, UnavailableError
from salus.core.ids import SubjectRef, hex32
from salus.core.state import BlockStamp
from tests.custody_stage import Case, Draft
from tests.databases import url_of
from tests.unit.custodian.conftest import MemoryStage
from tests.unit.custodian.test_mending import Scene


@pytest.fixture(params=["memory", "sqlite"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStage]:
    stores: list[CustodianStore] = []
    for number in range(3):
        if request.param == "memory":
            stores.append(MemoryCustodianStore())
            continue
        engine = open_engine(url_of(tmp_path / f"custodian-{number}.db", "custodian"))
        migrate(engine, "custodian")
        stores.append(DatabaseCustodianStore(engine))
    made = MemoryStage(stores)
    folders = [FolderPeriodKeys(tmp_path / f"keys-{number}", secrets.token_bytes) for number in range(3)]
    made.members = [replace(one, keys=keys) for one, keys in zip(made.members, folders, strict=True)]
    yield made
    for store in stores:
        store.close()


def shares_of(member: Custodian, subject: SubjectRef) -> list[WrappedShare]:
    """What a backup of the custodian's database holds of a subject."""
    return list(member.store.shares(kept.key for kept in member.store.of_subject(subject)).values())


def test_destroy__node_shows_a_head_from_the_future__waits_for_final_time(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    stage.order(case.records[0].leaf.record_id, case.patient)
    view = look(member)
    late = BlockStamp(view.head.number + 1, b"\x01" * 32, view.head.timestamp + 30 * 86400)
    record = case.records[0].leaf
    with pytest.raises(ConflictError, match="cooling-off"):
        erase_ordered(member, stage.source.id, record.record_id, record.subject, replace(view, head=late))
    assert len(shares_of(member, record.subject)) == 1


@pytest.mark.parametrize("error", [NotFoundError, UnavailableError])
def test_sweep_orders__something_else_is_not_found__keeps_the_order(
    stage: MemoryStage, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    case, other, member = Case(stage), Case(stage), stage.members[0]
    stage.order(case.records[0].leaf.record_id, case.patient)
    stage.order(other.records[0].leaf.record_id, other.patient)
    stage.end_cooling_off()
    subject = stage.chain.subject

    def away(which: SubjectRef, *at: Any) -> Any:
        if which == case.patient.subject:
            raise error("the directory of the Council has no SubjectRegistry at that block")
        return subject(which, *at)

    with monkeypatch.context() as patch:
        patch.setattr(stage.chain, "subject", away)
        with pytest.raises(error):
            sweep_orders(member)
    assert [order.subject for order in member.store.orders()] == [case.patient.subject]
    assert sweep_orders(member) == 1


@pytest.mark.parametrize("version", [1, 2])
def test_deposit__after_the_order_was_carried_out_without_a_share_here__keeps_none(
    stage: MemoryStage, version: int
) -> None:
    """A deposit that was held back, a source or its thief that deposits again, a custodian that joined later."""
    patient, member = stage.patient(), stage.members[0]
    doomed = stage.seal(patient.subject, Draft(name="gone", version=version))
    other = stage.seal(patient.subject, Draft())
    stage.order(doomed.leaf.record_id, patient)
    stage.end_cooling_off()
    assert sweep_orders(member) == 1
    call = stage.deposit_calls([doomed, other], stage.source)[member.id]
    assert stage.ask(member.id, "deposit", call)["stored"] == 2
    assert [kept.leaf_hash for kept in member.store.of_subject(patient.subject)] == [stage.leaf(other)]
    assert member.store.erased([stage.leaf(doomed)]) == {stage.leaf(doomed)}


def test_deposit__new_version_of_a_destroyed_record__does_not_hold_up_the_batch_it_is_in(stage: MemoryStage) -> None:
    case, member = Case(stage, Draft(name="gone")), stage.members[0]
    record = case.records[0]
    stage.order(record.leaf.record_id, case.patient)
    stage.end_cooling_off()
    sweep_orders(member)
    later, other = (
        stage.seal(case.patient.subject, Draft(name="gone", version=2)),
        stage.seal(case.patient.subject, Draft()),
    )
    call = stage.deposit_calls([later, other], stage.source)[member.id]
    assert stage.ask(member.id, "deposit", call)["stored"] == 2
    assert [kept.leaf_hash for kept in member.store.of_subject(case.patient.subject)] == [stage.leaf(other)]


def test_destroy__version_deposited_in_the_same_moment__loses_its_key_too(
    stage: MemoryStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, member = Case(stage, Draft(name="gone")), stage.members[0]
    record, subject = case.records[0].leaf, case.patient.subject
    stage.order(record.record_id, case.patient)
    stage.end_cooling_off()
    taken: list[WrappedShare] = []
    late = stage.seal(subject, Draft(name="gone", version=2))
    call = stage.deposit_calls([late], stage.source)[member.id]
    erase = type(member.store).erase

    def after_a_deposit(*args: Any) -> Any:
        stage.ask(member.id, "deposit", call)
        taken.extend(shares_of(member, subject))  # a backup, or the write-ahead log of a server
        return erase(*args)

    monkeypatch.setattr(type(member.store), "erase", after_a_deposit)
    assert erase_ordered(member, stage.source.id, record.record_id, subject, look(member)) == 2
    assert len(taken) == 2
    for wrapped, leaf in zip(taken, (record, late.leaf), strict=True):
        with pytest.raises(NotFoundError):
            unwrap(wrapped, stage.source.id, leaf.hash(31337), member.keys)


def test_sweep_periods__database_empty_or_another__keeps_all_keys(stage: MemoryStage) -> None:
    """A disk that was not mounted, a wrong setting: the right database comes back, and its keys must be there."""
    case, member = Case(stage), stage.members[0]
    backup = shares_of(member, case.patient.subject)
    stage.pass_seconds(90 * 86400)
    empty = replace(member, store=MemoryCustodianStore())
    assert sweep_periods(empty) == 0
    assert unwrap(backup[0], stage.source.id, case.leaves[0], member.keys)


def test_release__record_ordered_while_the_custodian_restores__is_refused(stage: MemoryStage) -> None:
    """Even before orders are replayed: each release reads the order's state."""
    case = Case(stage)
    case.request()
    stage.order(case.records[0].leaf.record_id, case.patient)
    outcome = case.release()[0]
    assert isinstance(outcome, dict)
    assert [item["code"] for item in outcome["refused"]] == [int(Code.RECORD_DESTROYED)]


def test_mend__damaged_share_replaced_then_destroyed__its_old_copy_opens_no_more() -> None:
    """A backup from before the damage holds the share under the key it had then."""
    scene = Scene()
    case = scene.case(Draft())
    leaf, store = case.leaves[0], scene.lost.store
    [kept] = store.find([leaf])[leaf]
    backup = store.shares([kept.key])[kept.key]
    wrapped = store._shares  # type: ignore[attr-defined]  # damage is done behind the store's back
    wrapped[kept.key] = replace(backup, blob=backup.blob[:-1] + bytes([backup.blob[-1] ^ 1]))
    assert scene.mend().repaired == 1
    assert audit(scene.lost).is_whole
    scene.destroy(case, 0)
    with pytest.raises(NotFoundError):
        unwrap(backup, scene.stage.source.id, leaf, scene.lost.keys)


@pytest.mark.parametrize("harm", ["its key is gone", "it is damaged"])
def test_release__one_share_does_not_unwrap__the_others_are_released(stage: MemoryStage, harm: str) -> None:
    """A key that is destroyed between two reads, a lost folder of keys, a bad disk: one record must not cost all."""
    case, member = Case(stage, Draft(), Draft()), stage.members[0]
    case.request()
    [bad] = shares_of(member, case.patient.subject)[:1]
    if harm == "its key is gone":
        member.keys.forget(bad.period, [number_of(bad)])
    else:
        keys, broken = member.keys, number_of(bad)

        class Damaged:
            """Gives another key for one share, which then looks damaged."""

            def past(self, period: str, number: int) -> bytes:
                return bytes(32) if number == broken else keys.past(period, number)

        stage.members[0] = replace(member, keys=cast("ErasableKeys", Damaged()))
    outcome = case.release()[0]
    assert isinstance(outcome, dict)
    assert [item["leaf"] for item in outcome["shares"]] == [hex32(case.leaves[1])]
    assert [item["code"] for item in outcome["refused"]] == [int(Code.RECORD_UNKNOWN)]
    logged = stage.members[0].store.log_about(outcome["accessId"], "release")[-1].content
    assert logged["leaves"] == [hex32(case.leaves[1])]
